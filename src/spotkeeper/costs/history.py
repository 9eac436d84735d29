"""The life of a machine in plain words, from what the journal remembers of it. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from spotkeeper.costs.usage import BY_EC2, ENDED, RUNNING, Interval, intervals
from spotkeeper.model.duration import words
from spotkeeper.model.journal_entry import Event, What
from spotkeeper.model.tags import parse_tag_time

#: Kinds of chapters besides the journal's own.
INTERRUPTED, STOPPED, NOW = "interrupted", "stopped", "now"

_OVER = (What.SETTLING, What.SETTLED)


@dataclass(frozen=True, slots=True)
class Chapter:
    """One thing that happened. ``stretch`` is the time on the bill that ended with it."""

    at: datetime
    what: str
    text: str
    life: int
    stretch: Interval | None = None
    spot_usd: Decimal | None = None


def chapters(life: Sequence[Event], number: int, *, now: datetime) -> tuple[Chapter, ...]:
    """What happened in one life of a name, in the order in which it was written down.

    A machine that still runs has a last chapter about it; what ran when the name was given back
    ran until then.
    """
    seen = [place for place, event in enumerate(life) if event.what is What.SEEN]
    rest = life[seen[-1] :] if seen else ()
    over = next((event for event in rest if event.what in _OVER), None)
    teller = _Teller(life, over.at if over else now)
    told = [teller.chapter(event, number, is_end=event is over) for event in life]
    running = bool(seen) and life[seen[-1]].get("state") == RUNNING and over is None
    last = [teller.running_now(now, number)] if running else []
    return tuple(chapter for chapter in (*told, *last) if chapter)


class _Teller:
    """Finds the words for each entry; what came before it gives some of them."""

    def __init__(self, life: Sequence[Event], until: datetime) -> None:
        self._until = until
        self._stretches = _stretches(life, until)
        self._asked_at: dict[str, datetime] = {}
        self._pools: dict[str, str] = {}
        self._launched: set[str] = set()
        self._last_seen: dict[str, Event] = {}
        self._tells: Mapping[What, Callable[[Event], str]] = {
            What.INTENT: self._asked,
            What.LAUNCHED: self._granted,
            What.REFUSED: self._refused,
            What.READY: self._ready,
            What.MOVED: self._moved,
        }

    def chapter(self, event: Event, number: int, *, is_end: bool) -> Chapter | None:
        """The chapter of an entry; ``None`` for one that tells nothing new."""
        if event.what is What.SEEN:
            return self._seen(event, number)
        text = self._words(event)
        stretch = self._ended(self._until) if is_end else None
        return Chapter(event.at, event.what.value, text, number, stretch)

    def running_now(self, now: datetime, number: int) -> Chapter:
        """The chapter about a machine that still runs."""
        return Chapter(now, NOW, "still running, when it was last seen", number, self._ended(now))

    def _words(self, event: Event) -> str:
        tell = self._tells.get(event.what)
        return tell(event) if tell else _WORDS[event.what]

    def _asked(self, event: Event) -> str:
        token = event.get("token")
        instance_type, _, zone = event.get("pool").partition("@")
        again = token in self._pools
        self._pools[token] = f"{instance_type} in {zone or event.get('region')}"
        self._asked_at.setdefault(token, event.at)
        if again:
            return f"asked for {self._pools[token]} again, as no answer had come"
        return f"asked for {self._pools[token]}"

    def _granted(self, event: Event) -> str:
        self._launched.add(event.get("instance"))
        made = ", ".join(filter(None, (event.get("instance"), event.get("request"))))
        return f"EC2 launched {self._pool(event)}: {made}"

    def _refused(self, event: Event) -> str:
        return f"EC2 refused {self._pool(event)}: {event.get('code').replace('-', ' ')}"

    def _ready(self, event: Event) -> str:
        begun = self._asked_at.get(event.get("token"))
        return f"ready, {words(event.at - begun)} after it was asked for" if begun else "ready"

    def _moved(self, event: Event) -> str:
        if event.get("deadline") == event.get("before"):
            return f"the guard was pointed at {event.get('instance')}"
        until = parse_tag_time(event.get("deadline"))
        if until is None:
            return "the deadline was taken away"
        return f"the deadline was moved to {until:%Y-%m-%d %H:%M:%S} UTC"

    def _pool(self, event: Event) -> str:
        return self._pools.get(event.get("token"), "a machine")

    def _seen(self, event: Event, number: int) -> Chapter | None:
        instance = event.get("instance")
        before = self._last_seen.get(instance)
        self._last_seen[instance] = event
        at = _time(event) or event.at
        place = f"{event.get('type')} in {event.get('zone')}"
        if event.get("state") != RUNNING:
            what, text = _end(event)
            return Chapter(at, what, text, number, self._ended(at))
        if before is None and instance in self._launched:
            return None  # EC2's answer said so already
        return Chapter(at, RUNNING, _back(before, at, place), number)

    def _ended(self, at: datetime) -> Interval | None:
        """The last stretch on the bill that ended then."""
        return next((one for one in reversed(self._stretches) if one.end == at), None)


#: What has no facts of its own.
_WORDS = {
    What.CLAIMED: "the name was claimed, so that no other computer uses it",
    What.RELEASED: "the name was set free",
    What.ENDING: "giving back began",
    What.SETTLING: "given back; EC2 listed nothing of it any more",
    What.SETTLED: "gone for certain",
    What.DAMAGED: "a line of the journal is damaged: what it told is lost",
}


def _back(before: Event | None, at: datetime, place: str) -> str:
    if before is None:
        return f"seen running on {place}"
    if before.get("state") == RUNNING:
        return f"running on {place}; it had stopped in between, unseen"
    stopped_at = _time(before)
    after = f" after {words(at - stopped_at)}" if stopped_at else ""
    return f"{'came back' if before.get('by') == BY_EC2 else 'started'} on {place}{after}"


def _end(event: Event) -> tuple[str, str]:
    ended = event.get("state") == ENDED
    if event.get("by") == BY_EC2:
        return INTERRUPTED, f"interrupted by EC2: {'ended' if ended else 'stopped, its disk kept'}"
    done = "ended" if ended else "stopped"
    return ENDED if ended else STOPPED, f"{done} by you, or by its guard"


def _time(event: Event) -> datetime | None:
    return parse_tag_time(event.get("since"))


def _stretches(life: Iterable[Event], until: datetime) -> tuple[Interval, ...]:
    """The time on the bill; none where an older version wrote other fields."""
    try:
        return intervals(life, until=until)
    except (ValueError, TypeError):
        return ()
