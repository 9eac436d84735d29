"""The rows of a price history as they arrive, by the thousand: checked, and kept per pool."""

import math
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from operator import attrgetter, call
from typing import NamedTuple

from spotkeeper.model.pool import LINUX

#: What a row is made of; of the zone's name and id one is enough, and no product means Linux.
NEEDED = ("type", "price", "time")
POOL = ("type", "zone", "zone id", "product")

#: A price above it is no price per hour; the dearest machine costs some hundreds.
MAX_USD_PER_HOUR = 1_000_000.0
#: EC2 has sold Spot since the end of 2009; what claims to be later than 2099 is no time.
BEGIN_OF_SPOT = datetime(2009, 1, 1, tzinfo=UTC).timestamp()
END_OF_SPOT = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
#: More pools than all regions have; a file that names more would fill the memory.
MAX_POOLS = 500_000
#: EC2 once told prices in a VPC apart.
VPC = " (Amazon VPC)"
LONGEST_QUOTE = 40


class PoolName(NamedTuple):
    """A pool as a file names it; "" for what it does not say."""

    instance_type: str
    zone: str
    zone_id: str
    product: str


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one pool in the file's order; time and price take turns in ``flat``."""

    flat: "array[float]"

    @property
    def times(self) -> "array[float]":
        """Seconds since 1970."""
        return self.flat[0::2]

    @property
    def usd_per_hour(self) -> "array[float]":
        """Dollars per hour."""
        return self.flat[1::2]


@dataclass(frozen=True, slots=True)
class Dump:
    """What a file holds.

    ``pools``   those of Linux whose type was asked for.
    ``rows``    of all pools together, the others included.
    ``others``  how many rows are of other products.
    ``types``   every type of the file.
    ``end``     its latest time, in seconds since 1970.
    """

    pools: Mapping[PoolName, Rows]
    rows: int
    others: Mapping[str, int]
    types: frozenset[str]
    end: float


@dataclass(frozen=True, slots=True)
class Columns:
    """Some rows, column by column; ``pools`` are in the order of ``POOL``."""

    times: Sequence[str]
    prices: Sequence[str]
    pools: Iterable[tuple[str, ...]]
    products: Sequence[str] = ()


def columns(of: Mapping[str, Sequence[str]]) -> Columns:
    """Rows by what their columns mean; a column that is missing says nothing of any row."""
    nothing = ("",) * len(of["time"])
    pools = zip(*(of.get(name, nothing) for name in POOL), strict=True)
    return Columns(of["time"], of["price"], pools, of.get("product", ()))


#: Takes time and price of a row.
Add = Callable[[tuple[float, float]], None]


class _Pools(dict[tuple[str, ...], Add]):
    """Where the next row of a pool goes."""

    def __init__(self, globs: Sequence[str]) -> None:
        super().__init__()
        self.kept: dict[PoolName, Rows] = {}
        self._globs = globs

    def __missing__(self, key: tuple[str, ...]) -> Add:
        name = PoolName(*key)
        if not name.instance_type or not (name.zone or name.zone_id) or len(self) >= MAX_POOLS:
            raise ValueError(name)
        if any(part != part.strip() for part in name):
            raise ValueError("blanks around a name")
        if _is_linux(name.product) and self._wants(name.instance_type):
            rows = self.kept[name] = Rows(array("d"))
            self[name] = rows.flat.extend
        else:
            self[name] = _drop
        return self[name]

    def _wants(self, instance_type: str) -> bool:
        return not self._globs or any(fnmatchcase(instance_type, glob) for glob in self._globs)


def _drop(_: tuple[float, float]) -> None:
    """Where rows go that were not asked for."""


def _is_linux(product: str) -> bool:
    return product.removesuffix(VPC) in {LINUX, ""}


@dataclass
class KeptRows:
    """What has been read so far: ``rows`` of them, up to ``end``."""

    globs: Sequence[str] = ()
    rows: int = 0
    end: float = -math.inf
    others: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._pools = _Pools(self.globs)

    def add(self, some: Columns) -> None:
        """Keep rows, all of them or none.

        Raises:
            ValueError: one of them has a fault, or there are more pools than EC2 has.
        """
        times, usd = _seconds(some.times), _dollars(some.prices)
        places = list(map(self._pools.__getitem__, some.pools))
        deque(map(call, places, zip(times, usd, strict=True)), maxlen=0)  # quicker than a loop
        self.rows += len(times)
        self.end = max(self.end, max(times, default=self.end))
        if some.products:
            counts = Counter(some.products)
            self.others.update({name: n for name, n in counts.items() if not _is_linux(name)})

    def fault(self, row: Mapping[str, str]) -> str:
        """What is wrong with one row; "" for nothing."""
        missing = [name for name in NEEDED if not row.get(name)]
        if not (row.get("zone") or row.get("zone id")):
            missing.append("zone")
        if missing:
            return f"no {missing[0]}"
        for name, read in (("time", _seconds), ("price", _dollars)):
            try:
                read([row[name]])
            except ValueError:
                return f"{row[name][:LONGEST_QUOTE]!r} is no {name}"
        return ""

    def dump(self) -> Dump:
        """All of it."""
        types = frozenset(name[0] for name in self._pools)
        return Dump(self._pools.kept, self.rows, self.others, types, self.end)


def _seconds(texts: Sequence[str]) -> list[float]:
    """Times in seconds since 1970; one without an offset is UTC."""
    moments = list(map(datetime.fromisoformat, texts))
    if None in set(map(attrgetter("tzinfo"), moments)):
        moments = [at if at.tzinfo else at.replace(tzinfo=UTC) for at in moments]
    seconds = list(map(datetime.timestamp, moments))
    if seconds and not BEGIN_OF_SPOT <= min(seconds) <= max(seconds) <= END_OF_SPOT:
        raise ValueError("not a time of a Spot price")
    return seconds


def _dollars(texts: Sequence[str]) -> list[float]:
    """Prices per hour, each a finite number above zero."""
    prices = list(map(float, texts))
    if "_" in "".join(texts):  # Python's own way to write a number
        raise ValueError("not a number")
    if not math.isfinite(sum(prices)):  # NaN and infinity outlive a sum
        raise ValueError("not a finite number")
    if prices and not 0 < min(prices) <= max(prices) <= MAX_USD_PER_HOUR:
        raise ValueError("not a price per hour")
    return prices
