"""How busy a machine's processors are: a pure function of seed, instance and minute.

A start is busy; after it, stretches of an hour or so are busy or idle by lot. A tag on the
instance can say otherwise.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

MINUTE, STRETCH = 60, 3_600  # seconds
BOOT = 180  # seconds
BUSY_SHARE = 0.6  # of the stretches
LEVELS = {"idle": (0.2, 2.5), "busy": (82.0, 99.0), "boot": (35.0, 75.0)}  # percent

Span = tuple[datetime, datetime]


def cpu_percent(
    instance_id: str, second: int, *, seed: int, started: int, forced: str | None = None
) -> float:
    """CPUUtilization of the minute that begins at ``second``, 0 to 100.

    ``forced`` is the tag's text: idle, busy, or a number; anything else counts as none.
    """
    if forced and (number := _number(forced)) is not None:
        return number
    level = forced if forced in {"idle", "busy"} else _level(instance_id, second, seed, started)
    low, high = LEVELS[level]
    drawn = _lot(f"cpu|{seed}|{instance_id}|{second // MINUTE}")
    return round(low + (high - low) * drawn, 4)


def _level(instance_id: str, second: int, seed: int, started: int) -> str:
    if second - started < BOOT:
        return "boot"
    is_busy = _lot(f"stretch|{seed}|{instance_id}|{second // STRETCH}") < BUSY_SHARE
    return "busy" if is_busy else "idle"


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number <= 100 else None  # noqa: PLR2004 - percent


def _lot(stamped: str) -> float:
    return int.from_bytes(blake2b(stamped.encode(), digest_size=4).digest()) / 2**32


def minutes_run(spans: Sequence[Span], begin: int, end: int) -> list[tuple[int, int]]:
    """The whole minutes within [begin, end) in which it ran, each with its run's start."""
    found: list[tuple[int, int]] = []
    for span_begin, span_end in spans:
        started, ended = int(span_begin.timestamp()), int(span_end.timestamp())
        first = -(-max(started, begin) // MINUTE) * MINUTE
        last = min(ended, end) - MINUTE
        found.extend((second, started) for second in range(first, last + 1, MINUTE))
    return found
