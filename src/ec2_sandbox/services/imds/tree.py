"""What the metadata service of one instance tells, as a tree of folders and texts.

The categories are those of UserGuide/instancedata-data-categories.html that a Linux instance in a
default VPC has.
"""

import json
from base64 import b32encode, b64decode, b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from ec2_sandbox import catalogue
from ec2_sandbox.spot_requests.spot_requests import request_of
from ec2_sandbox.world import world

Tree = Mapping[str, Any]  # of trees, and of texts at the ends

CREDENTIALS_LAST = timedelta(hours=6)
IDENTITY_VERSION = "2017-09-30"


def stamp(moment: datetime) -> str:
    """A time as the metadata service writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def tree_of(instance: Any) -> Tree:
    """Everything below ``/latest/``."""
    tree: dict[str, Any] = {
        "dynamic": {"instance-identity": {"document": _identity_document(instance)}},
        "meta-data": _present(_categories(instance)),
    }
    if instance.user_data:
        tree["user-data"] = b64decode(str(instance.user_data))
    return tree


def _present(categories: Mapping[str, Any]) -> Tree:
    """Without the categories that this instance does not have."""
    return {name: value for name, value in categories.items() if value not in (None, "", {})}


def _categories(instance: Any) -> dict[str, Any]:
    return {
        "ami-id": instance.image_id,
        "ami-launch-index": str(instance.ami_launch_index),
        "ami-manifest-path": "(unknown)",
        "block-device-mapping": dict(_disks(instance)),
        "events": _events(instance),
        "hostname": instance.private_dns_name,
        "iam": _iam(instance),
        "instance-action": "none",
        "instance-id": instance.id,
        "instance-life-cycle": instance.lifecycle or "on-demand",
        "instance-type": instance.instance_type,
        "local-hostname": instance.private_dns_name,
        "local-ipv4": instance.private_ip,
        "mac": instance.nics[0].mac_address,
        "network": {"interfaces": {"macs": _interfaces(instance)}},
        "placement": _placement(instance),
        "profile": "default-hvm",
        "public-hostname": instance.public_dns_name,
        "public-ipv4": instance.public_ip,
        "public-keys": _public_keys(instance),
        "reservation-id": instance.reservation_id,
        "security-groups": "\n".join(_group_names(instance)),
        "services": {"domain": "amazonaws.com", "partition": "aws"},
        "spot": _spot(instance),
        "system": _hypervisor(instance.instance_type),
        "tags": _tags(instance),
    }


def _placement(instance: Any) -> Tree:
    zone, region = instance.placement.zone, instance.region_name
    return {
        "availability-zone": zone,
        "availability-zone-id": catalogue.zone_ids(region).get(zone, ""),
        "region": region,
    }


def _hypervisor(instance_type: str) -> str:
    described = catalogue.instance_types().get(instance_type, {})
    return str(described.get("Hypervisor") or "nitro")


def _disks(instance: Any) -> Iterator[tuple[str, str]]:
    root = instance.root_device_name
    yield "ami", root
    others = [device for device in sorted(instance.block_device_mapping) if device != root]
    for number, device in enumerate(others, 1):
        yield f"ebs{number}", device.removeprefix("/dev/")
    yield "root", root


def _group_names(instance: Any) -> list[str]:
    return [group.name for group in instance.security_groups]


def _public_keys(instance: Any) -> Tree:
    pair = instance.ec2_backend.key_pairs.get(instance.key_name)
    return {"0": {"openssh-key": pair.public_key}} if pair else {}


def _tags(instance: Any) -> Tree:
    """The tags, where the instance was told to show them (InstanceMetadataTags)."""
    if instance.metadata_options.instance_metadata_tags != "enabled":
        return {}
    tags = instance.ec2_backend.tags.get(instance.id, {})
    return {"instance": {key: tags[key] for key in sorted(tags)}}


def _interfaces(instance: Any) -> Tree:
    return {
        nic.mac_address: dict(_interface(instance, nic))
        for _, nic in sorted(instance.nics.items())
    }


def _interface(instance: Any, nic: Any) -> Iterator[tuple[str, Any]]:
    vpc = instance.ec2_backend.vpcs.get(nic.subnet.vpc_id)
    yield "device-number", str(nic.device_index or 0)
    yield "interface-id", nic.id
    if nic.public_ip:
        yield "ipv4-associations", {nic.public_ip: nic.private_ip_address}
    yield "local-hostname", instance.private_dns_name
    yield "local-ipv4s", nic.private_ip_address
    yield "mac", nic.mac_address
    yield "owner-id", catalogue.ACCOUNT_ID
    if nic.public_ip:
        yield "public-hostname", instance.public_dns_name
        yield "public-ipv4s", nic.public_ip
    yield "security-group-ids", "\n".join(group.id for group in instance.security_groups)
    yield "security-groups", "\n".join(_group_names(instance))
    yield "subnet-id", nic.subnet.id
    yield "subnet-ipv4-cidr-block", nic.subnet.cidr_block
    yield "vpc-id", nic.subnet.vpc_id
    if vpc:
        yield "vpc-ipv4-cidr-block", vpc.cidr_block
        yield "vpc-ipv4-cidr-blocks", vpc.cidr_block


def _spot(instance: Any) -> Tree:
    """What an interruption notice tells; nothing without one."""
    request = request_of(instance)
    if request is None or request.notice_ends is None:
        return {}
    action, at = request.notice_action, stamp(request.notice_ends)
    told = {"instance-action": json.dumps({"action": action, "time": at})}
    return {**told, "termination-time": at} if action == "terminate" else told


def _events(instance: Any) -> Tree:
    events: dict[str, Tree] = {"maintenance": {"history": "[]", "scheduled": "[]"}}
    runs = world().run_histories.get(instance.id)
    if runs and runs.rebalance_at:
        notice = json.dumps({"noticeTime": stamp(runs.rebalance_at)})
        events["recommendations"] = {"rebalance": notice}
    return events


def _iam(instance: Any) -> Tree:
    """The attached profile and credentials of its role; they open nothing but the sandbox."""
    associations = instance.ec2_backend.iam_instance_profile_associations
    found = associations.get(instance.id)
    if found is None:
        return {}
    profile, hour = found.iam_instance_profile, world().now.replace(minute=0, second=0)
    info = {
        "Code": "Success",
        "LastUpdated": stamp(hour),
        "InstanceProfileArn": profile.arn,
        "InstanceProfileId": profile.id,
    }
    roles = {role.name: _credentials(instance, role.name, hour) for role in profile.roles}
    return {"info": json.dumps(info, indent=2), "security-credentials": roles}


def _credentials(instance: Any, role: str, hour: datetime) -> str:
    stamped = f"role|{world().options.seed}|{instance.id}|{role}|{stamp(hour)}".encode()
    drawn = blake2b(stamped, digest_size=60).digest()
    content = {
        "Code": "Success",
        "LastUpdated": stamp(hour),
        "Type": "AWS-HMAC",
        "AccessKeyId": f"ASIA{b32encode(drawn[:10]).decode()}",
        "SecretAccessKey": b64encode(drawn[10:40]).decode(),
        "Token": b64encode(drawn).decode(),
        "Expiration": stamp(hour + CREDENTIALS_LAST),
    }
    return json.dumps(content, indent=2)


def _identity_document(instance: Any) -> str:
    content = {
        "accountId": catalogue.ACCOUNT_ID,
        "architecture": instance.architecture,
        "availabilityZone": instance.placement.zone,
        "billingProducts": None,
        "devpayProductCodes": None,
        "marketplaceProductCodes": None,
        "imageId": instance.image_id,
        "instanceId": instance.id,
        "instanceType": instance.instance_type,
        "kernelId": None,
        "pendingTime": stamp(instance.launch_time),
        "privateIp": instance.private_ip,
        "ramdiskId": None,
        "region": instance.region_name,
        "version": IDENTITY_VERSION,
    }
    return json.dumps(content, indent=2, separators=(",", " : "))
