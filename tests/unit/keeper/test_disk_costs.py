"""What disks cost is told where they are; nothing fails where it is not known."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.fakes import geography
from tests.fakes.clock import FIRST_DAY
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import edges, home_with_key
from tests.fakes.journal import MemoryJournal
from tests.fakes.threads import without_threads

from spotkeeper.errors import PermissionDenied
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.plan import Plan
from spotkeeper.model.disk import Disk, DiskCost, cost_of_disks
from spotkeeper.model.need import Need
from spotkeeper.model.offer import Dated
from spotkeeper.model.resource import ResourceKind

HOUR = timedelta(hours=1)
WISH = LaunchRequest("dev", Need(types=("m5.large",)))
PRICES = geography.USD_PER_GIB_MONTH


class Prices:
    """The price list, which counts who asks, or refuses."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses
        self.asked: list[str] = []

    def storage_prices(self, region: str) -> Dated[Mapping[str, Decimal]]:
        self.asked.append(region)
        if self.refuses:
            raise PermissionDenied("You may not look at prices", region=region)
        return Dated(PRICES, FIRST_DAY)


class Stage:
    """A keeper over an account in memory and a price list."""

    def __init__(self, folder: Path, prices: Prices) -> None:
        self.cloud = FakeCloud()
        made = edges(self.cloud, home=home_with_key(folder), journal=MemoryJournal())
        self.keeper = Keeper(replace(made, storage=prices))
        self.plans: list[Plan] = []

    def up(self, launch_request: LaunchRequest = WISH) -> None:
        self.plans.append(self.keeper.plan(launch_request))
        self.keeper.up(self.plans[-1])

    def disk_usd_per_hour(self) -> Decimal | None:
        [found] = [
            each.resource.usd_per_hour
            for each in self.keeper.sweep().found
            if each.resource_id.kind == ResourceKind.VOLUME
        ]
        return found


@pytest.fixture(autouse=True)
def region_after_region(monkeypatch: pytest.MonkeyPatch) -> None:
    without_threads(monkeypatch)


def test_the_plan_has_the_disk_that_is_made_and_its_price(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Prices())
    stage.up(replace(WISH, disk_gib=250))
    [plan] = stage.plans
    assert plan.disk == Disk("gp3", 250)
    assert plan.disk_cost == DiskCost(Decimal(20))
    assert [each.size_gib for each in stage.cloud.ec2.disks.values()] == [250]


def test_an_image_that_needs_more_is_planned_with_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, Prices())
    resolved = stage.cloud.image
    monkeypatch.setattr(
        stage.cloud, "image", lambda *asked: replace(resolved(*asked), root_gib=140)
    )
    stage.up()
    assert stage.plans[0].disk == Disk("gp3", 140)


def test_only_of_a_stopped_machine_are_the_disks_asked_for(tmp_path: Path) -> None:
    prices = Prices()
    stage = Stage(tmp_path, prices)
    stage.up()
    prices.asked.clear()
    assert stage.keeper.show("dev").disks is None
    assert stage.keeper.ls().reports[0].disks is None
    assert prices.asked == []
    assert stage.keeper.stop("dev").disks == DiskCost(Decimal(8))
    assert prices.asked == [geography.REGION]


def test_costs_and_down_have_the_disk_for_as_long_as_it_existed(tmp_path: Path) -> None:
    """A box of 100 GB at $8.00 a month, two hours running and three stopped."""
    stage = Stage(tmp_path, Prices())
    stage.up()
    for hours, verb in ((2, "stop"), (3, "start"), (1, "stop"), (0, "show")):
        stage.cloud.clock.sleep(timedelta(hours=hours))
        getattr(stage.keeper, verb)("dev")
    [row] = stage.keeper.costs().rows
    ran, kept = (
        Decimal(length / HOUR) for length in (row.ran, stage.cloud.clock.now() - FIRST_DAY)
    )
    assert row.ran / HOUR == pytest.approx(3, rel=0.01)
    assert row.spot_usd == approx(ran * stage.plans[0].first.spot_usd_per_hour)
    assert row.disk_usd == approx(kept * 8 / 730)
    assert row.address_usd == approx(ran * Decimal("0.005"))
    parts = (row.spot_usd, row.disk_usd, row.address_usd)
    assert row.total_usd == sum(usd for usd in parts if usd is not None)
    [cost] = stage.keeper.down(["dev"]).costs
    assert cost.total_usd == approx(row.total_usd or Decimal(0))
    stage.cloud.clock.sleep(24 * HOUR)
    [later] = stage.keeper.costs().rows
    assert later.total_usd == approx(cost.total_usd or Decimal(0))


def approx(usd: Decimal) -> object:
    return pytest.approx(usd, rel=Decimal("0.01"))


def test_a_sweep_asks_once_for_each_region_with_a_disk(tmp_path: Path) -> None:
    prices = Prices()
    stage = Stage(tmp_path, prices)
    stage.keeper.sweep()
    assert prices.asked == []
    stage.up()
    prices.asked.clear()
    assert stage.disk_usd_per_hour() == DiskCost(Decimal(8)).usd_per_hour
    assert prices.asked == [geography.REGION]


def test_where_nobody_tells_prices_they_are_unknown_and_all_goes_on(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Prices(refuses=True))
    stage.up()
    assert stage.plans[0].disk_cost is None
    assert stage.disk_usd_per_hour() is None
    assert stage.keeper.stop("dev").disks is None


def test_disks_are_unknown_together_if_one_of_them_is() -> None:
    known, unknown = Disk("gp3", 50), Disk("gp9", 1)
    assert cost_of_disks([known, known], PRICES) == DiskCost(Decimal(8))
    assert cost_of_disks([known, unknown], PRICES) is None
    assert cost_of_disks([], PRICES) is None
