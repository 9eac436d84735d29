"""Answers have what recorded answers of EC2 have: members, ids of requests, types, words."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from botocore.exceptions import ClientError
from tests.sandbox.everything import IMAGE
from tests.sandbox.front_door import Door

from ec2_sandbox.server.control_verbs import carry_out

pytestmark = pytest.mark.world("the sandbox's answers", by="recordings of Cloud Custodian")

ORDER = {"ImageId": IMAGE, "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1}
PERSISTENT = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}

# Of DescribeInstances and DescribeVolumes as EC2 answered them in 2025 and 2026.
OF_AN_INSTANCE: dict[str, Any] = {
    "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 2},
    "BootMode": "uefi-preferred",
    "CurrentInstanceBootMode": "uefi",
    "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
    "EnclaveOptions": {"Enabled": False},
    "MaintenanceOptions": {"AutoRecovery": "default", "RebootMigration": "default"},
    "NetworkPerformanceOptions": {"BandwidthWeighting": "default"},
    "Operator": {"Managed": False},
}
OF_AN_INTERFACE: dict[str, Any] = {"DenyAllIgwTraffic": False, "Operator": {"Managed": False}}
OF_A_SUBNET: dict[str, Any] = {
    "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
    "EnableDns64": False,
    "MapCustomerOwnedIpOnLaunch": False,
}
OF_A_VOLUME: dict[str, Any] = {
    "AvailabilityZoneId": "use1-az6",
    "MultiAttachEnabled": False,
    "Operator": {"Managed": False},
}


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_answers_have_the_members_that_clients_read(door: Door) -> None:
    ec2 = door.client("ec2")
    zone = {"AvailabilityZone": "us-east-1a"}
    launched = ec2.run_instances(**ORDER, Placement=zone)["Instances"][0]
    ec2.create_volume(**zone, Size=1)
    described = ec2.describe_instances()["Reservations"][0]["Instances"][0]
    for shown in (launched, described):
        assert OF_AN_INSTANCE.items() <= shown.items()
        assert shown["UsageOperationUpdateTime"]
        assert "SriovNetSupport" not in shown
    (interface,) = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert OF_AN_INTERFACE.items() <= interface.items()
    assert all(OF_A_SUBNET.items() <= one.items() for one in ec2.describe_subnets()["Subnets"])
    volumes = ec2.describe_volumes()["Volumes"]
    assert len(volumes) == 2
    assert all(OF_A_VOLUME.items() <= volume.items() for volume in volumes)


def test_every_answer_of_ec2_has_the_id_of_its_request_and_its_type(door: Door) -> None:
    ec2 = door.client("ec2")
    answers = [
        ec2.describe_vpcs(),
        ec2.describe_spot_price_history(MaxResults=1),
        ec2.run_instances(**ORDER),
        ec2.describe_instances(),
    ]
    with pytest.raises(ClientError) as caught:
        ec2.describe_instances(InstanceIds=["i-00000000000000000"])
    with pytest.raises(ClientError) as refused:
        ec2.describe_placement_groups()
    for answer in (*answers, caught.value.response, refused.value.response):
        told: Any = answer["ResponseMetadata"]
        assert str(UUID(told["RequestId"])) == told["HTTPHeaders"]["x-amzn-requestid"]
        assert told["HTTPHeaders"]["content-type"] == "text/xml;charset=UTF-8"


def test_a_start_is_refused_in_the_words_of_ec2(door: Door) -> None:
    ec2 = door.client("ec2")
    market = {"MarketType": "spot", "SpotOptions": PERSISTENT}
    (box,) = ec2.run_instances(**ORDER, InstanceMarketOptions=market)["Instances"]
    box_id, zone = box["InstanceId"], box["Placement"]["AvailabilityZone"]
    ec2.stop_instances(InstanceIds=[box_id])
    carry_out("drain", {"pool": f"m5.large@{zone}", "minutes": None}, door.home)
    begin = f"You can't start the Spot Instance '{box_id}' because "
    with pytest.raises(ClientError, match=f"{begin}there is no available Spot capacity"):
        ec2.start_instances(InstanceIds=[box_id])
    carry_out("refill", {"pool": f"m5.large@{zone}"}, door.home)
    ec2.start_instances(InstanceIds=[box_id])
    door.interrupt(box_id)
    door.advance(timedelta(minutes=3))
    with pytest.raises(ClientError, match=f"{begin}the associated Spot Instance request is not"):
        ec2.start_instances(InstanceIds=[box_id])


def test_a_request_says_that_its_instance_was_ended_as_ec2_says_it(door: Door) -> None:
    ec2 = door.client("ec2")
    market = {"MarketType": "spot"}
    (once,) = ec2.run_instances(**ORDER, InstanceMarketOptions=market)["Instances"]
    ec2.terminate_instances(InstanceIds=[once["InstanceId"]])
    (request,) = ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
    assert request["Status"]["Code"] == "instance-terminated-by-user"
    told = "Spot Instance terminated due to user-initiated termination."
    assert request["Status"]["Message"] == told


def test_a_key_is_shown_by_its_arn_and_one_that_is_not_there_is_met_late(door: Door) -> None:
    ec2, kms = door.client("ec2"), door.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/disks", TargetKeyId=key["KeyId"])
    disk = {"AvailabilityZone": "us-east-1a", "Size": 1, "Encrypted": True}
    for named in (key["KeyId"], key["Arn"], "alias/disks"):
        assert ec2.create_volume(**disk, KmsKeyId=named)["KmsKeyId"] == key["Arn"]
    volume = ec2.create_volume(**disk)
    assert volume["KmsKeyId"].startswith("arn:aws:kms:us-east-1:")
    assert ec2.create_snapshot(VolumeId=volume["VolumeId"])["KmsKeyId"] == volume["KmsKeyId"]
    lost = ec2.create_volume(**disk, KmsKeyId="alias/nobody")["VolumeId"]
    with pytest.raises(ClientError, match=r"InvalidVolume\.NotFound"):
        ec2.describe_volumes(VolumeIds=[lost])
    root = {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "KmsKeyId": "alias/nobody"}}
    ec2.run_instances(**ORDER, BlockDeviceMappings=[root])
    door.advance(timedelta(seconds=1))
    (ended,) = ec2.describe_instances()["Reservations"][0]["Instances"]
    assert ended["State"]["Name"] == "terminated"
    assert ended["StateReason"]["Message"] == "Client.InternalError: Client error on launch"


def test_a_request_is_found_by_what_its_answer_shows(door: Door) -> None:
    ec2 = door.client("ec2")
    root = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 9}}
    where = {"Placement": {"AvailabilityZone": "us-east-1a"}, "BlockDeviceMappings": [root]}
    ec2.run_instances(**ORDER, **where, InstanceMarketOptions={"MarketType": "spot"})
    (request,) = ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
    shown = {
        "create-time": request["CreateTime"].strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "instance-id": request["InstanceId"],
        "launch.block-device-mapping.volume-size": "9",
        "launch.group-name": "default",
        "launch.image-id": request["LaunchSpecification"]["ImageId"],
        "launched-availability-zone": "us-east-1?",
        "launched-availability-zone-id": "use1-az6",
        "state": "active",
        "status-code": "fulfilled",
        "type": "one-time",
    }
    found = {name: _found(ec2, name, value) for name, value in shown.items()}
    assert found == dict.fromkeys(shown, 1)
    others = dict.fromkeys((*shown, "launch.kernel-id", "network-interface.subnet-id"), "no")
    assert {_found(ec2, name, value) for name, value in others.items()} == {0}


def _found(ec2: Any, name: str, value: str) -> int:
    filters = [{"Name": name, "Values": [value]}]
    return len(ec2.describe_spot_instance_requests(Filters=filters)["SpotInstanceRequests"])
