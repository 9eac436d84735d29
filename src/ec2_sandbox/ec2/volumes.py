"""EC2 calls about EBS volumes; every created and deleted one is told to the history."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response
from moto.kms.models import kms_backends

from ec2_sandbox import catalogue
from ec2_sandbox.ec2 import unknown_ids
from ec2_sandbox.protocol.refusal import invalid_value, missing, refuse
from ec2_sandbox.spot_requests import machines
from ec2_sandbox.spot_requests.disk_keys import settle_key
from ec2_sandbox.spot_requests.volume_limits import check_volume, default_iops, default_throughput
from ec2_sandbox.world import world

AWS_KEY = "alias/aws/ebs"
MODIFICATIONS_A_DAY = 4  # ModifyVolume
MULTI_ATTACH = {"io1", "io2"}
ATTACHABLE = {"running", "stopped", "pending", "stopping"}


class VolumeResponses(EC2Response):  # type: ignore[misc]
    """Volumes: created, attached, changed, deleted."""

    def create_volume(self) -> Any:
        """Empty or from a snapshot, within the limits of its type."""
        params, backend = self.params, self.ec2_backend
        params["AvailabilityZone"] = _zone(params, backend.region_name)
        size = _size(params, backend)
        kind = params.get("VolumeType") or "gp2"
        params["Iops"] = params.get("Iops") or (3_000 if kind == "gp3" else None)
        params["Throughput"] = params.get("Throughput") or default_throughput(kind)
        if not params.get("MultiAttachEnabled") or kind in MULTI_ATTACH:  # else moto refuses
            check_volume(kind, size, params["Iops"], params["Throughput"])
        result = super().create_volume()
        volume = result.result
        volume.iops = volume.iops or default_iops(kind, size)
        volume.multi_attach_enabled = bool(volume.multi_attach_enabled)
        if settle_key(volume):
            machines.tell_volume(volume, "created", "")
        else:  # it is gone at the next look (KmsKeyId: "eventually fails")
            self.ec2_backend.delete_volume(volume.id)
        return ActionResult(_created(volume))

    def delete_volume(self) -> Any:
        """Refused while it is attached."""
        volume = self._volume()
        result = super().delete_volume()
        machines.tell_volume(volume, "deleted", "")
        return result

    def attach_volume(self) -> Any:
        """To an instance of the volume's own zone, at a free device."""
        volume = self._volume()
        instance = self.ec2_backend.get_instance(self.params.get("InstanceId"))
        _check_attachment(volume, instance, str(self.params.get("Device")))
        result = super().attach_volume()
        volume.attachment.delete_on_termination = False
        return result

    def detach_volume(self) -> Any:
        """From the instance it is attached to; a running machine keeps its root."""
        volume = self._volume()
        if volume.attachment is None:
            raise refuse("IncorrectState", f"Volume '{volume.id}' is in the 'available' state.")
        holder = volume.attachment.instance
        self.params.setdefault("InstanceId", holder.id)
        device = volume.attachment.device
        named = self.params.get("Device") or device  # another one is moto's to refuse
        if named == device == holder.root_device_name and holder.state != "stopped":
            raise refuse(
                "OperationNotPermitted",
                f"Unable to detach root volume '{volume.id}' from instance '{holder.id}'",
            )
        return super().detach_volume()

    def modify_volume(self) -> Any:
        """Larger or of another kind; in force at once, four times a day."""
        volume = self._volume()
        former, wanted = settings_of(volume), _wanted(volume, self.params)
        _check_change(volume, wanted)
        self.error_on_dryrun()
        self.params.update({name: value for name, value in wanted.items() if value is not None})
        result = super().modify_volume()
        modification = volume.modifications[-1]
        for name, value in former.items():
            word = {"Size": "size", "VolumeType": "volume_type"}.get(name, name.lower())
            setattr(modification, f"original_{word}", value)
            setattr(modification, f"target_{word}", wanted[name])
            setattr(volume, word, wanted[name])
        machines.tell_volume(volume, "changed", "")
        return result

    def get_ebs_default_kms_key_id(self) -> Any:
        """The key that disks are encrypted with, unless another is named; AWS's own by alias."""
        chosen = self.ec2_backend.default_kms_key_id
        keys = kms_backends[self.current_account][self.region]
        is_own = keys.alias_exists(AWS_KEY) and keys.describe_key(AWS_KEY).arn == chosen
        return ActionResult({"KmsKeyId": AWS_KEY if is_own or not chosen else chosen})

    def _volume(self) -> Any:
        return self.ec2_backend.get_volume(self.params.get("VolumeId"))


def _created(volume: Any) -> dict[str, Any]:
    """The volume as CreateVolume shows it: not there yet."""
    return {
        **settings_of(volume),
        "VolumeId": volume.id,
        "SnapshotId": volume.snapshot_id or "",
        "AvailabilityZone": volume.zone.name,
        "AvailabilityZoneId": volume.zone.zone_id,
        "State": "creating",
        "CreateTime": volume.create_time,
        "Encrypted": bool(volume.encrypted),
        "KmsKeyId": volume.kms_key_id,
        "MultiAttachEnabled": bool(volume.multi_attach_enabled),
        "Tags": volume.tag_set,
    }


def settings_of(volume: Any) -> dict[str, Any]:
    """What ModifyVolume can change."""
    return {
        "Size": volume.size,
        "VolumeType": volume.volume_type,
        "Iops": volume.iops,
        "Throughput": volume.throughput,
    }


def _zone(params: Mapping[str, Any], region: str) -> str:
    names = catalogue.zone_ids(region)
    by_id = {zone_id: name for name, zone_id in names.items()}
    asked = params.get("AvailabilityZone") or params.get("AvailabilityZoneId")
    if not asked:
        raise missing("AvailabilityZone")
    zone = by_id.get(asked, asked)
    if zone not in names:
        raise refuse("InvalidZone.NotFound", f"The zone '{asked}' does not exist.")
    return str(zone)


def _size(params: Mapping[str, Any], backend: Any) -> int:
    size, snapshot_id = params.get("Size"), params.get("SnapshotId")
    if not snapshot_id:
        if size is None:
            raise missing("size/snapshot")
        return int(size)
    unknown_ids.check("DescribeSnapshots", {"SnapshotIds": [snapshot_id]}, backend)
    snapshot = backend.get_snapshot(snapshot_id)
    if snapshot.status != "completed":
        raise refuse("IncorrectState", f"Snapshot is in invalid state - {snapshot.status}")
    least = int(snapshot.volume.size)
    if size is not None and int(size) < least:
        raise invalid_value(
            f"Volume of size {size}GB is smaller than snapshot '{snapshot_id}', expect size >= "
            f"{least}GB"
        )
    return int(size or least)


def _check_attachment(volume: Any, instance: Any, device: str) -> None:
    if volume.attachment is not None:
        raise refuse("VolumeInUse", f"{volume.id} is already attached to an instance")
    if instance.state not in ATTACHABLE:
        raise refuse("IncorrectState", f"Instance '{instance.id}' is not 'running'.")
    if volume.zone.name != instance.placement.zone:
        raise refuse(
            "InvalidVolume.ZoneMismatch",
            f"The volume '{volume.id}' is not in the same availability zone as instance "
            f"'{instance.id}'",
        )
    if device in instance.block_device_mapping:
        raise invalid_value(
            f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
        )


def _wanted(volume: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """The volume's settings after the change; another type brings its own defaults."""
    size = int(params.get("Size") or volume.size)
    kind = params.get("VolumeType") or volume.volume_type
    same = kind == volume.volume_type
    iops, throughput = params.get("Iops"), params.get("Throughput")
    if iops is None:
        iops = volume.iops if same and kind != "gp2" else default_iops(kind, size)
    if throughput is None:
        throughput = volume.throughput if same else default_throughput(kind)
    return {"Size": size, "VolumeType": kind, "Iops": iops, "Throughput": throughput}


def _check_change(volume: Any, wanted: Mapping[str, Any]) -> None:
    if wanted["Size"] < volume.size:
        raise invalid_value("New size cannot be smaller than existing size")
    check_volume(wanted["VolumeType"], wanted["Size"], wanted["Iops"], wanted["Throughput"])
    day_ago = world().now.replace(tzinfo=None) - timedelta(days=1)
    recent = [change for change in volume.modifications if change.start_time > day_ago]
    if len(recent) >= MODIFICATIONS_A_DAY:
        raise refuse(
            "VolumeModificationRateExceeded",
            f"You've reached the maximum modification rate per volume limit. Wait until "
            f"{recent[0].start_time + timedelta(days=1):%Y-%m-%d %H:%M:%S} UTC to modify volume "
            f"'{volume.id}' again.",
        )
