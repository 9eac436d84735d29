"""Lists that name an id which does not exist; moto answers without the id, or with every id."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ec2_sandbox.protocol.refusal import refuse


class Named(NamedTuple):
    """A parameter with ids, which ones exist, and EC2's error for another."""

    parameter: str
    known: Callable[[Any], Iterable[Any]]
    code: str
    text: str


NAMED: Mapping[str, tuple[Named, ...]] = {
    "DescribeAddresses": (
        Named(
            "AllocationIds",
            lambda backend: (address.allocation_id for address in backend.addresses),
            "InvalidAllocationID.NotFound",
            "The allocation ID '{}' does not exist",
        ),
        Named(
            "PublicIps",
            lambda backend: (address.public_ip for address in backend.addresses),
            "InvalidAddress.NotFound",
            "Address '{}' not found.",
        ),
    ),
    "DescribeKeyPairs": (
        Named(
            "KeyNames",
            lambda backend: backend.key_pairs,
            "InvalidKeyPair.NotFound",
            "The key pair '{}' does not exist",
        ),
        Named(
            "KeyPairIds",
            lambda backend: (pair.id for pair in backend.key_pairs.values()),
            "InvalidKeyPair.NotFound",
            "The key pair '{}' does not exist",
        ),
    ),
    "DescribeSnapshots": (
        Named(
            "SnapshotIds",
            lambda backend: backend.snapshots,
            "InvalidSnapshot.NotFound",
            "The snapshot '{}' does not exist.",
        ),
    ),
    "DescribeVolumes": (
        Named(
            "VolumeIds",
            lambda backend: backend.volumes,
            "InvalidVolume.NotFound",
            "The volume '{}' does not exist.",
        ),
    ),
}


def check(operation: str, params: Mapping[str, Any], backend: Any) -> None:
    """Refuse the first id of the call that does not exist."""
    for named in NAMED.get(operation, ()):
        known = set(named.known(backend))
        for one in params.get(named.parameter) or []:
            if one not in known:
                raise refuse(named.code, named.text.format(one))
