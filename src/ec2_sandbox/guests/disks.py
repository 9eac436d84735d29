"""A folder for each volume that was a guest's disk, and for each snapshot of one."""

import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ec2_sandbox.world import region_backends

DISK = "disk"  # beside it stands the host key of the machine whose root it is


class Disks:
    """Made when a machine boots from them, gone with the volume."""

    def __init__(self, folder: Path) -> None:
        self._volumes, self._snapshots = folder / "volumes", folder / "snapshots"
        self._seen: set[str] = set()

    def root_of(self, instance: Any) -> Path:
        """The machine's root disk."""
        return self._made(instance.ec2_backend.volumes[_root_id(instance)])

    def others_of(self, instance: Any) -> list[tuple[str, str]]:
        """The name of each other disk's device, and its folder."""
        known = instance.ec2_backend.volumes
        return [
            (device.rpartition("/")[2], str(self._made(known[mapped.volume_id])))
            for device, mapped in instance.block_device_mapping.items()
            if device != instance.root_device_name and mapped.volume_id in known
        ]

    def _made(self, volume: Any) -> Path:
        path = self._volumes / str(volume.id) / DISK
        if not path.exists():
            source = self._snapshots / str(volume.snapshot_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            if volume.snapshot_id and source.exists():
                _copy(source, path)
            path.mkdir(exist_ok=True)
        return path

    def follow(self, in_use: Collection[str]) -> None:
        """Copy what was snapshot since; remove what is gone, once its machine is off."""
        backends = region_backends().values()
        volumes = {volume.id for backend in backends for volume in backend.volumes.values()}
        snapshots = {one.id: one for backend in backends for one in backend.snapshots.values()}
        of_images = {
            ami.ebs_snapshot.id: ami for backend in backends for ami in _own_images(backend)
        }
        for snapshot_id in snapshots.keys() - self._seen:
            image = of_images.get(snapshot_id)
            volume_id = _root_id(image.instance) if image else snapshots[snapshot_id].volume.id
            source = self._volumes / volume_id / DISK
            if source.exists() and not (self._snapshots / snapshot_id).exists():
                self._snapshots.mkdir(parents=True, exist_ok=True)
                _copy(source, self._snapshots / snapshot_id)
        self._seen = set(snapshots)
        if not in_use:
            _keep(self._volumes, volumes)
        _keep(self._snapshots, set(snapshots))

    def forget(self) -> None:
        """All of them."""
        _keep(self._volumes, ())
        _keep(self._snapshots, ())
        self._seen.clear()


def _root_id(instance: Any) -> str:
    return str(instance.block_device_mapping[instance.root_device_name].volume_id)


def _own_images(backend: Any) -> list[Any]:
    """Made from a machine; moto makes their snapshots from an empty volume."""
    return [ami for ami in backend.amis.values() if getattr(ami, "instance", None)]


def _keep(folder: Path, names: Collection[str]) -> None:
    for path in folder.iterdir() if folder.exists() else ():
        if path.name not in names:
            _remove(path)


def _remove(path: Path) -> None:
    """Also what its guest made unreadable."""
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        for folder in [path, *(each for each in path.rglob("*") if each.is_dir())]:
            if not folder.is_symlink():
                folder.chmod(0o700)
        shutil.rmtree(path, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """With links, times and modes; blocks are shared where the disk can."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=False)
