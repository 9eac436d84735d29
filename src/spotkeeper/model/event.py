"""What the journal remembers: intents and outcomes of one machine, in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

#: EC2 is eventually consistent: a thing created a moment ago may not be listed yet. After this
#: long an empty list is believed (SAFETY_AND_SPEED.md A2, rule 5).
VISIBILITY_WINDOW = timedelta(seconds=300)


class What(StrEnum):
    """Kinds of journal entries."""

    INTENT = "intent"  # about to create something billable; fields: region, pool, token
    LAUNCHED = "launched"  # EC2 gave us an instance; fields: region, instance, request
    REFUSED = "refused"  # EC2 said no for certain; fields: region, token, code
    SEEN = "seen"  # the machine changed its state; fields: state, since, by, pool
    SETTLING = "settling"  # ended and verified once, the window is not over
    SETTLED = "settled"  # gone for certain


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the journal."""

    at: datetime
    what: What
    fields: Mapping[str, str] = field(default_factory=dict)

    def get(self, key: str) -> str:
        """A field of the entry, empty where it has none."""
        return self.fields.get(key, "")


def this_life(events: Iterable[Event]) -> tuple[Event, ...]:
    """The entries since the name was last gone for certain."""
    life: list[Event] = []
    for event in events:
        life.append(event)
        if event.what is What.SETTLED:
            life = []
    return tuple(life)


def is_open(events: Iterable[Event]) -> bool:
    """Whether the name may still own something on AWS."""
    return bool(this_life(events))


def regions(events: Iterable[Event]) -> tuple[str, ...]:
    """Every region in which this life of the name meant to create something."""
    found = (event.get("region") for event in this_life(events))
    return tuple(dict.fromkeys(region for region in found if region))


def unfinished(events: Iterable[Event]) -> tuple[Event, ...]:
    """Intents of this life whose outcome is not known: the process died, or no answer came."""
    life = this_life(events)
    known = {event.get("token") for event in life if event.what in (What.LAUNCHED, What.REFUSED)}
    return tuple(e for e in life if e.what is What.INTENT and e.get("token") not in known)


def is_settling(events: Iterable[Event]) -> bool:
    """Whether all that this life began was ended, and only certainty is missing."""
    settling = False
    for event in this_life(events):
        if event.what in (What.INTENT, What.SETTLING):
            settling = event.what is What.SETTLING
    return settling


def launched_ids(events: Iterable[Event], region: str) -> frozenset[str]:
    """Instances and requests that EC2 gave to this life of the name in a region."""
    life = (event for event in this_life(events) if event.what is What.LAUNCHED)
    here = [event for event in life if event.get("region") == region]
    return frozenset(e.get(kind) for e in here for kind in ("instance", "request")) - {""}


def last_intent_at(events: Iterable[Event]) -> datetime | None:
    """When something of the name may last have come into being."""
    born = (What.INTENT, What.LAUNCHED)
    return max((event.at for event in events if event.what in born), default=None)


def attempts(events: Iterable[Event]) -> int:
    """The number of the last launch of this name, 0 for none, over all its lives."""
    numbers = (event.get("attempt") for event in events if event.what is What.INTENT)
    return max((int(number) for number in numbers if number.isdigit()), default=0)
