"""Prices and types as AWS sends them, whole and broken."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from tests.unit.aws.recorder import Answer, NoMemory, RecordingSession, listed_product

from spotkeeper.aws.feeds import MAX_FILTER_VALUES, Ec2Catalog, Ec2Prices
from spotkeeper.aws.price_list import FEW_TYPES, PriceList
from spotkeeper.aws.session import AwsSession
from spotkeeper.errors import BadInput
from spotkeeper.store.cache import Cache

G5 = {
    "InstanceType": "g5.xlarge",
    "VCpuInfo": {"DefaultVCpus": 4},
    "MemoryInfo": {"SizeInMiB": 16384},
}
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
REGION = "us-east-1"


def product(name: str, *prices: str, unit: str = "Hrs") -> str:
    return listed_product({"instanceType": name}, *prices, unit=unit)


def price_list(*products: str) -> tuple[PriceList, RecordingSession]:
    session = RecordingSession(GetProducts=[{"PriceList": list(products)}])
    return PriceList(cast("AwsSession", session), NoMemory(), lambda: NOW), session


def test_the_hourly_price_of_a_type() -> None:
    feed, _ = price_list(product("g5.xlarge", "1.0060000000"))
    assert feed.on_demand_prices(REGION, {"g5.xlarge"}).value == {"g5.xlarge": Decimal("1.006")}


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "not JSON",
        "{",
        "[]",
        "null",
        "3",
        '"text"',
        "{}",
        '{"product": {}}',
        '{"product": {"attributes": {"instanceType": "m5.large"}}}',
        '{"product": {"attributes": {"instanceType": "m5.large"}}, "terms": {"OnDemand": []}}',
        product("m5.large", "cheap"),
        product("m5.large", "0.0000000000"),
        product("m5.large", "-1"),
        product("m5.large", "NaN"),
        product("m5.large", "sNaN"),
        product("m5.large", "Infinity"),
        product("m5.large", "0.096", unit="Quantity"),
        product("m5.large"),
    ],
)
def test_a_broken_product_is_passed_over_and_the_others_are_read(broken: str) -> None:
    feed, _ = price_list(broken, product("g5.xlarge", "1.006"))
    prices = feed.on_demand_prices(REGION, {"g5.xlarge", "m5.large"}).value
    assert prices == {"g5.xlarge": Decimal("1.006")}


class Day:
    """A day on which a feed is asked, with a cache that lasts."""

    def __init__(self, tmp_path: Path, **answers: list[Answer]) -> None:
        self.now = NOW
        self.session = RecordingSession(**answers)
        self.cache = Cache(tmp_path, lambda: self.now)

    @property
    def price_list(self) -> PriceList:
        return PriceList(cast("AwsSession", self.session), self.cache, lambda: self.now)

    @property
    def catalog(self) -> Ec2Catalog:
        return Ec2Catalog(cast("AwsSession", self.session), self.cache, lambda: self.now)


def test_a_remembered_price_keeps_its_own_age_when_others_join_it(tmp_path: Path) -> None:
    told = [{"PriceList": [product(name, "1")]} for name in ("a.1", "c.1", "a.1")]
    day = Day(tmp_path, GetProducts=[*told])
    assert day.price_list.on_demand_prices(REGION, {"a.1"}).as_of == NOW
    day.now += timedelta(hours=20)
    assert day.price_list.on_demand_prices(REGION, {"a.1", "c.1"}).as_of == NOW
    assert len(day.session.bodies("GetProducts")) == 2
    day.now += timedelta(hours=5)
    again = day.price_list.on_demand_prices(REGION, {"a.1"})
    assert again.as_of == day.now
    assert len(day.session.bodies("GetProducts")) == 3


def test_remembered_types_keep_their_age(tmp_path: Path) -> None:
    day = Day(tmp_path, DescribeInstanceTypes=[{"InstanceTypes": [G5]}])
    assert day.catalog.instance_types(REGION, ["g5.*"]).as_of == NOW
    day.now += timedelta(days=6)
    assert day.catalog.instance_types(REGION, ["g5.*"]).as_of == NOW
    day.now += timedelta(days=2)
    assert day.catalog.instance_types(REGION, ["g5.*"]).as_of == day.now


def test_zero_beside_a_price_is_ignored() -> None:
    feed, _ = price_list(product("g5.xlarge", "0.0000000000", "1.006"))
    assert feed.on_demand_prices(REGION, {"g5.xlarge"}).value["g5.xlarge"] == Decimal("1.006")


def test_a_type_without_a_price_is_left_out() -> None:
    feed, _ = price_list()
    assert feed.on_demand_prices(REGION, {"g5.xlarge"}).value == {}


def test_few_types_are_asked_one_by_one_and_many_at_once() -> None:
    feed, session = price_list()
    feed.on_demand_prices(REGION, {"a.1", "a.2"})
    assert len(session.bodies("GetProducts")) == 2
    session.calls.clear()
    feed.on_demand_prices(REGION, {f"a.{number}" for number in range(FEW_TYPES + 1)})
    [body] = session.bodies("GetProducts")
    assert "instanceType" not in {each["Field"] for each in body["Filters"]}


def test_linux_shared_and_used_is_what_is_compared() -> None:
    feed, session = price_list()
    feed.on_demand_prices(REGION, {"g5.xlarge"})
    [body] = session.bodies("GetProducts")
    asked = {each["Field"]: each["Value"] for each in body["Filters"]}
    assert asked["operatingSystem"] == "Linux"
    assert asked["tenancy"] == "Shared"
    assert asked["preInstalledSw"] == "NA"
    assert asked["capacitystatus"] == "Used"
    assert asked["regionCode"] == REGION


def row(usd: str, zone: str = "us-east-1a", *, ago: int = 0, name: str = "g5.xlarge") -> Any:
    """A row of the price history."""
    return {
        "AvailabilityZone": zone,
        "InstanceType": name,
        "ProductDescription": "Linux/UNIX",
        "SpotPrice": usd,
        "Timestamp": NOW - timedelta(minutes=ago),
    }


class Forgetful:
    """Remembers nothing."""

    def get(self, kind: str, key: str, *, younger_than: timedelta) -> Any | None:
        return None

    def put(self, kind: str, key: str, document: Any) -> None:
        pass

    def drop(self, kind: str, key: str) -> None:
        pass


def spot_prices(*rows: Any) -> tuple[Ec2Prices, RecordingSession]:
    answers: list[Answer] = [{"SpotPriceHistory": list(rows)}]
    session = RecordingSession(DescribeSpotPriceHistory=answers)
    return Ec2Prices(cast("AwsSession", session), Forgetful(), lambda: NOW), session


@pytest.mark.parametrize("newest_first", [True, False])
def test_the_newest_price_of_a_pool_counts(newest_first: bool) -> None:  # noqa: FBT001
    rows = [row("0.9", ago=5), row("0.10", ago=9), row("0.5", "us-east-1b", ago=1)]
    feed, _ = spot_prices(*(rows if newest_first else reversed(rows)))
    found = {str(p.pool): p.usd_per_hour for p in feed.current_prices(REGION, {"g5.xlarge"})}
    assert found == {
        "g5.xlarge@us-east-1a": Decimal("0.9"),
        "g5.xlarge@us-east-1b": Decimal("0.5"),
    }


def test_types_that_were_not_asked_for_are_left_out() -> None:
    feed, session = spot_prices(row("0.9"), row("0.1", name="m5.large"))
    many = {f"a.{number}" for number in range(MAX_FILTER_VALUES)} | {"g5.xlarge"}
    assert [p.pool.instance_type for p in feed.current_prices(REGION, many)] == ["g5.xlarge"]
    assert "InstanceTypes" not in session.bodies("DescribeSpotPriceHistory")[0]


def test_the_current_price_is_asked_from_now_on() -> None:
    feed, session = spot_prices(row("0.9"))
    feed.current_prices(REGION, {"g5.xlarge"})
    [body] = session.bodies("DescribeSpotPriceHistory")
    assert body["StartTime"] == NOW
    assert body["ProductDescriptions"] == ["Linux/UNIX"]
    assert body["InstanceTypes"] == ["g5.xlarge"]


def test_a_history_is_oldest_first() -> None:
    feed, _ = spot_prices(row("0.3", ago=1), row("0.1", ago=90), row("0.2", ago=30))
    since = NOW - timedelta(hours=1)
    history = feed.price_history(REGION, "g5.xlarge", "us-east-1a", since)
    assert [price.usd_per_hour for price in history] == [Decimal(t) for t in ("0.1", "0.2", "0.3")]


def test_a_name_that_no_type_has_is_told_with_the_nearest() -> None:
    session = RecordingSession(DescribeInstanceTypes=[{"InstanceTypes": []}])
    feed = Ec2Catalog(cast("AwsSession", session), NoMemory(), lambda: NOW)
    with pytest.raises(BadInput) as caught:
        feed.instance_types(REGION, ["g5.xlrage"])
    assert "g5.xlarge" in caught.value.next_step
    assert feed.instance_types(REGION, ["g5.xlarge", "q*"]).value == []


def catalog(*answers: Answer) -> Ec2Catalog:
    session = RecordingSession(DescribeInstanceTypes=list(answers))
    return Ec2Catalog(cast("AwsSession", session), NoMemory(), lambda: NOW)


def test_a_type_that_ec2_does_not_describe_hides_no_other() -> None:
    found = catalog({"InstanceTypes": [G5]}).hardware({REGION: ["g5.xlarge", "g5z.xlarge"]})
    assert set(found.value) == {"g5.xlarge"}
    assert found.problem is None


def test_a_region_that_refuses_leaves_out_the_types_that_it_alone_sells() -> None:
    feed = catalog(refused := BadInput("denied"), {"InstanceTypes": [G5]})
    found = feed.hardware({"eu-west-1": ["g5.xlarge", "z1.large"], REGION: ["g5.xlarge"]})
    assert set(found.value) == {"g5.xlarge"}
    assert found.problem is refused
    nothing = catalog(refused).hardware({REGION: ["g5.xlarge"]})
    assert (nothing.value, nothing.problem) == ({}, refused)


@pytest.mark.world("situations, in the verbs", by="users' reports")
@pytest.mark.parametrize(
    ("region", "currency"), [("cn-north-1", "yuan"), ("eusc-de-east-1", "euros")]
)
def test_prices_in_other_money_are_not_taken_for_dollars(region: str, currency: str) -> None:
    feed, session = spot_prices(row("3.71"))
    (table,) = feed.scan([region], ["g5.xlarge"])
    assert currency in str(table.problem)
    assert feed.current_prices(region, {"g5.xlarge"}) == ()
    assert session.calls == []


@pytest.mark.world("situations, in the verbs", by="users' reports")
@pytest.mark.parametrize("part", ["SpotPrice", "AvailabilityZone", "InstanceType", "Timestamp"])
def test_a_price_row_that_lacks_a_part_hides_no_other(part: str) -> None:
    odd = {name: value for name, value in row("0.9", "us-east-1b").items() if name != part}
    for wrong in (odd, row("NaN"), row("0"), row("-0.1"), row("dear")):
        feed, session = spot_prices(wrong, row("0.10"))
        [price] = feed.current_prices(REGION, {"g5.xlarge"})
        assert price.usd_per_hour == Decimal("0.10")
        session.answers["DescribeSpotPriceHistory"] = [{"SpotPriceHistory": [wrong, row("0.10")]}]
        assert list(feed.price_history(REGION, "g5.xlarge", "us-east-1a", NOW)) == [price]


def test_a_type_that_is_described_in_part_only_hides_no_other() -> None:
    half = {"InstanceType": "z1.large", "VCpuInfo": {"DefaultVCpus": 2}}
    found = catalog({"InstanceTypes": [half, G5]}).hardware({REGION: ["g5.xlarge", "z1.large"]})
    assert set(found.value) == {"g5.xlarge"}
