"""A run: the lines of its record, and the state that they add up to. Packed into the agent.

The record is append-only; each line is on the disk before what it says is done. So whoever reads
it, at any moment and after any crash, sees a state that was true: never a wrong one, only a late
one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import Enum
from typing import Any, ClassVar


class Outcome(str, Enum):
    """What an attempt came to; the value is the word that people read."""

    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    AGAIN = "to be run again"
    OLDER_CHECKPOINT = "to be run again from an older checkpoint"
    UNFIT = "machine unfit"
    READY = "set up"


class RunState(str, Enum):
    """Where a run stands; the value is the word that people read."""

    WAITING = "waiting"
    SETTING_UP = "setting up"
    RUNNING = "running"
    STOPPING = "stopping"
    INTERRUPTED = "interrupted"
    UNFIT = "machine unfit"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: The end of a run: nothing follows.
OVER = frozenset({RunState.FINISHED, RunState.FAILED, RunState.CANCELLED})

_HELD = frozenset(
    {RunState.SETTING_UP, RunState.RUNNING, RunState.UNFIT, RunState.CANCELLED, RunState.FAILED}
)

#: Every state and those that may follow it.
NEXT_STATES: Mapping[RunState, frozenset[RunState]] = {
    RunState.WAITING: _HELD,
    RunState.INTERRUPTED: _HELD,
    RunState.UNFIT: _HELD,
    RunState.SETTING_UP: frozenset(RunState) - {RunState.SETTING_UP, RunState.RUNNING},
    RunState.RUNNING: frozenset(RunState) - {RunState.SETTING_UP, RunState.RUNNING},
    RunState.STOPPING: frozenset(RunState) - {RunState.SETTING_UP, RunState.RUNNING},
    RunState.FINISHED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
}

_HEARD_OF = frozenset(Outcome) - {Outcome.AGAIN, Outcome.OLDER_CHECKPOINT, Outcome.READY}

#: The state in which each outcome leaves the run.
STATE_AFTER: Mapping[Outcome, RunState] = {
    Outcome.FINISHED: RunState.FINISHED,
    Outcome.FAILED: RunState.FAILED,
    Outcome.CANCELLED: RunState.CANCELLED,
    Outcome.INTERRUPTED: RunState.INTERRUPTED,
    Outcome.AGAIN: RunState.WAITING,
    Outcome.OLDER_CHECKPOINT: RunState.WAITING,
    Outcome.UNFIT: RunState.UNFIT,
    Outcome.READY: RunState.WAITING,
}


class ImpossibleMove(ValueError):
    """A line follows that cannot follow: what writes the record is wrong."""


@dataclass(frozen=True)
class Line:
    """One line of the record. ``at`` is seconds since 1970, by the machine's clock."""

    at: float
    word: ClassVar[str] = ""

    def to_json(self) -> str:
        """The line as it stands in the file."""
        return json.dumps({"line": self.word, **asdict(self)})


@dataclass(frozen=True)
class Accepted(Line):
    """The run is on this machine and will be run."""

    run_id: str
    word: ClassVar[str] = "accepted"


@dataclass(frozen=True)
class Starting(Line):
    """An attempt begins; number 0 is set-up. ``boot`` names this life of the machine, ``digest``
    the state of the checkpoint folder, ``from_set`` the set that it was brought back from
    (0: as it lay)."""

    attempt: int
    boot: str
    resumed: bool = False
    digest: str = ""
    from_set: int = 0
    word: ClassVar[str] = "starting"


@dataclass(frozen=True)
class Asked(Line):
    """The attempt shall end because of a ``notice``, a ``stop`` or a ``cancel``; ``until`` is when
    it is killed, ``ends_at`` when the machine is said to end (0: nobody said)."""

    why: str
    until: float
    ends_at: float = 0.0
    word: ClassVar[str] = "asked"


@dataclass(frozen=True)
class Told(Line):
    """These processes were sent the signal."""

    pids: tuple[int, ...]
    commands: tuple[str, ...] = ()
    word: ClassVar[str] = "told"


@dataclass(frozen=True)
class Killing(Line):
    """Time is up: every process of the attempt is killed; ``left`` are the programs."""

    left: tuple[str, ...] = ()
    word: ClassVar[str] = "killing"


@dataclass(frozen=True)
class Ended(Line):
    """No process of the attempt is left. ``code`` and ``signal`` are how the command itself ended
    (None: nobody saw it); ``saved``: the checkpoint folder changed since it began."""

    attempt: int
    outcome: Outcome
    words: str
    code: int | None = None
    signal: int | None = None
    saved: bool = False
    word: ClassVar[str] = "ended"


@dataclass(frozen=True)
class SetTaken(Line):
    """A whole set of the checkpoint folder is safe on the disk."""

    number: int
    digest: str
    files: int
    size_bytes: int
    took_s: float
    word: ClassVar[str] = "set"


@dataclass(frozen=True)
class Remark(Line):
    """Something that a person should know; ``about`` is one word, ``words`` a sentence."""

    about: str
    words: str
    word: ClassVar[str] = "remark"


@dataclass(frozen=True)
class Declared(Line):
    """The state of the run, where no attempt tells it."""

    state: RunState
    words: str
    word: ClassVar[str] = "declared"


KINDS: Mapping[str, type[Line]] = {
    kind.word: kind
    for kind in (Accepted, Starting, Asked, Told, Killing, Ended, SetTaken, Remark, Declared)
}

_ENUMS: Mapping[str, type[Enum]] = {"outcome": Outcome, "state": RunState}


def read_line(text: str) -> Line | None:
    """One line of a record; None for one that a power cut tore or a later version wrote."""
    try:
        found = json.loads(text)
        kind = KINDS[found.pop("line")]
        names = {each.name for each in fields(kind)}
        return kind(**{key: _value(key, value) for key, value in found.items() if key in names})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _value(key: str, value: Any) -> Any:
    if key in _ENUMS:
        return _ENUMS[key](value)
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True)
class Attempt:
    """One stretch of the command between two interruptions, as far as it is known."""

    start: Starting
    asked: Asked | None = None
    told: tuple[int, ...] = ()
    told_at: float = 0.0
    killing: Killing | None = None
    sets: int = 0
    end: Ended | None = None

    @property
    def number(self) -> int:
        """1 for the first; 0 is set-up."""
        return self.start.attempt

    @property
    def was_unseen(self) -> bool:
        """Whether it ended with the machine, and nobody saw how."""
        return self.end is not None and self.end.code is None and self.end.signal is None


@dataclass(frozen=True)
class Run:
    """A run as its record tells it."""

    run_id: str = ""
    accepted_at: float = 0.0
    state: RunState = RunState.WAITING
    words: str = ""
    attempts: tuple[Attempt, ...] = ()
    sets: tuple[SetTaken, ...] = ()
    remarks: tuple[Remark, ...] = ()
    is_set_up: bool = False
    last_at: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing will follow."""
        return self.state in OVER

    @property
    def open_attempt(self) -> Attempt | None:
        """The attempt of which no end is recorded."""
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and last.end is None else None

    @property
    def last_attempt(self) -> int:
        """The number of the latest attempt of the command; 0 before the first."""
        return max((each.number for each in self.attempts), default=0)

    def count(self, outcome: Outcome) -> int:
        """How many attempts, set-up among them, came to this."""
        return sum(each.end is not None and each.end.outcome is outcome for each in self.attempts)

    def remarked(self, about: str, *, since: float = 0.0) -> bool:
        """Whether this was said since then."""
        return any(each.about == about and each.at >= since for each in self.remarks)

    def after(self, line: Line) -> Run:
        """The run once the line is written.

        Raises:
            ImpossibleMove: it cannot follow what is there.
        """
        moved: Run = replace(_FOLDS[line.word](self, line), last_at=line.at)
        if moved.state is not self.state and moved.state not in NEXT_STATES[self.state]:
            raise ImpossibleMove(f"{line.to_json()} cannot follow {self.state.value}")
        return moved


def read(lines: Iterable[str]) -> Run:
    """The run that the lines of a record add up to."""
    run = Run()
    for text in lines:
        line = read_line(text)
        if line is not None:
            run = run.after(line)
    return run


def event_of(line: Line) -> tuple[str, str] | None:
    """What a person wants to hear of a line, and its details; None if it is nothing to hear of."""
    if isinstance(line, Ended) and line.outcome in _HEARD_OF:
        return line.outcome.value, line.words
    if isinstance(line, Declared):
        return line.state.value, line.words
    if isinstance(line, Starting) and line.attempt > 1:
        return "resumed", f"attempt {line.attempt}"
    return (
        ("stalled", line.words) if isinstance(line, Remark) and line.about == "stalled" else None
    )


def _accepted(run: Run, line: Any) -> Run:
    return replace(run, run_id=line.run_id, accepted_at=line.at)


def _starting(run: Run, line: Any) -> Run:
    if run.open_attempt is not None or run.is_over:
        raise ImpossibleMove(f"attempt {line.attempt} begins while another may be there")
    state = RunState.RUNNING if line.attempt else RunState.SETTING_UP
    return replace(run, state=state, words="", attempts=(*run.attempts, Attempt(line)))


def _asked(run: Run, line: Any) -> Run:
    return replace(_changed(run, asked=line), state=RunState.STOPPING, words=line.why)


def _told(run: Run, line: Any) -> Run:
    first = _open(run).told_at or line.at
    return _changed(run, told=(*_open(run).told, *line.pids), told_at=first)


def _killing(run: Run, line: Any) -> Run:
    return _changed(run, killing=line)


def _ended(run: Run, line: Any) -> Run:
    if line.attempt != _open(run).number:
        raise ImpossibleMove(f"attempt {line.attempt} ends, which had not begun")
    ready = run.is_set_up or line.outcome is Outcome.READY
    moved = replace(_changed(run, end=line), is_set_up=ready)
    return replace(moved, state=STATE_AFTER[line.outcome], words=line.words)


def _set_taken(run: Run, line: Any) -> Run:
    counted = run if run.open_attempt is None else _changed(run, sets=_open(run).sets + 1)
    return replace(counted, sets=(*run.sets, line))


def _remark(run: Run, line: Any) -> Run:
    return replace(run, remarks=(*run.remarks, line))


def _declared(run: Run, line: Any) -> Run:
    return replace(run, state=line.state, words=line.words)


def _open(run: Run) -> Attempt:
    found = run.open_attempt
    if found is None:
        raise ImpossibleMove("no attempt is under way")
    return found


def _changed(run: Run, **changes: Any) -> Run:
    return replace(run, attempts=(*run.attempts[:-1], replace(_open(run), **changes)))


_FOLDS: Mapping[str, Any] = {
    Accepted.word: _accepted,
    Starting.word: _starting,
    Asked.word: _asked,
    Told.word: _told,
    Killing.word: _killing,
    Ended.word: _ended,
    SetTaken.word: _set_taken,
    Remark.word: _remark,
    Declared.word: _declared,
}
