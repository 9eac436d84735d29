"""Our own machines' past, read from the journal."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from spotkeeper.costs.usage import Interval, intervals
from spotkeeper.errors import StoreProblem
from spotkeeper.lifecycle.ports import Journal
from spotkeeper.market.experience import experiences, refusals
from spotkeeper.market.risk import Experiences
from spotkeeper.model.event import Event, What
from spotkeeper.model.odds import TypeInZone


def learnt(journal: Journal, now: datetime) -> Experiences:
    """What happened to our machines in each pool, over all names and all their lives."""
    stretches: list[Interval] = []
    refused: list[tuple[TypeInZone, datetime]] = []
    for life in _lives(journal):
        refused += refusals(life)
        # An entry that an older version wrote with other fields teaches nothing.
        with contextlib.suppress(ValueError):
            stretches += intervals(life, until=life[-1].at)
    return experiences(stretches, refused, now)


def _lives(journal: Journal) -> Iterator[Sequence[Event]]:
    for name in journal.names():
        with contextlib.suppress(StoreProblem):
            yield from _split(journal.read(name))


def _split(events: Iterable[Event]) -> Iterator[Sequence[Event]]:
    """One life of a name after another; each ends when it is gone for certain."""
    life: list[Event] = []
    for event in events:
        life.append(event)
        if event.what is What.SETTLED:
            yield life
            life = []
    if life:
        yield life
