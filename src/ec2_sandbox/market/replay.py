"""A recorded price history in place of the simulated one, for the pools that it names.

The file is CSV, plain or packed with gzip, with at least the columns ``timestamp`` (UTC),
``availability_zone``, ``instance_type`` and ``spot_price_usd_per_hour``, in any order.

It is shifted to the sandbox's clock and repeats for ever, so that there is a history to look at
and a future to live through: at the sandbox's first moment the newest record has just happened,
the records before it are the past, and within a day the file begins again with its oldest. It
repeats in whole days, so that every record keeps its hour from round to round. A replayed price
above the sandbox's On-Demand price is lowered to that, as Spot never costs more; pools that the
sandbox does not have are left out. Both are counted.

Standard library only: the client checks a file with ``check`` before it starts the sandbox.
"""

import csv
import gzip
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple

from ec2_sandbox.clock import aware
from ec2_sandbox.errors import BadInput
from ec2_sandbox.market.money import micros
from ec2_sandbox.market.pools import SPELLING, Pool
from ec2_sandbox.market.prices import DAY, LEAST, Change

TIME, ZONE, TYPE, PRICE = COLUMNS = (
    "timestamp",
    "availability_zone",
    "instance_type",
    "spot_price_usd_per_hour",
)
MOST_USD = 10_000  # per hour; above it a column is mistaken for another
GZIP_MAGIC = b"\x1f\x8b"
NEXT_STEP = "Give a CSV file, plain or .gz, with the columns " + ", ".join(COLUMNS) + "."


class RecordedSeries(NamedTuple):
    """The records of one pool, oldest first: seconds since 1970 and micro-dollars."""

    seconds: "array[int]"
    micros: "array[int]"


@dataclass(frozen=True, eq=False)
class Recording:
    """A file as it was read. ``first`` and ``last`` are its oldest and newest second."""

    series: Mapping[Pool, RecordedSeries]
    records: int
    first: int
    last: int

    @property
    def period(self) -> int:
        """After so many seconds it repeats: whole days, more than it spans."""
        return (self.last - self.first) // DAY * DAY + DAY


@dataclass(frozen=True)
class Summary:
    """What a file holds, for the user; times are aware UTC."""

    records: int
    pools: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class ReplayedSeries:
    """One pool's prices for ever: as recorded, ``shift`` and any number of periods later."""

    recorded: RecordedSeries
    shift: int
    period: int
    ceiling: int

    def change_in_effect(self, second: int) -> Change:
        """The latest change at or before ``second``."""
        return self._change(self._number(second))

    def changes_within(self, after: int, until: int) -> list[Change]:
        """Every change with ``after < second <= until``, oldest first."""
        numbers = range(self._number(after) + 1, self._number(until) + 1)
        return [self._change(number) for number in numbers]

    def _number(self, second: int) -> int:
        """Which record is in effect, counted on through all repetitions."""
        first = self.recorded.seconds[0]
        round_, since = divmod(second - self.shift - first, self.period)
        found = bisect_right(self.recorded.seconds, first + since) - 1
        return round_ * len(self.recorded.seconds) + found

    def _change(self, number: int) -> Change:
        round_, index = divmod(number, len(self.recorded.seconds))
        at = self.recorded.seconds[index] + self.shift + round_ * self.period
        return Change(at, min(self.ceiling, self.recorded.micros[index]))


@dataclass(frozen=True)
class ReplayedMarket:
    """A recording as the sandbox plays it; the numbers are of records."""

    series: Mapping[Pool, ReplayedSeries]
    left_out: int
    capped: int

    def facts(self) -> dict[str, str]:
        """The numbers, for the history."""
        return {
            "pools": str(len(self.series)),
            "records_left_out": str(self.left_out),
            "records_capped": str(self.capped),
        }

    def told(self) -> str | None:
        """What the user must hear once."""
        facts = []
        if self.left_out:
            facts.append(f"{self.left_out} records are of pools that the sandbox does not have")
        if self.capped:
            facts.append(f"{self.capped} were lowered to the simulated On-Demand price")
        return f"Of the replayed prices, {' and '.join(facts)}." if facts else None


def check(path: Path | str) -> Summary:
    """Read a file whole; ``BadInput`` says with its line what is wrong with it."""
    found = load(path)
    return Summary(found.records, len(found.series), _moment(found.first), _moment(found.last))


def load(path: Path | str) -> Recording:
    """A file's content, read once per process for as long as the file does not change."""
    path = Path(path)
    try:
        found = path.stat()
    except OSError as problem:
        raise _unreadable(path, problem) from None
    return _loaded(path, found.st_mtime_ns, found.st_size)


def replayed_market(
    recording: Recording,
    *,
    begins: int,
    is_pool: Callable[[Pool], bool],
    on_demand: Callable[[str, str], int],
) -> ReplayedMarket:
    """The recording for a sandbox whose first moment is the second ``begins``."""
    series: dict[Pool, ReplayedSeries] = {}
    left_out = capped = 0
    for pool, recorded in recording.series.items():
        if not is_pool(pool):
            left_out += len(recorded.seconds)
            continue
        ceiling = on_demand(pool.region, pool.instance_type)
        capped += sum(price > ceiling for price in recorded.micros)
        series[pool] = ReplayedSeries(recorded, begins - recording.last, recording.period, ceiling)
    return ReplayedMarket(series, left_out, capped)


@lru_cache(maxsize=1)
def _loaded(path: Path, _changed_ns: int, _size: int) -> Recording:
    try:
        with _opened(path) as file:
            return _read(path, file)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as problem:
        raise _unreadable(path, problem) from None


def _opened(path: Path) -> IO[str]:
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
    if packed:
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    if path.suffix == ".gz":
        raise BadInput(f"{path} is not a gzip file", next_step=NEXT_STEP)
    return path.open(encoding="utf-8", newline="")


def _read(path: Path, file: IO[str]) -> Recording:
    series: dict[Pool, RecordedSeries] = {}
    for pool, second, price in _records(path, csv.reader(file)):
        recorded = series.get(pool) or series.setdefault(
            pool, RecordedSeries(array("q"), array("q"))
        )
        recorded.seconds.append(second)
        recorded.micros.append(price)
    if not series:
        raise BadInput(f"{path} holds no prices", next_step=NEXT_STEP)
    ordered = {pool: _in_order(recorded) for pool, recorded in sorted(series.items())}
    return Recording(
        series=ordered,
        records=sum(len(recorded.seconds) for recorded in ordered.values()),
        first=min(recorded.seconds[0] for recorded in ordered.values()),
        last=max(recorded.seconds[-1] for recorded in ordered.values()),
    )


def _in_order(recorded: RecordedSeries) -> RecordedSeries:
    """Oldest first; of two records of one second the later in the file holds."""
    latest = dict(zip(recorded.seconds, recorded.micros, strict=True))
    seconds = sorted(latest)
    return RecordedSeries(array("q", seconds), array("q", [latest[second] for second in seconds]))


def _records(path: Path, lines: Iterator[list[str]]) -> Iterator[tuple[Pool, int, int]]:
    """The file's rows; a bad one is told with its line."""
    header = next(lines, [])
    if missing := [name for name in COLUMNS if name not in header]:
        raise BadInput(f"{path}:1: no column {', '.join(missing)}", next_step=NEXT_STEP)
    time, zone, kind, price = (header.index(name) for name in COLUMNS)
    pools: dict[tuple[str, str], Pool] = {}
    for number, row in enumerate(lines, start=2):
        try:
            key = row[zone], row[kind]
            pool = pools.get(key) or pools.setdefault(key, _pool(*key))
            yield pool, _second(row[time]), _price(row[price])
        except (ValueError, IndexError) as problem:
            said = "fewer columns than the header" if isinstance(problem, IndexError) else problem
            raise BadInput(f"{path}:{number}: {said}", next_step=NEXT_STEP) from None


def _pool(zone: str, instance_type: str) -> Pool:
    if not SPELLING.match(f"{instance_type}@{zone}"):
        raise ValueError(f"'{instance_type}' in '{zone}' is not a type in a zone")
    return Pool(zone, instance_type)


def _second(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a time such as 2021-03-02T01:39:04+00:00") from None
    return int(aware(moment).timestamp())


def _price(text: str) -> int:
    try:
        price = micros(text)
    except (ValueError, OverflowError):
        price = 0
    if not LEAST <= price <= MOST_USD * 1_000_000:
        raise ValueError(f"'{text}' is not a price in dollars per hour")
    return price


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _unreadable(path: Path, problem: Exception) -> BadInput:
    said = getattr(problem, "strerror", None) or problem
    return BadInput(f"{path} cannot be read: {said}", next_step=NEXT_STEP)
