"""`spot find`: every pool that fits, in order, with what is known about it."""

import csv
import json
from io import StringIO

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot

TWO = ("--region", "us-east-1", "--region", "eu-west-1")
JSON = ("--output", "json")

OFFER_FIELDS = {
    *("region", "zone", "zone_id", "instance_type", "platform", "vcpus", "memory_gib"),
    *("gpu_name", "gpu_count", "gpu_memory_gib", "arch", "spot_usd_per_hour"),
    *("on_demand_usd_per_hour", "saving_percent", "interruption_band"),
    *("interruption_percent_max", "placement_score", "expected_usd_per_useful_hour"),
    *("price_time", "sources"),
}


#: More fields than were promised first; they stay too.
MORE_FIELDS = {
    "usd_per_gpu_hour",
    "usd_per_vcpu_hour",
    "quota_free_vcpus",
    "quota_fits",
    "cooling",
    "zones",
}


def test_offers_have_the_promised_fields_and_unknown_is_null(spot: Spot, sandbox: Sandbox) -> None:
    answer = spot("find", "--type", "g5.xlarge", "--by", "zone", *JSON)

    assert answer.code == 0
    assert answer.document["schema"] == 1
    assert answer.document["kind"] == "offers"
    assert any("simulated" in warning for warning in answer.document["warnings"])
    assert "refused" not in answer.document
    first = answer.items[0]
    assert set(first) >= OFFER_FIELDS | MORE_FIELDS
    facts = ("A10G", 1, "x86_64", 4, 16.0, "Linux/UNIX")
    names = ("gpu_name", "gpu_count", "arch", "vcpus", "memory_gib", "platform")
    assert tuple(first[name] for name in names) == facts
    unknown = ("placement_score", "quota_free_vcpus", "quota_fits", "cooling")
    assert [first[name] for name in unknown] == [None] * len(unknown)
    told = {source["fact"] for source in first["sources"]}
    assert told == {
        "spot_usd_per_hour",
        "hardware",
        "on_demand_usd_per_hour",
        "interruption_band",
    }
    assert first["expected_usd_per_useful_hour"] > first["spot_usd_per_hour"]
    assert first["usd_per_gpu_hour"] == first["spot_usd_per_hour"]
    assert first["usd_per_vcpu_hour"] == pytest.approx(first["spot_usd_per_hour"] / 4)

    history = sandbox.client("ec2").describe_spot_price_history(
        InstanceTypes=["g5.xlarge"],
        ProductDescriptions=["Linux/UNIX"],
        StartTime=sandbox.control.now(),
    )["SpotPriceHistory"]
    assert {(row["AvailabilityZone"], float(row["SpotPrice"])) for row in history} == {
        (offer["zone"], offer["spot_usd_per_hour"]) for offer in answer.items
    }
    [by_type] = spot("find", "--type", "g5.xlarge", *JSON).items
    listed = [offer["zone"] for offer in answer.items]
    assert by_type == {**first, "zones": listed, "sources": by_type["sources"]}
    zones = sandbox.client("ec2").describe_availability_zones()["AvailabilityZones"]
    ids = {zone["ZoneName"]: zone["ZoneId"] for zone in zones}
    assert all(offer["zone_id"] == ids[offer["zone"]] for offer in answer.items)


def test_several_regions_are_ranked_together(spot: Spot) -> None:
    answer = spot("find", "--type", "g5.xlarge", "--type", "m5.2xlarge", *TWO, *JSON)

    values = [offer["expected_usd_per_useful_hour"] for offer in answer.items]
    assert values == sorted(values)
    assert {offer["region"] for offer in answer.items} == {"us-east-1", "eu-west-1"}
    assert {offer["instance_type"] for offer in answer.items} == {"g5.xlarge", "m5.2xlarge"}


@pytest.mark.usefixtures("all_regions")
def test_any_region_is_every_enabled_one(spot: Spot, sandbox: Sandbox) -> None:
    line = ("--type", "t3.micro", "--region", "any", "--limit", "500", *JSON)
    regions = {offer["region"] for offer in spot("find", *line).items}

    enabled = sandbox.client("ec2").describe_regions()["Regions"]
    assert regions == {region["RegionName"] for region in enabled}


def test_prices_are_compared_as_numbers(spot: Spot, sandbox: Sandbox) -> None:
    pools = account.pools(sandbox, "p3.8xlarge")
    for pool, usd in zip(pools, ("9.5", "10.25", "2.75"), strict=False):
        sandbox.control.price(pool, usd)

    offers = spot("find", "--type", "p3.8xlarge", "--by", "zone", *JSON).items

    prices = [offer["spot_usd_per_hour"] for offer in offers]
    assert prices == sorted(prices)
    assert prices.index(9.5) < prices.index(10.25)
    assert prices[0] == 2.75


def test_a_region_that_fails_is_named_and_the_others_answer(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.control.fail(
        "DescribeSpotPriceHistory",
        "UnauthorizedOperation",
        message="denied",
        region="eu-west-1",
        http_status=403,
        times=2,
    )

    answer = spot("find", "--type", "g5.xlarge", *TWO, "--region", "af-south-1", *JSON)

    assert answer.code == 0, answer.err
    assert {offer["region"] for offer in answer.items} == {"us-east-1"}
    told = [line for line in answer.document["warnings"] if "simulated" not in line]
    assert sorted(line.partition(":")[0] for line in told) == ["af-south-1", "eu-west-1"]

    sandbox.control.fail(
        "DescribeSpotPriceHistory", "UnauthorizedOperation", times=4, http_status=403
    )
    assert spot("find", "--type", "g5.xlarge", *TWO).code == 4


def test_why_says_which_rule_refused_which_pool(spot: Spot) -> None:
    need = ("--type", "g5.*", "--exclude", "g5.2xlarge", "--vcpus", "8", "--gpus", "4")
    line = ("find", *need, "--max-hourly", "3", "--zone", "us-east-1a", "--why")

    answer = spot(*line, *JSON)

    reasons = {refusal["pool"]: refusal["reason"] for refusal in answer.document["refused"]}
    assert reasons["g5.2xlarge@us-east-1a"] == "excluded"
    assert reasons["g5.4xlarge@us-east-1a"] == "fewer than 4 GPUs"
    assert "zone not asked for" in reasons.values()
    assert all(offer["gpu_count"] >= 4 for offer in answer.items)
    assert all(offer["zone"] == "us-east-1a" for offer in answer.items)
    assert all(offer["spot_usd_per_hour"] <= 3 for offer in answer.items)

    table = spot(*line)
    assert "refused 5: excluded" in table.out + table.err


def test_a_zone_may_be_named_by_its_id(spot: Spot) -> None:
    [offer] = spot("find", "--type", "g5.xlarge", "--zone", "use1-az2", *JSON).items

    assert (offer["zone"], offer["zone_id"]) == ("us-east-1c", "use1-az2")


def test_a_need_for_a_gpu_is_met_by_model_and_memory(spot: Spot) -> None:
    line = ("--type", "g4dn.*", "--type", "g5.*", "--type", "g6.*", "--type", "m5.*")
    offers = spot("find", *line, "--gpus", "1", "--gpu-memory", "24", "--limit", "500", *JSON)

    assert offers.items
    memory = {
        offer["gpu_name"]: (offer["gpu_memory_gb"], offer["gpu_memory_gib"])
        for offer in offers.items
    }
    assert memory == {"A10G": (24, 22.4), "L4": (24, 22.4)}
    assert "1x A10G 24 " in spot("find", "--type", "g5.xlarge").out
    named = spot("find", *line, "--gpu", "a10g", *JSON).items
    assert {offer["gpu_name"] for offer in named} == {"A10G"}


def test_sort_and_limit(spot: Spot) -> None:
    line = ("--type", "g5.*", "--limit", "3")
    best = spot("find", *line, "--sort", "saving", *JSON).items
    assert len(best) == 3
    savings = [offer["saving_percent"] for offer in best]
    assert savings == sorted(savings, reverse=True)

    table = spot("find", *line)
    assert "--limit shows more" in table.err
    assert len([row for row in table.out.splitlines() if "us-east-1" in row]) == 3
    assert "3 of" in spot("find", *line, "--by", "zone").err
    assert "A10G" in table.out
    assert "\x1b" not in table.out


def test_csv_has_the_same_records(spot: Spot) -> None:
    need = ("--type", "g5.xlarge", "--type", "t3.micro")
    rows = list(csv.DictReader(StringIO(spot("find", *need, "--output", "csv").out)))
    offers = spot("find", *need, *JSON).items

    assert [row["zone_id"] for row in rows] == [offer["zone_id"] for offer in offers]
    assert [float(row["spot_usd_per_hour"]) for row in rows] == [
        offer["spot_usd_per_hour"] for offer in offers
    ]
    assert {row["gpu_name"] for row in rows} == {"", "A10G"}
    assert set(rows[0]) >= OFFER_FIELDS
    assert json.loads(rows[0]["sources"])[0]["origin"].startswith("ec2:")


def test_what_is_remembered_is_asked_for_anew_on_demand(spot: Spot, sandbox: Sandbox) -> None:
    wanted = ("find", "--type", "g5.xlarge", "--region", "us-east-1")
    for refresh, expected in (((), 1), ((), 1), (("--refresh",), 2)):
        assert spot(*wanted, *refresh).code == 0
        asked = [name for name, _ in sandbox.control.calls()]
        assert asked.count("DescribeInstanceTypes") == expected
        assert asked.count("GetProducts") == expected


@pytest.mark.soak
def test_a_gpu_means_x86_unless_something_else_is_named_and_that_is_said(spot: Spot) -> None:
    asked = (
        "find",
        "--gpus",
        "1",
        "--gpu-memory",
        "16",
        "--region",
        "us-east-1",
        "--limit",
        "200",
    )
    usual = spot(*asked, "--output", "json")
    assert {each["arch"] for each in usual.items} == {"x86_64"}
    assert any("pools of arm64 are left out" in told for told in usual.document["warnings"])
    for words in (("--arch", "arm64"), ("--gpu", "T4g"), ("--type", "g5g.*")):
        named = spot(*asked, *words, "--output", "json")
        assert {each["arch"] for each in named.items} == {"arm64"}
        assert not any("left out" in told for told in named.document["warnings"])
