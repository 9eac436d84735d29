"""Every body that EC2 is sent fits EC2's own model, and says what DESIGN 9 wants said."""

import re
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from tests.fakes import geography, orders

from spotkeeper.aws import shapes
from spotkeeper.lifecycle.ports import LaunchOrder, OnInterruption
from spotkeeper.model.connect import Connect
from spotkeeper.model.resource import ResourceKind
from spotkeeper.model.tags import TAG_OWNER

BOX = replace(orders.order(), group_ids=("sg-1",), key_name="spotkeeper-key")
ONCE = orders.once(BOX)
HIBERNATING = replace(
    BOX,
    pool=geography.pool("m5.large@us-east-1a"),
    on_interruption=OnInterruption.HIBERNATE,
)
PRICED = replace(BOX, max_price_usd_per_hour=Decimal("0.4024000"))
DRY = replace(BOX, group_ids=(), key_name="")
FOR_EVER = replace(BOX, valid_until=None)
ORDERS = {
    "box": BOX,
    "once": ONCE,
    "hibernate": HIBERNATING,
    "max price": PRICED,
    "dry run": DRY,
    "no end": FOR_EVER,
    **{
        f"{connect}, {len(groups)} groups": replace(BOX, connect=connect, group_ids=groups)
        for connect in set(Connect) - {Connect.PUBLIC}
        for groups in ((), BOX.group_ids)
    },
}
NAMES_A_ROLE = replace(BOX, role="training")


@cache
def model() -> Any:
    """EC2's model as botocore ships it."""
    return botocore.session.Session().get_service_model("ec2")


def complaints(operation: str, body: dict[str, Any]) -> list[str]:
    """What botocore has against a body, and enum values that EC2 does not have."""
    shape = model().operation_model(operation).input_shape
    report = ParamValidator().validate(body, shape)
    if report.has_errors():
        return [str(report.generate_report())]
    return list(wrong_enums(shape, body, operation))


def wrong_enums(shape: Any, value: Any, path: str) -> Iterable[str]:
    """botocore does not check enums by itself."""
    if shape.type_name == "structure":
        for key, part in value.items():
            yield from wrong_enums(shape.members[key], part, f"{path}.{key}")
    elif shape.type_name == "list":
        for part in value:
            yield from wrong_enums(shape.member, part, path)
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{path}: {value} is none of {shape.enum}"


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_every_launch_fits_the_model(order: LaunchOrder) -> None:
    assert complaints("RunInstances", shapes.run_instances(order)) == []
    dry_run = {**shapes.run_instances(order), "DryRun": True}
    assert complaints("RunInstances", dry_run) == []


@pytest.mark.parametrize("order", [NAMES_A_ROLE, *ORDERS.values()])
def test_a_machine_has_an_address_and_a_role_as_they_were_asked_for(order: LaunchOrder) -> None:
    body = shapes.run_instances(order)
    assert body.get("IamInstanceProfile") == ({"Name": order.role} if order.role else None)
    [interface] = body["NetworkInterfaces"]
    assert interface.get("Groups", []) == list(order.group_ids)
    assert interface["AssociatePublicIpAddress"] is (order.connect is Connect.PUBLIC)
    # EC2 takes neither subnet nor groups beside interfaces
    assert not {"SubnetId", "SecurityGroupIds"} & body.keys()


def test_the_checker_sees_a_wrong_name_a_wrong_type_and_a_wrong_word() -> None:
    assert complaints("RunInstances", {"MinCount": 1, "MaxCount": 1, "Nonsense": 1})
    assert complaints("RunInstances", {"MinCount": "one", "MaxCount": 1})
    market = {"InstanceMarketOptions": {"MarketType": "spotty"}}
    assert complaints("RunInstances", {"MinCount": 1, "MaxCount": 1, **market})


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_every_launch_is_one_safe_spot_instance(order: LaunchOrder) -> None:
    body = shapes.run_instances(order)
    assert (body["MinCount"], body["MaxCount"]) == (1, 1)
    assert body["ClientToken"] == order.token
    assert len(body["ClientToken"]) <= 64
    assert body["InstanceMarketOptions"]["MarketType"] == "spot"
    assert body["MetadataOptions"]["HttpTokens"] == "required"
    assert body["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    [disk] = body["BlockDeviceMappings"]
    assert disk["DeviceName"] == order.image.root_device
    assert disk["Ebs"]["Encrypted"] is True
    assert disk["Ebs"]["VolumeType"] == "gp3"
    assert "IamInstanceProfile" not in body


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_everything_that_a_launch_makes_is_tagged_in_the_same_call(order: LaunchOrder) -> None:
    specifications = shapes.run_instances(order)["TagSpecifications"]
    assert {each["ResourceType"] for each in specifications} == {
        "instance",
        "volume",
        "network-interface",
        "spot-instances-request",
    }
    for each in specifications:
        assert {tag["Key"]: tag["Value"] for tag in each["Tags"]} == order.tags


def test_a_box_is_persistent_stops_keeps_its_disk_and_ends_one_day() -> None:
    body = shapes.run_instances(BOX)
    assert body["InstanceMarketOptions"]["SpotOptions"] == {
        "SpotInstanceType": "persistent",
        "InstanceInterruptionBehavior": "stop",
        "ValidUntil": BOX.valid_until,
    }
    assert body["InstanceInitiatedShutdownBehavior"] == "stop"
    assert body["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"] is False
    assert "HibernationOptions" not in body


def test_a_once_machine_is_one_time_terminates_and_takes_its_disk_along() -> None:
    body = shapes.run_instances(ONCE)
    assert body["InstanceMarketOptions"]["SpotOptions"] == {
        "SpotInstanceType": "one-time",
        "InstanceInterruptionBehavior": "terminate",
    }
    assert body["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert body["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"] is True


def test_valid_until_never_goes_with_a_one_time_request() -> None:
    options = shapes.spot_options(replace(ONCE, valid_until=orders.UNTIL))
    assert "ValidUntil" not in options


def test_a_hibernating_box_is_configured_for_it() -> None:
    body = shapes.run_instances(HIBERNATING)
    assert body["HibernationOptions"] == {"Configured": True}
    options = body["InstanceMarketOptions"]["SpotOptions"]
    assert options["InstanceInterruptionBehavior"] == "hibernate"


def test_the_maximum_price_is_exact_and_without_an_exponent() -> None:
    assert shapes.spot_options(PRICED)["MaxPrice"] == "0.4024"
    assert "MaxPrice" not in shapes.spot_options(BOX)
    small = replace(BOX, max_price_usd_per_hour=Decimal("1E-3"))
    assert shapes.spot_options(small)["MaxPrice"] == "0.001"


def test_a_dry_run_without_group_and_key_leaves_them_out() -> None:
    body = shapes.run_instances(DRY)
    assert "Groups" not in body["NetworkInterfaces"][0]
    assert "KeyName" not in body


@pytest.mark.parametrize("kind", sorted(set(ResourceKind) - {ResourceKind.SCHEDULE}))
def test_every_kind_of_thing_is_a_resource_type_of_ec2(kind: ResourceKind) -> None:
    assert str(kind) in model().shape_for("ResourceType").enum


@pytest.mark.parametrize("behaviour", OnInterruption)
def test_every_behaviour_is_one_of_ec2s(behaviour: OnInterruption) -> None:
    assert str(behaviour) in model().shape_for("InstanceInterruptionBehavior").enum


def test_our_states_are_ec2s_states() -> None:
    from spotkeeper.model.machine import InstanceState
    from spotkeeper.model.spot_request import RequestState

    assert {str(state) for state in InstanceState} == set(
        model().shape_for("InstanceStateName").enum
    )
    assert {str(state) for state in RequestState} == set(
        model().shape_for("SpotInstanceState").enum
    )


@pytest.mark.parametrize(
    ("cidr", "ranges", "field"),
    [
        ("198.51.100.7/32", "IpRanges", "CidrIp"),
        ("2001:db8::7/128", "Ipv6Ranges", "CidrIpv6"),
    ],
)
def test_the_ssh_rule_opens_one_port_to_one_address(cidr: str, ranges: str, field: str) -> None:
    body: dict[str, Any] = {"GroupId": "sg-1", "IpPermissions": shapes.ssh_rule(cidr)}
    assert complaints("AuthorizeSecurityGroupIngress", body) == []
    [rule] = body["IpPermissions"]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 22, 22)
    assert [each[field] for each in rule[ranges]] == [cidr]


def test_filters_name_the_owner_and_the_machine() -> None:
    filters = shapes.tag_filters("123:user/me", "dev")
    for operation in ("DescribeInstances", "DescribeSpotInstanceRequests", "DescribeVolumes"):
        assert complaints(operation, {"Filters": filters}) == []
    assert len(shapes.tag_filters("123:user/me", None)) == 1
    assert filters[0] == {"Name": f"tag:{TAG_OWNER}", "Values": ["123:user/me"]}


@pytest.mark.parametrize("text", [shapes.GROUP_DESCRIPTION, shapes.RULE_DESCRIPTION])
def test_descriptions_have_only_characters_that_ec2_takes(text: str) -> None:
    """CreateSecurityGroup says which in prose; its model would take anything."""
    assert re.fullmatch(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}", text)
