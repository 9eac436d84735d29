"""Placement scores, attribute-based selection and the public feeds, over HTTP."""

import json
import urllib.request
from datetime import timedelta
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox

TYPES = ["g5.xlarge", "g6.xlarge", "g4dn.xlarge"]
MANY = {"VCpuCount": {"Min": 4, "Max": 8}, "MemoryMiB": {"Min": 16_384}}
LIVING = {"scenario": "living", "speed": 0, "begins": "2026-01-05T00:00:00+00:00"}

pytestmark = pytest.mark.sandbox


def scores(sandbox: Sandbox, **asked: Any) -> list[dict[str, Any]]:
    asked = {"InstanceTypes": TYPES, "TargetCapacity": 1, **asked}
    found = sandbox.client("ec2").get_spot_placement_scores(**asked)["SpotPlacementScores"]
    assert isinstance(found, list)
    return found


def refusal_of(sandbox: Sandbox, **asked: Any) -> str:
    with pytest.raises(ClientError) as caught:
        scores(sandbox, **asked)
    return str(caught.value.response["Error"]["Code"])


def test_the_ten_best_regions_are_scored(sandbox: Sandbox) -> None:
    found = scores(sandbox)
    assert len(found) == 10
    assert all(set(one) == {"Region", "Score"} and 1 <= one["Score"] <= 10 for one in found)
    assert [one["Score"] for one in found] == sorted((o["Score"] for o in found), reverse=True)


def test_zones_are_named_by_their_ids(sandbox: Sandbox) -> None:
    found = scores(sandbox, SingleAvailabilityZone=True, RegionNames=["us-east-1", "us-west-2"])
    assert {one["Region"] for one in found} == {"us-east-1", "us-west-2"}
    assert all(one["AvailabilityZoneId"].startswith(("use1-az", "usw2-az")) for one in found)


def test_fewer_than_three_types_score_low_and_three_do_not(sandbox: Sandbox) -> None:
    assert max(one["Score"] for one in scores(sandbox, InstanceTypes=TYPES[:2])) <= 3
    assert {one["Score"] for one in scores(sandbox)} == {10}


def test_a_drained_zone_scores_one(sandbox: Sandbox) -> None:
    types = ["m5.large", "c5.large", "r5.large"]
    asked = {"SingleAvailabilityZone": True, "RegionNames": ["eu-west-1"], "InstanceTypes": types}
    zone_id = "euw1-az1"
    zones = sandbox.client("ec2", "eu-west-1").describe_availability_zones()["AvailabilityZones"]
    zone = next(one["ZoneName"] for one in zones if one["ZoneId"] == zone_id)
    for name in types:
        sandbox.control.drain(f"{name}@{zone}")
    by_zone = {one["AvailabilityZoneId"]: one["Score"] for one in scores(sandbox, **asked)}
    assert by_zone.pop(zone_id) == 1
    assert set(by_zone.values()) == {10}


def test_the_target_may_be_in_vcpus_or_memory(sandbox: Sandbox) -> None:
    for unit in ("vcpu", "memory-mib"):
        found = scores(sandbox, TargetCapacity=2_000_000_000, TargetCapacityUnitType=unit)
        assert max(one["Score"] for one in found) < 5


def test_attributes_may_stand_for_types(sandbox: Sandbox) -> None:
    metadata = {"ArchitectureTypes": ["x86_64"], "InstanceRequirements": MANY}
    found = sandbox.client("ec2").get_spot_placement_scores(
        TargetCapacity=10, InstanceRequirementsWithMetadata=metadata, RegionNames=["us-east-1"]
    )
    assert found["SpotPlacementScores"] == [{"Region": "us-east-1", "Score": 10}]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"InstanceTypes": []}, "MissingParameter"),
        ({"InstanceTypes": ["g5.huge"]}, "InvalidParameterValue"),
        ({"RegionNames": ["us-moon-1"]}, "InvalidParameterValue"),
        ({"RegionNames": ["us-east-1"] * 11}, "InvalidParameterValue"),
        ({"TargetCapacityUnitType": "gpus"}, "InvalidParameterValue"),
        ({"MaxResults": 2_000}, "InvalidParameterValue"),
        ({"DryRun": True}, "DryRunOperation"),
        (
            {"InstanceRequirementsWithMetadata": {"InstanceRequirements": MANY}},
            "InvalidParameterCombination",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused(
    sandbox: Sandbox, asked: dict[str, Any], code: str
) -> None:
    assert refusal_of(sandbox, **asked) == code


def test_ten_new_configurations_a_day_and_repeats_are_free(sandbox: Sandbox) -> None:
    for target in range(1, 11):
        scores(sandbox, TargetCapacity=target)
    assert refusal_of(sandbox, TargetCapacity=11) == "MaxConfigLimitExceeded"
    assert refusal_of(sandbox, TargetCapacity=11, DryRun=True) == "DryRunOperation"
    scores(sandbox, TargetCapacity=3, InstanceTypes=TYPES[::-1])
    sandbox.control.advance(timedelta(hours=25))
    scores(sandbox, TargetCapacity=11)


def test_the_paginator_sees_the_same(sandbox: Sandbox) -> None:
    pages = sandbox.client("ec2").get_paginator("get_spot_placement_scores")
    paged = pages.paginate(InstanceTypes=TYPES, TargetCapacity=1).build_full_result()
    assert paged["SpotPlacementScores"] == scores(sandbox)


def test_types_are_found_by_their_attributes_page_by_page(sandbox: Sandbox) -> None:
    asked = {"ArchitectureTypes": ["arm64"], "VirtualizationTypes": ["hvm"]}
    ec2 = sandbox.client("ec2")
    pages = ec2.get_paginator("get_instance_types_from_instance_requirements")
    paged = pages.paginate(
        **asked, InstanceRequirements=MANY, PaginationConfig={"PageSize": 7}
    ).build_full_result()["InstanceTypes"]
    whole = ec2.get_instance_types_from_instance_requirements(**asked, InstanceRequirements=MANY)
    assert paged == whole["InstanceTypes"]
    assert {"InstanceType": "m6g.xlarge"} in paged
    assert {"InstanceType": "m6i.xlarge"} not in paged


def test_a_dry_pool_refuses_and_a_refill_ends_the_dip(sandbox: Sandbox) -> None:
    sandbox.reset(**{**LIVING, "scenario": "drought"})
    ec2 = sandbox.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]]
    codes = {zone: launch(ec2, image, zone) for zone in zones if zone != "us-east-1e"}
    dry = [zone for zone, code in codes.items() if code == "InsufficientInstanceCapacity"]
    assert len(dry) >= 2
    sandbox.control.refill(f"g5.xlarge@{dry[0]}")
    assert launch(ec2, image, dry[0]) == ""


def launch(ec2: Any, image: str, zone: str) -> str:
    """The code of the refusal; empty when the machine was launched."""
    try:
        ec2.run_instances(
            ImageId=image,
            InstanceType="g5.xlarge",
            MinCount=1,
            MaxCount=1,
            Placement={"AvailabilityZone": zone},
            InstanceMarketOptions={"MarketType": "spot"},
        )
    except ClientError as refused:
        return str(refused.response["Error"]["Code"])
    return ""


def fetch(sandbox: Sandbox, name: str, etag: str = "") -> tuple[int, str, Any]:
    """Status, ETag and content of a public file."""
    request = urllib.request.Request(f"{sandbox.url}/_sandbox/public/{name}")  # noqa: S310
    if etag:
        request.add_header("If-None-Match", etag)
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, answer.headers["ETag"], json.load(answer)
    except HTTPError as other:
        return other.code, other.headers.get("ETag", ""), None


@pytest.mark.soak
def test_the_advisor_feed_has_the_shape_of_the_real_one(sandbox: Sandbox) -> None:
    sandbox.reset(**LIVING)
    status, etag, feed = fetch(sandbox, "spot-advisor-data.json")
    assert status == 200
    assert set(feed) == {"global_rate", "instance_types", "ranges", "spot_advisor"}
    assert [one["label"] for one in feed["ranges"]] == ["<5%", "5-10%", "10-15%", "15-20%", ">20%"]
    linux = feed["spot_advisor"]["us-east-1"]["Linux"]
    assert set(linux["g5.xlarge"]) == {"s", "r"}
    assert {one["r"] for one in linux.values()} == {0, 1, 2, 3, 4}
    assert all(0 <= one["s"] < 100 for one in linux.values())
    assert feed["instance_types"]["g5.xlarge"] == {"emr": True, "cores": 4, "ram_gb": 16.0}
    assert fetch(sandbox, "spot-advisor-data.json", etag) == (304, etag, None)
    sandbox.control.advance(timedelta(days=20))
    assert fetch(sandbox, "spot-advisor-data.json", etag)[0] == 200


@pytest.mark.soak
def test_the_price_page_says_what_the_price_history_says(sandbox: Sandbox) -> None:
    sandbox.reset(**LIVING)
    _, _, page = fetch(sandbox, "spot.json")
    region = next(one for one in page["config"]["regions"] if one["region"] == "eu-west-1")
    sizes = {s["size"]: s for group in region["instanceTypes"] for s in group["sizes"]}
    column = next(c for c in sizes["m5.large"]["valueColumns"] if c["name"] == "linux")
    history = sandbox.client("ec2", "eu-west-1").describe_spot_price_history(
        InstanceTypes=["m5.large"],
        StartTime="2026-01-05T00:00:00Z",
        EndTime="2026-01-05T00:00:00Z",
    )["SpotPriceHistory"]
    assert column["prices"]["USD"] == min(row["SpotPrice"] for row in history)


def test_there_is_no_other_public_file(sandbox: Sandbox) -> None:
    assert fetch(sandbox, "passwords.json")[0] == 404


def test_reclaim_soon_stops_after_five_minutes_and_starts_again_after_fifteen(
    sandbox: Sandbox,
) -> None:
    sandbox.reset(**{**LIVING, "scenario": "reclaim-soon"})
    ec2 = sandbox.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ec2.run_instances(
        ImageId=image,
        InstanceType="m5.large",
        MinCount=1,
        MaxCount=1,
        Placement={"AvailabilityZone": "us-east-1a"},
        InstanceMarketOptions={
            "MarketType": "spot",
            "SpotOptions": {
                "SpotInstanceType": "persistent",
                "InstanceInterruptionBehavior": "stop",
            },
        },
    )
    codes = []
    for minutes in (4.5, 1, 3, 8):
        sandbox.control.advance(timedelta(minutes=minutes))
        requests = ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
        codes += [one["Status"]["Code"] for one in requests]
    assert codes == ["fulfilled", "marked-for-stop", "instance-stopped-no-capacity", "fulfilled"]
