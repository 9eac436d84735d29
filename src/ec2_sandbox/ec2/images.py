"""EC2 calls that make images of one's own: moto's forget architecture, disks and boot mode."""

from collections.abc import Iterator, Mapping
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import Ami
from moto.ec2.responses import EC2Response

from ec2_sandbox import images
from ec2_sandbox.ec2 import unknown_ids
from ec2_sandbox.ec2.snapshots import tell_snapshot
from ec2_sandbox.protocol.refusal import refuse

Mappings = dict[str, dict[str, Any]]  # Ebs by DeviceName


class ImageResponses(EC2Response):  # type: ignore[misc]
    """Images of one's own."""

    def create_image(self) -> Any:
        """Of an instance, with a snapshot of each of its disks."""
        result = super().create_image()
        image = self.ec2_backend.amis[result.result["ImageId"]]
        instance = image.instance
        image.boot_mode, image.ena_support = instance.boot_mode, True
        image.root_device_name = instance.root_device_name
        disks = dict(_snapshots(instance, image.id))
        _give(image, _with(disks, self.params.get("BlockDeviceMappings") or []))
        return result

    def copy_image(self) -> Any:
        """Of one's own, in this region or another, with a copy of each of its disks."""
        source_id, region = self.params.get("SourceImageId"), self.params.get("SourceRegion")
        if source_id in images.images_of(region):
            raise refuse("UnsupportedOperation", "The sandbox copies images of one's own only.")
        result = super().copy_image()
        image = self.ec2_backend.amis[result.result["ImageId"]]
        source = ec2_backends[self.current_account][region].amis[source_id]
        for name in ("boot_mode", "root_device_name"):
            setattr(image, name, getattr(source, name))
        image.ena_support = vars(source).get("ena_support")
        disks = {one["DeviceName"]: dict(one["Ebs"]) for one in source.block_device_mappings}
        for ebs in disks.values():
            ebs["SnapshotId"] = self._copied(ebs["SnapshotId"], region, image.id)
        _give(image, disks)
        return result

    def _copied(self, snapshot_id: str, region: str, image_id: str) -> str:
        why = f"Copied for DestinationAmi {image_id} from SourceSnapshot {snapshot_id}."
        snapshot = self.ec2_backend.copy_snapshot(snapshot_id, region, why, None)
        snapshot.from_ami = image_id
        tell_snapshot(snapshot, "created")
        return str(snapshot.id)

    def register_image(self) -> Any:
        """Of snapshots; what is left out is as in EC2's model."""
        mappings = self.params.get("BlockDeviceMappings") or []
        ids = [
            ebs["SnapshotId"] for one in mappings if "SnapshotId" in (ebs := one.get("Ebs") or {})
        ]
        unknown_ids.check("DescribeSnapshots", {"SnapshotIds": ids}, self.ec2_backend)
        result = super().register_image()
        image, params = self.ec2_backend.amis[result.result["ImageId"]], self.params
        image.architecture = params.get("Architecture") or "i386"
        image.virtualization_type = params.get("VirtualizationType") or "paravirtual"
        image.boot_mode = params.get("BootMode")
        image.ena_support = bool(params.get("EnaSupport"))
        image.root_device_name = params.get("RootDeviceName") or image.root_device_name
        if mappings:
            _give(image, _with({}, mappings))
        return result


_invented_disks = Ami.block_device_mappings.fget


def install() -> None:
    """Let moto show the disks that an image has."""
    Ami.block_device_mappings = property(
        lambda image: vars(image).get("disks") or _invented_disks(image)
    )


def _snapshots(instance: Any, image_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    backend, why = instance.ec2_backend, f"Created by CreateImage({instance.id}) for {image_id}"
    for device, attached in instance.block_device_mapping.items():
        volume = backend.volumes[attached.volume_id]
        snapshot = backend.create_snapshot(volume.id, why, from_ami=image_id)
        snapshot.kms_key_id = volume.kms_key_id
        tell_snapshot(snapshot, "created")
        yield (
            device,
            {
                "SnapshotId": snapshot.id,
                "VolumeSize": volume.size,
                "VolumeType": volume.volume_type,
                "Encrypted": bool(volume.encrypted),
                "DeleteOnTermination": bool(volume.attachment.delete_on_termination),
            },
        )


def _with(disks: Mappings, mappings: list[Mapping[str, Any]]) -> Mappings:
    """The disks as they are asked for."""
    for mapping in mappings:
        former = disks.pop(mapping["DeviceName"], {})
        if mapping.get("Ebs"):
            disks[mapping["DeviceName"]] = {**former, **mapping["Ebs"]}
    return disks


def _give(image: Any, disks: Mappings) -> None:
    """The image has these disks, and not the empty one that moto invents."""
    backend = image.ec2_backend
    backend.snapshots.pop(image.ebs_snapshot.id)
    for ebs in disks.values():
        if snapshot := backend.snapshots.get(ebs.get("SnapshotId")):
            ebs.setdefault("VolumeSize", int(snapshot.volume.size))
    root = disks.get(image.root_device_name, {})
    image.ebs_snapshot = backend.snapshots.get(root.get("SnapshotId"), image.ebs_snapshot)
    image.root_device_type = "ebs"
    image.disks = [{"DeviceName": device, "Ebs": ebs} for device, ebs in disks.items()]
