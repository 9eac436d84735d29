"""Lengths of time as people type and read them."""

import re
from datetime import timedelta
from decimal import Decimal

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TYPED = {**_UNITS, "w": 7 * 86400}
_NUMBER = r"\d{1,15}(?:\.\d{1,6})?"
_PATTERN = re.compile("".join(rf"(?:({_NUMBER}){unit})?" for unit in reversed(_TYPED)))


def parse_duration(text: str) -> timedelta:
    """Read ``8h``, ``90m``, ``2d``, ``1w``, ``1h30m``, ``1.5h``.

    Raises:
        ValueError: the text is no such duration, or is zero.
    """
    match = _PATTERN.fullmatch(text.strip().lower())
    if match is None or not match.group():
        raise ValueError(f"{text!r} is not a duration like 8h, 90m or 2d")
    parts = zip(_TYPED.values(), reversed(match.groups()), strict=True)
    try:
        length = timedelta(seconds=int(sum(unit * Decimal(part or 0) for unit, part in parts)))
    except OverflowError:
        raise ValueError(f"{text!r} is too long") from None
    if not length:
        raise ValueError(f"{text!r} is no time at all")
    return length


def words(length: timedelta) -> str:
    """The two largest units: ``3d 4h``, ``24h``, ``1h 30m``, ``12s``; days only from two on."""
    seconds = max(0, int(length.total_seconds()))
    parts = []
    units = {unit: size for unit, size in _UNITS.items() if unit != "d" or seconds >= 2 * size}
    for unit, size in sorted(units.items(), key=lambda pair: -pair[1]):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"
