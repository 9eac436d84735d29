"""`spot prices`: the article's table, to the second digit."""

import csv
from io import StringIO

import pytest
from tests.conftest import Sandbox
from tests.story.conftest import Spot

# Type, On-Demand and Spot in dollars per hour, % saved: as the article has them.
ARTICLE = [
    ("m4.2xlarge", 0.444, 0.1375, 69.03),
    ("c4.2xlarge", 0.478, 0.128, 73.22),
    ("g3.4xlarge", 1.21, 0.3726, 69.21),
    ("g3.8xlarge", 2.42, 0.726, 70.00),
    ("p2.xlarge", 0.972, 0.2916, 70.00),
    ("p3.2xlarge", 3.305, 0.9915, 70.00),
]
TYPES = [row[0] for row in ARTICLE]
FIELDS = ("instance_type", "on_demand_usd_per_hour", "spot_usd_per_hour", "saving_percent")


@pytest.fixture(autouse=True)
def article(sandbox: Sandbox) -> None:
    """The article's day."""
    sandbox.reset(scenario="article")


def test_the_articles_table(spot: Spot, sandbox: Sandbox) -> None:
    answer = spot("prices", *TYPES, "--region", "eu-west-1", "--output", "json")

    assert answer.code == 0, answer.err
    assert [tuple(row[field] for field in FIELDS) for row in answer.items] == ARTICLE
    zones = sandbox.client("ec2", "eu-west-1").describe_availability_zones()["AvailabilityZones"]
    ids = {zone["ZoneName"]: zone["ZoneId"] for zone in zones}
    assert all(row["zone_id"] == ids[row["zone"]] for row in answer.items)
    assert answer.items[0]["zone"] == "eu-west-1b"


def test_the_articles_table_as_people_read_it(spot: Spot) -> None:
    answer = spot("prices", *TYPES, "--region", "eu-west-1")

    rows = {line.split()[0]: line.split() for line in answer.out.splitlines() if "." in line}
    assert [rows[name][-1] for name in TYPES] == [f"{row[3]:.2f}" for row in ARTICLE]
    assert rows["p3.2xlarge"][1:] == ["eu-west-1", "3.3050", "0.9915", "eu-west-1b", "70.00"]
    assert "simulated" in answer.err


def test_the_cheapest_zone_of_each_region_in_the_order_asked(spot: Spot) -> None:
    regions = ("--region", "eu-west-1", "--region", "us-east-1")

    answer = spot("prices", "p3.2xlarge", "c4.2xlarge", *regions, "--output", "csv")

    rows = list(csv.DictReader(StringIO(answer.out)))
    assert [row["instance_type"] for row in rows] == ["p3.2xlarge"] * 2 + ["c4.2xlarge"] * 2
    assert {row["region"] for row in rows} == {"eu-west-1", "us-east-1"}
    for row in rows:
        assert row["zone"].startswith(row["region"])
        assert float(row["spot_usd_per_hour"]) < float(row["on_demand_usd_per_hour"])


def test_a_region_that_fails_is_named(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.control.fail(
        "DescribeSpotPriceHistory",
        "UnauthorizedOperation",
        region="us-east-1",
        http_status=403,
        times=2,
    )
    regions = ("--region", "eu-west-1", "--region", "us-east-1")

    answer = spot("prices", "c4.2xlarge", *regions, "--output", "json")

    assert [row["region"] for row in answer.items] == ["eu-west-1"]
    assert any(warning.startswith("us-east-1") for warning in answer.document["warnings"])


@pytest.mark.soak
def test_a_type_that_a_region_does_not_offer_is_told(spot: Spot) -> None:
    regions = ("--region", "us-east-1", "--region", "eu-west-1")

    answer = spot("prices", "c8gb.large", "c8g.large", *regions, "--output", "json")

    assert answer.code == 0
    assert {(row["instance_type"], row["region"]) for row in answer.items} == {
        ("c8gb.large", "us-east-1"),
        ("c8g.large", "eu-west-1"),
        ("c8g.large", "us-east-1"),
    }
    [told] = [warning for warning in answer.document["warnings"] if "c8gb.large" in warning]
    assert "eu-west-1" in told
