"""The Spot prices of a whole region, as plain as they arrive: a hundred thousand of them at once.

A value object for each price would cost more than asking for it, so rows stay tuples of text until
they are shown; ``spot_price`` makes a row a value.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from spotkeeper.errors import SpotkeeperError
from spotkeeper.model.offer import SpotPrice
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool

#: Instance type, product, dollars per hour, time of the change (ISO 8601), zone name, zone id;
#: "" for what is not known.
Row = tuple[str, str, str, str, str, str]


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


def newest(rows: Iterable[Row], product: str) -> list[Row]:
    """The latest row of each pool of a product, in the order of their first appearance.

    EC2 answers one row per pool to whoever asks for prices as of now; a file may hold many.
    """
    latest: dict[tuple[str, str], Row] = {}
    for row in rows:
        pool = (row[0], row[4])
        known = latest.get(pool)
        if row[1] == product and (known is None or row[3] > known[3]):
            latest[pool] = row
    return list(latest.values())
