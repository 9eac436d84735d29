"""What befalls the calls of a year: a share of them goes wrong, in the ways that calls do."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from tests.fakes.fate import Crash, Fate

from spotkeeper.errors import (
    ExpiredCredentials,
    NoCapacity,
    Refused,
    SpotkeeperError,
    StoreProblem,
    Throttled,
    Unreachable,
)

#: Raised in place of a call, or of its answer.
Trouble = Callable[[str], BaseException]


def _no_capacity(call: str) -> SpotkeeperError:
    return NoCapacity(f"{call}: no capacity", aws_code="InsufficientInstanceCapacity")


#: What may happen to any call to AWS, before it takes effect and after it did.
BEFORE: Mapping[str, Trouble] = {
    "killed": Crash,
    "ctrl-c": lambda _: KeyboardInterrupt(),
    "no answer": lambda call: Unreachable(f"{call}: no answer"),
    "throttled": lambda call: Throttled(f"{call}: slow down", aws_code="RequestLimitExceeded"),
    "refused": lambda call: Refused(f"{call}: no", aws_code="UnsupportedOperation"),
    "expired": lambda call: ExpiredCredentials(f"{call}: log in", aws_code="ExpiredToken"),
}
AFTER: Mapping[str, Trouble] = {
    "killed": Crash,
    "ctrl-c": lambda _: KeyboardInterrupt(),
    "no answer": lambda call: Unreachable(f"{call}: no answer"),
}

#: What may happen to an entry of the journal.
BEFORE_AN_ENTRY: Mapping[str, Trouble] = {
    "killed": Crash,
    "full disk": lambda call: StoreProblem(f"{call}: no space left on device"),
}
AFTER_AN_ENTRY: Mapping[str, Trouble] = {"killed": Crash}


@dataclass
class Weather(Fate):
    """``share`` of all calls go wrong, by the dice; ``calm`` lets none. A process that was killed
    makes no call any more until ``wake``."""

    dice: random.Random
    share: float
    calm: bool = False
    faults: int = 0
    calls_made: int = 0
    told: list[str] = field(default_factory=list)  # since the process began
    _pending: tuple[str, Trouble] | None = None
    _dead: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def wake(self) -> None:
        """A new process."""
        self._dead, self._pending = False, None
        self.faults = 0
        self.told.clear()

    def digest(self) -> str:
        """Every call and fault of the process, in short."""
        return sha256("\n".join(self.told).encode()).hexdigest()[:12]

    def before(self, call: str) -> None:
        if self._dead:
            raise Crash(call)
        self.calls_made += 1
        self.told.append(call)
        self._pending = None
        if not self.calm and self.dice.random() < self.share:
            self._befall(call)

    def after(self, call: str) -> None:
        if self._dead:
            raise Crash(call)
        if self._pending is not None:
            self._strike(call, *self._pending)

    def _befall(self, call: str) -> None:
        entry = call.startswith("journal")
        before, after = (BEFORE_AN_ENTRY, AFTER_AN_ENTRY) if entry else (BEFORE, AFTER)
        if call == "run":
            before = {**before, "no capacity": _no_capacity}
        name, trouble, early = self.dice.choice(
            [
                *((name, trouble, True) for name, trouble in before.items()),
                *((name, trouble, False) for name, trouble in after.items()),
            ]
        )
        if early:
            self._strike(call, name, trouble)
        self._pending = name, trouble

    def _strike(self, call: str, name: str, trouble: Trouble) -> None:
        self._pending = None
        self.faults += 1
        self._dead = name == "killed"
        self.told.append(f"{call}: {name}")
        raise trouble(call)
