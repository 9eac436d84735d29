"""Close the journal of machines that were ended a moment ago, once EC2's window is over."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from spotkeeper.lifecycle.name_claim import known_nonces
from spotkeeper.lifecycle.ports import Journal
from spotkeeper.lifecycle.teardown import Outcome, Teardown
from spotkeeper.model.journal_entry import (
    VISIBILITY_WINDOW,
    Event,
    is_damaged,
    is_settling,
    known_tokens,
    last_intent_at,
    regions,
    this_life,
)


def due(journal: Journal, now: datetime) -> tuple[str, ...]:
    """Names that were ended and verified once, and can be verified for certain now."""
    return tuple(name for name in journal.names() if _is_due(journal.read(name), now))


def settle(names: Iterable[str], *, journal: Journal, teardown: Teardown) -> Outcome:
    """Look at each name again; whatever of its launches was born late is ended.

    Another computer may have launched the name since, so that only what this one began is touched.
    """
    outcome = Outcome()
    for name in names:
        events = journal.read(name)
        outcome.add(teardown.end(name, regions(events), only=begun(events)))
    return outcome


def begun(events: Sequence[Event]) -> frozenset[str]:
    """What the launches of this life go by, and their claims."""
    life = this_life(events)
    return known_tokens(life) | known_nonces(life)


def _is_due(events: Sequence[Event], now: datetime) -> bool:
    born = last_intent_at(events)
    if is_damaged(events):
        return False  # only `down` looks in every region, and for more than is remembered
    return is_settling(events) and (born is None or now - born >= VISIBILITY_WINDOW)
