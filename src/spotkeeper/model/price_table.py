"""The Spot prices of a whole region, as plain as they arrive: a hundred thousand of them at once.

A value object for each price would cost more than asking for it, so rows stay text until they are
shown; ``spot_price`` makes a row a value.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import repeat
from operator import itemgetter
from sys import intern
from typing import NamedTuple

from spotkeeper.errors import SpotkeeperError
from spotkeeper.model.offer import SpotPrice
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool

#: EC2 remembers prices for so long (DescribeSpotPriceHistory, ``StartTime``).
MAX_DAYS = 90


class RawPrice(NamedTuple):
    """A price as it arrives, with the moment from which it holds (ISO 8601); "" for what is not
    known."""

    instance_type: str
    product: str
    usd_per_hour: str
    since: str
    zone: str
    zone_id: str


#: For loops over every row; quicker than the attributes.
type_of, product_of, usd_of, zone_of = (itemgetter(place) for place in (0, 1, 2, 4))


def raw_prices(texts: Iterable[Iterable[str]]) -> list[RawPrice]:
    """Rows of six texts each: as ``RawPrice(*row)``, in a third of the time."""
    return list(map(tuple.__new__, repeat(RawPrice), texts))


@dataclass(frozen=True, slots=True)
class PriceTable:
    """The current price of every pool of a region that was asked for, or why there is none.

    With a ``problem`` the rows are those that had arrived before it.
    """

    region: str
    rows: Sequence[RawPrice]
    as_of: datetime
    problem: SpotkeeperError | None = None

    @property
    def types(self) -> set[str]:
        """The types that the region sells, as far as it answered."""
        return set(map(type_of, self.rows))


def spot_price(row: RawPrice, region: str) -> SpotPrice:
    """One row as a value.

    Raises:
        ValueError: its price or its time is none.
    """
    instance_type, product, usd, since, zone, zone_id = row
    try:
        price = Decimal(usd)
    except InvalidOperation:
        raise ValueError(f"{usd!r} is not a price") from None
    moment = datetime.fromisoformat(since)
    pool = Pool(instance_type, Zone(region, zone, zone_id or None), product)
    return SpotPrice(pool, price, moment if moment.tzinfo else moment.replace(tzinfo=UTC))


class Latest:
    """The latest row of each pool of a product, in the order of their first appearance.

    EC2 answers one row per pool to whoever asks for prices as of now; a file, or a server that
    gives its whole history, may hold many. Rows are folded as they arrive: what is kept are pools.
    """

    def __init__(self, product: str, fits: Callable[[RawPrice], bool] | None = None) -> None:
        self._product = product
        self._fits = fits
        self._rows: list[RawPrice] = []
        self._pools: set[int] = set()  # their hashes, as long as every pool comes once
        self._latest: dict[tuple[str, ...], RawPrice] = {}  # from the first on that comes again

    def add(self, rows: Sequence[RawPrice]) -> None:
        """Take the rows of one page."""
        if self._fits or {*map(product_of, rows)} != {self._product}:
            rows = [row for row in filter(self._fits, rows) if row.product == self._product]
        if not self._latest:
            self._pools.update(map(hash, zip(map(type_of, rows), map(zone_of, rows), strict=True)))
            if len(self._pools) == len(self._rows) + len(rows):
                self._rows += rows
                return
            self._fold(self._rows)
            self._rows.clear()
            self._pools.clear()
        self._fold(rows)

    def _fold(self, rows: Sequence[RawPrice]) -> None:
        for row in rows:
            name, product, usd, since, zone, zone_id = row
            pool = (name, zone or zone_id)
            known = self._latest.get(pool)
            if known is None:
                # A history is long: texts that many rows have in common are kept once.
                name, zone, zone_id = map(intern, (name, zone, zone_id))
                first = RawPrice(name, intern(product), usd, since, zone, zone_id)
                self._latest[name, zone or zone_id] = first
            elif since > known.since:
                self._latest[pool] = known._replace(usd_per_hour=usd, since=since)

    @property
    def rows(self) -> list[RawPrice]:
        """One row per pool."""
        return self._rows or list(self._latest.values())
