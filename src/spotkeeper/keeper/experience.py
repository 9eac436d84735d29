"""Our own machines' past, read from the journal."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime

from spotkeeper.costs.usage import Interval, intervals
from spotkeeper.errors import StoreProblem
from spotkeeper.lifecycle.ports import Journal
from spotkeeper.market.risk import Experiences, experiences, refusals
from spotkeeper.model.journal_entry import Event, lives
from spotkeeper.model.risk import TypeInZone


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
            yield from lives(journal.read(name))
