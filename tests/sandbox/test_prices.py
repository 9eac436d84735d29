"""DescribeSpotPriceHistory over HTTP, as boto3 sees it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox

from ec2_sandbox.errors import SandboxError

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


DAY = timedelta(days=1)
SOME_DAY = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"AvailabilityZone": "us-east-1q"}, "InvalidParameterValue"),
        ({"AvailabilityZoneId": "use1-az99"}, "InvalidParameterValue"),
        ({"NextToken": "nonsense"}, "InvalidParameterValue"),
        ({"MaxResults": -1}, "InvalidParameterValue"),
        ({"Filters": [{"Name": "colour", "Values": ["red"]}]}, "InvalidParameterValue"),
        ({"StartTime": SOME_DAY, "EndTime": SOME_DAY - DAY}, "InvalidParameterValue"),
        (
            {"AvailabilityZone": "us-east-1a", "AvailabilityZoneId": "use1-az6"},
            "InvalidParameterCombination",
        ),
        ({"DryRun": True}, "DryRunOperation"),
    ],
)
def test_what_cannot_be_used_is_refused(
    sandbox: Sandbox, asked: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        sandbox.client("ec2").describe_spot_price_history(**asked)
    assert caught.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    "asked",
    [
        {"InstanceTypes": ["m5.lar*"]},
        {"InstanceTypes": ["zz.large"]},
        {
            "InstanceTypes": ["m5.large"],
            "Filters": [{"Name": "instance-type", "Values": ["g5.*"]}],
        },
        {
            "AvailabilityZone": "us-east-1a",
            "Filters": [{"Name": "availability-zone-id", "Values": ["use1-az1"]}],
        },
        {
            "ProductDescriptions": ["Linux/UNIX"],
            "Filters": [{"Name": "product-description", "Values": ["Windows*"]}],
        },
    ],
)
def test_what_no_pool_fits_has_no_rows(sandbox: Sandbox, asked: dict[str, Any]) -> None:
    assert rows(sandbox.client("ec2"), **asked) == []


def test_filters_on_price_and_time_pick_rows(sandbox: Sandbox) -> None:
    ec2, now = sandbox.client("ec2"), sandbox.control.now()
    asked = {"InstanceTypes": ["m5.large", "c5.large"], "StartTime": now - DAY, "EndTime": now}
    everything = rows(ec2, **asked)
    one = everything[3]
    moment = one["Timestamp"]
    for name, value, key in (
        ("spot-price", one["SpotPrice"], "SpotPrice"),
        ("spot-price", one["SpotPrice"].rstrip("0"), "SpotPrice"),
        ("timestamp", f"{moment:%a %b %d %H:%M:%S} UTC {moment:%Y}", "Timestamp"),
        ("timestamp", f"{moment:%Y-%m-%dT%H:%M:%S}*", "Timestamp"),
    ):
        found = rows(ec2, **asked, Filters=[{"Name": name, "Values": [value]}])
        assert found == [row for row in everything if row[key] == one[key]]


def test_times_beyond_now_are_brought_back(sandbox: Sandbox) -> None:
    ec2, now = sandbox.client("ec2"), sandbox.control.now()
    asked = {"InstanceTypes": ["m5.large"], "StartTime": now - DAY}
    assert rows(ec2, **asked, EndTime=now + DAY) == rows(ec2, **asked)
    ahead = rows(ec2, InstanceTypes=["m5.large"], StartTime=now + DAY)
    assert all(row["Timestamp"] <= sandbox.control.now() for row in ahead)


def test_pages_stay_those_of_the_first_while_time_goes_on(sandbox: Sandbox) -> None:
    ec2, now = sandbox.client("ec2"), sandbox.control.now()
    asked = {"InstanceTypes": ["m5.large"], "StartTime": now - DAY}
    expected = rows(ec2, **asked)
    first = ec2.describe_spot_price_history(**asked, MaxResults=3)
    sandbox.control.advance(2 * DAY)
    rest = ec2.describe_spot_price_history(**asked, NextToken=first["NextToken"])
    assert first["SpotPriceHistory"] + rest["SpotPriceHistory"] == expected


def test_the_same_call_has_the_same_answer_after_a_reset(sandbox: Sandbox) -> None:
    def answer() -> dict[str, Any]:
        sandbox.reset(speed=0, begins="2026-01-05T00:00:00+00:00")
        found = sandbox.client("ec2").describe_spot_price_history()
        found["ResponseMetadata"]["HTTPHeaders"].pop("date")
        return dict(found)

    assert answer() == answer()


def test_what_was_forced_before_a_reset_is_forgotten(sandbox: Sandbox) -> None:
    def newest(usd: str) -> str:
        sandbox.reset(speed=0, begins="2026-01-05T00:00:00+00:00")
        sandbox.control.price("g5.xlarge@us-east-1a", usd)
        asked = {"InstanceTypes": ["g5.xlarge"], "AvailabilityZone": "us-east-1a"}
        return str(rows(sandbox.client("ec2"), **asked)[0]["SpotPrice"])

    assert [newest("0.777"), newest("0.888")] == ["0.777000", "0.888000"]


def test_a_replayed_pool_follows_its_file(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(
        "timestamp,availability_zone,instance_type,spot_price_usd_per_hour\n"
        "2021-03-01T00:00:00Z,us-east-1a,m5.large,0.0400\n"
        "2021-03-01T12:00:00Z,us-east-1a,m5.large,0.0500\n"
    )
    sandbox.reset(replay=str(path), speed=0, begins="2026-01-05T00:00:00+00:00")

    def told() -> list[tuple[str, str]]:
        asked = {"InstanceTypes": ["m5.large"], "AvailabilityZone": "us-east-1a"}
        start = sandbox.control.now() - timedelta(hours=12)
        found = rows(sandbox.client("ec2"), **asked, StartTime=start)
        return [(f"{row['Timestamp']:%d %H:%M:%S}", row["SpotPrice"]) for row in found]

    assert told() == [("05 00:00:00", "0.050000"), ("04 12:00:00", "0.040000")]
    sandbox.control.advance(timedelta(hours=12))
    assert told()[0] == ("05 12:00:00", "0.040000")
    sandbox.control.price("m5.large@us-east-1a", "0.06")
    assert told()[0][1] == "0.060000"


def test_a_replay_that_cannot_be_read_changes_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.control.price("g5.xlarge@us-east-1a", "0.777")
    with pytest.raises(SandboxError, match="cannot be read"):
        sandbox.reset(replay=str(tmp_path / "none.csv"))
    asked = {"InstanceTypes": ["g5.xlarge"], "AvailabilityZone": "us-east-1a"}
    assert rows(sandbox.client("ec2"), **asked)[0]["SpotPrice"] == "0.777000"


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
