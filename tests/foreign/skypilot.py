"""SkyPilot's provisioner of AWS, as its own backend calls it: from the bootstrap to the end."""

import traceback
from collections.abc import Callable
from typing import Any

from sky.provision import common
from sky.provision.aws import config as aws_config
from sky.provision.aws import instance
from sky.utils.status_lib import ClusterStatus

REGION, NAME = "us-east-1", "judge"
IMAGE = (
    "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id"
)


def step(name: str, act: Callable[[], Any]) -> Any:
    try:
        found = act()
    except BaseException as problem:  # what a client ends with is what is to be told
        print(f"FAILED {name}: {problem!r}"[:600])
        traceback.print_exc()
        return None
    print(f"ok {name}")
    return found


def asked() -> common.ProvisionConfig:
    import boto3

    image = boto3.client("ssm").get_parameter(Name=IMAGE)["Parameter"]["Value"]
    disk = {"VolumeSize": 100, "VolumeType": "gp3", "Encrypted": False, "Iops": 3000}
    node = {
        "InstanceType": "g5.xlarge",
        "ImageId": image,
        "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": disk}],
        "InstanceMarketOptions": {"MarketType": "spot"},
        "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
        "UserData": "#cloud-config\n",
    }
    provider = {
        "region": REGION,
        "availability_zone": "us-east-1a",
        "security_group": {"GroupName": "sky-sg", "ManagedBySkyPilot": True},
        "use_internal_ips": False,
    }
    return common.ProvisionConfig(
        provider_config=provider,
        authentication_config={"ssh_user": "ubuntu"},
        docker_config={},
        node_config=node,
        count=2,
        tags={},
        resume_stopped_nodes=True,
        ports_to_open_on_launch=None,
    )


def is_up(found: Any) -> None:
    states = [
        getattr(one[0] if isinstance(one, tuple) else one, "name", one) for one in found.values()
    ]
    assert states == ["UP", "UP"], states


def main() -> None:
    config = asked()
    config = (
        step("bootstrap", lambda: aws_config.bootstrap_instances(REGION, NAME, config)) or config
    )
    step("two Spot instances", lambda: instance.run_instances(REGION, NAME, NAME, config))
    step("wait", lambda: instance.wait_instances(REGION, NAME, ClusterStatus.UP))
    provider = config.provider_config
    step("query", lambda: is_up(instance.query_instances(NAME, NAME, provider)))
    step(
        "cluster info",
        lambda: instance.get_cluster_info(REGION, NAME, provider).get_head_instance(),
    )
    again = step("the same again", lambda: instance.run_instances(REGION, NAME, NAME, config))
    step("makes nothing", lambda: _none(again.created_instance_ids))
    step("open ports", lambda: instance.open_ports(NAME, ["8888"], provider))
    step("terminate", lambda: instance.terminate_instances(NAME, provider))
    step("clean up ports", lambda: instance.cleanup_ports(NAME, ["8888"], provider))


def _none(ids: list[str]) -> None:
    assert ids == [], ids


if __name__ == "__main__":
    main()
