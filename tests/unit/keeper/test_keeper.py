"""The façade over fakes: whole verbs, no sockets."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes import geography, orders
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import home_with_key, keeper
from tests.fakes.journal import MemoryJournal
from tests.fakes.talk import FakeReach
from tests.fakes.threads import without_threads

from spotkeeper.errors import (
    BadInput,
    NameTaken,
    NoCapacity,
    NoConnection,
    NoOffers,
    NotFound,
    PermissionDenied,
    QuotaReached,
    Refused,
    RegionNotEnabled,
    SpotkeeperError,
    Throttled,
    Unreachable,
)
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.keeper.results import MachineReport
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.plan import Plan
from spotkeeper.lifecycle.ports import Observation
from spotkeeper.model.journal_entry import Settled
from spotkeeper.model.launch import LaunchToken
from spotkeeper.model.machine import InstanceState
from spotkeeper.model.need import Need
from spotkeeper.model.resource import TaggedResource
from spotkeeper.model.tags import TAG_OWNER

REGION = geography.REGION
CHANGING = {"run", "create_group", "import_key", "open_ssh", "retag", "terminate", "cancel"}


class Desk:
    """Somebody at a computer."""

    def __init__(self, home: Path, cloud: FakeCloud | None = None) -> None:
        self.cloud = cloud or FakeCloud()
        self.journal = MemoryJournal()
        self.home = home

    @property
    def keeper(self) -> Keeper:
        """A fresh process."""
        return keeper(self.cloud, home=self.home, journal=self.journal)

    def plan(self, name: str = "dev", **need: object) -> Plan:
        wanted = Need(**{"types": ("g5.xlarge",), **need})  # type: ignore[arg-type]
        return self.keeper.plan(LaunchRequest(name, wanted))

    def up(self, name: str = "dev", **need: object) -> MachineReport:
        return self.keeper.up(self.plan(name, **need))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(home_with_key(tmp_path))


def test_the_cheapest_pool_is_found_first(desk: Desk) -> None:
    ranking = desk.keeper.find(Need(types=("g5.*", "m5.*")))
    prices = [offer.spot_usd_per_hour for offer in ranking.offers]
    assert prices == sorted(prices)
    assert str(ranking.offers[0].pool) == f"m5.large@{REGION}a"


def test_any_region_is_searched_on_request(desk: Desk) -> None:
    ranking = desk.keeper.find(Need(types=("g5.xlarge",), regions=("any",)))
    assert {offer.pool.region for offer in ranking.offers} == set(geography.ZONES)


def test_a_silent_region_is_named_and_the_others_answer(desk: Desk) -> None:
    desk.cloud.silent.add("eu-west-1")
    ranking = desk.keeper.find(Need(types=("g5.xlarge",), regions=("any",)))
    assert {offer.pool.region for offer in ranking.offers} == {REGION}
    assert any("eu-west-1" in warning for warning in ranking.warnings)
    desk.cloud.silent.add(REGION)
    with pytest.raises(Unreachable):
        desk.keeper.find(Need(types=("g5.xlarge",), regions=("any",)))


def test_a_region_that_does_not_exist_is_refused_with_the_nearest(desk: Desk) -> None:
    with pytest.raises(BadInput) as caught:
        desk.keeper.find(Need(regions=("us-east-7",)))
    assert "us-east-1" in caught.value.next_step


def test_up_gives_a_machine_that_answers_with_its_price_and_login(desk: Desk) -> None:
    report = desk.up()
    assert report.machine.state == InstanceState.RUNNING
    assert report.spot_usd_per_hour == geography.everyday_price(
        geography.pool(f"g5.xlarge@{REGION}a")
    )
    assert report.saving_percent is not None
    assert report.login is not None
    assert report.login.user == "ubuntu"
    assert report.login.identity is None or report.login.identity.name == "id_ed25519"


def test_a_plan_makes_nothing(desk: Desk) -> None:
    desk.plan()
    assert not CHANGING & set(desk.cloud.calls)
    assert desk.journal.names() == ()


def test_a_dry_run_asks_and_makes_nothing(desk: Desk) -> None:
    desk.keeper.dry_run(desk.plan())
    assert "ask" in desk.cloud.calls
    assert not CHANGING & set(desk.cloud.calls)
    assert desk.journal.names() == ()


def test_a_launch_that_fails_gives_everything_back(desk: Desk) -> None:
    for pool in geography.all_pools(REGION):
        desk.cloud.ec2.dry[pool] = None
    with pytest.raises(NoCapacity):
        desk.up()
    assert desk.cloud.ec2.leftovers() == []


def test_a_quota_stops_the_launch_and_gives_the_ground_back(desk: Desk) -> None:
    desk.cloud.ec2.quotas["L-3819A6DF"] = 0
    with pytest.raises(QuotaReached):
        desk.up()
    assert desk.cloud.calls.count("run") == 1
    assert desk.cloud.ec2.leftovers() == []


def test_a_need_that_nothing_meets_says_why(desk: Desk) -> None:
    with pytest.raises(NoOffers) as caught:
        desk.up(gpus=64)
    assert "fewer than 64 GPUs" in caught.value.message


def test_a_name_in_use_is_refused_before_the_question(desk: Desk) -> None:
    desk.up()
    with pytest.raises(NameTaken):
        desk.plan()


def test_machines_of_all_regions_are_listed_and_of_nobody_else(desk: Desk) -> None:
    desk.up("near")
    desk.up("far", regions=("eu-west-1",))
    order = orders.order(name="theirs")
    theirs = {**order.tags, TAG_OWNER: "somebody"}
    desk.cloud.run(replace(order, token=LaunchToken("theirs"), tags=theirs))
    names = [report.machine.name for report in desk.keeper.ls().reports]
    assert sorted(names) == ["far", "near"]


def test_a_region_that_does_not_answer_is_told_in_the_listing(desk: Desk) -> None:
    desk.up()
    desk.cloud.silent.add("eu-west-1")
    listing = desk.keeper.ls()
    assert [report.machine.name for report in listing.reports] == ["dev"]
    assert any("eu-west-1" in warning for warning in listing.warnings)


def test_down_ends_everything_and_says_what_it_cost(desk: Desk) -> None:
    desk.up()
    desk.cloud.clock.sleep(timedelta(hours=2))
    report = desk.keeper.down(("dev",))
    assert report.left == ()
    assert desk.cloud.ec2.leftovers() == []
    [cost] = report.costs
    assert timedelta(hours=2) <= cost.ran <= timedelta(hours=2, minutes=10)
    assert cost.spot_usd is not None
    assert cost.spot_usd > 0
    assert isinstance(desk.journal.read("dev")[-1], Settled)


def test_down_of_a_name_nobody_knows_is_not_found(desk: Desk) -> None:
    for name in ("dev", "../etc", "-x"):
        with pytest.raises(NotFound):
            desk.keeper.down((name,))


def test_a_region_that_does_not_answer_is_left_when_a_name_may_be_there(desk: Desk) -> None:
    desk.up()
    desk.cloud.silent.add("eu-west-1")
    report = desk.keeper.down(("dev",))
    assert {left.resource_id.region for left in report.left} == {"eu-west-1"}
    desk.cloud.silent.clear()
    assert desk.keeper.down(("dev",)).left == ()
    assert desk.cloud.ec2.leftovers() == []


def test_a_new_computer_with_the_same_login_finds_everything(desk: Desk) -> None:
    desk.up("one")
    desk.up("two", regions=("eu-west-1",))
    elsewhere = Desk(desk.home, desk.cloud)
    assert {report.machine.name for report in elsewhere.keeper.ls().reports} == {
        "one",
        "two",
    }
    assert elsewhere.keeper.down(everything=True).left == ()
    assert desk.cloud.ec2.leftovers() == []


def test_a_machine_is_stopped_started_and_shown(desk: Desk) -> None:
    desk.up()
    assert desk.keeper.stop("dev").machine.state == InstanceState.STOPPED
    with pytest.raises(Refused, match="cannot be reached now"):
        desk.keeper.ssh("dev")
    assert desk.keeper.start("dev").machine.state == InstanceState.RUNNING
    assert desk.keeper.ssh("dev").address.startswith("203.0.113.")


def test_two_commands_on_one_name_exclude_each_other(desk: Desk) -> None:
    desk.up()
    with desk.journal.lock("dev"), pytest.raises(SpotkeeperError):
        desk.keeper.down(("dev",))
    assert desk.keeper.show("dev").machine.state == InstanceState.RUNNING


def test_a_name_that_another_command_holds_is_left_and_the_others_end(desk: Desk) -> None:
    desk.up("one")
    desk.up("two")
    with desk.journal.lock("one"):
        [left] = desk.keeper.down(("one", "two")).left
    assert (left.resource_id.id, left.resource_id.region) == ("one", REGION)
    assert desk.keeper.show("one").machine.state == InstanceState.RUNNING
    assert desk.keeper.down(everything=True).left == ()
    assert desk.cloud.ec2.leftovers() == []


def test_a_machine_costs_what_it_ran_and_not_what_the_one_before_did(desk: Desk) -> None:
    ran = []
    for minutes in (3, 1):
        desk.up()
        desk.cloud.clock.sleep(timedelta(minutes=minutes))
        ran += [cost.ran for cost in desk.keeper.down(("dev",)).costs]
        assert desk.keeper.down(("dev",)).costs == ()  # told once
    first, second = ran
    assert second < timedelta(minutes=3) < first
    assert {each.life for each in desk.keeper.history("dev").chapters} == {2}


@pytest.mark.world("situations, in the verbs", by="users' reports")
def test_a_machine_that_runs_is_kept_and_said_when_its_login_is_late(tmp_path: Path) -> None:
    cloud = FakeCloud()
    journal, home = MemoryJournal(), home_with_key(tmp_path)
    late = keeper(cloud, home=home, journal=journal, reach=FakeReach(deaf=True))
    report = late.up(late.plan(LaunchRequest("dev", Need(types=("g5.xlarge",)))))
    assert report.machine.state == "running"
    [told] = [each for each in report.warnings if "nothing answers" in each]
    assert "is kept" in told
    assert "timer may not have begun" in told
    assert "after its deadline `spot sweep --apply`" in told
    assert keeper(cloud, home=home, journal=journal).down(("dev",)).left == ()
    assert cloud.ec2.leftovers() == []


def test_more_machines_need_no_more_looks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    without_threads(monkeypatch)

    def looks(*names: str) -> int:
        for name in names:
            desk.up(name, types=("m5.large",))
        before = desk.cloud.calls.count("observe")
        assert desk.keeper.down(names).left == ()
        return desk.cloud.calls.count("observe") - before

    one = looks("one")
    assert looks("two", "three", "four", "five") <= one + 2


def test_a_region_that_is_closed_does_not_fail_the_end_of_everything(desk: Desk) -> None:
    desk.up()
    listed = desk.cloud.tagged_resources

    def closed(region: str) -> object:
        if region == "eu-west-1":
            raise PermissionDenied("not here", region=region)
        return listed(region)

    desk.cloud.tagged_resources = closed  # type: ignore[method-assign,assignment]
    report = desk.keeper.down(everything=True)
    assert report.left == ()
    assert any("eu-west-1" in told for told in report.warnings)
    assert desk.cloud.ec2.leftovers() == []


#: Whatever keeps tags and requests from being listed.
HIDING = (PermissionDenied, Throttled, Unreachable, Refused, NotFound, RegionNotEnabled)


@pytest.mark.world("side calls that fail, in the verbs", by="every kind of error")
@pytest.mark.parametrize("kind", HIDING)
@pytest.mark.parametrize("hidden", ["tags", "requests"])
def test_what_cannot_be_listed_keeps_no_verb_from_its_machine(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, hidden: str, kind: type[SpotkeeperError]
) -> None:
    desk.up()
    cloud, problem = desk.cloud, kind(f"{hidden}: no", region=REGION)
    seen = cloud.observe

    def untold(_region: str) -> tuple[TaggedResource, ...]:
        raise problem

    def alone(region: str, owner: str, name: str | None = None) -> Observation:
        return replace(seen(region, owner, name), requests=(), problem=problem)

    cloud_of = {"tags": ("tagged_resources", untold), "requests": ("observe", alone)}
    monkeypatch.setattr(cloud, *cloud_of[hidden])
    keeper = desk.keeper
    [listed] = keeper.ls().reports
    shown, extended = keeper.show("dev"), keeper.extend("dev", "48h")
    assert (listed.machine.name, shown.machine.state) == ("dev", "running")
    assert extended.report.machine.deadline != shown.machine.deadline
    told = (keeper.ls().warnings, shown.warnings, extended.report.warnings)
    assert all(f"{hidden}: no" in str(each) for each in told)
    assert keeper.stop("dev").machine.state == "stopped"
    assert keeper.start("dev").machine.state == "running"
    monkeypatch.undo()
    assert keeper.show("dev").machine.deadline == extended.report.machine.deadline
    assert keeper.down(("dev",)).left == ()


@pytest.mark.parametrize("regions", [("any",), ("eu-west-1",)])
def test_a_region_without_a_connection_is_waited_for_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, regions: tuple[str, ...]
) -> None:
    desk.up()
    desk.cloud.silent = {"eu-west-1"}
    seen, asked = desk.cloud.observe, list[str]()

    def counted(region: str, *more: str) -> Observation:
        asked.append(region)
        return seen(region, *more)

    monkeypatch.setattr(desk.cloud, "observe", counted)
    if regions == ("any",):
        listing = desk.keeper.ls(regions)
        assert [each.machine.name for each in listing.reports] == ["dev"]
        assert "eu-west-1" in str(listing.warnings)
    else:
        with pytest.raises(NoConnection):
            desk.keeper.ls(regions)
    assert "eu-west-1" not in asked


@pytest.mark.parametrize("region", [REGION, "eu-west-1"])
def test_where_nothing_can_be_seen_nobody_says_that_there_is_no_machine(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    desk.up(regions=(region,))
    seen = desk.cloud.observe

    def unseen(where: str, *asked: str) -> Observation:
        if where == region:
            raise Throttled("Request limit exceeded.", region=where)
        return seen(where, *asked)

    monkeypatch.setattr(desk.cloud, "observe", unseen)
    with pytest.raises(Throttled):
        desk.keeper.ls()
    desk.cloud.silent = {region}
    assert any(region in told for told in desk.keeper.ls().warnings)
    with pytest.raises(NotFound, match=f"{region}: tagged_resources"):
        desk.keeper.show("dev")
