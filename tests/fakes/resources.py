"""What an account holds besides machines: groups, keys, templates, fleets, snapshots, ..."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from spotkeeper.model.schedule import Schedule


@dataclass
class Group:
    """A security group."""

    id: str
    region: str
    name: str
    vpc_id: str
    born: datetime
    tags: dict[str, str]
    cidrs: set[str] = field(default_factory=set)


@dataclass
class KeyPair:
    """An imported key."""

    id: str
    region: str
    name: str
    born: datetime
    tags: dict[str, str]


@dataclass
class Tagged:
    """Anything with an id and tags; ``name`` where EC2 gives it one, ``token`` its ClientToken."""

    id: str
    region: str
    kind: str
    name: str
    born: datetime
    tags: dict[str, str]
    state: str = ""
    token: str = ""


def due(schedules: Iterable[Schedule], now: datetime) -> list[Schedule]:
    """Those whose time has come, in their order."""
    return sorted((each for each in schedules if each.at <= now), key=lambda each: each.at)
