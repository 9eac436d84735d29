"""The Spot prices of a whole region, as plain as they arrive: a hundred thousand of them at once.

A value object for each price would cost more than asking for it, so rows stay tuples of text until
they are shown; ``spot_price`` makes a row a value.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from operator import itemgetter
from sys import intern

from spotkeeper.errors import SpotkeeperError
from spotkeeper.model.offer import SpotPrice
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool

#: EC2 remembers prices for so long (DescribeSpotPriceHistory, ``StartTime``).
MAX_DAYS = 90

#: Instance type, product, dollars per hour, time of the change (ISO 8601), zone name, zone id;
#: "" for what is not known.
Row = tuple[str, str, str, str, str, str]
type_of = itemgetter(0)
product_of = itemgetter(1)
zone_of = itemgetter(4)


@dataclass(frozen=True, slots=True)
class PriceTable:
    """The current price of every pool of a region that was asked for, or why there is none.

    With a ``problem`` the rows are those that had arrived before it.
    """

    region: str
    rows: Sequence[Row]
    as_of: datetime
    problem: SpotkeeperError | None = None


def spot_price(row: Row, region: str) -> SpotPrice:
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

    def __init__(self, product: str, fits: Callable[[Row], bool] | None = None) -> None:
        self._product = product
        self._fits = fits
        self._rows: list[Row] = []
        self._pools: set[int] = set()  # their hashes, as long as every pool comes once
        self._latest: dict[tuple[str, ...], Row] = {}  # from the first on that comes again

    def add(self, rows: Sequence[Row]) -> None:
        """Take the rows of one page."""
        if self._fits or {*map(product_of, rows)} != {self._product}:
            rows = [row for row in filter(self._fits, rows) if row[1] == self._product]
        if not self._latest:
            self._pools.update(map(hash, zip(map(type_of, rows), map(zone_of, rows), strict=True)))
            if len(self._pools) == len(self._rows) + len(rows):
                self._rows += rows
                return
            self._fold(self._rows)
            self._rows.clear()
            self._pools.clear()
        self._fold(rows)

    def _fold(self, rows: Sequence[Row]) -> None:
        for row in rows:
            name, product, usd, since, zone, zone_id = row
            pool = (name, zone or zone_id)
            known = self._latest.get(pool)
            if known is None:
                # A history is long: texts that many rows have in common are kept once.
                name, zone, zone_id = map(intern, (name, zone, zone_id))
                self._latest[name, zone or zone_id] = (
                    name, intern(product), usd, since, zone, zone_id,
                )  # fmt: skip
            elif since > known[3]:
                self._latest[pool] = (*known[:2], usd, since, *known[4:])

    @property
    def rows(self) -> list[Row]:
        """One row per pool."""
        return self._rows or list(self._latest.values())
