"""A series of numbers as one line of blocks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN = "_.:-=+*#"
NOTHING = " "

#: The scale spans at least this part of its top, so that a cent of a dollar is no mountain.
LEAST_SPAN = 0.1
#: Means of equal prices differ by so little, which must not look like a change.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Scale:
    """What the lowest and the highest block stand for."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Scale":
        """One scale for all lines that are to be compared."""
        known = sorted(values)
        low, high = known[0], known[-1]
        missing = LEAST_SPAN * high - (high - low)
        return cls(low - missing / 2, high + missing / 2) if missing > 0 else cls(low, high)

    def step(self, value: float) -> int:
        """Which of the eight blocks."""
        if self.high <= self.low:
            return 0
        part = (value - self.low) / (self.high - self.low) + ROUNDING
        return max(0, min(len(BLOCKS) - 1, int(part * len(BLOCKS))))


def sparkline(values: Sequence[float | None], scale: Scale, *, blocks: str = BLOCKS) -> str:
    """The values as blocks; a gap where nothing is known."""
    return "".join(NOTHING if value is None else blocks[scale.step(value)] for value in values)


def blocks_for(encoding: str | None) -> str:
    """The blocks, or plain characters where the terminal's encoding lacks them."""
    try:
        BLOCKS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return BLOCKS
