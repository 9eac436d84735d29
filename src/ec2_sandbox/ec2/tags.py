"""EC2 calls about tags and keys: what moto lists, takes or deletes in another way than EC2."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from ec2_sandbox.ec2 import instance_listing, requests
from ec2_sandbox.protocol.filters import passes, unknown_filter
from ec2_sandbox.protocol.paging import page
from ec2_sandbox.protocol.refusal import refuse
from ec2_sandbox.protocol.tag_specifications import check_tag

RESOURCE_TYPES = {
    "acl": "network-acl",
    "ami": "image",
    "dopt": "dhcp-options",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "fleet": "fleet",
    "i": "instance",
    "igw": "internet-gateway",
    "key": "key-pair",
    "nat": "natgateway",
    "lt": "launch-template",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "sir": "spot-instances-request",
    "snap": "snapshot",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
}
# What CreateTags says of an id that moto does not check: EC2's code and words.
NOT_FOUND = {
    "i": ("InvalidInstanceID.NotFound", "The instance ID '{}' does not exist"),
    "key": ("InvalidKeyPair.NotFound", "The key pair '{}' does not exist"),
    "sir": (
        "InvalidSpotInstanceRequestID.NotFound",
        "The spot instance request ID '{}' does not exist",
    ),
    "snap": ("InvalidSnapshot.NotFound", "The snapshot '{}' does not exist."),
}
# DescribeTags' filters.
FIELDS = {
    "key": "Key",
    "value": "Value",
    "resource-id": "ResourceId",
    "resource-type": "ResourceType",
}


class TagResponses(EC2Response):  # type: ignore[misc]
    """Tags, and the key that is named by its id."""

    def describe_tags(self) -> ActionResult:
        """Tags of everything that exists."""
        self.error_on_dryrun()
        filters = self._filters_from_querystring()
        for name in filters:
            if name not in FIELDS and not name.startswith("tag:"):
                raise unknown_filter(name)
        every = _tags(self.ec2_backend)
        rows = [row for row in every if passes(filters, partial(_value_of, row))]
        found, token = page(rows, self.params, default=1_000)
        return ActionResult({"Tags": found, "NextToken": token})

    def create_tags(self) -> Any:
        """On things that exist; a tag without a value has an empty one."""
        for resource_id in self.params.get("Resources") or []:
            _check_exists(resource_id, self.ec2_backend)
        for tag in self.params.get("Tags") or []:
            tag.setdefault("Value", "")
            check_tag(tag.get("Key") or "", tag["Value"])
        return super().create_tags()

    def delete_key_pair(self) -> Any:
        """By name or by id, of which moto knows only the first; an unknown id is refused."""
        if key_id := self.params.get("KeyPairId"):
            names = {pair.id: pair.key_name for pair in self.ec2_backend.key_pairs.values()}
            if key_id not in names:
                raise refuse("InvalidKeyPair.NotFound", f"The key pair '{key_id}' does not exist")
            self.params["KeyName"] = names[key_id]
        return super().delete_key_pair()


def _value_of(row: Mapping[str, str], name: str) -> str | None:
    """``tag:KEY`` matches the one tag of that key; the rest its own field."""
    if name.startswith("tag:"):
        return row["Value"] if row["Key"] == name.removeprefix("tag:") else None
    return row[FIELDS[name]]


def _tags(backend: Any) -> Iterator[dict[str, str]]:
    known = _Existing(backend)
    for resource_id, tags in backend.tags.items():
        if known.has(resource_id):
            prefix = resource_id.partition("-")[0]
            kind = RESOURCE_TYPES.get(prefix, prefix)
            of_resource = {"ResourceId": resource_id, "ResourceType": kind}
            for key, value in tags.items():
                yield {**of_resource, "Key": key, "Value": value}


class _Existing:
    """moto keeps the tags of what is deleted; EC2 does not, nor finds at once what is new."""

    def __init__(self, backend: Any) -> None:
        self.by_prefix = {
            "eni": set(backend.enis),
            "i": {instance.id for _, instance in instance_listing.listed(backend)},
            "key": {key.id for key in backend.key_pairs.values()},
            "sg": {group_id for groups in backend.groups.values() for group_id in groups},
            "sir": {request.id for request in requests.listed(backend)},
            "snap": set(backend.snapshots),
            "vol": set(backend.volumes),
        }

    def has(self, resource_id: str) -> bool:
        known = self.by_prefix.get(resource_id.partition("-")[0])
        return known is None or resource_id in known


def _check_exists(resource_id: str, backend: Any) -> None:
    prefix = resource_id.partition("-")[0]
    if prefix in NOT_FOUND and not _Existing(backend).has(resource_id):
        code, text = NOT_FOUND[prefix]
        raise refuse(code, text.format(resource_id))
