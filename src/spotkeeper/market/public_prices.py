"""The public file of Spot prices behind AWS's pricing page: one price per region and type.

Nobody promises its shape, so what has not the expected one is left out.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from spotkeeper.market.advisor import REGION_NAME, TYPE_NAME

#: Regions that the file calls by the names of EC2's first years.
OLD_REGION_NAMES: Mapping[str, str] = {
    "us-east": "us-east-1",
    "us-west": "us-west-1",
    "eu-ireland": "eu-west-1",
    "apac-sin": "ap-southeast-1",
    "apac-syd": "ap-southeast-2",
    "apac-tokyo": "ap-northeast-1",
}
LINUX_COLUMN = "linux"
PRICE = re.compile(r"\d{1,5}(?:\.\d{1,10})?")

#: Dollars per hour by region and type, as the file spells them.
Prices = dict[str, dict[str, str]]


class NoPrices(ValueError):
    """The document is not the file of Spot prices at all."""


def read_prices(document: Any) -> Prices:
    """The Linux prices of the file, as JSON gave it.

    Raises:
        NoPrices: it has not the file's shape, or no price in it.
    """
    config = document.get("config") if isinstance(document, Mapping) else None
    found: Prices = {}
    for region in _maps(config, "regions"):
        name = _region(region.get("region"))
        families = _maps(region, "instanceTypes")
        sizes = (size for family in families for size in _maps(family, "sizes"))
        prices = dict(pair for size in sizes if (pair := _price(size)))
        if name and prices:
            found.setdefault(name, {}).update(prices)
    if not found:
        raise NoPrices("there are no prices by region in it")
    return found


def _maps(owner: Any, key: str) -> Iterator[Mapping[Any, Any]]:
    """The objects in a list of an object, as far as they are."""
    rows = owner.get(key) if isinstance(owner, Mapping) else None
    if isinstance(rows, list):
        yield from (row for row in rows if isinstance(row, Mapping))


def _region(name: Any) -> str | None:
    if not isinstance(name, str):
        return None
    name = OLD_REGION_NAMES.get(name, name)
    return name if re.fullmatch(REGION_NAME, name) else None


def _price(size: Mapping[Any, Any]) -> tuple[str, str] | None:
    """Type and price of one row; none where it is not sold ("N/A*"), or not to be understood."""
    name = size.get("size")
    if not isinstance(name, str) or not re.fullmatch(TYPE_NAME, name):
        return None
    for column in _maps(size, "valueColumns"):
        prices = column.get("prices")
        usd = prices.get("USD") if isinstance(prices, Mapping) else None
        if column.get("name") == LINUX_COLUMN and isinstance(usd, str):
            return (name, usd) if PRICE.fullmatch(usd) and float(usd) > 0 else None
    return None
