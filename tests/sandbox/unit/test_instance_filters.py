"""The filters of DescribeInstances, each of those that EC2's model documents."""

from typing import Any

import pytest
from tests.sandbox.unit import moto_instances
from tests.sandbox.unit.moto_instances import run

from moto.core.utils import get_service_model  # isort: skip
from moto.ec2.exceptions import EC2ClientError  # isort: skip

from ec2_sandbox.ec2.instance_filters import check_names, fits  # isort: skip
from ec2_sandbox.ec2.listings import filter_names  # isort: skip

INPUTS = get_service_model("ec2").operation_model("DescribeInstances").input_shape.members
DOCUMENTED = [
    name for name in filter_names(INPUTS["Filters"].documentation) if not name.startswith("tag:")
]


@pytest.fixture(scope="module")
def reservation() -> Any:
    """A tagged instance, read only."""
    made = run(
        moto_instances.backend(), tags={"instance": {"Name": "dev"}}, monitoring_state="enabled"
    )
    made.instances[0].spot_instance_request_id = "sir-1"
    return made


def found(reservation: Any, name: str, *values: str) -> bool:
    return fits(reservation, reservation.instances[0], {name: list(values)})


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_filter_is_known_and_can_exclude(name: str, reservation: Any) -> None:
    check_names({name: ["x"]})
    assert not found(reservation, name, "no such value")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("architecture", "x86_64"),
        ("availability-zone", "eu-west-1?"),
        ("availability-zone-id", "euw1-az*"),
        ("block-device-mapping.delete-on-termination", "true"),
        ("block-device-mapping.device-name", "/dev/sdf"),
        ("block-device-mapping.status", "attached"),
        ("block-device-mapping.volume-id", "vol-*"),
        ("ebs-optimized", "false"),
        ("instance-state-code", "16"),
        ("instance-type", "m5.*"),
        ("instance.group-name", "default"),
        ("launch-time", "20*"),
        ("metadata-options.http-tokens", "optional"),
        ("monitoring-state", "enabled"),
        ("network-interface.addresses.primary", "true"),
        ("network-interface.addresses.private-ip-address", "172.31.*"),
        ("network-interface.attachment.device-index", "0"),
        ("network-interface.group-name", "default"),
        ("network-interface.subnet-id", "subnet-*"),
        ("platform-details", "Linux/UNIX"),
        ("reservation-id", "r-*"),
        ("spot-instance-request-id", "sir-1"),
        ("tag-key", "Name"),
        ("tag:Name", "d?v"),
        ("tenancy", "default"),
        ("virtualization-type", "*"),
        ("vpc-id", "vpc-*"),
    ],
)
def test_a_filter_finds_what_has_its_value(name: str, value: str, reservation: Any) -> None:
    assert found(reservation, name, "something else", value)


def test_what_does_not_exist_or_is_too_much_is_refused() -> None:
    with pytest.raises(EC2ClientError, match="The filter 'flavour' is invalid"):
        check_names({"flavour": ["x"]})
    with pytest.raises(EC2ClientError, match="200"):
        check_names({"instance-id": [f"i-{number}" for number in range(201)]})
