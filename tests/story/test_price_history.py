"""`spot prices --days`: what every zone did cost, and what a maximum price would have done."""

import csv
import re
from datetime import timedelta
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.story.conftest import Spot

TYPE = "g5.xlarge"
BUSY = f"{TYPE}@us-east-1a"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1f")
EAST = ("--region", "us-east-1")
JSON = ("--output", "json")


@pytest.fixture
def past(home: object, sandbox: Sandbox) -> None:
    """Two days in which one pool costs 0.42, six hours of 0.60, and 0.30."""
    sandbox.control.advance(timedelta(hours=1))
    for usd, hours in (("0.42", 20), ("0.60", 6), ("0.30", 22)):
        sandbox.control.price(BUSY, usd)
        sandbox.control.advance(timedelta(hours=hours))


def of_ec2(sandbox: Sandbox, days: int) -> dict[str, list[tuple[str, float]]]:
    """The same history as plain boto3 tells it, oldest first, by zone."""
    pages = (
        sandbox.client("ec2")
        .get_paginator("describe_spot_price_history")
        .paginate(
            InstanceTypes=[TYPE],
            ProductDescriptions=["Linux/UNIX"],
            StartTime=sandbox.control.now() - timedelta(days=days),
        )
    )
    found: dict[str, list[tuple[str, float]]] = {}
    for page in pages:
        for row in page["SpotPriceHistory"]:
            at = f"{row['Timestamp']:%Y-%m-%dT%H:%M:%SZ}"
            found.setdefault(row["AvailabilityZone"], []).append((at, float(row["SpotPrice"])))
    return {zone: sorted(rows) for zone, rows in found.items()}


def by_zone(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item["zone"]: item for item in items}


def test_the_series_of_every_zone_is_ec2s(spot: Spot, sandbox: Sandbox, past: None) -> None:
    answer = spot("prices", TYPE, *EAST, "--days", "30", *JSON)

    assert answer.code == 0, answer.err
    assert answer.document["kind"] == "price-history"
    found, expected = by_zone(answer.items), of_ec2(sandbox, 30)
    assert set(found) == set(expected) == set(ZONES)
    for zone, item in found.items():
        assert [usd for _, usd in item["series"]] == [usd for _, usd in expected[zone]]
        assert [at for at, _ in item["series"]][1:] == [at for at, _ in expected[zone]][1:]
        assert item["rows"] == len(expected[zone])
        assert item["zone_id"].startswith("use1-az")


def test_the_figures_are_those_of_the_series(spot: Spot, past: None) -> None:
    answer = spot("prices", TYPE, *EAST, "--days", "30", *JSON)

    for item in answer.items:
        prices = [usd for _, usd in item["series"]]
        assert item["min_usd_per_hour"] == min(prices)
        assert item["max_usd_per_hour"] == max(prices)
        assert item["spot_usd_per_hour"] == prices[-1]
        assert item["changes"] == sum(one != two for one, two in pairwise(prices))
        assert item["min_usd_per_hour"] <= item["median_usd_per_hour"] <= max(prices)
        share = 100 * item["spot_usd_per_hour"] / item["on_demand_usd_per_hour"]
        assert item["percent_of_on_demand"] == pytest.approx(share, abs=0.01)


def test_a_maximum_price_is_tried_on_the_past(spot: Spot, past: None) -> None:
    answer = spot("prices", TYPE, *EAST, "--days", "2", "--max-price", "0.50", *JSON)

    busy = by_zone(answer.items)["us-east-1a"]
    assert busy["max_price_usd_per_hour"] == 0.5
    assert busy["outbid_percent"] == pytest.approx(100 * 6 / 48, abs=0.1)
    assert busy["outbid_times"] == 1
    assert busy["first_outbid_after_seconds"] == pytest.approx(20 * 3600, abs=120)
    others = [item for item in answer.items if item["zone"] != "us-east-1a"]
    assert {item["outbid_percent"] for item in others} == {0}


def test_a_person_reads_it_at_80_columns(
    spot: Spot, past: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    answer = spot("prices", TYPE, *EAST, "--days", "2", "--max-price", "0.50")

    lines = answer.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "2 days to" in lines[0]
    assert f"{TYPE} in us-east-1, On-Demand $" in answer.out
    [busy] = [line for line in lines if line.startswith("us-east-1a ")]
    assert {"▁", "█"} <= set(busy)
    assert busy.split()[2:6] == ["0.3000", "0.3000", "0.4200", "0.6000"]
    told = r"us-east-1a would have been outbid 12.5 % of 2 days, first after (20h|19h 59m)"
    assert re.search(told, answer.out)
    assert "set none" in answer.out
    assert "more frequent" in " ".join(answer.out.split())


def test_without_a_maximum_price_the_highest_price_is_named(spot: Spot, past: None) -> None:
    answer = spot("prices", TYPE, *EAST, "--days", "2")

    said = " ".join(answer.out.split())
    assert "At most $0.6000/h, " in said
    assert "% of On-Demand. No maximum price is needed" in said


def test_a_maximum_price_alone_looks_at_all_that_ec2_remembers(spot: Spot) -> None:
    answer = spot("prices", TYPE, *EAST, "--max-price", "od")

    assert answer.code == 0, answer.err
    assert "90 days to" in answer.out
    assert "maximum price of od, $" in answer.out


def test_a_row_of_csv_per_change(spot: Spot, sandbox: Sandbox, past: None) -> None:
    answer = spot("prices", TYPE, *EAST, "--days", "30", "--output", "csv")

    rows = list(csv.DictReader(StringIO(answer.out)))
    expected = of_ec2(sandbox, 30)
    assert len(rows) == sum(map(len, expected.values()))
    assert {row["zone"] for row in rows} == set(ZONES)
    assert {row["platform"] for row in rows} == {"Linux/UNIX"}


def test_several_types_and_regions_each_have_a_block(spot: Spot) -> None:
    answer = spot("prices", TYPE, "c5.xlarge", *EAST, "--region", "eu-west-1", "--days", "7")

    heads = [line for line in answer.out.splitlines() if ", On-Demand $" in line]
    assert [head.partition(",")[0] for head in heads] == [
        "c5.xlarge in eu-west-1",
        "c5.xlarge in us-east-1",
        "g5.xlarge in eu-west-1",
        "g5.xlarge in us-east-1",
    ]


@pytest.mark.soak
def test_a_pattern_stands_for_its_types(spot: Spot) -> None:
    answer = spot("prices", "g5.[x2]*", *EAST, "--days", "3", *JSON)

    assert {"g5.xlarge", "g5.2xlarge"} <= {item["instance_type"] for item in answer.items}


def test_one_question_per_region_whatever_the_types_and_zones(
    spot: Spot, sandbox: Sandbox
) -> None:
    before = len(sandbox.control.calls())

    spot("prices", TYPE, "c5.xlarge", "m5.large", *EAST, "--days", "2", *JSON)

    calls = [name for name, _ in sandbox.control.calls()[before:]]
    assert calls.count("DescribeSpotPriceHistory") == 1


def test_a_region_that_fails_is_named(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.control.fail(
        "DescribeSpotPriceHistory",
        "UnauthorizedOperation",
        region="us-east-1",
        http_status=403,
        times=2,
    )

    answer = spot("prices", TYPE, *EAST, "--region", "eu-west-1", "--days", "2", *JSON)

    assert {item["region"] for item in answer.items} == {"eu-west-1"}
    assert any(warning.startswith("us-east-1") for warning in answer.document["warnings"])


def test_a_type_that_does_not_exist_is_named_with_the_nearest(spot: Spot) -> None:
    answer = spot("prices", "g5.xlagre", *EAST, "--days", "2")

    assert answer.code == 2
    assert "Did you mean g5.xlarge?" in answer.err


def test_a_type_that_a_region_does_not_offer(spot: Spot) -> None:
    answer = spot("prices", "p5e.48xlarge", TYPE, "--region", "eu-west-1", "--days", "2", *JSON)

    assert answer.code == 0, answer.err
    assert any("p5e.48xlarge@eu-west-1" in told for told in answer.document["warnings"])


@pytest.mark.parametrize("days", ["0", "91", "-1", "abc", "1.5", ""])
def test_days_that_cannot_be(spot: Spot, days: str) -> None:
    answer = spot("prices", TYPE, *EAST, "--days", days)

    assert answer.code == 2
    assert "--days" in answer.err
    assert not answer.out


@pytest.mark.parametrize("price", ["cheap", "0", "-1", "nan", "spot+5", "0.0001"])
def test_a_maximum_price_that_cannot_be(spot: Spot, price: str) -> None:
    answer = spot("prices", TYPE, *EAST, f"--max-price={price}")

    assert answer.code == 2
    assert "--max-price" in answer.err


def test_no_type_at_all(spot: Spot) -> None:
    answer = spot("prices", *EAST)

    assert answer.code == 2
    assert "--from" in answer.err


def test_every_zone_of_the_comparison(spot: Spot) -> None:
    answer = spot("prices", TYPE, "c5.xlarge", *EAST, "--zones", *JSON)

    rows = [(item["instance_type"], item["spot_usd_per_hour"]) for item in answer.items]
    assert [name for name, _ in rows] == sorted((name for name, _ in rows), reverse=True)
    here = [usd for name, usd in rows if name == TYPE]
    assert len(here) == len(ZONES)
    assert here == sorted(here)
