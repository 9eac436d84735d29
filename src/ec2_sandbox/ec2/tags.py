"""EC2 calls about tags and keys: what moto lists, takes or deletes in another way than EC2."""

from collections.abc import Iterator
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
PLAIN_FILTERS = {"key", "value", "resource-id", "resource-type"}


class TagResponses(EC2Response):  # type: ignore[misc]
    """Tags, and the key that is named by its id."""

    def describe_tags(self) -> ActionResult:
        """Tags of everything that exists."""
        self.error_on_dryrun()
        filters = self._filters_from_querystring()
        for name in filters:
            if name not in PLAIN_FILTERS and not name.startswith("tag:"):
                raise unknown_filter(name)
        rows = [row for row in _tags(self.ec2_backend) if passes(filters, row.value_of)]
        found, token = page(rows, self.params, default=1_000)
        return ActionResult({"Tags": [row.described() for row in found], "NextToken": token})

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


class TagRow:
    """One tag of one resource."""

    def __init__(self, resource_id: str, key: str, value: str, tags: dict[str, str]) -> None:
        self.resource_id = resource_id
        self.key = key
        self.value = value
        self.tags = tags

    @property
    def resource_type(self) -> str:
        """EC2's word for it, by the id's prefix."""
        prefix = self.resource_id.partition("-")[0]
        return RESOURCE_TYPES.get(prefix, prefix)

    def value_of(self, name: str) -> Any:
        """``tag:KEY`` matches the one tag of that key; the rest its own field."""
        if name.startswith("tag:"):
            return self.value if self.key == name.removeprefix("tag:") else None
        return getattr(self, name.replace("-", "_"))

    def described(self) -> dict[str, str]:
        """As DescribeTags shows it."""
        return {
            "ResourceId": self.resource_id,
            "ResourceType": self.resource_type,
            "Key": self.key,
            "Value": self.value,
        }


def _tags(backend: Any) -> Iterator[TagRow]:
    gone = _Existing(backend)
    for resource_id, tags in backend.tags.items():
        if gone.has(resource_id):
            for key, value in tags.items():
                yield TagRow(resource_id, key, value, tags)


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
