"""EC2 Fleet over HTTP: instant fleets, what they launch where, and what is refused."""

from collections import Counter
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.sandbox.fleet_calls import (
    LONG_AGO,
    NEEDS,
    POOLS,
    TYPES,
    asked,
    codes,
    configs,
    in_zone,
    instances,
    on_demand,
    refused,
    shown,
    template,
    types,
)

pytestmark = pytest.mark.sandbox


# Instant fleets


def test_an_instant_fleet_answers_with_its_instances(ec2: Any) -> None:
    made = ec2.create_fleet(**asked(*POOLS, units=3))
    group = made["Instances"][0]
    assert made["FleetId"].startswith("fleet-")
    assert made["Errors"] == []
    assert len(group["InstanceIds"]) == 3
    assert group["Lifecycle"] == "spot"
    assert group["LaunchTemplateAndOverrides"]["Overrides"]["InstanceType"] == "c5.large"
    assert {one["SpotInstanceRequestId"] for one in instances(ec2)}


@pytest.mark.parametrize("version", ["$Latest", "$Default"])
def test_its_answer_names_the_template_by_id_and_number(ec2: Any, version: str) -> None:
    (known,) = ec2.describe_launch_templates()["LaunchTemplates"]
    wanted = configs(in_zone("m5.large"), in_zone("mac1.metal"), Version=version)
    made = ec2.create_fleet(**asked(LaunchTemplateConfigs=wanted, units=2, strategy="diversified"))
    for item in (*made["Instances"], *made["Errors"]):
        specification = item["LaunchTemplateAndOverrides"]["LaunchTemplateSpecification"]
        assert specification == {"LaunchTemplateId": known["LaunchTemplateId"], "Version": "1"}
    assert made["Instances"]
    assert made["Errors"]


def test_its_instances_say_whose_they_are(ec2: Any) -> None:
    tags = [
        {"ResourceType": "instance", "Tags": [{"Key": "job", "Value": "7"}]},
        {"ResourceType": "fleet", "Tags": [{"Key": "team", "Value": "vision"}]},
    ]
    made = ec2.create_fleet(**asked(*POOLS, TagSpecifications=tags))
    instance = next(instances(ec2))
    found = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
    assert found["aws:ec2:fleet-id"] == made["FleetId"]
    assert found["job"] == "7"
    assert found["aws:ec2launchtemplate:version"] == "1"
    assert shown(ec2, made["FleetId"])["Tags"] == [{"Key": "team", "Value": "vision"}]


@pytest.mark.parametrize("strategy", [None, "lowest-price", "lowestPrice"])
def test_lowest_price_takes_the_cheapest_and_then_the_next(
    sandbox: Sandbox, ec2: Any, strategy: str | None
) -> None:
    sandbox.control.price("r5.large@us-east-1a", "0.0100")
    sandbox.control.price("m5.large@us-east-1a", "0.0200")
    sandbox.control.price("c5.large@us-east-1a", "0.0300")
    assert types(ec2.create_fleet(**asked(*POOLS, strategy=strategy))) == {"r5.large": 1}
    sandbox.control.drain("r5.large@us-east-1a")
    made = ec2.create_fleet(**asked(*POOLS, strategy=strategy))
    assert types(made) == {"m5.large": 1}
    assert codes(made) == ["InsufficientInstanceCapacity"]
    assert made["Errors"][0]["LaunchTemplateAndOverrides"]["Overrides"]["InstanceType"] == (
        "r5.large"
    )


def test_lowest_price_spreads_over_so_many_pools(sandbox: Sandbox, ec2: Any) -> None:
    sandbox.control.price("r5.large@us-east-1a", "0.0100")
    sandbox.control.price("m5.large@us-east-1a", "0.0200")
    options = {"AllocationStrategy": "lowest-price", "InstancePoolsToUseCount": 2}
    made = ec2.create_fleet(**asked(*POOLS, units=5, SpotOptions=options))
    assert types(made) == {"r5.large": 3, "m5.large": 2}


@pytest.mark.parametrize(
    "strategy",
    ["capacity-optimized", "capacity-optimized-prioritized", "price-capacity-optimized"],
)
def test_a_strategy_that_knows_capacity_passes_over_a_dry_pool(
    sandbox: Sandbox, ec2: Any, strategy: str
) -> None:
    sandbox.control.price("r5.large@us-east-1a", "0.0100")
    sandbox.control.drain("r5.large@us-east-1a")
    made = ec2.create_fleet(**asked(*POOLS, strategy=strategy))
    assert "r5.large" not in types(made)
    assert codes(made) == []


def test_price_capacity_optimized_takes_the_cheapest_of_the_safe_pools(
    sandbox: Sandbox, ec2: Any
) -> None:
    sandbox.control.price("m5.large@us-east-1a", "0.0100")
    made = ec2.create_fleet(**asked(*POOLS, strategy="price-capacity-optimized"))
    assert types(made) == {"m5.large": 1}


def test_capacity_optimized_takes_the_pool_with_most_headroom(sandbox: Sandbox) -> None:
    sandbox.reset(scenario="living", seed=3, speed=0, begins="2026-01-05T00:00:00+00:00")
    ec2 = sandbox.client("ec2")
    template(ec2)
    dry = "g5.xlarge@us-east-1a"
    sandbox.control.drain(dry)
    sandbox.control.refill("g5.xlarge@us-east-1b")  # headroom is all of it
    pools = [in_zone("g5.xlarge", zone) for zone in "abcd"]
    made = ec2.create_fleet(**asked(*pools, strategy="capacity-optimized"))
    assert made["Instances"][0]["AvailabilityZone"] == "us-east-1b"


def test_priorities_count_among_pools_that_are_equally_safe(ec2: Any) -> None:
    pools = [in_zone(name, Priority=float(9 - n)) for n, name in enumerate(TYPES)]
    made = ec2.create_fleet(**asked(*pools, strategy="capacity-optimized-prioritized"))
    assert types(made) == {"r5.large": 1}


def test_diversified_takes_from_every_pool(ec2: Any) -> None:
    made = ec2.create_fleet(**asked(*POOLS, units=6, strategy="diversified"))
    assert types(made) == {"c5.large": 2, "m5.large": 2, "r5.large": 2}


def test_on_demand_capacity_comes_in_its_own_order(ec2: Any) -> None:
    pools = [in_zone(name, Priority=float(9 - n)) for n, name in enumerate(TYPES)]
    capacity = on_demand(2)
    cheapest = ec2.create_fleet(**asked(*pools, TargetCapacitySpecification=capacity))
    first = ec2.create_fleet(
        **asked(
            *pools,
            TargetCapacitySpecification=capacity,
            OnDemandOptions={"AllocationStrategy": "prioritized"},
        )
    )
    assert types(cheapest) == {"c5.large": 2}
    assert types(first) == {"r5.large": 2}
    assert [group["Lifecycle"] for group in first["Instances"]] == ["on-demand"]


def test_a_fleet_may_be_of_both_kinds(ec2: Any) -> None:
    mixed = on_demand(5, OnDemandTargetCapacity=1, SpotTargetCapacity=3)
    made = ec2.create_fleet(**asked(*POOLS, TargetCapacitySpecification=mixed))
    found = Counter({group["Lifecycle"]: len(group["InstanceIds"]) for group in made["Instances"]})
    assert found == {"on-demand": 2, "spot": 3}
    assert shown(ec2, made["FleetId"])["FulfilledOnDemandCapacity"] == 2.0


def test_weights_count_units_and_prices_are_per_unit(sandbox: Sandbox, ec2: Any) -> None:
    sandbox.control.price("m5.large@us-east-1a", "0.0300")
    sandbox.control.price("m5.2xlarge@us-east-1a", "0.0800")
    pools = [
        in_zone("m5.large", WeightedCapacity=1.0),
        in_zone("m5.2xlarge", WeightedCapacity=4.0),
    ]
    made = ec2.create_fleet(**asked(*pools, units=6))
    assert types(made) == {"m5.2xlarge": 2}
    assert shown(ec2, made["FleetId"])["FulfilledCapacity"] == 8.0


def test_types_may_be_chosen_by_what_they_have(ec2: Any) -> None:
    made = ec2.create_fleet(**asked({"InstanceRequirements": NEEDS}))
    assert types(made) == {"m5.xlarge": 1}


def test_units_may_be_vcpus(ec2: Any) -> None:
    capacity = {
        "TotalTargetCapacity": 8,
        "DefaultTargetCapacityType": "spot",
        "TargetCapacityUnitType": "vcpu",
    }
    overrides = {"InstanceRequirements": NEEDS}
    made = ec2.create_fleet(**asked(overrides, TargetCapacitySpecification=capacity))
    assert types(made) == {"m5.xlarge": 2}


def test_a_single_type_and_zone_hold_the_whole_fleet(sandbox: Sandbox, ec2: Any) -> None:
    pools = [in_zone(name, zone) for name in TYPES for zone in "ab"]
    options = {"AllocationStrategy": "diversified", "SingleAvailabilityZone": True}
    made = ec2.create_fleet(**asked(*pools, units=6, SpotOptions=options))
    assert {group["AvailabilityZone"] for group in made["Instances"]} == {"us-east-1a"}
    assert len(types(made)) == 3
    options = {"AllocationStrategy": "diversified", "SingleInstanceType": True}
    made = ec2.create_fleet(**asked(*pools, units=6, SpotOptions=options))
    assert len(types(made)) == 1
    assert len(made["Instances"]) == 2


def test_less_than_the_minimum_is_nothing(sandbox: Sandbox, ec2: Any) -> None:
    sandbox.control.drain("m5.large@us-east-1a")
    options = {"SingleAvailabilityZone": True, "MinTargetCapacity": 2}
    wanted = asked(in_zone("m5.large"), units=3, SpotOptions=options)
    made = ec2.create_fleet(**wanted)
    assert made["Instances"] == []
    assert codes(made) == ["UnfulfillableCapacity"]


def test_a_total_price_ends_the_launches(sandbox: Sandbox, ec2: Any) -> None:
    sandbox.control.price("m5.large@us-east-1a", "0.0300")
    options = {"AllocationStrategy": "lowest-price", "MaxTotalPrice": "0.10"}
    made = ec2.create_fleet(**asked(in_zone("m5.large"), units=9, SpotOptions=options))
    assert types(made) == {"m5.large": 3}
    assert codes(made) != []


# What goes wrong stands in Errors


def test_a_price_below_the_market_is_an_error_of_its_pool(sandbox: Sandbox, ec2: Any) -> None:
    sandbox.control.price("c5.large@us-east-1a", "0.0300")
    made = ec2.create_fleet(**asked(in_zone("c5.large", MaxPrice="0.02")))
    assert made["Instances"] == []
    error = made["Errors"][0]
    assert error["ErrorCode"] == "SpotMaxPriceTooLow"
    assert error["Lifecycle"] == "spot"
    assert "0.02 is lower" in error["ErrorMessage"]


def test_after_three_pools_in_vain_the_rest_is_not_tried(ec2: Any) -> None:
    pools = [in_zone(name, zone, MaxPrice="0.001") for name in TYPES for zone in "ab"]
    made = ec2.create_fleet(**asked(*pools))
    assert codes(made) == ["SpotMaxPriceTooLow"] * 3 + ["UnfulfillableCapacity"] * 3


def test_a_quota_is_used_up_and_the_rest_is_an_error(sandbox: Sandbox, ec2: Any) -> None:
    sandbox.control.quota("L-34B43A08", 10)
    made = ec2.create_fleet(**asked(in_zone("m5.large"), units=9))
    assert types(made) == {"m5.large": 5}
    assert codes(made) == ["MaxSpotInstanceCountExceeded"]


@pytest.mark.parametrize("lacking", [in_zone("p4d.24xlarge", "f"), in_zone("m5.huge")])
def test_a_type_that_the_zone_lacks_is_an_error_beside_the_instances(
    ec2: Any, lacking: dict[str, Any]
) -> None:
    pools = [lacking, in_zone("m5.large")]
    made = ec2.create_fleet(**asked(*pools, strategy="diversified"))
    assert types(made) == {"m5.large": 1}
    assert codes(made) == ["InvalidFleetConfiguration"]


def test_an_image_that_is_gone_is_an_error_of_the_fleet(ec2: Any) -> None:
    pools = [in_zone("m5.large", ImageId="ami-0123456789abcdef0")]
    assert codes(ec2.create_fleet(**asked(*pools))) == ["InvalidAMIID.NotFound"]


def test_hibernation_does_not_go_with_one_time_requests(ec2: Any) -> None:
    ec2.create_launch_template_version(
        LaunchTemplateName="worker",
        SourceVersion="1",
        LaunchTemplateData={"HibernationOptions": {"Configured": True}},
    )
    made = ec2.create_fleet(**asked(in_zone("m5.large")))
    assert codes(made) == ["InvalidParameterCombination"]


# What is refused


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"LaunchTemplateConfigs": configs(Version="")}, "MissingParameter"),
        (
            {"LaunchTemplateConfigs": configs(Version="9")},
            "InvalidLaunchTemplateId.VersionNotFound",
        ),
        (
            {"LaunchTemplateConfigs": configs(LaunchTemplateName="other")},
            "InvalidLaunchTemplateName.NotFoundException",
        ),
        (
            {"LaunchTemplateConfigs": configs({"SubnetId": "subnet-1"})},
            "InvalidSubnetID.NotFound",
        ),
        ({"TargetCapacitySpecification": on_demand(0)}, "InvalidTargetCapacitySpecification"),
        ({"TargetCapacitySpecification": on_demand(10_001)}, "InvalidTargetCapacitySpecification"),
        (
            {"TargetCapacitySpecification": on_demand(1, SpotTargetCapacity=2)},
            "InvalidTargetCapacitySpecification",
        ),
        ({"SpotOptions": {"InstanceInterruptionBehavior": "stop"}}, "InvalidParameterValue"),
        ({"SpotOptions": {"AllocationStrategy": "cheapest"}}, "InvalidParameterValue"),
        ({"SpotOptions": {"MinTargetCapacity": 1}}, "InvalidParameterCombination"),
        ({"ValidUntil": LONG_AGO}, "InvalidParameterValue"),
        ({"ExcessCapacityTerminationPolicy": "termination"}, "InvalidParameterCombination"),
        ({"ClientToken": "x" * 65}, "InvalidParameterValue"),
        ({"DryRun": True}, "DryRunOperation"),
        ({"DryRun": True, "ValidUntil": LONG_AGO}, "DryRunOperation"),
    ],
)
@pytest.mark.one_in(3)
def test_a_fleet_that_cannot_be_is_refused(ec2: Any, changes: dict[str, Any], code: str) -> None:
    assert refused(ec2.create_fleet, **asked(**changes)) == code
    assert list(instances(ec2)) == []


@pytest.mark.parametrize(
    ("kind", "override"),
    [
        ("maintain", {"ImageId": "ami-0123456789abcdef0"}),
        ("instant", {"SubnetId": "subnet-1,subnet-2"}),
        ("instant", {"InstanceType": "m5.large", "InstanceRequirements": NEEDS}),
        ("instant", {"WeightedCapacity": 0.0}),
        ("instant", {"Priority": 0.5}),
        ("instant", {"MaxPrice": "0.0001"}),
    ],
)
def test_an_override_that_cannot_be_is_refused(
    ec2: Any, kind: str, override: dict[str, Any]
) -> None:
    code = refused(ec2.create_fleet, **asked(override, Type=kind))
    assert code in {"InvalidParameterCombination", "InvalidParameterValue"}


def test_only_an_instant_fleet_has_more_than_300_overrides(ec2: Any) -> None:
    many = [in_zone("m5.large")] * 301
    assert refused(ec2.create_fleet, **asked(*many, Type="maintain")) == "InvalidParameterValue"
    assert types(ec2.create_fleet(**asked(*many))) == {"m5.large": 1}


@pytest.mark.parametrize(
    ("kind", "resource"),
    [("maintain", "instance"), ("request", "volume"), ("instant", "launch-template")],
)
def test_only_what_the_type_of_fleet_allows_is_tagged(ec2: Any, kind: str, resource: str) -> None:
    tags = [{"ResourceType": resource, "Tags": [{"Key": "a", "Value": "b"}]}]
    code = refused(ec2.create_fleet, **asked(Type=kind, TagSpecifications=tags))
    assert code == "InvalidParameterValue"


def test_a_client_token_makes_one_fleet(ec2: Any) -> None:
    first = ec2.create_fleet(**asked(*POOLS, units=2, ClientToken="one"))
    again = ec2.create_fleet(**asked(*POOLS, units=2, ClientToken="one"))
    assert (again["FleetId"], again["Instances"]) == (first["FleetId"], first["Instances"])
    code = refused(ec2.create_fleet, **asked(*POOLS, units=3, ClientToken="one"))
    assert code == "IdempotentParameterMismatch"
    assert len(list(instances(ec2))) == 2
