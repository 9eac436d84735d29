"""The second look at what was ended: when it is due, and what it may touch."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes import orders
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.unit.lifecycle.test_teardown import REGION, Bench
from tests.unit.model.make import entry_of

from spotkeeper.lifecycle import settle
from spotkeeper.model.journal_entry import (
    Damaged,
    Intent,
    Launched,
    Seen,
    Settled,
    Settling,
)
from spotkeeper.model.launch import LaunchToken
from spotkeeper.model.tags import TAG_LAUNCH
from spotkeeper.timings import VISIBILITY_WINDOW


def test_settling_is_closed_once_the_window_is_over() -> None:
    bench = Bench()
    bench.journal.append(
        "dev", Intent(bench.cloud.clock.now(), region=REGION, token=LaunchToken("t"))
    )
    bench.end()
    assert settle.due(bench.journal, bench.cloud.clock.now()) == ()
    bench.wait_for_the_window()
    assert settle.due(bench.journal, bench.cloud.clock.now()) == ("dev",)
    settle.settle(("dev",), journal=bench.journal, teardown=bench.teardown())
    assert bench.told[-1] is Settled
    assert settle.due(bench.journal, bench.cloud.clock.now()) == ()


def test_an_instance_that_is_listed_late_is_ended_when_the_journal_settles() -> None:
    clock = FakeClock()
    bench = Bench(FakeCloud(clock=clock, visibility=timedelta(seconds=120)))
    at = Intent(clock.now(), region=REGION, token=LaunchToken("token-dev"))
    bench.journal.append("dev", at)
    bench.cloud.run(orders.order())
    bench.end()
    assert bench.ec2.leftovers() != []
    clock.sleep(VISIBILITY_WINDOW)
    settle.settle(("dev",), journal=bench.journal, teardown=bench.teardown())
    clock.sleep(timedelta(minutes=5))
    assert [each for each in bench.ec2.leftovers() if each.startswith(("i-", "sir", "vol"))] == []


def test_the_window_begins_when_ec2_gave_the_instance_not_when_it_was_meant() -> None:
    clock = FakeClock()
    bench = Bench(FakeCloud(clock=clock, visibility=VISIBILITY_WINDOW))
    token = {"region": REGION, "token": "token-dev"}
    bench.journal.append("dev", entry_of(Intent, clock.now(), token))
    clock.advance(seconds=60)
    instance = bench.cloud.run(orders.order())
    launched = {**token, "instance": instance.id, "request": str(instance.request_id)}
    bench.journal.append("dev", entry_of(Launched, clock.now(), launched))
    clock.advance(seconds=240)
    bench.end()
    clock.sleep(VISIBILITY_WINDOW)
    settle.settle(
        settle.due(bench.journal, clock.now()), journal=bench.journal, teardown=bench.teardown()
    )
    clock.sleep(timedelta(minutes=5))
    assert [each for each in bench.ec2.leftovers() if each.startswith(("i-", "sir", "vol"))] == []


def test_a_sighting_after_settling_is_still_due() -> None:
    bench = Bench()
    at = bench.cloud.clock.now()
    for what in (Intent, Settling, Seen):
        bench.journal.append("dev", entry_of(what, at, {"region": REGION, "token": "t"}))
    assert settle.due(bench.journal, at + VISIBILITY_WINDOW) == ("dev",)


def test_a_launch_after_settling_is_not_due() -> None:
    bench = Bench()
    at = bench.cloud.clock.now()
    for what in (Intent, Settling, Intent, Launched):
        bench.journal.append("dev", entry_of(what, at, {"region": REGION, "token": "t"}))
    assert settle.due(bench.journal, at + VISIBILITY_WINDOW) == ()


@pytest.mark.parametrize("seconds_early", [0, 1])
def test_settling_is_due_from_the_moment_at_which_the_window_is_over(seconds_early: int) -> None:
    bench = Bench()
    at = bench.cloud.clock.now()
    for what in (Intent, Settling):
        bench.journal.append("dev", entry_of(what, at, {"region": REGION, "token": "t"}))
    now = at + VISIBILITY_WINDOW - timedelta(seconds=seconds_early)
    assert settle.due(bench.journal, now) == (() if seconds_early else ("dev",))


def test_a_journal_that_tells_of_nothing_that_was_born_is_due_at_once() -> None:
    bench = Bench()
    bench.journal.append("dev", Settling(bench.cloud.clock.now()))
    assert settle.due(bench.journal, bench.cloud.clock.now()) == ("dev",)


def test_a_journal_that_is_damaged_is_left_to_down() -> None:
    bench = Bench()
    at = bench.cloud.clock.now()
    for entry in (Damaged(at), Settling(at)):
        bench.journal.append("dev", entry)
    assert settle.due(bench.journal, at + 2 * VISIBILITY_WINDOW) == ()


def test_only_what_this_computer_began_is_ended_of_names_that_settle() -> None:
    bench = Bench()
    at = bench.cloud.clock.now()
    abroad = {"region": "eu-west-1", "token": "token-dev"}
    for what in (Intent, Settling):
        bench.journal.append("dev", entry_of(what, at, abroad))
    mine = bench.cloud.run(orders.order("g5.xlarge@eu-west-1a"))
    theirs = orders.order("g5.xlarge@eu-west-1b")
    kept = bench.cloud.run(
        replace(
            theirs,
            token=LaunchToken("another"),
            tags={**theirs.tags, TAG_LAUNCH: "another"},
        )
    )
    bench.wait_for_the_window()
    ended = settle.settle(("dev",), journal=bench.journal, teardown=bench.teardown())
    found = {each.id for each in ended["dev"].ended}
    assert mine.id in found
    assert kept.id not in found
