"""Several programs in one world: one goes at a time, and a seed decides which, at every call."""

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.fakes.clock import FIRST_DAY
from tests.fakes.fate import Fate

from spotkeeper.errors import Unreachable

#: How likely the program that goes on is the one that went last; one of them for each seed.
PERSISTENCE = (0.0, 0.5, 0.9, 0.98)


@dataclass
class Program:
    """One thread, which runs only while it holds the baton."""

    work: Callable[[], object]
    wakes_at: datetime
    told: object = None
    over: bool = False
    go: threading.Event = field(default_factory=threading.Event)


class Baton:
    """A clock that passes from program to program; who sleeps lets the others go on meanwhile."""

    def __init__(self, seed: int, now: datetime = FIRST_DAY) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - the same order every time
        self._persistence = self.dice.choice(PERSISTENCE)
        self._now = now
        self._running: Program | None = None
        self._back = threading.Event()

    def now(self) -> datetime:
        return self._now

    @property
    def busy(self) -> bool:
        """Whether programs go at once now."""
        return self._running is not None

    def sleep(self, length: timedelta) -> None:
        """Wait; outside of ``run`` time passes at once."""
        length = max(length, timedelta(0))
        if self._running is None:
            self._now += length
        else:
            self._running.wakes_at = self._now + length
            self._hand_back(self._running)

    def pause(self) -> None:
        """Let another program go first, if the seed says so."""
        if self._running is not None:
            self._hand_back(self._running)

    def run(
        self, works: Sequence[Callable[[], object]], begins: Sequence[timedelta]
    ) -> list[object]:
        """Let all programs go to their ends; what each returned or raised."""
        programs = [
            Program(work, self._now + begin) for work, begin in zip(works, begins, strict=True)
        ]
        threads = [
            threading.Thread(target=self._body, args=(each,), daemon=True) for each in programs
        ]
        for thread in threads:
            thread.start()
        last: Program | None = None
        while waiting := [each for each in programs if not each.over]:
            last = self._next(waiting, last)
            self._running = last
            self._back.clear()
            last.go.set()
            self._back.wait()
        self._running = None
        for thread in threads:
            thread.join()
        return [each.told for each in programs]

    def _next(self, waiting: list[Program], last: Program | None) -> Program:
        self._now = max(self._now, min(each.wakes_at for each in waiting))
        awake = [each for each in waiting if each.wakes_at <= self._now]
        if last in awake and self.dice.random() < self._persistence:
            return last
        return self.dice.choice(awake)

    def _body(self, program: Program) -> None:
        program.go.wait()
        program.go.clear()
        try:
            program.told = program.work()
        except BaseException as problem:
            program.told = problem
        program.over = True
        self._back.set()

    def _hand_back(self, program: Program) -> None:
        self._back.set()
        program.go.wait()
        program.go.clear()


class Turns(Fate):
    """Before and after every call and journal entry another program may come in between.

    ``slow_seconds`` is the longest that a call may take to arrive, ``lost`` the share of calls to
    the cloud that are never answered; both only while several programs go at once.
    """

    def __init__(self, baton: Baton, *, slow_seconds: float = 0, lost: float = 0) -> None:
        super().__init__()
        self._baton = baton
        self._slow_seconds = slow_seconds
        self._lost = lost

    def before(self, call: str) -> None:
        super().before(call)
        if self._baton.busy and not call.startswith("journal"):
            self._baton.sleep(timedelta(seconds=self._baton.dice.uniform(0, self._slow_seconds)))
            self._maybe_lose(call)
        self._baton.pause()

    def after(self, call: str) -> None:
        self._baton.pause()
        if self._baton.busy and not call.startswith("journal"):
            self._maybe_lose(call)

    def _maybe_lose(self, call: str) -> None:
        if self._baton.dice.random() < self._lost / 2:
            raise Unreachable(f"{call}: no answer")
