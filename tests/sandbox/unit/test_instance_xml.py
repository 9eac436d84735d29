"""The template writer against moto's own serializer: both answers read by botocore."""

from typing import Any

import pytest
from tests.sandbox.test_answers_as_recorded import OF_AN_INSTANCE
from tests.sandbox.unit import moto_instances
from tests.sandbox.unit.moto_instances import REGION, run

from botocore.parsers import create_parser  # isort: skip
from moto.core.serialize import EC2Serializer, XFormedAttributePicker  # isort: skip
from moto.core.utils import get_service_model  # isort: skip
from moto.ec2.models.instances import StateReason  # isort: skip
from moto.ec2.responses import EC2Response  # isort: skip

from ec2_sandbox.ec2.instance_xml import launched, reservation_item  # isort: skip
from ec2_sandbox.ec2.xml import listing  # isort: skip

MODEL = get_service_model("ec2")


RECORDED = {
    **{name: value for name, value in OF_AN_INSTANCE.items() if name != "BootMode"},
    "CurrentInstanceBootMode": "legacy-bios",  # moto's image says nothing of it
    "PrivateDnsNameOptions": {
        "HostnameType": "ip-name",
        "EnableResourceNameDnsARecord": False,
        "EnableResourceNameDnsAAAARecord": False,
    },
}


def read(operation: str, body: str) -> dict[str, Any]:
    """As boto3 would give it to its caller."""
    shape = MODEL.operation_model(operation).output_shape
    answer = {"status_code": 200, "headers": {}, "body": body.encode()}
    found: dict[str, Any] = create_parser("ec2").parse(answer, shape)
    del found["ResponseMetadata"]
    return found


def as_moto_writes(operation: str, result: Any) -> dict[str, Any]:
    picker = XFormedAttributePicker(
        response_transformers=EC2Response.RESPONSE_KEY_PATH_TO_TRANSFORMER
    )
    serializer = EC2Serializer(MODEL.operation_model(operation), value_picker=picker)
    return read(operation, serializer.serialize(result)["body"])


def as_we_write(reservation: Any) -> dict[str, Any]:
    item = reservation_item(reservation, reservation.instances)
    body = listing("DescribeInstances", item, set_name="reservationSet", token=None)
    return read("DescribeInstances", body)


def as_aws_has_it(instance: dict[str, Any]) -> dict[str, Any]:
    """moto's instance with the few things that we write as EC2 does and moto does not."""
    zone_id = {"AvailabilityZoneId": "euw1-az3"}
    linux = {"PlatformDetails": "Linux/UNIX", "UsageOperation": "RunInstances"}
    fixed = {"PublicDnsName": "", "EnaSupport": True, **linux, **RECORDED, **instance}
    fixed["UsageOperationUpdateTime"] = instance["LaunchTime"]
    fixed.pop("SriovNetSupport", None)
    fixed["Placement"] = {**instance["Placement"], **zone_id}
    fixed["HibernationOptions"] = instance["HibernationOptions"] or {"Configured": False}
    if not instance["StateReason"]["Code"]:
        del fixed["StateReason"]
    for nic in fixed["NetworkInterfaces"]:
        nic["Groups"].sort(key=lambda group: str(group["GroupId"]))
        nic["Operator"] = {"Managed": False}
        nic["PrivateIpAddresses"][0]["PrivateDnsName"] = instance["PrivateDnsName"]
        for holder in (nic, *nic["PrivateIpAddresses"]):
            if not holder.get("Association"):
                holder.pop("Association", None)
            else:
                holder["Association"]["PublicDnsName"] = instance["PublicDnsName"]
    return fixed


@pytest.fixture
def backend() -> Any:
    return moto_instances.backend()


def plain(backend: Any) -> Any:
    return run(backend)


def spot(backend: Any) -> Any:
    reservation = run(backend, key_name="it's & <mine>", client_token="t<1>")
    reservation.instances[0].lifecycle = "spot"
    reservation.instances[0].spot_instance_request_id = "sir-1"
    return reservation


def tagged(backend: Any) -> Any:
    return run(backend, tags={"instance": {"Name": "a & b", "<k>": "", "ключ": "é\U0001f600"}})


def with_profile(backend: Any) -> Any:
    reservation = run(backend)
    arn = "arn:aws:iam::123456789012:instance-profile/p"
    reservation.instances[0].iam_instance_profile = {"Arn": arn, "Id": "iip-assoc-1"}
    return reservation


def with_settings(backend: Any) -> Any:
    return run(
        backend,
        ebs_optimized=True,
        monitoring_state="enabled",
        hibernation_options={"Configured": True},
        metadata_options={"HttpTokens": "required", "HttpPutResponseHopLimit": "2"},
        private_ip="172.31.0.77",
        placement_hostid="h-1",
    )


def with_two_interfaces(backend: Any) -> Any:
    subnet = backend.get_default_subnets()[f"{REGION}a"].id
    second = backend.create_security_group("second", "d", vpc_id=backend.get_default_vpc().id)
    nics = [
        {"DeviceIndex": 1, "SubnetId": subnet, "PrivateIpAddress": "172.31.0.9"},
        {"DeviceIndex": 0, "SubnetId": subnet, "Groups": [second.id], "Description": "<eth0>"},
    ]
    return run(backend, nics=nics, subnet_id=None, ipv6_address_count=0)


def without_public_address(backend: Any) -> Any:
    return run(backend, associate_public_ip=False)


def stopped(backend: Any) -> Any:
    reservation = run(backend)
    reservation.instances[0].stop()
    return reservation


def detached(backend: Any) -> Any:
    reservation = run(backend)
    instance = reservation.instances[0]
    volume_id = instance.block_device_mapping["/dev/sdf"].volume_id
    backend.detach_volume(volume_id, instance.id, "/dev/sdf")
    return reservation


CASES = (
    plain,
    spot,
    tagged,
    with_profile,
    with_settings,
    with_two_interfaces,
    without_public_address,
    stopped,
    detached,
)


@pytest.mark.parametrize("made_by", CASES, ids=lambda case: case.__name__)
def test_an_instance_is_written_as_moto_writes_it(made_by: Any, backend: Any) -> None:
    reservation = made_by(backend)
    told = as_moto_writes("DescribeInstances", {"Reservations": [reservation]})
    ours = as_we_write(reservation)
    expected = as_aws_has_it(told["Reservations"][0].pop("Instances")[0])
    instance = ours["Reservations"][0].pop("Instances")[0]
    for nic in instance["NetworkInterfaces"]:
        nic["Groups"].sort(key=lambda group: str(group["GroupId"]))
    assert instance == expected
    assert ours == told


def test_what_was_launched_is_pending(backend: Any) -> None:
    reservation = spot(backend)
    told = as_moto_writes("RunInstances", reservation)
    ours = read("RunInstances", launched(reservation))
    expected = as_aws_has_it(told.pop("Instances")[0])
    instance = ours.pop("Instances")[0]
    assert instance["State"] == {"Code": 0, "Name": "pending"}
    assert instance == expected
    assert ours == told


def test_a_terminated_instance_is_nowhere_and_says_why(backend: Any) -> None:
    reservation = run(backend)
    instance = reservation.instances[0]
    instance.terminate()
    instance.state_reason = StateReason("Server.X: because", "Server.X")
    shown = as_we_write(reservation)["Reservations"][0]["Instances"][0]
    assert shown["State"] == {"Code": 48, "Name": "terminated"}
    assert shown["StateReason"] == {"Code": "Server.X", "Message": "Server.X: because"}
    assert (shown["NetworkInterfaces"], shown["BlockDeviceMappings"]) == ([], [])
    assert (shown["PrivateDnsName"], shown["PublicDnsName"]) == ("", "")
    assert not {"SubnetId", "VpcId", "PrivateIpAddress", "PublicIpAddress"} & set(shown)


def test_only_the_instances_asked_for_are_shown(backend: Any) -> None:
    reservation = run(backend)
    body = reservation_item(reservation, [])
    assert "<instancesSet></instancesSet>" in body
