"""DescribeSpotPriceHistory over HTTP, as boto3 sees it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox

pytestmark = pytest.mark.sandbox


def rows(client: Any, **asked: Any) -> list[dict[str, Any]]:
    pages = client.get_paginator("describe_spot_price_history").paginate(**asked)
    return [row for page in pages for row in page["SpotPriceHistory"]]


def test_start_now_is_one_row_per_pool(sandbox: Sandbox) -> None:
    now = sandbox.control.now()
    found = rows(sandbox.client("ec2"), InstanceTypes=["g5.xlarge"], StartTime=now, EndTime=now)
    zones = [row["AvailabilityZone"] for row in found]
    assert len(zones) == len(set(zones)) >= 4
    for row in found:
        assert row["Timestamp"] <= now
        assert row["ProductDescription"] == "Linux/UNIX"
        assert row["AvailabilityZoneId"].startswith("use1-az")


def test_a_whole_region_comes_in_pages_of_a_thousand(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    now = sandbox.control.now()
    first = ec2.describe_spot_price_history(StartTime=now, EndTime=now)
    assert len(first["SpotPriceHistory"]) == 1_000
    assert first["NextToken"]
    found = rows(ec2, StartTime=now, EndTime=now)  # without an end, a change since is a row too
    pools = {(row["InstanceType"], row["AvailabilityZone"]) for row in found}
    assert len(pools) == len(found) > 5_000


def test_the_last_page_has_an_empty_token(sandbox: Sandbox) -> None:
    answer = sandbox.client("ec2").describe_spot_price_history(InstanceTypes=["m5.large"])
    while answer["NextToken"]:
        answer = sandbox.client("ec2").describe_spot_price_history(
            InstanceTypes=["m5.large"], NextToken=answer["NextToken"]
        )
    assert answer["NextToken"] == ""


def test_small_pages_give_the_same_rows(sandbox: Sandbox) -> None:
    ec2, now = sandbox.client("ec2"), sandbox.control.now()
    asked = {
        "InstanceTypes": ["g5.xlarge", "m5.large"],
        "StartTime": now - timedelta(days=3),
        "EndTime": now,
    }
    assert rows(ec2, **asked, PaginationConfig={"PageSize": 7}) == rows(ec2, **asked)


def test_a_range_has_its_changes_and_the_one_before(sandbox: Sandbox) -> None:
    now = sandbox.control.now()
    start = now - timedelta(days=2)
    found = rows(
        sandbox.client("ec2"),
        InstanceTypes=["g5.xlarge"],
        AvailabilityZone="us-east-1a",
        StartTime=start,
        EndTime=now,
    )
    times = [row["Timestamp"] for row in found]
    assert times == sorted(times, reverse=True)
    assert [moment <= start for moment in times] == [False] * (len(times) - 1) + [True]


def test_history_reaches_ninety_days_back(sandbox: Sandbox) -> None:
    found = rows(
        sandbox.client("ec2"),
        InstanceTypes=["g5.xlarge"],
        AvailabilityZone="us-east-1a",
        StartTime=datetime(2020, 1, 1, tzinfo=UTC),
    )
    oldest = sandbox.control.now() - timedelta(days=90)
    assert oldest - timedelta(days=2) < found[-1]["Timestamp"] <= oldest


@pytest.mark.parametrize(
    ("asked", "zones"),
    [
        ({"AvailabilityZoneId": "use1-az1"}, {"us-east-1b"}),
        (
            {"Filters": [{"Name": "availability-zone", "Values": ["us-east-1[ab]", "*1c"]}]},
            {"us-east-1c"},
        ),
        (
            {"Filters": [{"Name": "availability-zone-id", "Values": ["use1-az6"]}]},
            {"us-east-1a"},
        ),
    ],
)
def test_zones_by_name_id_and_wildcard(
    sandbox: Sandbox, asked: dict[str, Any], zones: set[str]
) -> None:
    found = rows(
        sandbox.client("ec2"),
        Filters=[
            {"Name": "instance-type", "Values": ["m5.lar*"]},
            *asked.pop("Filters", []),
        ],
        StartTime=sandbox.control.now(),
        **asked,
    )
    assert {row["AvailabilityZone"] for row in found} == zones
    assert {row["InstanceType"] for row in found} == {"m5.large"}


@pytest.mark.parametrize(
    ("product", "is_there"),
    [("Linux/UNIX", True), ("Linux/UNIX (Amazon VPC)", True), ("Windows", False)],
)
def test_only_linux_has_rows(sandbox: Sandbox, product: str, is_there: bool) -> None:  # noqa: FBT001
    found = rows(
        sandbox.client("ec2"),
        InstanceTypes=["m5.large"],
        ProductDescriptions=[product],
        StartTime=sandbox.control.now(),
    )
    assert bool(found) is is_there


def test_bad_zones_tokens_and_filters_are_refused(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    for asked in (
        {"AvailabilityZone": "us-east-1q"},
        {"NextToken": "nonsense"},
        {"Filters": [{"Name": "colour", "Values": ["red"]}]},
    ):
        with pytest.raises(ClientError) as caught:
            ec2.describe_spot_price_history(**asked)
        assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_a_forced_price_is_the_newest_row(sandbox: Sandbox) -> None:
    sandbox.control.price("g5.xlarge@us-east-1a", "0.777")
    found = rows(
        sandbox.client("ec2"),
        InstanceTypes=["g5.xlarge"],
        AvailabilityZone="us-east-1a",
        StartTime=sandbox.control.now(),
    )
    assert [row["SpotPrice"] for row in found] == ["0.777000"]


def test_the_article_costs_what_the_article_says(sandbox: Sandbox) -> None:
    sandbox.reset(scenario="article")
    told = {
        "m4.2xlarge": "0.1375",
        "c4.2xlarge": "0.1280",
        "g3.4xlarge": "0.3726",
        "g3.8xlarge": "0.7260",
        "p2.xlarge": "0.2916",
        "p3.2xlarge": "0.9915",
    }
    found = rows(
        sandbox.client("ec2", "eu-west-1"),
        InstanceTypes=list(told),
        StartTime=sandbox.control.now(),
    )
    for name, price in told.items():
        prices = sorted(Decimal(r["SpotPrice"]) for r in found if r["InstanceType"] == name)
        assert prices[0] == Decimal(price)
        assert len(prices) >= 2
        assert prices[1] > prices[0]
