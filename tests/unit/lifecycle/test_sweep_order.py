"""What a sweep ends: name by name, only the launches that are meant, what may launch first."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.clock import FIRST_DAY as NOW
from tests.unit.lifecycle.test_sweep import (
    LAUNCH,
    MINUTE,
    READY,
    REGION,
    claim,
    classified,
    entry,
    remembering,
    resource_id,
    shared,
)

from spotkeeper.lifecycle.sweep import Records
from spotkeeper.lifecycle.sweep_order import (
    ORDER,
    Coverage,
    SweepStep,
    in_order,
    plan_sweep,
    shared_in,
)
from spotkeeper.model.journal_entry import Damaged, Intent, Settled
from spotkeeper.model.launch import ClaimNonce, Launches, LaunchToken
from spotkeeper.model.resource import Resource, ResourceId, ResourceKind

SEEN = Coverage(NOW, (REGION,))
SILENT = Coverage(NOW, ("eu-west-1",), frozenset({REGION}))


def launches(token: str, *nonces: str) -> Launches:
    return Launches(frozenset({LaunchToken(token)}), frozenset(map(ClaimNonce, nonces)))


def steps(*resources: Resource, records: Records | None = None) -> tuple[SweepStep, ...]:
    records = records or Records()
    return plan_sweep(classified(*resources, records=records), records, SEEN)


def test_a_forgotten_machine_is_ended_by_its_name_and_its_launch() -> None:
    snapshot = resource_id(ResourceKind.SNAPSHOT)
    [step] = steps(resource_id(claim="theirs"), snapshot, shared())
    assert (step.name, step.regions) == ("dev", (REGION,))
    assert step.launches == launches(LAUNCH, "theirs")
    assert step.resource_ids == (snapshot.resource_id,)


def test_another_machine_of_the_same_name_that_is_wanted_is_not_meant() -> None:
    stray = resource_id(launch="stray", born=NOW - 10 * MINUTE)
    [step] = steps(resource_id(), stray, records=remembering(*READY))
    assert step.launches == launches("stray")


def test_a_forgotten_disk_is_ended_by_its_launch_and_not_by_its_id() -> None:
    [step] = steps(resource_id(ResourceKind.VOLUME))
    assert (step.regions, step.launches, step.resource_ids) == ((REGION,), launches(LAUNCH), ())


def test_nothing_is_meant_of_a_name_that_is_kept_spared_or_too_young() -> None:
    assert steps(resource_id(), records=remembering(*READY)) == ()
    assert steps(resource_id(), records=remembering(READY[0], held=["dev"])) == ()
    assert steps(resource_id(born=NOW)) == ()


def test_a_launch_that_was_cut_off_is_looked_after_though_nothing_is_listed() -> None:
    [step] = steps(records=remembering(entry(Intent, NOW, claim="mine")))
    assert step == SweepStep("dev", launches=launches(LAUNCH, "mine"))
    assert steps(records=remembering(entry(Intent, NOW), held=["dev"])) == ()
    assert steps(records=remembering(*READY, entry(Settled))) == ()


def test_a_ready_machine_that_is_not_listed_is_given_up_only_when_the_window_is_over() -> None:
    for seconds, given_up in ((300, True), (299, False), (0, False)):
        born = NOW - timedelta(seconds=seconds)
        ready = [entry(type(each), born) for each in READY]
        assert bool(steps(records=remembering(*ready))) is given_up


def test_a_silent_region_that_no_journal_tells_of_hides_nothing() -> None:
    abroad = Coverage(NOW, (REGION,), frozenset({"eu-west-1"}))
    assert plan_sweep((), remembering(*READY), abroad)
    assert plan_sweep((), remembering(Damaged(NOW - timedelta(hours=1))), abroad) == ()


def test_a_name_is_not_given_up_while_a_region_that_may_have_it_is_silent() -> None:
    for entries in (READY, READY[:1], (Damaged(NOW - timedelta(hours=1)),)):
        records = remembering(*entries)
        assert plan_sweep((), records, SILENT) == ()
        assert plan_sweep((), records, SEEN) != ()


def test_what_the_silence_hides_is_not_meant_by_what_is_listed_elsewhere() -> None:
    stray = resource_id(ResourceKind.VOLUME, launch="stray")
    records = remembering(*READY)
    [step] = plan_sweep(classified(stray, records=records), records, SILENT)
    assert step.launches == launches("stray")


def test_what_carries_no_name_is_ended_one_by_one_in_the_safe_order() -> None:
    kinds = (ResourceKind.VOLUME, ResourceKind.INSTANCE, ResourceKind.FLEET, ResourceKind.REQUEST)
    [step] = steps(*(resource_id(kind, name="") for kind in kinds), shared())
    assert step.name == ""
    assert [each.kind for each in step.resource_ids] == [
        ResourceKind.FLEET,
        ResourceKind.REQUEST,
        ResourceKind.INSTANCE,
        ResourceKind.VOLUME,
    ]


@given(st.permutations(list(ResourceKind)))
def test_requests_go_before_instances_and_groups_last(kinds: list[ResourceKind]) -> None:
    found = [Resource(ResourceId(kind, kind, REGION), {}) for kind in kinds]
    assert [each.resource_id.kind for each in in_order(found)] == list(ORDER)
    assert ORDER.index(ResourceKind.REQUEST) < ORDER.index(ResourceKind.INSTANCE)
    assert set(ORDER[-2:]) == {ResourceKind.GROUP, ResourceKind.KEY}


def test_the_ground_is_cleared_where_nobody_needs_it() -> None:
    assert shared_in(classified(shared(), shared(ResourceKind.KEY))) == (REGION,)
    assert shared_in(classified(resource_id(), shared(), records=remembering(*READY))) == ()


def test_the_claim_of_a_forgotten_name_is_ended_with_it() -> None:
    [step] = steps(claim("theirs"))
    assert step.resource_ids == (claim("theirs").resource_id,)
    assert step.regions == ()
