"""Files that tell, tick by tick, whether pools were to be had: CSV or TSV, plain or gz.

A row is a zone in a tick. The ticks of a zone rise by the same step, and all zones have the same
ticks; whatever is otherwise would move a deadline, and is refused with its line. Rows are read one
by one, and of a zone only what changes is kept, so that the size of a file does not matter.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from math import inf
from pathlib import Path
from typing import NoReturn

from spotkeeper.errors import BadInput
from spotkeeper.model.duration import words
from spotkeeper.model.money import parse_usd
from spotkeeper.store.price_files import MEANINGS, MEND_IT, delimiter_of, read_dump
from spotkeeper.store.price_rows import LONGEST_QUOTE, Dump
from spotkeeper.store.unpacking import Unreadable, texts, whole_lines
from spotkeeper.work.trace import PoolTrace, Quote, Trace

AVAILABLE = "available"
NEEDED = ("time", "zone", AVAILABLE)
#: As people write it, and as programs do that keep truth as a number.
IS_OFFERED = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}

#: EC2 has some hundred zones; a file that names more names something else.
MAX_ZONES = 1_000
FIRST_YEAR, LAST_YEAR = 1970, 2099
#: A file with longer steps says nothing about a job of days.
LONGEST_STEP = timedelta(days=1)

WHAT_IT_TAKES = (
    "Give a CSV with time,zone,available,spot_usd_per_hour, or a price history with --max-price."
)


@dataclass(frozen=True, slots=True)
class Availability:
    """What such a file says, with the lines of what may not fit what else is known: the highest
    price at which Spot was to be had, and the first place where it has no price."""

    trace: Trace
    highest_usd_per_hour: float
    highest_line: int
    unpriced_line: int | None


def read_past(path: Path) -> Availability | Dump:
    """Read a file of availability, or a price history where it is none.

    Raises:
        NotFound: there is no such file.
        BadInput: it is neither, or not whole; with file and line.
    """
    pieces = texts(path)
    try:
        first = next(pieces, "")
    except Unreadable as problem:
        raise BadInput(f"{path} {problem}", next_step=WHAT_IT_TAKES) from problem
    head = first.partition("\n")[0]
    header = [cell.strip(' "\r').lower() for cell in head.split(delimiter_of(head))]
    pieces = chain((first,), pieces)
    if AVAILABLE not in header:
        return read_dump(path, pieces=pieces)
    reader = _Reader(path, [MEANINGS.get(cell, cell) for cell in header])
    try:
        reader.take(_lines(pieces), delimiter_of(head))
    except (Unreadable, csv.Error) as problem:
        told = f"{path} {problem}; {reader.rows:,} rows could be read"
        raise BadInput(told, next_step=WHAT_IT_TAKES) from problem
    return reader.availability()


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    for piece in whole_lines(pieces):
        yield from piece.splitlines()


def _told(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@dataclass(slots=True)
class _Zone:
    """What has been read of a zone: its quotes, when its last tick was, and what that one said."""

    pool: PoolTrace
    before: datetime
    ticks: int = 0
    said: tuple[str, str] = ("", "")


class _Reader:
    """Takes rows in the order of the file."""

    def __init__(self, path: Path, names: list[str]) -> None:
        self._path, self._line = path, 1
        names = ["zone" if name == "zone id" and "zone" not in names else name for name in names]
        missing = [name for name in NEEDED if name not in names]
        twice = [name for name in (*NEEDED, "price") if names.count(name) > 1]
        if missing or twice:
            said = f"no column for {', '.join(missing)}" if missing else f"two for {twice[0]}"
            raise BadInput(f"{path}:1: {said}", next_step=WHAT_IT_TAKES)
        self._width = len(names)
        self._time, self._zone, self._available = map(names.index, NEEDED)
        self._price = names.index("price") if "price" in names else None
        self._zones: dict[str, _Zone] = {}
        self._begin: datetime | None = None
        self._step: timedelta | None = None
        self._highest, self._highest_line = 0.0, 0
        self._unpriced_line: int | None = None
        self.rows = 0

    def take(self, lines: Iterable[str], delimiter: str) -> None:
        """Keep all rows behind the header.

        Raises:
            BadInput: one of them does not fit those before it.
        """
        rows = csv.reader(lines, delimiter=delimiter, strict=True)
        next(rows)
        told, at = "", datetime.min.replace(tzinfo=UTC)
        for cells in rows:
            self._line = rows.line_num
            if len(cells) != self._width:
                if not "".join(cells).strip():
                    continue
                self._refuse(f"{len(cells)} columns instead of {self._width}")
            if cells[self._time] != told:
                told = cells[self._time]
                at = self._moment(told)
            said = (cells[self._available], cells[self._price] if self._price is not None else "")
            self._keep(cells[self._zone], at, said)
            self.rows += 1

    def availability(self) -> Availability:
        """All of it.

        Raises:
            BadInput: it is less than two ticks, or a zone ends before another.
        """
        by_ticks = sorted(self._zones.items(), key=lambda named: named[1].ticks)
        if self._begin is None or self._step is None:
            raise BadInput(f"{self._path} holds less than two ticks", next_step=WHAT_IT_TAKES)
        (shortest, first), (longest, last) = by_ticks[0], by_ticks[-1]
        if first.ticks < last.ticks:
            raise BadInput(
                f"{self._path}: {shortest} ends at {_told(first.before)}, {longest} at "
                f"{_told(last.before)}; "
                "every tick needs a row of every zone",
                next_step=MEND_IT,
            )
        pools = tuple(zone.pool for zone in self._zones.values())
        trace = Trace(self._begin, self._step, last.ticks, pools)
        return Availability(trace, self._highest, self._highest_line, self._unpriced_line)

    def _keep(self, name: str, at: datetime, said: tuple[str, str]) -> None:
        zone = self._zones.get(name)
        if zone is None:
            zone = self._zones[name] = self._new_zone(name, at)
        elif self._step is None:
            self._step = self._first_step(name, at - zone.before)
        elif at - zone.before != self._step:
            self._refuse_step(name, zone.before, at, self._step)
        if said != zone.said:
            zone.pool.add(zone.ticks, self._quote(*said))
            zone.said = said
        zone.before = at
        zone.ticks += 1

    def _new_zone(self, name: str, at: datetime) -> _Zone:
        self._begin = self._begin or at
        if not name.strip():
            self._refuse("no zone")
        if at != self._begin:
            self._refuse(
                f"zone {name[:LONGEST_QUOTE]!r} begins at {_told(at)}, others at "
                f"{_told(self._begin)}; "
                "every tick needs a row of every zone"
            )
        if len(self._zones) >= MAX_ZONES:
            self._refuse(f"more than {MAX_ZONES:,} zones")
        return _Zone(PoolTrace(name.strip()), at)

    def _moment(self, text: str) -> datetime:
        try:
            at = datetime.fromisoformat(text.strip())
        except ValueError:
            self._refuse(f"{text[:LONGEST_QUOTE]!r} is no time")
        if not FIRST_YEAR <= at.year <= LAST_YEAR:
            self._refuse(f"{text[:LONGEST_QUOTE]!r} is no time of a computer")
        return at if at.tzinfo else at.replace(tzinfo=UTC)

    def _first_step(self, name: str, step: timedelta) -> timedelta:
        if not step:
            self._refuse(f"a second row of {name} for one tick")
        if not timedelta(0) < step <= LONGEST_STEP:
            self._refuse("time does not rise by a step of a day at most")
        return step

    def _refuse_step(self, name: str, before: datetime, at: datetime, step: timedelta) -> NoReturn:
        passed = at - before
        if not passed:
            self._refuse(f"a second row of {name} for {_told(at)}")
        if passed < timedelta(0):
            self._refuse(f"{name} goes back in time, from {_told(before)} to {_told(at)}")
        missing, odd = divmod(passed, step)
        if odd:
            self._refuse(f"{name} has steps of {words(step)}, and here is one of {words(passed)}")
        self._refuse(
            f"{name} has no row between {_told(before)} and {_told(at)}; {missing - 1:,} missing"
        )

    def _quote(self, available: str, price: str) -> Quote:
        is_offered = IS_OFFERED.get(available.strip().lower())
        if is_offered is None:
            self._refuse(f"{available[:LONGEST_QUOTE]!r} is neither 1 nor 0")
        usd_per_hour = inf
        if price.strip():
            try:
                usd_per_hour = float(parse_usd(price))
            except ValueError:
                self._refuse(f"{price[:LONGEST_QUOTE]!r} is no price")
        elif is_offered and self._unpriced_line is None:
            self._unpriced_line = self._line
        if is_offered and self._highest < usd_per_hour < inf:
            self._highest, self._highest_line = usd_per_hour, self._line
        return Quote(usd_per_hour, is_offered)

    def _refuse(self, fault: str) -> NoReturn:
        raise BadInput(
            f"{self._path}:{self._line}: {fault}; {self.rows:,} rows before it could be read",
            next_step=MEND_IT,
        )
