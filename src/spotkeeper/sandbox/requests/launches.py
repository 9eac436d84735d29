"""RunInstances carried out: idempotency, room, price, quota, then the instances themselves."""

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from moto.ec2.utils import parse_user_data

from spotkeeper.sandbox import catalogue, quotas
from spotkeeper.sandbox.market.money import short_usd
from spotkeeper.sandbox.market.pools import Pool
from spotkeeper.sandbox.protocol import refusal
from spotkeeper.sandbox.protocol.refusal import refuse
from spotkeeper.sandbox.requests.launch_orders import LaunchOrder
from spotkeeper.sandbox.requests.request_states import Event, Situation
from spotkeeper.sandbox.requests.spot_requests import SpotRequest, SpotTerms
from spotkeeper.sandbox.world import Launch, spot_requests, world

# Not part of what was asked for when a token comes again.
NOT_COMPARED = {"ClientToken", "DryRun"}

# These count against no quota.
HOLDS_NOTHING = {
    Situation.ENDED,
    Situation.STOPPED_BY_USER,
    Situation.STOPPED_BY_EC2,
    Situation.CANCELLED_STOPPED,
}


def fingerprint(params: Mapping[str, Any]) -> str:
    """The same for the same request, whatever the order of its parameters."""
    compared = {key: value for key, value in params.items() if key not in NOT_COMPARED}
    text = json.dumps(compared, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def launched_before(params: Mapping[str, Any], backend: Any) -> Any:
    """The reservation that this client token made, or None (Ec2 Run_Instance_Idempotency)."""
    token = params.get("ClientToken")
    launch = world().launches.get((backend.region_name, token)) if token else None
    if launch is None:
        return None
    if launch.fingerprint != fingerprint(params):
        raise refuse(
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in "
            "previous request(s).",
        )
    reservation = backend.reservations.get(launch.reservation_id)
    if reservation is None or all(one.state == "terminated" for one in reservation.instances):
        raise refuse(
            "IdempotentInstanceTerminated",
            "The instance associated with the provided idempotency token has been terminated.",
        )
    return reservation


def launch(order: LaunchOrder, backend: Any) -> Any:
    """Launch all instances of an order or none; returns moto's reservation."""
    pool = _choose_pool(order)
    if order.spot:
        _check_quota(order)
    reservation = _launch_instances(order, pool, backend, count=order.count)
    if order.spot:
        for instance in reservation.instances:
            _open_request(order, order.spot, pool=pool, instance=instance)
    if token := order.params.get("ClientToken"):
        made = Launch(fingerprint(order.params), reservation.id)
        world().launches[(backend.region_name, token)] = made
    return reservation


def check_room(pool: Pool, max_price: int) -> None:
    """Refuse a Spot launch or start that the pool cannot take."""
    if world().capacity.is_dry(pool, world().second):
        raise refusal.no_spot_capacity()
    price = world().spot_price(pool)
    if max_price < price:
        raise refusal.price_too_low(short_usd(max_price), short_usd(price))


def _choose_pool(order: LaunchOrder) -> Pool:
    """Without a zone EC2 chooses: here the cheapest with room."""
    if order.spot is None:
        return order.pools[0]
    with_room = [p for p in order.pools if not world().capacity.is_dry(p, world().second)]
    pool = min(with_room or order.pools, key=world().spot_price)
    check_room(pool, order.spot.max_price)
    return pool


def _check_quota(order: LaunchOrder) -> None:
    quota = quotas.quota_of(order.instance_type)
    if quota is None:
        return
    used = vcpus_in_use(quota, order.region)
    wanted = catalogue.vcpus(order.instance_type) * order.count
    if used + wanted > quotas.limit(world(), quota, order.region):
        raise refuse("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")


def vcpus_in_use(quota: quotas.Quota, region: str) -> int:
    """vCPUs of running Spot instances and open requests in a region."""
    return sum(
        catalogue.vcpus(request.pool.instance_type)
        for request in spot_requests()
        if request.pool.region == region
        and request.situation not in HOLDS_NOTHING
        and quotas.quota_of(request.pool.instance_type) is quota
    )


def _open_request(order: LaunchOrder, terms: SpotTerms, *, pool: Pool, instance: Any) -> None:
    """A request that holds an instance from the start, and can launch another."""
    backend = instance.ec2_backend
    request = SpotRequest(backend, pool, terms, launcher=partial(_first_launch, instance))
    request.add_tags(dict(order.tags.get("spot-instances-request", {})))
    request.happen(Event.FULFIL)
    request.launcher = partial(_relaunch, order)


def _first_launch(instance: Any, _request: SpotRequest) -> Any:
    return instance


def _relaunch(order: LaunchOrder, request: SpotRequest) -> Any:
    """A new instance for a persistent request, in the same pool with the same tags."""
    reservation = _launch_instances(order, request.pool, request.ec2_backend, count=1)
    return reservation.instances[0]


def _launch_instances(order: LaunchOrder, pool: Pool, backend: Any, *, count: int) -> Any:
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
        tags={"instance": dict(order.tags.get("instance", {}))},
        block_device_mappings=_moto_disks(order),
        **_network(order, pool, backend),
        **_options(params),
    )
    for instance in reservation.instances:
        _finish(instance, order)
        if profile:
            backend.associate_iam_instance_profile(
                instance_id=instance.id,
                iam_instance_profile_name=profile.get("Name"),
                iam_instance_profile_arn=profile.get("Arn"),
            )
    return reservation


def _options(params: Mapping[str, Any]) -> dict[str, Any]:
    """What moto takes as it is."""
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
        "launch_template": params.get("LaunchTemplate") or {},
    }


def _network(order: LaunchOrder, pool: Pool, backend: Any) -> dict[str, Any]:
    """The subnet of the pool's zone, the groups, and the interfaces asked for."""
    nics = [dict(nic) for nic in order.params.get("NetworkInterfaces") or []]
    subnet_id = order.subnet_id or _default_subnet(pool, backend)
    of_nics = [group for nic in nics for group in nic.get("Groups", [])]
    groups = list(dict.fromkeys([*order.group_ids, *of_nics]))
    if not groups:
        vpc_id = backend.get_subnet(subnet_id).vpc_id
        groups = [backend.get_default_security_group(vpc_id).id]
    for nic in nics:
        nic.setdefault("DeviceIndex", 0)
        if not nic.get("NetworkInterfaceId"):
            nic.setdefault("SubnetId", subnet_id)
    return {
        "nics": nics,
        "subnet_id": None if nics else subnet_id,
        "security_group_ids": groups,
        "associate_public_ip": None,
    }


def _default_subnet(pool: Pool, backend: Any) -> str:
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
                "VolumeType": disk.volume_type if disk.volume_type not in {"io1", "io2"} else None,
                "Encrypted": disk.encrypted,
                "KmsKeyId": disk.kms_key_id,
                "DeleteOnTermination": disk.delete_on_termination,
            },
        }
        for disk in order.disks
    ]


def _finish(instance: Any, order: LaunchOrder) -> None:
    """What moto leaves out: the image's facts, and tags on disks and interfaces."""
    instance.architecture = order.image.architecture
    instance.root_device_name = order.image.root_device
    instance.virtualization_type = "hvm"
    instance.kernel_id = None
    for disk in order.disks:
        volume_id = instance.block_device_mapping[disk.device].volume_id
        volume = instance.ec2_backend.volumes[volume_id]
        volume.volume_type, volume.iops = disk.volume_type, disk.iops
        volume.throughput = disk.throughput
        volume.attachment.delete_on_termination = disk.delete_on_termination
        if disk is order.disks[0]:
            volume.snapshot_id = order.image.snapshot_id
        volume.add_tags(dict(order.tags.get("volume", {})))
    asked = order.params.get("NetworkInterfaces") or [{}]
    for nic in instance.nics.values():
        nic.delete_on_termination = asked[0].get("DeleteOnTermination", True)
        nic.add_tags(dict(order.tags.get("network-interface", {})))
