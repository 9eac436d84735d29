"""Giving back what machines share: who still needs it, and what of it is left."""

from datetime import timedelta

import pytest
from tests.fakes.cloud import LATENCY, FakeCloud
from tests.unit.lifecycle.test_teardown import REGION, Bench, FailsOnce, kinds, ordered
from tests.unit.model.make import entry_of

from spotkeeper.errors import InUse
from spotkeeper.model.journal_entry import Entry, Intent, Seen, Settled, Settling
from spotkeeper.model.resource import ResourceId, ResourceKind
from spotkeeper.timings import VISIBILITY_WINDOW


@pytest.mark.parametrize(
    ("denied", "left"),
    [
        ("observe", [ResourceKind.GROUP, ResourceKind.KEY]),
        ("requests", [ResourceKind.GROUP, ResourceKind.KEY]),
        ("tagged_resources", [ResourceKind.GROUP]),
        ("delete_group", [ResourceKind.GROUP]),
        ("delete_key", [ResourceKind.KEY]),
    ],
)
def test_ground_that_may_not_be_cleared_is_left_at_once(denied: str, left: list[str]) -> None:
    bench = Bench(FakeCloud(denied=[denied]))
    began = bench.cloud.clock.now()
    outcome = bench.teardown().end_shared(REGION)
    ids = {ResourceKind.GROUP: bench.group.id, ResourceKind.KEY: bench.key.id}
    if denied == "tagged_resources":
        ids = {ResourceKind.GROUP: "spotkeeper's own"}
    assert [each.resource_id for each in outcome.left] == [
        ResourceId(ResourceKind(kind), ids[ResourceKind(kind)], REGION) for kind in left
    ]
    assert all("not authorized" in each.reason for each in outcome.left)
    assert set(kinds(outcome.ended)).isdisjoint(left)
    assert len(outcome.ended) == (1 if denied.startswith("delete") else 0)
    assert bench.cloud.clock.now() - began < timedelta(seconds=10)


def test_what_was_refused_for_good_is_not_asked_for_again_and_holds_nothing_up() -> None:
    bench = Bench(FailsOnce("delete_key"))
    bench.cloud.denied = {"delete_group"}
    outcome = bench.teardown().end_shared(REGION)
    assert kinds(outcome.ended) == [ResourceKind.KEY]
    assert kinds([each.resource_id for each in outcome.left]) == [ResourceKind.GROUP]
    assert bench.cloud.calls.count("delete_group") == 1


def test_a_group_that_something_holds_for_ever_is_left_with_what_ec2_says() -> None:
    bench = Bench()
    bench.cloud.refusals = {"delete_group": InUse("it has a dependent object")}
    outcome = bench.teardown().end_shared(REGION)
    assert bench.cloud.calls.count("delete_group") > 1
    assert [each.reason for each in outcome.left] == ["it has a dependent object"] * 2


def test_the_ground_of_a_machine_of_another_computer_is_not_even_asked_for() -> None:
    bench = Bench()
    bench.launched()
    bench.cloud.run(ordered("other", "theirs"))
    assert bench.end().left == []
    assert not {"delete_group", "delete_key"} & set(bench.cloud.calls)


OLD, YOUNG = VISIBILITY_WINDOW, VISIBILITY_WINDOW - timedelta(seconds=2)


@pytest.mark.parametrize(
    ("whats", "age", "region", "stays"),
    [
        ([Intent], YOUNG, REGION, True),
        ([Intent], OLD, REGION, False),
        ([Intent], YOUNG, "eu-west-1", False),
        ([Intent, Settling], YOUNG, REGION, False),
        ([Intent, Settled], YOUNG, REGION, False),
        ([Seen], YOUNG, REGION, False),
    ],
)
def test_ground_stays_for_a_young_launch_of_its_region_alone(
    whats: list[type[Entry]], age: timedelta, region: str, *, stays: bool
) -> None:
    bench = Bench()
    at = bench.cloud.clock.now() + LATENCY - age
    for what in whats:
        bench.journal.append("other", entry_of(what, at, {"region": region, "token": "t"}))
    outcome = bench.teardown().end_shared(REGION)
    assert (outcome.ended == []) is stays
