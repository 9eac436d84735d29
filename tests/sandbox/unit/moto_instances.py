"""moto's own instances in a backend of their own, for whoever reads or writes them."""

from typing import Any

from ec2_sandbox import moto_hooks  # noqa: F401 - before anything of moto

REGION = "eu-west-1"


def backend() -> Any:
    """An EC2 of one region that nobody else has."""
    from moto.ec2.models import EC2Backend

    return EC2Backend(REGION, "123456789012")


def run(ec2: Any, **chosen: Any) -> Any:
    """A reservation of one instance with two disks."""
    subnet = ec2.get_default_subnets()[f"{REGION}a"].id
    network = {"nics": [], "subnet_id": subnet, "associate_public_ip": None}
    kind = {"instance_type": "m5.large", "region_name": REGION, "client_token": ""}
    wanted = {**kind, "hibernation_options": {}, **network, **chosen}
    return ec2.run_instances(
        "ami-1",
        1,
        None,
        [],
        is_instance_type_default=False,
        block_device_mappings=[_disk("/dev/xvda", 8), _disk("/dev/sdf", 100)],
        security_group_ids=[ec2.get_default_security_group().id],
        **wanted,
    )


def _disk(device: str, size_gb: int) -> dict[str, Any]:
    return {"DeviceName": device, "Ebs": {"VolumeSize": size_gb, "DeleteOnTermination": True}}
