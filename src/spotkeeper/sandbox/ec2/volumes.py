"""EC2 calls about volumes, snapshots and addresses."""

from moto.ec2.responses import EC2Response


class VolumeResponses(EC2Response):  # type: ignore[misc]
    """Disks and Elastic IPs."""
