"""What is asked for placement scores. Pure.

A score is about a whole request, which may use any of its types; for fewer than three, and for
variants of one, EC2 always answers with a low score that says nothing (AWS.md 2.2).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from spotkeeper.model.instance_type import InstanceType

ENOUGH_TYPES = 3
#: A request with more types scores better everywhere, and so tells less about each.
MOST_TYPES = 5
#: An earlier question is as good as a new one while its types are among so many of the best.
AMONG = 10
MOST_REGIONS = 10

VARIANT = r"(?P<series>[a-z]+\d+[a-z]*?)d(?P<rest>[a-z]*[-.].+)"


@dataclass(frozen=True, slots=True)
class Scored:
    """Placement scores by zone id, and the types of the request that they are about."""

    types: frozenset[str] = frozenset()
    by_zone_id: Mapping[str, int] = field(default_factory=dict)


def comparable(ranked: Iterable[InstanceType]) -> tuple[str, ...]:
    """The best types that one request could use, best first: all of the best one's architecture.

    Fewer than three when the need admits no more.
    """
    names: dict[str, str] = {}
    arch = ""
    for row in ranked:
        arch = arch or row.arch
        if row.arch == arch:
            names.setdefault(_without_disks(row.name), row.name)
        if len(names) == AMONG:
            break
    return tuple(names.values())


def groups(regions: Sequence[str]) -> list[tuple[str, ...]]:
    """The regions in questions of at most ten; the same regions make the same questions."""
    ordered = sorted(set(regions))
    return [
        tuple(ordered[begin : begin + MOST_REGIONS])
        for begin in range(0, len(ordered), MOST_REGIONS)
    ]


def _without_disks(name: str) -> str:
    """g5d.xlarge as g5.xlarge: the same machine with local disks is a variant, not another."""
    found = re.fullmatch(VARIANT, name)
    return f"{found['series']}{found['rest']}" if found else name
