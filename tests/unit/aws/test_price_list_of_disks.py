"""Prices of disks as the Price List sends them, whole and broken."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from tests.unit.aws.recorder import Answer, NoMemory, RecordingSession, listed_product

from spotkeeper.aws.memory import AnswerMemory
from spotkeeper.aws.price_list import StoragePrices
from spotkeeper.aws.session import AwsSession
from spotkeeper.errors import PermissionDenied
from spotkeeper.store.cache import Cache

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
REGION = "eu-west-1"


def product(name: object, *prices: str, unit: str = "GB-Mo") -> str:
    return listed_product({"volumeApiName": name}, *prices, unit=unit)


def feed(session: RecordingSession, memory: AnswerMemory, now: datetime = NOW) -> StoragePrices:
    return StoragePrices(cast("AwsSession", session), memory, lambda: now)


def prices(*products: str) -> dict[str, Decimal]:
    session = RecordingSession(GetProducts=[{"PriceList": list(products)}])
    return dict(feed(session, NoMemory()).storage_prices(REGION).value)


def test_a_type_has_the_price_of_its_gib_and_month() -> None:
    found = prices(product("gp3", "0.0880000000"), product("st1", "0.05"))
    assert found == {"gp3": Decimal("0.088"), "st1": Decimal("0.05")}


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "not JSON",
        "[]",
        "{}",
        product(None, "0.08"),
        product(["gp3"], "0.08"),
        product("gp3"),
        product("gp3", "0"),
        product("gp3", "-1"),
        product("gp3", "NaN"),
        product("gp3", "1E+999999"),
        product("gp3", "much"),
        product("gp3", "0.08", unit="IOPS-Mo"),
        product("gp3", "0.08").replace("USD", "CNY"),
    ],
)
def test_what_is_no_price_is_left_out(broken: str) -> None:
    assert prices(broken, product("gp2", "0.1")) == {"gp2": Decimal("0.1")}


def test_a_type_with_two_prices_has_none_that_is_clear() -> None:
    assert prices(product("gp3", "0.08"), product("gp3", "0.09")) == {}
    assert prices(product("gp3", "0.08", "0.09")) == {}
    assert prices(product("gp3", "0.08"), product("gp3", "0.080")) == {"gp3": Decimal("0.08")}


def test_the_region_is_asked_for_its_own_disks_once_a_day_whatever_the_answer(
    tmp_path: Path,
) -> None:
    session = RecordingSession(GetProducts=[{"PriceList": []}])
    hours = [NOW, NOW + timedelta(hours=23), NOW + timedelta(hours=25)]
    ages = []
    for now in hours:
        cache = Cache(tmp_path, partial(datetime.fromtimestamp, now.timestamp(), UTC))
        ages.append(now - feed(session, cache, now).storage_prices(REGION).as_of)

    assert ages == [timedelta(0), timedelta(hours=23), timedelta(0)]
    asked, again = session.bodies("GetProducts")
    assert asked == again
    assert asked["ServiceCode"] == "AmazonEC2"
    assert {each["Field"]: each["Value"] for each in asked["Filters"]} == {
        "productFamily": "Storage",
        "locationType": "AWS Region",
        "regionCode": REGION,
    }


def test_a_refusal_is_not_remembered(tmp_path: Path) -> None:
    told: list[Answer] = [PermissionDenied("no"), {"PriceList": [product("gp3", "0.08")]}]
    session = RecordingSession(GetProducts=told)
    asked = feed(session, Cache(tmp_path, lambda: NOW))
    with pytest.raises(PermissionDenied):
        asked.storage_prices(REGION)
    assert asked.storage_prices(REGION).value == {"gp3": Decimal("0.08")}
