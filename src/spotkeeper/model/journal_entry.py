"""What the journal remembers: intents and outcomes of one machine, in order."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

#: EC2 is eventually consistent: a thing created a moment ago may not be listed yet. After this
#: long an empty list is believed (SAFETY_AND_SPEED.md A2, rule 5).
VISIBILITY_WINDOW = timedelta(seconds=300)


#: How long a call to launch may be under way before its answer is given up.
LONGEST_CALL = timedelta(seconds=60)


class What(StrEnum):
    """Kinds of journal entries."""

    INTENT = "intent"  # about to create something billable; fields: region, pool, token
    LAUNCHED = "launched"  # EC2 gave us an instance; fields: region, instance, request
    REFUSED = "refused"  # EC2 said no for certain; fields: region, token, code
    CLAIMED = "claimed"  # the name is ours; fields: claim, claim_id, claim_region
    RELEASED = "released"  # the claim is gone; fields: claim_id
    READY = "ready"  # the launch came to its end: the user was told; fields: token
    MOVED = "moved"  # the deadline was moved; fields: deadline
    ENDING = "ending"  # about to give back this life, or the launches whose tokens are in: only
    SEEN = "seen"  # the machine changed its state; fields: state, since, by, pool
    SETTLING = "settling"  # ended and verified once, the window is not over
    SETTLED = "settled"  # gone for certain
    DAMAGED = "damaged"  # read in place of a line that was damaged: it may have said anything


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the journal."""

    at: datetime
    what: What
    fields: Mapping[str, str] = field(default_factory=dict)

    def get(self, key: str) -> str:
        """A field of the entry, empty where it has none."""
        return self.fields.get(key, "")


def lives(events: Iterable[Event]) -> Iterator[tuple[Event, ...]]:
    """One life of a name after another; each ends when it is gone for certain."""
    life: list[Event] = []
    for event in events:
        life.append(event)
        if event.what is What.SETTLED:
            yield tuple(life)
            life = []
    if life:
        yield tuple(life)


def this_life(events: Iterable[Event]) -> tuple[Event, ...]:
    """The entries since the name was last gone for certain."""
    *_, last = (), *lives(events)
    return () if last and last[-1].what is What.SETTLED else last


def is_damaged(events: Iterable[Event]) -> bool:
    """Whether this life may own something that its record does not tell, anywhere."""
    return any(event.what is What.DAMAGED for event in this_life(events))


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
        if event.what in (What.INTENT, What.DAMAGED, What.SETTLING):
            settling = event.what is What.SETTLING
    return settling


def launched_ids(events: Iterable[Event], region: str) -> frozenset[str]:
    """Instances and requests that EC2 gave to this life of the name in a region."""
    life = (event for event in this_life(events) if event.what is What.LAUNCHED)
    here = [event for event in life if event.get("region") == region]
    return frozenset(e.get(kind) for e in here for kind in ("instance", "request")) - {""}


def known_tokens(events: Iterable[Event]) -> frozenset[str]:
    """Tokens of every launch of the name that this computer began, in all its lives."""
    return frozenset(e.get("token") for e in events if e.what is What.INTENT) - {""}


def ready_tokens(events: Iterable[Event]) -> frozenset[str]:
    """Tokens of the launches of this life that came to their end and were not given back."""
    ready: set[str] = set()
    launched = ""
    for event in this_life(events):
        if event.what is What.READY:
            ready.add(event.get("token") or launched)
        elif event.what is What.LAUNCHED:
            launched = event.get("token")
        elif event.what is What.ENDING:
            ready -= set(event.get("only").split()) or ready
        elif event.what is What.SETTLING:
            ready.clear()
    return frozenset(ready)


def given_back(events: Iterable[Event]) -> frozenset[str]:
    """Tokens of the launches, of all lives, whose ending was begun at least, and that were not
    taken back since."""
    begun: set[str] = set()
    ended: set[str] = set()
    for event in events:
        if event.what is What.INTENT:
            begun.add(event.get("token"))
        elif event.what is What.ENDING:
            ended |= set(event.get("only").split()) or begun
        elif event.what is What.READY:
            ended.discard(event.get("token"))
        elif event.what in (What.SETTLING, What.SETTLED):
            ended |= begun
    return frozenset(ended)


def last_launch(events: Iterable[Event]) -> str:
    """The token of the last launch of this life that EC2 granted; empty for none."""
    tokens = [e.get("token") for e in this_life(events) if e.what is What.LAUNCHED]
    return tokens[-1] if tokens else ""


def cut_off(events: Iterable[Event]) -> str:
    """The token of the last launch that EC2 granted, where its end was never written and its
    ending neither; empty for none."""
    events = tuple(events)
    launch = last_launch(events)
    return "" if launch in ready_tokens(events) | given_back(events) else launch


def last_intent_at(events: Iterable[Event]) -> datetime | None:
    """When something of the name may last have come into being.

    A call whose outcome nobody noted may have taken effect until the launch was given up.
    """
    events = tuple(events)
    born = [e.at for e in events if e.what in (What.INTENT, What.LAUNCHED, What.DAMAGED)]
    endings = [e.at for e in events if e.what is What.ENDING]
    given_up = (e for e in unfinished(events) if endings and endings[-1] >= e.at)
    born += [_over_by(intent, events) for intent in given_up]
    return max(born, default=None)


def shown_by(intent: Event, events: Iterable[Event]) -> datetime:
    """When EC2 shows for certain what came of an intent whose outcome nobody noted."""
    return _over_by(intent, events) + VISIBILITY_WINDOW


def _over_by(intent: Event, events: Iterable[Event]) -> datetime:
    """When the call of an intent was over: its launch was given up, or no call takes longer."""
    ended = (e.at for e in events if e.what is What.ENDING and e.at >= intent.at)
    return min([intent.at + LONGEST_CALL, *ended])


def attempts(events: Iterable[Event]) -> int:
    """The number of the last launch of this name, 0 for none, over all its lives.

    A line that cannot be read may have been one more.
    """
    events = tuple(events)
    unread = sum(event.what is What.DAMAGED for event in events)
    numbers = (event.get("attempt") for event in events if event.what is What.INTENT)
    return unread + max((int(number) for number in numbers if number.isdigit()), default=0)
