"""Close the journal of machines that were ended a moment ago, once EC2's window is over."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from spotkeeper.lifecycle.ports import Journal
from spotkeeper.lifecycle.region_ending import TeardownOutcome
from spotkeeper.lifecycle.teardown import Teardown
from spotkeeper.model.journal_entry import Entry
from spotkeeper.model.lives import begun, is_damaged, is_settling, last_intent_at, regions
from spotkeeper.timings import VISIBILITY_WINDOW


def due(journal: Journal, now: datetime) -> tuple[str, ...]:
    """Names that were ended and verified once, and can be verified for certain now."""
    return tuple(name for name in journal.names() if _is_due(journal.read(name), now))


def settle(
    names: Iterable[str], *, journal: Journal, teardown: Teardown
) -> Mapping[str, TeardownOutcome]:
    """Look at each name again; whatever of its launches was born late is ended.

    Another computer may have launched the name since, so that only what this one began is touched.
    """
    recorded = {name: journal.read(name) for name in names}
    places = {name: regions(entries) for name, entries in recorded.items()}
    return teardown.end_all(places, {name: begun(each) for name, each in recorded.items()})


def _is_due(entries: Sequence[Entry], now: datetime) -> bool:
    born = last_intent_at(entries)
    if is_damaged(entries):
        return False  # only `down` looks in every region, and for more than is remembered
    return is_settling(entries) and (born is None or now - born >= VISIBILITY_WINDOW)
