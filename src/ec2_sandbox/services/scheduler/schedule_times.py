"""When a schedule fires: ``at``, ``rate`` and ``cron`` expressions. Pure.

The forms are those of the EventBridge Scheduler's user guide, schedule-types.html. Of cron's
special letters ``L``, ``W`` and ``#`` are refused: the sandbox does not model them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
RATE = re.compile(r"rate\((\d+) (minutes?|hours?|days?)\)")
CRON = re.compile(r"cron\(([^()]+)\)")
UNITS = {"minute": 60, "hour": 3_600, "day": 86_400}  # seconds

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
NAMES = {name: n for names in (MONTHS, WEEKDAYS) for n, name in enumerate(names, 1)}
FIELDS: Mapping[str, tuple[int, int]] = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day": (1, 31),
    "month": (1, 12),
    "weekday": (1, 7),
    "year": (1970, 2199),
}
LONGEST_RATE = 100 * 365 * UNITS["day"]  # beyond it no date is left; AWS names no limit
CRON_HORIZON = timedelta(days=4 * 366)  # 29 February comes within it


class BadExpression(ValueError):
    """The expression or its time zone is none; the text is EventBridge Scheduler's."""


@dataclass(frozen=True)
class Once:
    """``at(...)``: one moment."""

    moment: datetime

    def next_after(self, moment: datetime, _anchor: datetime) -> datetime | None:
        """The moment, as long as it lies ahead."""
        return self.moment if self.moment > moment else None


@dataclass(frozen=True)
class Rate:
    """``rate(...)``: again and again from the anchor on."""

    every: timedelta

    def next_after(self, moment: datetime, anchor: datetime) -> datetime | None:
        """The first of anchor, anchor + every, ... that lies ahead."""
        if anchor > moment:
            return anchor
        return anchor + self.every * ((moment - anchor) // self.every + 1)


@dataclass(frozen=True)
class Cron:
    """``cron(...)``: whenever minute, hour, day, month, weekday and year fit, in a time zone."""

    fields: Mapping[str, frozenset[int]]
    zone: ZoneInfo

    def next_after(self, moment: datetime, anchor: datetime) -> datetime | None:
        """The first fitting minute ahead; None when there is none for years."""
        after = max(moment, anchor).astimezone(self.zone)
        day = after.replace(hour=0, minute=0, second=0, microsecond=0)
        for _ in range(CRON_HORIZON.days):
            if self._fits_day(day):
                for found in self._times(day):
                    if found.astimezone(UTC) > moment:
                        return found.astimezone(UTC)
            day += timedelta(days=1)
        return None

    def _fits_day(self, day: datetime) -> bool:
        fields = self.fields
        return (
            day.year in fields["year"]
            and day.month in fields["month"]
            and day.day in fields["day"]
            and day.isoweekday() % 7 + 1 in fields["weekday"]
        )

    def _times(self, day: datetime) -> list[datetime]:
        hours, minutes = sorted(self.fields["hour"]), sorted(self.fields["minute"])
        return [day.replace(hour=hour, minute=minute) for hour in hours for minute in minutes]


Timing = Once | Rate | Cron


def parse_timing(expression: str, zone_name: str) -> Timing:
    """Read an expression in a time zone, or say what is wrong with it."""
    zone = _zone(zone_name)
    if found := AT.fullmatch(expression):
        return Once(_moment(found[1], zone, expression))
    if found := RATE.fullmatch(expression):
        seconds = int(found[1]) * UNITS[found[2].removesuffix("s")]
        if not 0 < seconds <= LONGEST_RATE:
            raise _bad(expression)
        return Rate(timedelta(seconds=seconds))
    if found := CRON.fullmatch(expression):
        return Cron(_cron_fields(found[1], expression), zone)
    raise _bad(expression)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadExpression(f"Invalid Schedule Expression Timezone {name}.") from None


def _moment(text: str, zone: ZoneInfo, expression: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _bad(expression) from None


def _cron_fields(text: str, expression: str) -> dict[str, frozenset[int]]:
    parts = text.split()
    if len(parts) != len(FIELDS) or "?" not in (parts[2], parts[4]):
        raise _bad(expression)
    try:
        ranges = zip(parts, FIELDS.items(), strict=True)
        return {name: _values(part, *limits) for part, (name, limits) in ranges}
    except ValueError:
        raise _bad(expression) from None


def _values(part: str, low: int, high: int) -> frozenset[int]:
    """The numbers that a field such as ``1-5,9`` or ``*/15`` stands for."""
    found: set[int] = set()
    for piece in part.upper().split(","):
        bounds, _, step = piece.partition("/")
        first, _, last = bounds.partition("-")
        if bounds in {"*", "?"}:
            begin, end = low, high
        else:
            begin = _number(first)
            end = _number(last) if last else high if step else begin
        if not low <= begin <= end <= high:
            raise ValueError(part)
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str) -> int:
    return NAMES[text] if text in NAMES else int(text)


def _bad(expression: str) -> BadExpression:
    return BadExpression(f"Invalid Schedule Expression {expression}.")
