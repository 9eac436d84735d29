"""The AWS calls that arrived: for tests that count them. In memory only, since the last reset."""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

KEPT = 10_000


class SeenCall(NamedTuple):
    """One AWS call that arrived."""

    operation: str
    region: str


@dataclass
class CallLog:
    """The last calls, and how many there were."""

    recent: deque[SeenCall] = field(default_factory=lambda: deque(maxlen=KEPT))
    total: int = 0

    def note(self, operation: str, region: str) -> None:
        """A call arrives."""
        self.recent.append(SeenCall(operation, region))
        self.total += 1

    def clear(self) -> None:
        """Forget them all."""
        self.recent.clear()
        self.total = 0


#: The calls of this process.
log = CallLog()
