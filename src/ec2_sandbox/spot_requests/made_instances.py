"""The instances of a launch order as moto makes them, and what moto leaves out."""

from collections.abc import Mapping
from typing import Any

from moto.ec2.exceptions import VPCIdNotSpecifiedError
from moto.ec2.utils import parse_user_data

from ec2_sandbox.market.pools import Pool
from ec2_sandbox.protocol.refusal import refuse
from ec2_sandbox.spot_requests import addresses
from ec2_sandbox.spot_requests.disk_keys import settle_key
from ec2_sandbox.spot_requests.launch_disks import IOPS_NEEDED
from ec2_sandbox.spot_requests.launch_orders import LaunchOrder
from ec2_sandbox.world import world


def make_instances(order: LaunchOrder, pool: Pool, backend: Any, *, count: int) -> Any:
    """moto's reservation with ``count`` instances in the pool; nobody was told of them yet."""
    params = order.params
    profile = params.get("IamInstanceProfile") or {}
    reservation = backend.run_instances(
        order.image.id,
        count,
        parse_user_data(params.get("UserData")),
        [],
        instance_type=order.instance_type,
        is_instance_type_default=False,
        region_name=order.region,
        key_name=params.get("KeyName"),
        tags={"instance": {**order.tags.get("instance", {}), **_template_tags(order)}},
        block_device_mappings=_moto_disks(order),
        **_network(order, pool, backend, count=count),
        **_options(order),
    )
    for instance in reservation.instances:
        instance.reservation_id = reservation.id
        _finish(instance, order)
        if profile.get("Name") or profile.get("Arn"):  # EC2 takes empty ones for none
            backend.associate_iam_instance_profile(
                instance_id=instance.id,
                iam_instance_profile_name=profile.get("Name"),
                iam_instance_profile_arn=profile.get("Arn"),
            )
    return reservation


def _template_tags(order: LaunchOrder) -> dict[str, str]:
    """What AWS itself writes on an instance that was launched from a template."""
    template = order.params.get("LaunchTemplate") or {}
    if "LaunchTemplateId" not in template:
        return {}
    return {
        "aws:ec2launchtemplate:id": template["LaunchTemplateId"],
        "aws:ec2launchtemplate:version": str(template["Version"]),
    }


def _options(order: LaunchOrder) -> dict[str, Any]:
    """What moto takes as it is."""
    params = order.params
    monitored = (params.get("Monitoring") or {}).get("Enabled")
    return {
        "ebs_optimized": bool(params.get("EbsOptimized")),
        "disable_api_stop": bool(params.get("DisableApiStop")),
        "disable_api_termination": bool(params.get("DisableApiTermination")),
        "instance_initiated_shutdown_behavior": params.get("InstanceInitiatedShutdownBehavior"),
        "hibernation_options": params.get("HibernationOptions") or {},
        "metadata_options": params.get("MetadataOptions") or {},
        "monitoring_state": "enabled" if monitored else "disabled",
        "client_token": params.get("ClientToken") or "",
        "private_ip": params.get("PrivateIpAddress"),
        "ipv6_address_count": params.get("Ipv6AddressCount"),
    }


def _network(order: LaunchOrder, pool: Pool, backend: Any, *, count: int) -> dict[str, Any]:
    """The subnet of the pool's zone, the groups, and the interfaces asked for."""
    nics = _asked_nics(order)
    subnet_id = order.subnet_id or _default_subnet(pool, backend)
    subnet = backend.get_subnet(subnet_id)
    addresses.keep_in_order(subnet)
    addresses.check_room(subnet, count)
    addresses.check(order.params.get("PrivateIpAddress"), subnet)
    default = [backend.get_default_security_group(subnet.vpc_id).id]
    for nic in nics:
        nic.setdefault("DeviceIndex", 0)
        nic.setdefault("SubnetId", subnet_id)  # moto takes the zone from here
        if not nic.get("NetworkInterfaceId"):
            _check_addresses(nic, backend.get_subnet(nic["SubnetId"]))
    return {
        "nics": nics,
        "subnet_id": None if nics else subnet_id,
        "security_group_ids": list(order.group_ids) or default,
        "associate_public_ip": None,
    }


def _check_addresses(nic: Mapping[str, Any], subnet: Any) -> None:
    addresses.check(nic.get("PrivateIpAddress"), subnet)
    for one in nic.get("PrivateIpAddresses") or []:
        addresses.check(one.get("PrivateIpAddress"), subnet)


def _default_subnet(pool: Pool, backend: Any) -> str:
    if backend.get_default_vpc() is None:
        raise VPCIdNotSpecifiedError
    subnet = backend.get_default_subnets().get(pool.zone)
    if subnet is None:
        raise refuse("MissingInput", f"No default subnet for availability zone: '{pool.zone}'.")
    return str(subnet.id)


def _moto_disks(order: LaunchOrder) -> list[dict[str, Any]]:
    return [
        {
            "DeviceName": disk.device,
            "NoDevice": None,
            "Ebs": {
                "VolumeSize": disk.size_gb,
                # moto refuses these types without the number, and has no place for it.
                "VolumeType": None if disk.volume_type in IOPS_NEEDED else disk.volume_type,
                "Encrypted": disk.encrypted,
                "KmsKeyId": disk.kms_key_id,
                "DeleteOnTermination": disk.delete_on_termination,
            },
        }
        for disk in order.disks
    ]


def _finish(instance: Any, order: LaunchOrder) -> None:
    """The image's facts, the moment, and tags on disks and interfaces."""
    instance.created_at = world().now
    instance.architecture = order.image.architecture
    instance.root_device_name = order.image.root_device
    instance.virtualization_type = "hvm"
    instance.boot_mode, instance.lacks_key = order.image.boot_mode, False
    instance.kernel_id = None
    for disk in order.disks:
        volume_id = instance.block_device_mapping[disk.device].volume_id
        volume = instance.ec2_backend.volumes[volume_id]
        volume.volume_type, volume.iops = disk.volume_type, disk.iops
        volume.throughput, volume.multi_attach_enabled = disk.throughput, False
        volume.attachment.delete_on_termination = disk.delete_on_termination
        volume.snapshot_id = disk.snapshot_id
        instance.lacks_key |= not settle_key(volume)
        volume.add_tags(dict(order.tags.get("volume", {})))
    asked = {int(nic.get("DeviceIndex") or 0): nic for nic in _asked_nics(order)}
    for index, nic in instance.nics.items():
        wanted = asked.get(index, {})
        is_new = not wanted.get("NetworkInterfaceId")
        nic.delete_on_termination = wanted.get("DeleteOnTermination", is_new)
        if is_new:
            nic.add_tags(dict(order.tags.get("network-interface", {})))


def _asked_nics(order: LaunchOrder) -> list[dict[str, Any]]:
    return [dict(nic) for nic in order.params.get("NetworkInterfaces") or []]
