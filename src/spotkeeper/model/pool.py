"""What EC2 prices and reclaims as one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

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


class Typed(Protocol):
    """What is of one type in one region: a pool, or a stretch of one's time."""

    @property
    def region(self) -> str:
        """Where it is."""

    @property
    def instance_type(self) -> str:
        """Empty where nobody knows it."""


def types_by_region(pools: Iterable[Typed]) -> dict[str, set[str]]:
    """The types of each region; of a pool whose type nobody knows there is none."""
    types: dict[str, set[str]] = {}
    for each in pools:
        if each.instance_type:
            types.setdefault(each.region, set()).add(each.instance_type)
    return types
