"""The end of a machine where not all may be asked: it ends, and what was not seen is said."""

from datetime import timedelta

import pytest
from tests.fakes import cloud
from tests.fakes.threads import without_threads
from tests.unit.lifecycle.test_teardown import REGION, Bench, kinds

from spotkeeper.lifecycle.region_ending import TeardownOutcome
from spotkeeper.lifecycle.wait import PATIENCE
from spotkeeper.model.journal_entry import Settled
from spotkeeper.model.machine import ENDED, Instance, InstanceState
from spotkeeper.model.resource import ResourceKind

REQUEST, VOLUME = ResourceKind.REQUEST, ResourceKind.VOLUME
GROUP, KEY = ResourceKind.GROUP, ResourceKind.KEY
SHARED = {GROUP, KEY}
QUOTA = "L-3819A6DF"  # of the type that is launched here
NAMED = {"requests": f"{REQUEST}s", "volumes": f"{VOLUME}s"}


def ended(denied: set[str], *, once: bool = False) -> tuple[Bench, Instance, TeardownOutcome]:
    bench = Bench()
    instance = bench.launched(once=once)
    bench.cloud.denied |= denied
    began = bench.cloud.clock.now()
    outcome = bench.end()
    assert bench.cloud.clock.now() - began < PATIENCE / 4, "waited for what may not be"
    return bench, instance, outcome


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize(
    ("denied", "left"),
    [
        ({"requests"}, {NAMED["requests"], *SHARED}),
        ({"volumes"}, {NAMED["volumes"]}),
        ({"requests", "volumes"}, {*NAMED.values(), *SHARED}),
        ({"tagged_resources"}, {GROUP}),
        ({"delete_group"}, {GROUP}),
        ({"delete_key"}, {KEY}),
        ({"delete_group", "delete_key"}, SHARED),
    ],
    ids=lambda each: " ".join(sorted(each)),
)
def test_the_machine_ends_whatever_else_is_denied(
    denied: set[str], left: set[str], *, once: bool
) -> None:
    bench, instance, outcome = ended(denied, once=once)

    assert bench.ec2.servers[instance.id].state in ENDED
    assert not any(each.state in {"open", "active"} for each in bench.ec2.requests.values())
    assert set(kinds([each.resource_id for each in outcome.left])) == left
    assert all("UnauthorizedOperation" in each.reason for each in outcome.left)
    assert Settled not in bench.told


def test_a_disk_that_may_not_be_deleted_keeps_nothing_else() -> None:
    _, _, outcome = ended({"delete_volume"})
    assert kinds([each.resource_id for each in outcome.left]) == [VOLUME]
    assert set(kinds(outcome.ended)) >= {ResourceKind.INSTANCE, REQUEST, *SHARED}


def test_where_nothing_may_be_looked_at_what_the_journal_knows_is_ended() -> None:
    bench, instance, outcome = ended({"observe", "volumes"})
    assert bench.ec2.servers[instance.id].state in {InstanceState.SHUTTING_DOWN, *ENDED}
    assert bench.cloud.calls.index("cancel") < bench.cloud.calls.index("terminate")
    told = {each.resource_id.id: each.reason for each in outcome.left}
    assert set(told) == {instance.id, instance.request_id, "dev"}
    assert "told to end" in told[instance.id]
    assert "could not be looked at" in told["dev"]


@pytest.mark.parametrize("denied", ["terminate", "cancel"])
def test_a_box_that_may_not_be_ended_is_left_at_once_with_all_that_hangs_on_it(
    denied: str,
) -> None:
    bench, instance, outcome = ended({denied})
    left = {each.resource_id.id: each.reason for each in outcome.left}
    assert {instance.id, *instance.volume_ids} <= set(left)
    assert all("UnauthorizedOperation" in reason for reason in left.values())
    assert bench.ec2.servers[instance.id].state is InstanceState.RUNNING
    assert bench.group.id in bench.ec2.groups


def test_a_once_machine_ends_although_its_request_may_not_be_cancelled() -> None:
    bench, instance, _ = ended({"cancel"}, once=True)
    assert bench.ec2.servers[instance.id].state in ENDED


def test_fifty_machines_take_at_most_twice_the_time_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every one is told to end before any is waited for. Calls take no time here."""
    monkeypatch.setattr(cloud, "LATENCY", timedelta(0))
    without_threads(monkeypatch)

    def took(count: int) -> timedelta:
        bench = Bench()
        bench.ec2.quotas[QUOTA] = 4 * count
        names = [f"dev{number}" for number in range(count)]
        for name in names:
            bench.just_launched(name)
        bench.wait_for_the_window()
        began = bench.cloud.clock.now()
        outcomes = bench.teardown().end_all({name: [REGION] for name in names})
        assert [name for name in names if outcomes[name].left] == []
        assert bench.ec2.leftovers() == []
        told = [call for call in bench.cloud.calls if call in ("terminate", "delete_volume")]
        assert told == ["terminate"] * count + ["delete_volume"] * count
        return bench.cloud.clock.now() - began

    one = took(1)
    assert timedelta(0) < one
    assert took(50) <= 2 * one
