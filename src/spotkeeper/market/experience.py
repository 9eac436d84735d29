"""What happened to our own machines in each pool, from the journal's entries. Pure.

Only what was seen counts: a stretch whose end nobody saw ends with the last entry about it, so the
hours are never too many. An entry from a time to come (the clock was set back) is passed over.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Protocol

from spotkeeper.errors import NoCapacity
from spotkeeper.market.risk import Experience, Experiences, faded_hours
from spotkeeper.model.journal_entry import Event, What
from spotkeeper.model.risk import TypeInZone


class Stretch(Protocol):
    """A stretch of time during which a machine ran in one pool."""

    @property
    def zone_name(self) -> str:
        """Where."""

    @property
    def instance_type(self) -> str:
        """On what."""

    @property
    def begin(self) -> datetime:
        """From when."""

    @property
    def end(self) -> datetime:
        """Until when."""

    @property
    def interrupted(self) -> bool:
        """Whether EC2 ended it."""


def refusals(events: Iterable[Event]) -> Iterator[tuple[TypeInZone, datetime]]:
    """The pools in which EC2 had no room, and when it said so.

    A refusal names the token of its launch; the pool stands in the intent with that token.
    """
    pools: dict[str, TypeInZone] = {}
    for event in events:
        if event.what is What.INTENT:
            name, _, zone_name = event.get("pool").partition("@")
            pools[event.get("token")] = (name, zone_name)
        elif event.what is What.REFUSED and event.get("code") == NoCapacity.kind:
            pool = pools.get(event.get("token"))
            if pool and all(pool):
                yield pool, event.at


def experiences(
    stretches: Iterable[Stretch], refused: Iterable[tuple[TypeInZone, datetime]], now: datetime
) -> Experiences:
    """All that happened, by pool."""
    hours: dict[TypeInZone, float] = defaultdict(float)
    interrupted: dict[TypeInZone, list[datetime]] = defaultdict(list)
    dry: dict[TypeInZone, list[datetime]] = defaultdict(list)
    for one in stretches:
        pool = (one.instance_type, one.zone_name)
        if all(pool) and one.end <= now:
            hours[pool] += faded_hours(one.begin, one.end, now)
            interrupted[pool] += [one.end] if one.interrupted else []
    for pool, at in refused:
        dry[pool] += [at] if at <= now else []
    return {
        pool: Experience(tuple(interrupted[pool]), tuple(dry[pool]), hours[pool])
        for pool in {*hours, *dry}
    }
