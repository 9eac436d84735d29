"""EC2's shapes, as small as EC2 sends them and as large, become our values."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from spotkeeper.aws import feeds, shapes
from spotkeeper.model.disk import Disk
from spotkeeper.model.instance_type import Gpus
from spotkeeper.model.machine import InstanceState
from spotkeeper.model.spot_request import RequestState

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
REGION = "us-east-1"
TAGS = [{"Key": "spotkeeper:name", "Value": "dev"}, {"Key": "Empty", "Value": ""}]

SMALL_INSTANCE: dict[str, Any] = {
    "InstanceId": "i-1",
    "InstanceType": "m5.large",
    "LaunchTime": AT,
    "Placement": {"AvailabilityZone": "us-east-1a"},
    "State": {"Code": 48, "Name": "terminated"},
}


def test_a_small_instance() -> None:
    found = shapes.instance(SMALL_INSTANCE, REGION)
    assert (found.id, found.region, found.zone_name) == ("i-1", REGION, "us-east-1a")
    assert found.state is InstanceState.TERMINATED
    assert found.ended
    assert (found.lifecycle, found.request_id, found.public_ip) == (None, None, None)
    assert (found.volume_ids, found.tags, found.state_reason) == ((), {}, "")


def test_a_large_instance() -> None:
    found = shapes.instance(
        {
            **SMALL_INSTANCE,
            "State": {"Name": "running"},
            "InstanceLifecycle": "spot",
            "SpotInstanceRequestId": "sir-1",
            "PublicIpAddress": "203.0.113.5",
            "ImageId": "ami-1",
            "KeyName": "key",
            "StateReason": {"Code": "Server.SpotInstanceTermination", "Message": "x"},
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/xvda", "Ebs": {"VolumeId": "vol-1"}},
                {"DeviceName": "/dev/xvdb", "VirtualName": "ephemeral0"},
            ],
            "Tags": TAGS,
        },
        REGION,
    )
    assert (found.lifecycle, found.request_id) == ("spot", "sir-1")
    assert (found.public_ip, found.image_id, found.key_name) == ("203.0.113.5", "ami-1", "key")
    assert found.state_reason == "Server.SpotInstanceTermination"
    assert found.volume_ids == ("vol-1",)
    assert found.tags == {"spotkeeper:name": "dev", "Empty": ""}


def test_a_small_request() -> None:
    found = shapes.spot_request(
        {"SpotInstanceRequestId": "sir-1", "State": "open", "CreateTime": AT}, REGION
    )
    assert found.state is RequestState.OPEN
    assert (found.status_code, found.status_since) == ("open", AT)
    assert not found.persistent
    assert found.interruption_behavior == "terminate"
    assert (found.instance_id, found.instance_type, found.zone_name) == (None, None, None)
    assert (found.valid_until, found.max_price_usd_per_hour, found.tags) == (None, None, {})


def test_a_large_request() -> None:
    found = shapes.spot_request(
        {
            "SpotInstanceRequestId": "sir-1",
            "State": "disabled",
            "Type": "persistent",
            "CreateTime": AT,
            "Status": {"Code": "instance-stopped-no-capacity", "UpdateTime": AT, "Message": "x"},
            "InstanceInterruptionBehavior": "stop",
            "InstanceId": "i-1",
            "LaunchSpecification": {
                "InstanceType": "g5.xlarge",
                "Placement": {"AvailabilityZone": "us-east-1c"},
            },
            "LaunchedAvailabilityZone": "us-east-1a",
            "ValidUntil": AT,
            "SpotPrice": "1.006000",
            "Tags": TAGS,
        },
        REGION,
    )
    assert found.persistent
    assert found.cancellable
    assert found.status_code == "instance-stopped-no-capacity"
    assert (found.instance_type, found.zone_name) == ("g5.xlarge", "us-east-1a")
    assert found.max_price_usd_per_hour == Decimal("1.006")
    assert found.valid_until == AT


def test_an_unfulfilled_request_has_the_zone_it_asked_for() -> None:
    placement = {"Placement": {"AvailabilityZone": "us-east-1c"}}
    row = {"SpotInstanceRequestId": "s", "State": "open", "CreateTime": AT}
    found = shapes.spot_request({**row, "LaunchSpecification": placement}, REGION)
    assert found.zone_name == "us-east-1c"


@pytest.mark.parametrize("state", RequestState)
def test_every_state_of_a_request_is_read(state: RequestState) -> None:
    row = {"SpotInstanceRequestId": "s", "State": str(state), "CreateTime": AT}
    assert shapes.spot_request(row, REGION).state is state


def test_a_volume() -> None:
    row = {"VolumeId": "vol-1", "State": "available", "Size": 100, "VolumeType": "gp3"}
    found = shapes.volume(row, REGION)
    assert (found.id, found.state, found.tags) == ("vol-1", "available", {})
    assert found.disk == Disk("gp3", 100)


@pytest.mark.parametrize(
    ("speed", "by_size_alone"),
    [
        ({"VolumeType": "gp3", "Iops": 3000, "Throughput": 125}, True),
        ({"VolumeType": "gp3", "Iops": 3001, "Throughput": 125}, False),
        ({"VolumeType": "gp3", "Iops": 3000, "Throughput": 126}, False),
        ({"VolumeType": "gp2", "Iops": 9000}, True),
        ({"VolumeType": "io2", "Iops": 100}, False),
        ({"VolumeType": "standard", "Iops": None}, True),
    ],
)
def test_a_volume_whose_speed_is_paid_for_is_not_priced_by_its_size(
    speed: dict[str, object], *, by_size_alone: bool
) -> None:
    assert shapes.disk({"Size": 8, **speed}).by_size_alone is by_size_alone


def test_a_small_instance_type() -> None:
    found = feeds.instance_type(
        {
            "InstanceType": "m5.large",
            "VCpuInfo": {"DefaultVCpus": 2},
            "MemoryInfo": {"SizeInMiB": 8192},
        }
    )
    assert (found.name, found.vcpus, found.memory_gib) == ("m5.large", 2, 8.0)
    assert found.gpus is None
    assert not found.spot_supported
    assert not found.hibernation_supported


def test_a_large_instance_type() -> None:
    gpu = {"Name": "A10G", "Manufacturer": "NVIDIA", "Count": 4, "MemoryInfo": {"SizeInMiB": 24}}
    found = feeds.instance_type(
        {
            "InstanceType": "g5.12xlarge",
            "VCpuInfo": {"DefaultVCpus": 48},
            "MemoryInfo": {"SizeInMiB": 196608},
            "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
            "GpuInfo": {"Gpus": [gpu], "TotalGpuMemoryInMiB": 96},
            "SupportedUsageClasses": ["on-demand", "spot"],
            "HibernationSupported": True,
        }
    )
    assert found.gpus == Gpus("A10G", "NVIDIA", 4, 24)
    assert found.spot_supported
    assert found.hibernation_supported
    assert found.arch == "x86_64"


def test_a_spot_price_is_exact() -> None:
    found = feeds.spot_price(
        {
            "AvailabilityZone": "us-east-1a",
            "AvailabilityZoneId": "use1-az6",
            "InstanceType": "g5.xlarge",
            "ProductDescription": "Linux/UNIX",
            "SpotPrice": "0.412300",
            "Timestamp": AT,
        },
        REGION,
    )
    assert found.usd_per_hour == Decimal("0.4123")
    assert str(found.pool) == "g5.xlarge@us-east-1a"
    assert found.pool.zone.id == "use1-az6"
    assert found.since == AT


def test_no_tags_are_no_tags() -> None:
    assert shapes.tags(None) == shapes.tags([]) == {}
