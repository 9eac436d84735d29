"""What EC2 prices and reclaims as one."""

from dataclasses import dataclass

from spotkeeper.model.place import Zone

LINUX = "Linux/UNIX"


@dataclass(frozen=True, slots=True, order=True)
class Pool:
    """Instance type, zone and platform, spelled ``g5.xlarge@us-east-1a``."""

    instance_type: str
    zone: Zone
    platform: str = LINUX

    @property
    def region(self) -> str:
        """The region of the pool's zone."""
        return self.zone.region

    def __str__(self) -> str:
        return f"{self.instance_type}@{self.zone.name}"
