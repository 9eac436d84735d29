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
    event,
    judged,
    remembering,
    shared,
    thing,
)

from spotkeeper.lifecycle.ports import Possession, Thing, ThingKind
from spotkeeper.lifecycle.sweep import Memory
from spotkeeper.lifecycle.sweep_order import ORDER, Share, Sight, in_order, share_out, shared_in
from spotkeeper.model.journal_entry import Event, What

SEEN = Sight(NOW, (REGION,))
SILENT = Sight(NOW, ("eu-west-1",), frozenset({REGION}))


def shares(*possessions: Possession, memory: Memory | None = None) -> tuple[Share, ...]:
    memory = memory or Memory()
    return share_out(judged(*possessions, memory=memory), memory, SEEN)


def test_a_forgotten_machine_is_ended_by_its_name_and_its_launch() -> None:
    snapshot = thing(ThingKind.SNAPSHOT)
    [share] = shares(thing(claim="theirs"), snapshot, shared())
    assert (share.name, share.regions) == ("dev", (REGION,))
    assert share.launches == {LAUNCH, "theirs"}
    assert share.things == (snapshot.thing,)


def test_another_machine_of_the_same_name_that_is_wanted_is_not_meant() -> None:
    stray = thing(launch="stray", born=NOW - 10 * MINUTE)
    [share] = shares(thing(), stray, memory=remembering(*READY))
    assert share.launches == {"stray"}


def test_nothing_is_meant_of_a_name_that_is_kept_spared_or_too_young() -> None:
    assert shares(thing(), memory=remembering(*READY)) == ()
    assert shares(thing(), memory=remembering(READY[0], held=["dev"])) == ()
    assert shares(thing(born=NOW)) == ()


def test_a_launch_that_was_cut_off_is_looked_after_though_nothing_is_listed() -> None:
    [share] = shares(memory=remembering(event(What.INTENT, NOW, claim="mine")))
    assert share == Share("dev", launches=frozenset({LAUNCH, "mine"}))
    assert shares(memory=remembering(event(What.INTENT, NOW), held=["dev"])) == ()
    assert shares(memory=remembering(*READY, event(What.SETTLED))) == ()


def test_a_ready_machine_that_is_not_listed_is_given_up_only_when_the_window_is_over() -> None:
    assert shares(memory=remembering(*READY))
    assert shares(memory=remembering(*(event(each.what, NOW) for each in READY))) == ()


def test_a_name_is_not_given_up_while_a_region_that_may_have_it_is_silent() -> None:
    for events in (READY, READY[:1], (Event(NOW - timedelta(hours=1), What.DAMAGED),)):
        memory = remembering(*events)
        assert share_out((), memory, SILENT) == ()
        assert share_out((), memory, SEEN) != ()


def test_what_the_silence_hides_is_not_meant_by_what_is_listed_elsewhere() -> None:
    stray = thing(ThingKind.VOLUME, launch="stray")
    memory = remembering(*READY)
    [share] = share_out(judged(stray, memory=memory), memory, SILENT)
    assert share.launches == {"stray"}


def test_what_carries_no_name_is_ended_one_by_one_in_the_safe_order() -> None:
    kinds = (ThingKind.VOLUME, ThingKind.INSTANCE, ThingKind.FLEET, ThingKind.REQUEST)
    [share] = shares(*(thing(kind, name="") for kind in kinds), shared())
    assert share.name == ""
    assert [each.kind for each in share.things] == [
        ThingKind.FLEET,
        ThingKind.REQUEST,
        ThingKind.INSTANCE,
        ThingKind.VOLUME,
    ]


@given(st.permutations(list(ThingKind)))
def test_requests_go_before_instances_and_groups_last(kinds: list[ThingKind]) -> None:
    found = [Possession(Thing(kind, kind, REGION), {}) for kind in kinds]
    assert [each.thing.kind for each in in_order(found)] == list(ORDER)
    assert ORDER.index(ThingKind.REQUEST) < ORDER.index(ThingKind.INSTANCE)
    assert set(ORDER[-2:]) == {ThingKind.GROUP, ThingKind.KEY}


def test_the_ground_is_cleared_where_nobody_needs_it() -> None:
    assert shared_in(judged(shared(), shared(ThingKind.KEY))) == (REGION,)
    assert shared_in(judged(thing(), shared(), memory=remembering(*READY))) == ()


def test_the_claim_of_a_forgotten_name_is_ended_with_it() -> None:
    [share] = shares(claim("theirs"))
    assert share.things == (claim("theirs").thing,)
    assert share.regions == ()
