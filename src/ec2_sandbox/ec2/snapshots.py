"""EC2 calls about snapshots: pending while the sandbox's clock runs, then completed."""

from functools import partial
from typing import Any

from moto.ec2.responses import EC2Response

from ec2_sandbox.agenda import Alarm, seconds
from ec2_sandbox.history import HappeningKind
from ec2_sandbox.world import world

BASE_SECONDS, SECONDS_PER_GB = 20.0, 0.5  # chosen: AWS names no times


class SnapshotResponses(EC2Response):  # type: ignore[misc]
    """Snapshots of volumes."""

    def create_snapshot(self) -> Any:
        """Of one volume."""
        result = super().create_snapshot()
        _begin(result.result)
        return result

    def create_snapshots(self) -> Any:
        """Of all volumes of an instance."""
        result = super().create_snapshots()
        for snapshot in result.result["Snapshots"]:
            _begin(snapshot)
        return result

    def copy_snapshot(self) -> Any:
        """From another region, or in this one."""
        result = super().copy_snapshot()
        _begin(self.ec2_backend.get_snapshot(result.result["SnapshotId"]))
        return result

    def delete_snapshot(self) -> Any:
        """Refused while an image is made from it."""
        snapshot = self.ec2_backend.get_snapshot(self.params.get("SnapshotId"))
        result = super().delete_snapshot()
        tell_snapshot(snapshot, "deleted")
        return result


def duration(gb: int) -> float:
    """Seconds that a snapshot of so many GB takes."""
    return world().options.dwell * (BASE_SECONDS + SECONDS_PER_GB * gb)


def progress_of(snapshot: Any) -> str:
    """How far a snapshot is, as DescribeSnapshots shows it."""
    if snapshot.status == "completed":
        return "100%"
    passed = (world().now.replace(tzinfo=None) - snapshot.start_time).total_seconds()
    share = passed / max(1.0, duration(snapshot.volume_size))
    return f"{min(99, int(100 * share))}%"


def _begin(snapshot: Any) -> None:
    snapshot.kms_key_id = snapshot.kms_key_id or snapshot.volume.kms_key_id
    tell_snapshot(snapshot, "created")
    if length := duration(snapshot.volume_size):
        snapshot.status = "pending"
        done = world().now + seconds(length)
        world().plan(Alarm(snapshot.id, done, partial(_complete, snapshot)))


def _complete(snapshot: Any) -> None:
    snapshot.status = "completed"


def tell_snapshot(snapshot: Any, state: str) -> None:
    """Tell the history of it."""
    facts = {"state": state, "gb": str(snapshot.volume_size)}
    world().tell(HappeningKind.SNAPSHOT, snapshot.id, snapshot.ec2_backend.region_name, facts)
