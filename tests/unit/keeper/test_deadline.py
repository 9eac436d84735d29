"""Deadlines of whole machines: armed at the launch, extended, kept to a budget, gone with them."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import geography
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import home_with_key, keeper, launched
from tests.fakes.fate import Crash, Fate, Killed
from tests.fakes.journal import MemoryJournal
from tests.fakes.schedules import FakeSchedules

from spotkeeper.errors import BadInput, GuardRoleMissing, NotFound, Refused, SpotkeeperError
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.keeper.results import MachineReport
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.plan import Plan
from spotkeeper.model.journal_entry import DeadlineMoved, Entry, Settling
from spotkeeper.model.machine import Kind
from spotkeeper.model.need import Need
from spotkeeper.model.schedule import GuardCall
from spotkeeper.model.tags import TAG_BUDGET
from spotkeeper.timings import DEFAULT_LIFE, TERMINATE_AFTER

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
A = geography.pool("g5.xlarge@us-east-1a")
FIVE = Decimal(5)


class Desk:
    """Somebody at a computer."""

    def __init__(self, home: Path) -> None:
        self.cloud = FakeCloud()
        self.cloud.open_regions = (geography.REGION,)
        self.schedules = FakeSchedules(self.cloud)
        self.journal = MemoryJournal()
        self.home = home

    @property
    def keeper(self) -> Keeper:
        """A fresh process."""
        return keeper(self.cloud, home=self.home, journal=self.journal)

    @property
    def now(self) -> datetime:
        return self.cloud.clock.now()

    def up(self, **wished: Any) -> MachineReport:
        launch_request = LaunchRequest(
            "dev", Need(types=("g5.xlarge",)), **{"guard": "scheduler", **wished}
        )
        report = launched(self.keeper, launch_request)
        assert report is not None
        return report

    def plan(self, **wished: Any) -> Plan:
        return self.keeper.plan(LaunchRequest("dev", Need(types=("g5.xlarge",)), **wished))

    def times(self) -> dict[GuardCall, datetime]:
        return {each.call: each.at for each in self.schedules.kept.values()}

    def pass_by(self, length: timedelta) -> None:
        self.cloud.clock.sleep(length)
        self.schedules.fire()

    def settled(self) -> list[str]:
        """What is left after `down`, and another look when EC2 is certain."""
        self.keeper.down(["dev"])
        self.pass_by(timedelta(seconds=301))
        self.keeper.ls()
        return self.cloud.ec2.leftovers()

    def whats(self) -> list[type[Entry]]:
        return [type(each) for each in self.journal.read("dev")]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(home_with_key(tmp_path))


# The guard of a launch


def test_a_launch_is_armed_before_it_is_waited_for(desk: Desk) -> None:
    report = desk.up()
    deadline = report.machine.deadline
    assert deadline is not None
    assert desk.times() == {
        GuardCall.CANCEL: deadline,
        GuardCall.TERMINATE: deadline + TERMINATE_AFTER,
    }
    calls = desk.cloud.calls
    assert calls.index("run") < calls.index("arm schedule") < calls.index("instance")


def test_a_guarded_machine_is_gone_after_its_deadline_though_nobody_comes_back(desk: Desk) -> None:
    desk.up(lasting=2 * HOUR)
    desk.pass_by(2 * HOUR - MINUTE)
    assert desk.keeper.show("dev").machine.alive
    desk.pass_by(MINUTE)
    desk.pass_by(TERMINATE_AFTER)
    desk.pass_by(DEFAULT_LIFE)
    assert desk.keeper.ls().reports == ()
    assert desk.schedules.kept == {}
    assert desk.settled() == []


def test_a_launch_without_a_guard_never_asks_the_scheduler(desk: Desk) -> None:
    desk.up(guard=None)
    desk.keeper.ls()
    desk.keeper.extend("dev", HOUR)
    assert desk.settled() == []
    assert not [call for call in desk.cloud.calls if "schedule" in call]


def test_a_guard_without_a_deadline_is_a_contradiction(desk: Desk) -> None:
    with pytest.raises(BadInput, match="--for none"):
        desk.plan(guard="scheduler", lasting=None)
    assert desk.plan(guard="scheduler", lasting=None, budget_usd=FIVE).deadline is not None


@pytest.mark.parametrize("kind", Kind)
def test_a_launch_whose_guard_cannot_be_armed_is_undone(desk: Desk, kind: Kind) -> None:
    desk.cloud.refusals["arm schedule"] = GuardRoleMissing("the role cannot be assumed")
    with pytest.raises(GuardRoleMissing) as caught:
        desk.up(kind=kind)
    assert "spot policy guard --trust" in caught.value.next_step
    assert desk.settled() == []


def test_down_removes_the_schedules_once_the_machine_is_gone(desk: Desk) -> None:
    desk.up()
    report = desk.keeper.down(["dev"])
    assert {t.id.rpartition("-")[2] for t in report.ended if t.kind == "schedule"} == {
        "cancel",
        "terminate",
    }
    calls = desk.cloud.calls
    assert calls.index("terminate") < calls.index("disarm schedule")
    assert desk.settled() == []


def test_schedules_that_cannot_be_removed_are_left_and_the_name_stays_open(desk: Desk) -> None:
    desk.up()
    desk.cloud.denied = {"disarm schedule"}
    report = desk.keeper.down(["dev"])
    [left] = report.left
    assert (left.resource_id.kind, left.resource_id.id) == ("schedule", "dev-*")
    assert Settling not in desk.whats()

    desk.cloud.denied = set()
    assert desk.settled() == []


def test_another_computer_finds_the_schedules_by_the_tags_of_the_machine(desk: Desk) -> None:
    desk.up()
    desk.journal = MemoryJournal()
    desk.keeper.down(["dev"])
    assert desk.schedules.kept == {}


def test_a_guarded_launch_that_dies_anywhere_leaves_nothing_after_down(tmp_path: Path) -> None:
    home, point, died = home_with_key(tmp_path), 0, True
    while died:
        died = False
        for after in (False, True):
            desk = Desk(home)
            fate = Killed(point, after=after)
            desk.cloud.fate = desk.journal.fate = fate
            try:
                desk.up()
            except Crash:
                died = True
            desk.cloud.fate = desk.journal.fate = Fate()
            with_nothing_known = not desk.journal.read("dev")
            try:
                left = desk.settled()
            except NotFound:
                assert with_nothing_known
                left = desk.cloud.ec2.leftovers()
            assert left == [], (point, after)
        point += 1
    assert point > 20


# Extending


def test_extending_moves_tag_and_both_schedules_and_is_remembered(desk: Desk) -> None:
    before = desk.up().machine.deadline
    assert before is not None
    found = desk.keeper.extend("dev", "+4h")
    after = before + 4 * HOUR
    assert (found.before, found.report.machine.deadline) == (before, after)
    assert desk.keeper.show("dev").machine.deadline == after
    assert desk.times() == {GuardCall.CANCEL: after, GuardCall.TERMINATE: after + TERMINATE_AFTER}
    assert desk.whats().count(DeadlineMoved) == 1
    assert found.usd_until_deadline is not None
    assert found.report.spot_usd_per_hour is not None
    hours = Decimal((after - desk.now) // timedelta(seconds=1)) / 3600
    assert abs(found.usd_until_deadline - found.report.spot_usd_per_hour * hours) < Decimal("0.01")


def test_a_machine_without_a_deadline_gets_one_from_now(desk: Desk) -> None:
    desk.up(guard=None, lasting=None)
    found = desk.keeper.extend("dev", HOUR)
    assert found.before is None
    assert found.report.machine.deadline is not None
    assert abs(found.report.machine.deadline - desk.now - HOUR) < MINUTE


def test_a_box_is_not_extended_beyond_its_request(desk: Desk) -> None:
    desk.up()
    with pytest.raises(Refused, match="valid until"):
        desk.keeper.extend("dev", timedelta(days=8))
    with pytest.raises(Refused, match="valid until"):
        desk.keeper.extend("dev", None)
    assert "retag" not in desk.cloud.calls


def test_a_once_machine_may_lose_its_deadline_and_its_schedules_with_it(desk: Desk) -> None:
    desk.up(kind=Kind.ONCE)
    found = desk.keeper.extend("dev", None)
    assert found.report.machine.deadline is None
    assert desk.schedules.kept == {}
    assert desk.settled() == []


def test_what_is_not_there_or_is_ending_cannot_be_extended(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.keeper.extend("dev", HOUR)
    desk.up()
    [server] = desk.cloud.ec2.servers.values()
    desk.cloud.ec2.cancel(desk.cloud.ec2.requests[server.request_id])
    desk.cloud.ec2.terminate(server)
    with pytest.raises(SpotkeeperError):
        desk.keeper.extend("dev", HOUR)


def test_a_started_box_has_its_schedules_moved_with_its_deadline(desk: Desk) -> None:
    desk.up(lasting=HOUR)
    desk.keeper.stop("dev")
    desk.pass_by(HOUR - 10 * MINUTE)
    desk.keeper.start("dev")
    deadline = desk.keeper.show("dev").machine.deadline
    assert deadline is not None
    assert abs(deadline - desk.now - DEFAULT_LIFE) < 2 * MINUTE
    assert desk.times()[GuardCall.CANCEL] == deadline
    assert DeadlineMoved in desk.whats()


# Relaunched by its request


def test_a_look_points_the_guard_at_a_new_instance_once_and_says_so(desk: Desk) -> None:
    desk.up()
    [first] = desk.cloud.ec2.servers.values()
    desk.pass_by(10 * MINUTE)
    desk.cloud.ec2.terminate(first)
    desk.pass_by(5 * MINUTE)

    listing = desk.keeper.ls()
    [report] = listing.reports
    assert report.machine.instance is not None
    assert report.machine.instance.id != first.id
    assert any(report.machine.instance.id in told for told in listing.warnings)
    targets = {each.target for each in desk.schedules.kept.values()}
    assert report.machine.instance.id in targets
    calls = len(desk.cloud.calls)
    assert desk.keeper.ls().warnings == ()
    assert not [call for call in desk.cloud.calls[calls:] if "schedule" in call]
    assert desk.settled() == []


def test_a_guard_that_cannot_be_checked_is_a_warning_and_no_failure(desk: Desk) -> None:
    desk.up()
    desk.journal = MemoryJournal()
    desk.cloud.denied = {"find schedule"}
    listing = desk.keeper.ls()
    assert len(listing.reports) == 1
    assert any("could not be checked" in told for told in listing.warnings)


# Budgets


def test_a_budget_sets_the_deadline_by_the_price_of_each_pool(desk: Desk) -> None:
    desk.cloud.ec2.prices[A] = Decimal("0.50")
    plan = desk.plan(budget_usd=FIVE, lasting=None)
    by_pool = {each.offer.pool: each for each in plan.candidates}
    dear, cheap = by_pool[A].deadline, by_pool[plan.first.pool].deadline
    assert dear is not None
    assert cheap is not None
    assert plan.made_at is not None
    assert dear - plan.made_at == 10 * HOUR
    assert plan.deadline == cheap > dear


def test_the_earlier_of_budget_and_time_counts(desk: Desk) -> None:
    assert desk.plan(budget_usd=FIVE, lasting=HOUR).lasting == HOUR
    short = desk.plan(budget_usd=Decimal("0.1"), lasting=24 * HOUR).lasting
    assert short is not None
    assert short < HOUR


def test_a_budget_that_buys_minutes_is_refused(desk: Desk) -> None:
    with pytest.raises(BadInput, match="less than 10m"):
        desk.plan(budget_usd=Decimal("0.01"), lasting=None)


def launched_for(desk: Desk, usd_per_hour: str, **wished: Any) -> MachineReport:
    """A machine with five dollars in a pool of this price."""
    desk.cloud.ec2.dry = dict.fromkeys(geography.all_pools(geography.REGION))
    desk.cloud.ec2.dry.pop(A)
    desk.cloud.ec2.prices[A] = Decimal(usd_per_hour)
    return desk.up(**{"budget_usd": FIVE, "lasting": None, **wished})


def test_a_price_that_rises_brings_the_deadline_forward_and_says_so(desk: Desk) -> None:
    before = launched_for(desk, "0.50").machine.deadline
    assert before is not None
    desk.cloud.ec2.prices[A] = Decimal(1)

    report = desk.keeper.show("dev")

    after = report.machine.deadline
    assert after is not None
    assert abs(after - desk.now - 5 * HOUR) < 5 * MINUTE
    assert any("deadline moved" in told for told in report.warnings)
    assert desk.times()[GuardCall.CANCEL] == after
    assert desk.keeper.show("dev").warnings == ()


def test_a_price_that_falls_moves_it_later_but_never_after_the_time_that_was_typed(
    desk: Desk,
) -> None:
    launched_for(desk, "0.50", lasting=12 * HOUR)
    desk.cloud.ec2.prices[A] = Decimal("0.10")
    typed = desk.now + 12 * HOUR
    after = desk.keeper.show("dev").machine.deadline
    assert after is not None
    assert abs(after - typed) < 2 * MINUTE


def test_a_budget_that_is_spent_ends_the_machine(desk: Desk) -> None:
    launched_for(desk, "0.50")
    desk.pass_by(3 * HOUR)
    desk.cloud.ec2.prices[A] = Decimal(50)
    report = desk.keeper.show("dev")
    assert report.spent_usd is not None
    assert report.spent_usd > FIVE
    desk.pass_by(2 * MINUTE)
    desk.pass_by(2 * MINUTE)
    desk.pass_by(2 * MINUTE)
    assert desk.keeper.ls().reports == ()


def test_an_unchanged_price_leaves_the_deadline_alone(desk: Desk) -> None:
    before = launched_for(desk, "0.50").machine.deadline
    desk.pass_by(4 * HOUR)
    report = desk.keeper.show("dev")
    assert report.machine.deadline == before
    assert report.spent_usd is not None
    assert abs(report.spent_usd - 2) < Decimal("0.02")


def test_a_computer_that_saw_nothing_counts_from_the_launch_or_leaves_it(desk: Desk) -> None:
    launched_for(desk, "0.50")
    desk.pass_by(HOUR)
    desk.journal = MemoryJournal()
    spent = desk.keeper.show("dev").spent_usd
    assert spent is not None
    assert abs(spent - Decimal("0.5")) < Decimal("0.02")

    desk.keeper.stop("dev")
    desk.pass_by(HOUR)
    desk.keeper.start("dev")
    desk.cloud.ec2.prices[A] = Decimal(9)
    report = desk.keeper.show("dev")
    assert report.spent_usd is None
    assert any("does not know when" in told for told in report.warnings)


def test_an_extension_is_the_last_word_on_a_budget(desk: Desk) -> None:
    launched_for(desk, "0.50")
    found = desk.keeper.extend("dev", HOUR)
    assert any("no more" in told for told in found.report.warnings)
    assert found.report.machine.tags[TAG_BUDGET] == "none"
    desk.cloud.ec2.prices[A] = Decimal(50)
    assert desk.keeper.show("dev").machine.deadline == found.report.machine.deadline


def test_a_box_whose_budget_is_spent_is_not_started(desk: Desk) -> None:
    launched_for(desk, "0.50", guard=None)
    desk.pass_by(9 * HOUR + 59 * MINUTE)
    desk.keeper.stop("dev")
    with pytest.raises(Refused, match="used up"):
        desk.keeper.start("dev")
    desk.keeper.extend("dev", HOUR)
    desk.keeper.start("dev")
