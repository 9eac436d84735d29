"""What can be changed of an instance, when, and how it says that it is well."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox

pytestmark = pytest.mark.sandbox

IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
BOX = {
    "MarketType": "spot",
    "SpotOptions": {
        "SpotInstanceType": "persistent",
        "InstanceInterruptionBehavior": "stop",
    },
}


def launch(ec2: Any, **more: Any) -> str:
    order = {"ImageId": IMAGE, "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1}
    return str(ec2.run_instances(**order, **more)["Instances"][0]["InstanceId"])


def attribute(ec2: Any, instance: str, name: str) -> Any:
    shown = ec2.describe_instance_attribute(InstanceId=instance, Attribute=name)
    return shown[name[0].upper() + name[1:]]["Value"]


def test_only_a_stopped_instance_changes_its_type(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    instance = launch(ec2)
    larger = {"InstanceId": instance, "InstanceType": {"Value": "m5.xlarge"}}
    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        ec2.modify_instance_attribute(**larger)
    ec2.stop_instances(InstanceIds=[instance])
    ec2.modify_instance_attribute(**larger)
    assert attribute(ec2, instance, "instanceType") == "m5.xlarge"
    for wrong in ("m5.nonsense", "m6g.large"):
        with pytest.raises(ClientError, match="InvalidInstanceAttributeValue"):
            ec2.modify_instance_attribute(InstanceId=instance, InstanceType={"Value": wrong})


def test_a_spot_instance_keeps_its_type_and_cannot_be_protected(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    instance = launch(ec2, InstanceMarketOptions=BOX)
    with pytest.raises(ClientError, match="UnsupportedOperation"):
        ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": True})
    ec2.stop_instances(InstanceIds=[instance])
    with pytest.raises(ClientError, match="UnsupportedOperation"):
        ec2.modify_instance_attribute(InstanceId=instance, InstanceType={"Value": "m5.xlarge"})


def test_user_data_changes_while_it_is_stopped(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    instance = launch(ec2, UserData="echo one")
    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        ec2.modify_instance_attribute(InstanceId=instance, UserData={"Value": b"echo two"})
    ec2.stop_instances(InstanceIds=[instance])
    ec2.modify_instance_attribute(InstanceId=instance, UserData={"Value": b"echo two"})
    assert attribute(ec2, instance, "userData") == "ZWNobyB0d28="


def test_a_call_changes_one_attribute(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    instance = launch(ec2)
    with pytest.raises(ClientError, match="No attributes specified"):
        ec2.modify_instance_attribute(InstanceId=instance)
    with pytest.raises(ClientError, match="Fields for multiple attribute types"):
        ec2.modify_instance_attribute(
            InstanceId=instance,
            DisableApiStop={"Value": True},
            EbsOptimized={"Value": True},
        )
    with pytest.raises(ClientError, match="instanceInitiatedShutdownBehavior is invalid"):
        ec2.modify_instance_attribute(
            InstanceId=instance, InstanceInitiatedShutdownBehavior={"Value": "sleep"}
        )
    ec2.modify_instance_attribute(
        InstanceId=instance, Attribute="instanceInitiatedShutdownBehavior", Value="terminate"
    )
    assert attribute(ec2, instance, "instanceInitiatedShutdownBehavior") == "terminate"


def test_groups_are_those_of_the_interface_too(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    instance = launch(ec2)
    group = ec2.create_security_group(GroupName="g", Description="d")["GroupId"]
    ec2.modify_instance_attribute(InstanceId=instance, Groups=[group])
    shown = ec2.describe_instance_attribute(InstanceId=instance, Attribute="groupSet")["Groups"]
    (interface,) = ec2.describe_network_interfaces(
        Filters=[{"Name": "attachment.instance-id", "Values": [instance]}]
    )["NetworkInterfaces"]
    assert shown[0]["GroupId"] == interface["Groups"][0]["GroupId"] == group
    with pytest.raises(ClientError, match=r"InvalidGroup\.NotFound"):
        ec2.modify_instance_attribute(InstanceId=instance, Groups=["sg-0123456789abcdef0"])


def test_a_root_disk_can_be_kept(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    instance = launch(ec2)
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}
    ec2.modify_instance_attribute(InstanceId=instance, BlockDeviceMappings=[mapping])
    with pytest.raises(ClientError, match="No device is currently mapped"):
        ec2.modify_instance_attribute(
            InstanceId=instance, BlockDeviceMappings=[{**mapping, "DeviceName": "/dev/sdz"}]
        )
    ec2.terminate_instances(InstanceIds=[instance])
    assert [one["State"] for one in ec2.describe_volumes()["Volumes"]] == ["available"]


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("blockDeviceMapping", "BlockDeviceMappings"),
        ("disableApiTermination", "DisableApiTermination"),
        ("ebsOptimized", "EbsOptimized"),
        ("enaSupport", "EnaSupport"),
        ("groupSet", "Groups"),
        ("rootDeviceName", "RootDeviceName"),
        ("sourceDestCheck", "SourceDestCheck"),
    ],
)
def test_every_attribute_has_its_member(sandbox: Sandbox, name: str, member: str) -> None:
    ec2 = sandbox.client("ec2")
    shown = ec2.describe_instance_attribute(InstanceId=launch(ec2), Attribute=name)
    assert set(shown) - {"ResponseMetadata", "InstanceId"} == {member}
    assert shown[member]


def test_status_checks_take_two_minutes(sandbox: Sandbox) -> None:
    sandbox.reset(dwell=1, speed=0)
    ec2 = sandbox.client("ec2")
    instance = launch(ec2)
    sandbox.control.advance(timedelta(minutes=1))
    assert status(ec2, instance) == ("initializing", "initializing")
    unwell = [{"Name": "instance-status.status", "Values": ["init*"]}]
    assert len(ec2.describe_instance_status(Filters=unwell)["InstanceStatuses"]) == 1
    sandbox.control.advance(timedelta(minutes=2))
    assert status(ec2, instance) == ("ok", "ok")
    assert ec2.describe_instance_status(Filters=unwell)["InstanceStatuses"] == []


def status(ec2: Any, instance: str) -> tuple[str, str]:
    (found,) = ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"]
    return found["InstanceStatus"]["Status"], found["SystemStatus"]["Status"]


def test_the_status_of_a_stopped_instance_is_asked_for(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    instance = launch(ec2)
    ec2.stop_instances(InstanceIds=[instance])
    assert ec2.describe_instance_status()["InstanceStatuses"] == []
    (found,) = ec2.describe_instance_status(IncludeAllInstances=True)["InstanceStatuses"]
    assert found["InstanceState"]["Name"] == "stopped"
    assert found["InstanceStatus"]["Status"] == "not-applicable"


def test_monitoring_goes_on_and_off(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    instance = launch(ec2)
    (told,) = ec2.monitor_instances(InstanceIds=[instance])["InstanceMonitorings"]
    assert told == {"InstanceId": instance, "Monitoring": {"State": "pending"}}
    on = [{"Name": "monitoring-state", "Values": ["enabled"]}]
    assert len(ec2.describe_instances(Filters=on)["Reservations"]) == 1
    (told,) = ec2.unmonitor_instances(InstanceIds=[instance])["InstanceMonitorings"]
    assert told["Monitoring"]["State"] == "disabling"


def test_metadata_options_change_one_by_one(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    instance = launch(ec2, MetadataOptions={"HttpTokens": "required"})
    changed = ec2.modify_instance_metadata_options(
        InstanceId=instance, InstanceMetadataTags="enabled"
    )["InstanceMetadataOptions"]
    assert changed["State"] == "pending"
    assert changed["HttpTokens"] == "required"
    (reservation,) = ec2.describe_instances(InstanceIds=[instance])["Reservations"]
    options = reservation["Instances"][0]["MetadataOptions"]
    assert options["State"] == "applied"
    assert (options["HttpTokens"], options["InstanceMetadataTags"]) == ("required", "enabled")
