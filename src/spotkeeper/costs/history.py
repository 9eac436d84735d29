"""The life of a machine in plain words, from what the journal remembers of it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from spotkeeper.costs.usage import BY_EC2, ENDED, RUNNING, Interval, intervals
from spotkeeper.model.duration import words
from spotkeeper.model.journal_entry import (
    Damaged,
    DeadlineMoved,
    Ending,
    Entry,
    Intent,
    Launched,
    LaunchRefused,
    NameClaimed,
    NameReleased,
    Ready,
    Seen,
    Settled,
    Settling,
)
from spotkeeper.model.launch import LaunchToken
from spotkeeper.model.record import Record, Result, moment, number

#: Kinds of chapters besides the journal's own.
INTERRUPTED, STOPPED, NOW = "interrupted", "stopped", "now"

_OVER = (Settling, Settled)


@dataclass(frozen=True, slots=True, repr=False)
class Chapter(Result):
    """One thing that happened. ``stretch`` is the time on the bill that ended with it."""

    at: datetime
    what: str
    text: str
    life: int
    stretch: Interval | None = None
    spot_usd: Decimal | None = None

    def to_dict(self) -> Record:
        """As an item of ``--output json``; what ran, and what it cost, is what ended with it."""
        stretch = self.stretch
        return {
            "at": moment(self.at),
            "what": self.what,
            "text": self.text,
            "life": self.life,
            "ran_seconds": int((stretch.end - stretch.begin).total_seconds()) if stretch else None,
            "spot_usd": number(self.spot_usd),
        }


def chapters(life: Sequence[Entry], number: int, *, now: datetime) -> tuple[Chapter, ...]:
    """What happened in one life of a name, in the order of time, as far as it was seen.

    A machine that still runs has a last chapter about it; what ran when the name was given back
    ran until then.
    """
    seen = [place for place, entry in enumerate(life) if isinstance(entry, Seen)]
    rest = life[seen[-1] :] if seen else ()
    over = next((entry for entry in rest if isinstance(entry, _OVER)), None)
    teller = _Teller(life, over.at if over else now)
    told = [
        each for entry in life for each in teller.chapters(entry, number, is_end=entry is over)
    ]
    told += [teller.running_now(now, number)] if over is None and teller.is_running else []
    return tuple(sorted(told, key=lambda chapter: chapter.at))


class _Teller:
    """Finds the words for each entry; what came before it gives some of them."""

    def __init__(self, life: Sequence[Entry], until: datetime) -> None:
        self._until = until
        self._stretches = intervals(life, until=until)
        self._asked_at: dict[LaunchToken, datetime] = {}
        self._pools: dict[LaunchToken, str] = {}
        self._launched: set[str] = set()
        self._last_seen: dict[str, Seen] = {}
        self.is_running = False

    def chapters(self, entry: Entry, number: int, *, is_end: bool) -> Iterator[Chapter]:
        """The chapters of an entry; none for one that tells nothing new."""
        if isinstance(entry, Seen):
            yield from self._seen(entry, number)
            return
        stretch = self._ended(self._until) if is_end else None
        yield Chapter(entry.at, entry.kind, self._words(entry), number, stretch)

    def running_now(self, now: datetime, number: int) -> Chapter:
        """The chapter about a machine that still runs."""
        return Chapter(now, NOW, "still running, when it was last seen", number, self._ended(now))

    def _words(self, entry: Entry) -> str:
        if isinstance(entry, Intent):
            return self._asked(entry)
        if isinstance(entry, Launched | LaunchRefused):
            return self._answered(entry)
        if isinstance(entry, Ready):
            return self._ready(entry)
        return _moved(entry) if isinstance(entry, DeadlineMoved) else _WORDS[type(entry)]

    def _asked(self, intent: Intent) -> str:
        token, again = intent.token, intent.token in self._pools
        self._pools[token] = f"{intent.instance_type} in {intent.zone_name or intent.region}"
        self._asked_at.setdefault(token, intent.at)
        return f"asked for {self._pools[token]}{' again, as no answer had come' if again else ''}"

    def _answered(self, answer: Launched | LaunchRefused) -> str:
        pool = self._pools.get(answer.token, "a machine")
        if isinstance(answer, LaunchRefused):
            return f"EC2 refused {pool}: {answer.code.replace('-', ' ')}"
        self._launched.add(answer.instance)
        made = ", ".join(filter(None, (answer.instance, answer.request)))
        return f"EC2 launched {pool}: {made}"

    def _ready(self, ready: Ready) -> str:
        begun = self._asked_at.get(ready.token)
        return f"ready, {words(ready.at - begun)} after it was asked for" if begun else "ready"

    def _seen(self, seen: Seen, number: int) -> Iterator[Chapter]:
        before = self._last_seen.get(seen.instance)
        self._last_seen[seen.instance] = seen
        self.is_running = seen.state == RUNNING
        place = f"{seen.instance_type} in {seen.zone_name}"
        began = seen.launched if not self.is_running else seen.since or seen.at
        is_told = before is None and seen.instance in self._launched  # by EC2's answer
        is_new = self.is_running or (before and before.since and began and began > before.since)
        if began and is_new and not is_told:
            yield Chapter(began, RUNNING, _back(before, began, place), number, self._ended(began))
        if not self.is_running:
            at, (what, text) = seen.since or seen.at, _end(seen)
            yield Chapter(at, what, text, number, self._ended(at))

    def _ended(self, at: datetime) -> Interval | None:
        """The last stretch on the bill that ended then."""
        return next((one for one in reversed(self._stretches) if one.end == at), None)


#: What has no facts of its own.
_WORDS: Mapping[type[Entry], str] = {
    NameClaimed: "the name was claimed, so that no other computer uses it",
    NameReleased: "the name was set free",
    Ending: "giving back began",
    Settling: "given back; EC2 listed nothing of it any more",
    Settled: "gone for certain",
    Damaged: "a line of the journal is damaged: what it told is lost",
}


def _moved(entry: DeadlineMoved) -> str:
    if entry.instance:
        return f"the guard was pointed at {entry.instance}"
    if entry.deadline is None:
        return "the deadline was taken away"
    return f"the deadline was moved to {entry.deadline:%Y-%m-%d %H:%M:%S} UTC"


def _back(before: Seen | None, at: datetime, place: str) -> str:
    if before is None:
        return f"seen running on {place}"
    if before.state == RUNNING:
        return f"running on {place}; it had stopped in between, unseen"
    after = f" after {words(at - before.since)}" if before.since else ""
    return f"{'came back' if before.by == BY_EC2 else 'started'} on {place}{after}"


def _end(seen: Seen) -> tuple[str, str]:
    ended = seen.state == ENDED
    if seen.by == BY_EC2:
        return INTERRUPTED, f"interrupted by EC2: {'ended' if ended else 'stopped, its disk kept'}"
    if not seen.by:
        return ENDED, "EC2 lists it no more: it has ended, and nobody saw when"
    done = "ended" if ended else "stopped"
    who = f"EC2: {seen.reason}" if seen.reason else "you, or by its guard"
    return ENDED if ended else STOPPED, f"{done} by {who}"
