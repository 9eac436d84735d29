"""EC2 calls about tags, groups and keys: what moto lists or deletes in another way than EC2."""

from collections.abc import Iterator
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from spotkeeper.sandbox.protocol.filters import passes
from spotkeeper.sandbox.protocol.paging import page
from spotkeeper.sandbox.protocol.refusal import invalid_value, refuse

RESOURCE_TYPES = {
    "ami": "image",
    "eni": "network-interface",
    "i": "instance",
    "igw": "internet-gateway",
    "key": "key-pair",
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
PLAIN_FILTERS = {"key", "value", "resource-id", "resource-type"}


class TagResponses(EC2Response):  # type: ignore[misc]
    """Tags, the group that is still in use, and the key that is named by its id."""

    def describe_tags(self) -> ActionResult:
        """Tags of everything that exists."""
        self.error_on_dryrun()
        filters = self._filters_from_querystring()
        rows = [row for row in _tags(self.ec2_backend) if passes(filters, row.value_of)]
        found, token = page(rows, self.params, default=1_000)
        return ActionResult({"Tags": [row.described() for row in found], "NextToken": token})

    def delete_security_group(self) -> Any:
        """Refused while an instance that is not terminated uses it."""
        self.error_on_dryrun()
        wanted = self.params.get("GroupId") or self.params.get("GroupName")
        for reservation in self.ec2_backend.reservations.values():
            for instance in reservation.instances:
                groups = instance.security_groups
                used = {name for group in groups for name in (group.id, group.name)}
                if instance.state != "terminated" and wanted in used:
                    raise refuse(
                        "DependencyViolation", f"resource {wanted} has a dependent object"
                    )
        return super().delete_security_group()

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
        prefix = self.resource_id.rsplit("-", 1)[0]
        return RESOURCE_TYPES.get(prefix, prefix)

    def value_of(self, name: str) -> Any:
        """``tag:KEY`` matches the one tag of that key; the rest its own field."""
        if name.startswith("tag:"):
            return self.value if self.key == name.removeprefix("tag:") else None
        if name not in PLAIN_FILTERS:
            raise invalid_value(f"The filter '{name}' is invalid")
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
    """moto keeps the tags of what is deleted; EC2 does not."""

    def __init__(self, backend: Any) -> None:
        self.by_prefix = {
            "eni": set(backend.enis),
            "i": {i.id for r in backend.reservations.values() for i in r.instances},
            "key": {key.id for key in backend.key_pairs.values()},
            "sg": {group_id for groups in backend.groups.values() for group_id in groups},
            "sir": set(backend.spot_instance_requests),
            "vol": set(backend.volumes),
        }

    def has(self, resource_id: str) -> bool:
        known = self.by_prefix.get(resource_id.rsplit("-", 1)[0])
        return known is None or resource_id in known
