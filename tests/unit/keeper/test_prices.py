"""Histories out of the feeds: what is whole, what is missing, and what is no price."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.fakes import geography
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import edges, home_with_key
from tests.fakes.market import FakeFeeds

from spotkeeper.errors import BadInput, Interrupted, NoOffers, Unreachable
from spotkeeper.keeper.find import Find
from spotkeeper.keeper.prices import Prices
from spotkeeper.market.feeds import Progress
from spotkeeper.market.market import Market
from spotkeeper.market.series import summary
from spotkeeper.model.pool import LINUX
from spotkeeper.model.price_table import PriceTable, RawPrice

HERE, THERE = "us-east-1", "eu-west-1"
TYPE = "g5.xlarge"


class Past(FakeFeeds):
    """Feeds whose history is what the test says."""

    def __init__(self, cloud: FakeCloud, *tables: PriceTable) -> None:
        super().__init__(cloud)
        self.tables = tables

    def histories(
        self,
        regions: Sequence[str],
        globs: Sequence[str],
        since: datetime,
        told: Progress | None = None,
    ) -> Sequence[PriceTable]:
        return self.tables


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud()


def prices(cloud: FakeCloud, home: Path, *tables: PriceTable) -> Prices:
    feeds = Past(cloud, *tables)
    market = Market(catalog=feeds, prices=feeds, on_demand=feeds, now=cloud.clock.now)
    around = replace(edges(cloud, home=home_with_key(home)), market=market)
    return Prices(around, Find(around))


def row(cloud: FakeCloud, usd: str, *, days_ago: float, zone: str = "us-east-1a") -> RawPrice:
    at = cloud.clock.now() - timedelta(days=days_ago)
    return RawPrice(TYPE, LINUX, usd, at.isoformat(), zone, "use1-az1")


def table(cloud: FakeCloud, region: str, *rows: RawPrice, broken: bool = False) -> PriceTable:
    problem = Unreachable(f"{region} fell silent", region=region) if broken else None
    return PriceTable(region, rows, cloud.clock.now(), problem)


def test_the_price_in_effect_at_the_beginning_counts_from_there(
    cloud: FakeCloud, tmp_path: Path
) -> None:
    rows = [row(cloud, "0.5", days_ago=1), row(cloud, "0.4", days_ago=60)]

    found = prices(cloud, tmp_path, table(cloud, HERE, *rows)).history([TYPE], [HERE], days=10)

    [history] = found.pools
    assert history.series.span == timedelta(days=10)
    assert summary(history.series).median == Decimal("0.4")
    assert history.on_demand_usd_per_hour == geography.ON_DEMAND[TYPE]
    assert (found.end - found.begin, found.rows) == (timedelta(days=10), 2)


def test_half_of_a_regions_history_is_named_and_not_shown(
    cloud: FakeCloud, tmp_path: Path
) -> None:
    tables = (
        table(cloud, HERE, row(cloud, "0.4", days_ago=1)),
        table(cloud, THERE, row(cloud, "0.1", days_ago=1, zone="eu-west-1a"), broken=True),
    )

    found = prices(cloud, tmp_path, *tables).history([TYPE], [HERE, THERE], days=10)

    assert {each.pool.region for each in found.pools} == {HERE}
    assert f"{THERE}: {THERE} fell silent" in found.warnings


@pytest.mark.parametrize("usd", ["NaN", "-0.4", "0", "", "\x1b[2J", "inf"])
def test_what_is_no_price_is_told_and_left_out(cloud: FakeCloud, tmp_path: Path, usd: str) -> None:
    rows = [row(cloud, "0.4", days_ago=3), row(cloud, usd, days_ago=2)]

    found = prices(cloud, tmp_path, table(cloud, HERE, *rows)).history([TYPE], [HERE], days=10)

    assert list(found.pools[0].series.usd_per_hour) == [0.4]
    assert f"{HERE}: 1 prices could not be read" in found.warnings


def test_a_region_where_all_fails_is_an_error(cloud: FakeCloud, tmp_path: Path) -> None:
    broken = table(cloud, HERE, row(cloud, "0.4", days_ago=1), broken=True)

    with pytest.raises(Unreachable, match="fell silent"):
        prices(cloud, tmp_path, broken).history([TYPE], [HERE], days=10)


def test_nothing_on_sale(cloud: FakeCloud, tmp_path: Path) -> None:
    with pytest.raises(NoOffers):
        prices(cloud, tmp_path, table(cloud, HERE)).history([TYPE], [HERE], days=10)


def test_a_name_that_is_no_type(cloud: FakeCloud, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no\.such"):
        prices(cloud, tmp_path, table(cloud, HERE)).history(["no.such"], [HERE], days=10)


@pytest.mark.parametrize("whole", [True, False])
def test_ctrl_c_leaves_the_regions_that_had_answered(
    cloud: FakeCloud,
    tmp_path: Path,
    whole: bool,  # noqa: FBT001
) -> None:
    stopped = replace(
        table(cloud, THERE, row(cloud, "0.4", days_ago=3, zone="eu-west-1a")),
        problem=Interrupted(f"interrupted before {THERE} had answered"),
    )
    if not whole:
        with pytest.raises(Interrupted) as caught:
            prices(cloud, tmp_path, stopped).history([TYPE], [THERE], days=9)
        assert THERE in caught.value.message
        return
    answered = table(cloud, HERE, row(cloud, "0.4", days_ago=3))
    found = prices(cloud, tmp_path, answered, stopped).history([TYPE], [HERE, THERE], days=9)
    assert found.interrupted
    assert [pool.pool.region for pool in found.pools] == [HERE]
    assert found.warnings == (f"{THERE}: interrupted before {THERE} had answered",)
