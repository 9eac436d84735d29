"""Our own machines' past, read from the journal."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from spotkeeper.costs.usage import Interval, intervals
from spotkeeper.errors import NoCapacity, StoreProblem
from spotkeeper.lifecycle.ports import Journal
from spotkeeper.market.risk import Experiences, experiences
from spotkeeper.model.journal_entry import Entry, Intent, LaunchRefused
from spotkeeper.model.launch import LaunchToken
from spotkeeper.model.lives import each_life
from spotkeeper.model.risk import TypeInZone


def learnt(journal: Journal, now: datetime) -> Experiences:
    """What happened to our machines in each pool, over all names and all their lives."""
    stretches: list[Interval] = []
    refused: list[tuple[TypeInZone, datetime]] = []
    for life in _lives(journal):
        refused += refusals(life)
        stretches += intervals(life, until=life[-1].at)
    return experiences(stretches, refused, now)


def refusals(entries: Iterable[Entry]) -> Iterator[tuple[TypeInZone, datetime]]:
    """The pools in which EC2 had no room, and when it said so.

    A refusal names the token of its launch; the pool stands in the intent with that token.
    """
    pools: dict[LaunchToken, TypeInZone] = {}
    for entry in entries:
        if isinstance(entry, Intent):
            pools[entry.token] = (entry.instance_type, entry.zone_name)
        elif isinstance(entry, LaunchRefused) and entry.code == NoCapacity.kind:
            pool = pools.get(entry.token)
            if pool and all(pool):
                yield pool, entry.at


def _lives(journal: Journal) -> Iterator[Sequence[Entry]]:
    for name in journal.names():
        with contextlib.suppress(StoreProblem):
            yield from each_life(journal.read(name))
