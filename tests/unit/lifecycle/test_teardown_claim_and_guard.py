"""Giving back the claim of a name and the schedules that guard it."""

from dataclasses import replace

import pytest
from tests.fakes.cloud import FakeCloud
from tests.unit.lifecycle.test_teardown import REGION, Bench, kinds, ordered
from tests.unit.model.make import entry_of

from spotkeeper.lifecycle.guard import SCHEDULER, guard_tags
from spotkeeper.model.journal_entry import Ending, Intent
from spotkeeper.model.launch import ClaimNonce, Launches, LaunchToken
from spotkeeper.model.resource import ResourceId, ResourceKind
from spotkeeper.timings import LONGEST_CALL, VISIBILITY_WINDOW

# The claim of the name


def test_the_claim_goes_last() -> None:
    bench = Bench()
    bench.just_launched(claim="mine")
    claim = bench.claimed("mine")
    bench.wait_for_the_window()
    outcome = bench.end()
    assert claim.resource_id in outcome.ended
    assert claim.id not in bench.ec2.resource_ids
    assert bench.cloud.calls.index("release") > bench.cloud.calls.index("delete_group")


@pytest.mark.parametrize("denied", ["terminate", "delete_group", "release"])
def test_the_claim_stays_with_what_is_left(denied: str) -> None:
    bench = Bench(FakeCloud(denied=[denied]))
    bench.just_launched(claim="mine")
    claim = bench.claimed("mine")
    bench.wait_for_the_window()
    outcome = bench.end()
    assert claim.id in bench.ec2.resource_ids
    told = [ResourceKind.TEMPLATE] if denied == "release" else []
    assert [
        k for k in kinds([e.resource_id for e in outcome.left]) if k == "launch-template"
    ] == told


def test_the_claim_stays_while_a_launch_may_still_make_something() -> None:
    bench = Bench()
    at = bench.cloud.clock.now()
    told = {"region": REGION, "token": "t", "claim": "mine", "claim_region": REGION}
    bench.journal.append("dev", entry_of(Intent, at, told))
    claim = bench.claimed("mine")
    assert bench.end().left == []
    assert claim.id in bench.ec2.resource_ids
    bench.wait_for_the_window()
    assert bench.end().left == []
    assert claim.id not in bench.ec2.resource_ids


def test_the_claim_of_another_launch_stays_with_it() -> None:
    bench = Bench()
    bench.just_launched(claim="mine")
    claim = bench.claimed("mine")
    bench.just_launched(token="stray", claim="stray")
    bench.wait_for_the_window()
    only = Launches(frozenset({LaunchToken("stray")}), frozenset({ClaimNonce("stray")}))
    bench.teardown().end("dev", [REGION], only=only)
    assert claim.id in bench.ec2.resource_ids


def test_the_young_claim_of_another_computer_goes_with_its_machine_that_was_seen() -> None:
    bench = Bench()
    bench.cloud.run(ordered("dev", "theirs", "theirs"))
    claim = bench.claimed("theirs")
    assert bench.end().left == []
    assert claim.id not in bench.ec2.resource_ids


# The guard


def with_guard(bench: Bench, token: str, region: str = REGION) -> None:
    """This computer meant to launch with schedules, long ago, and the launch was never ready."""
    told = {"region": region, "token": token, "guard": SCHEDULER}
    at = bench.cloud.clock.now() - VISIBILITY_WINDOW - LONGEST_CALL
    bench.journal.append("dev", entry_of(Intent, at, told))


MINE, STRAY = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


def test_the_schedules_of_what_is_gone_go_with_it_in_every_region() -> None:
    bench = Bench()
    bench.launched()
    with_guard(bench, MINE, "eu-west-1")
    with_guard(bench, STRAY)
    abroad, here = bench.guarded("dev", MINE, "eu-west-1"), bench.guarded("dev", STRAY)
    other = bench.guarded("dev-2", MINE)
    outcome = bench.teardown().end("dev", ["eu-central-1", REGION, "eu-west-1"])
    assert set(bench.ec2.schedules) == {(REGION, other)}
    ended = {each.id for each in outcome.ended if each.kind == ResourceKind.SCHEDULE}
    assert ended == {abroad, here}


def test_schedules_that_the_journal_knows_go_though_no_list_shows_them() -> None:
    bench = Bench(FakeCloud(visibility=VISIBILITY_WINDOW))
    with_guard(bench, MINE)
    bench.guarded("dev", MINE)
    bench.end()
    assert not bench.ec2.schedules


def test_only_the_schedules_of_the_launches_that_are_meant_go() -> None:
    bench = Bench()
    for token in (MINE, STRAY):
        with_guard(bench, token)
    kept, stray = bench.guarded("dev", MINE), bench.guarded("dev", STRAY)
    only = Launches(frozenset({LaunchToken(STRAY)}))
    outcome = bench.teardown().end("dev", [REGION], only=only)
    assert set(bench.ec2.schedules) == {(REGION, kept)}
    assert [each.id for each in outcome.ended if each.kind == ResourceKind.SCHEDULE] == [stray]


def test_nobody_asks_for_schedules_who_has_none() -> None:
    bench = Bench()
    bench.launched()
    bench.end()
    assert not any("schedule" in call for call in bench.cloud.calls)


def test_the_schedules_of_a_machine_of_another_computer_go_where_its_tags_tell_of_them() -> None:
    bench = Bench()
    order = ordered("dev", MINE)
    bench.cloud.run(replace(order, tags={**order.tags, **guard_tags("role")}))
    bench.guarded("dev", MINE)
    bench.end()
    assert not bench.ec2.schedules


def test_the_schedules_of_what_still_runs_stay() -> None:
    bench = Bench(FakeCloud(denied=["cancel"]))
    bench.launched(token=MINE)
    with_guard(bench, MINE)
    kept = bench.guarded("dev", MINE)
    bench.teardown().end("dev", [REGION, "eu-west-1"])
    assert set(bench.ec2.schedules) == {(REGION, kept)}


def test_schedules_that_may_not_be_ended_are_left_with_their_reason() -> None:
    bench = Bench(FakeCloud(denied=["disarm schedule"]))
    with_guard(bench, MINE)
    bench.guarded("dev", MINE)
    [left] = bench.end().left
    assert left.resource_id == ResourceId(ResourceKind.SCHEDULE, "dev-*", REGION)
    assert left.reason == "disarm schedule: not authorized"
    assert bench.told[-1] is Ending
