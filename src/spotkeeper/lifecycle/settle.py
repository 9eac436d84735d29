"""Close the journal of machines that were ended a moment ago, once EC2's window is over."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from spotkeeper.lifecycle.giveback import GiveBack, Outcome
from spotkeeper.lifecycle.ports import Journal
from spotkeeper.model.event import (
    VISIBILITY_WINDOW,
    Event,
    is_settling,
    last_intent_at,
    regions,
)


def due(journal: Journal, now: datetime) -> tuple[str, ...]:
    """Names that were ended and verified once, and can be verified for certain now."""
    return tuple(name for name in journal.names() if _is_due(journal.read(name), now))


def settle(names: Iterable[str], *, journal: Journal, giveback: GiveBack) -> Outcome:
    """Look at each name again; whatever was born late is ended."""
    outcome = Outcome()
    for name in names:
        outcome.add(giveback.end(name, regions(journal.read(name))))
    return outcome


def _is_due(events: Sequence[Event], now: datetime) -> bool:
    born = last_intent_at(events)
    return is_settling(events) and (born is None or now - born >= VISIBILITY_WINDOW)
