"""BlockDeviceMappings: what is asked for, laid over the image's own root disk."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ec2_sandbox.protocol.refusal import missing, refuse
from ec2_sandbox.spot_requests.volume_limits import check_volume, default_iops, default_throughput

IOPS_NEEDED = {"io1", "io2"}  # EbsBlockDevice, Iops


class Source(NamedTuple):
    """The snapshot that a disk is made from, and its size in GB."""

    snapshot_id: str | None
    gb: int


@dataclass(frozen=True)
class Disk:
    """One EBS volume of a launch; size in GB. The root disk is always the first."""

    device: str
    size_gb: int
    volume_type: str = "gp3"
    iops: int | None = None
    throughput: int | None = None
    encrypted: bool = False
    kms_key_id: str | None = None
    snapshot_id: str | None = None
    delete_on_termination: bool = True


def disks(
    mappings: Iterable[Mapping[str, Any]],
    root_device: str,
    root: Source,
    *,
    find: Callable[[str], Source],
) -> tuple[Disk, ...]:
    """All disks of a launch; ``find`` gives the source for the id of a snapshot."""
    asked: dict[str, Mapping[str, Any]] = {}
    for mapping in mappings:  # the image's own come first
        device = mapping["DeviceName"]
        former = asked.pop(device, {})
        if not ("NoDevice" in mapping or "VirtualName" in mapping):
            asked[device] = {**former, **_ebs(mapping)}
    first = _disk(root_device, asked.pop(root_device, {}), root)
    return (first, *(_disk(device, ebs, _source(ebs, find)) for device, ebs in asked.items()))


def _ebs(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    ebs: Mapping[str, Any] | None = mapping.get("Ebs")
    if ebs is None:
        raise missing("ebs")
    return ebs


def _source(ebs: Mapping[str, Any], find: Callable[[str], Source]) -> Source | None:
    return find(ebs["SnapshotId"]) if ebs.get("SnapshotId") else None


def _disk(device: str, ebs: Mapping[str, Any], source: Source | None) -> Disk:
    """One disk, no smaller than what it is made from.

    Launched by the API, data disks too go with the instance unless it says otherwise
    (UserGuide/preserving-volumes-on-termination.html).
    """
    asked, least = ebs.get("VolumeSize"), source.gb if source else 0
    size = int(asked or least)
    if not size:
        raise missing("size or snapshotId")
    if size < least:
        raise refuse(
            "InvalidBlockDeviceMapping",
            f"Volume of size {size}GB is smaller than snapshot"
            f"{_quoted(source)}, expect size >= {least}GB",
        )
    kind, keep = ebs.get("VolumeType") or "gp3", ebs.get("DeleteOnTermination")
    iops = ebs.get("Iops") or default_iops(kind, size)
    if iops is None and kind in IOPS_NEEDED:
        raise missing("iops")
    throughput = ebs.get("Throughput") or default_throughput(kind)
    check_volume(kind, size, iops, throughput)
    return Disk(
        device=device,
        size_gb=size,
        volume_type=kind,
        iops=iops,
        throughput=throughput,
        encrypted=bool(ebs.get("Encrypted")),
        kms_key_id=ebs.get("KmsKeyId"),
        snapshot_id=source.snapshot_id if source else None,
        delete_on_termination=True if keep is None else bool(keep),
    )


def _quoted(source: Source | None) -> str:
    return f" '{source.snapshot_id}'" if source and source.snapshot_id else ""
