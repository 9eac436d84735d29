"""BlockDeviceMappings: what is asked for, laid over the image's own root disk."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spotkeeper.sandbox.protocol.refusal import refuse


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
    delete_on_termination: bool = True


def disks(
    mappings: Iterable[Mapping[str, Any]], root_device: str, root_gb: int
) -> tuple[Disk, ...]:
    """All disks of a launch. A root disk smaller than its snapshot is refused."""
    asked = {
        mapping["DeviceName"]: mapping["Ebs"]
        for mapping in mappings
        if mapping.get("Ebs") is not None and "NoDevice" not in mapping
    }
    root = _disk(root_device, asked.pop(root_device, {}), root_gb)
    if root.size_gb < root_gb:
        raise refuse(
            "InvalidBlockDeviceMapping",
            f"Volume of size {root.size_gb}GB is smaller than snapshot, expect size >= "
            f"{root_gb}GB",
        )
    return (root, *(_disk(device, ebs, None) for device, ebs in asked.items()))


def _disk(device: str, ebs: Mapping[str, Any], default_gb: int | None) -> Disk:
    size = ebs.get("VolumeSize") or default_gb
    if size is None:
        raise refuse("MissingParameter", "The request must contain the parameter size/snapshot")
    kind = ebs.get("VolumeType") or "gp3"
    keep = ebs.get("DeleteOnTermination")
    return Disk(
        device=device,
        size_gb=int(size),
        volume_type=kind,
        iops=ebs.get("Iops") or (3000 if kind == "gp3" else None),
        throughput=ebs.get("Throughput") or (125 if kind == "gp3" else None),
        encrypted=bool(ebs.get("Encrypted")),
        kms_key_id=ebs.get("KmsKeyId"),
        delete_on_termination=True if keep is None else bool(keep),
    )
