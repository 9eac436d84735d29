"""DescribeSpotPriceHistory: which rows, in which order, on which page.

A row is a change of price. A query gives the changes between its two times and, for every pool,
the change in effect at the start (as the API's documentation has it). Newest first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from time import gmtime, strftime
from typing import NamedTuple

from ec2_sandbox import catalogue
from ec2_sandbox.ec2 import xml
from ec2_sandbox.ec2.price_rows import Row, Rows, Selection, rows_of
from ec2_sandbox.market.money import short_usd, usd
from ec2_sandbox.market.prices import Market
from ec2_sandbox.protocol.filters import matches
from ec2_sandbox.protocol.paging import decode, encode
from ec2_sandbox.protocol.refusal import invalid_value

PRODUCT = "Linux/UNIX"
IN_EFFECT = -1  # the stretch after the last: what was in effect at the start


@dataclass(frozen=True)
class PriceQuery:
    """What is asked for: pools, a time range in seconds, and patterns of what a row shows."""

    selection: Selection
    start: int
    end: int
    prices: tuple[str, ...] = ()
    times: tuple[str, ...] = ()

    def stretches(self, first: int | None = None) -> Iterator[int]:
        """Stretches of time, newest first, then what was in effect at the start."""
        if first != IN_EFFECT:
            length = self.selection.seconds_per_stretch
            newest = self.end // length if first is None else first
            yield from range(newest, self.start // length - 1, -1)
        yield IN_EFFECT

    def rows(self, rows: Rows, stretch: int) -> list[Row]:
        """What the query shows of a stretch."""
        if stretch == IN_EFFECT:
            found = rows.in_effect(self.selection, self.start)
        else:
            found = rows.within(self.selection, stretch, start=self.start, end=self.end)
        if self.prices:
            found = [row for row in found if matches(_prices(row.micros), self.prices)]
        if self.times:
            found = [row for row in found if matches(_times(row.second), self.times)]
        return found


def _prices(micros: int) -> tuple[str, str]:
    """As the answer shows a price, and as people write it."""
    return usd(micros), short_usd(micros)


def _times(second: int) -> tuple[str, str]:
    """As the filter's documentation writes a time, and as the answer shows it."""
    return strftime("%a %b %d %H:%M:%S UTC %Y", gmtime(second)), _timestamp(second)


class Position(NamedTuple):
    """Where a page begins; the times are those of the first page."""

    start: int
    end: int
    stretch: int
    offset: int

    def token(self) -> str:
        """As NextToken."""
        return encode(".".join(map(str, self)))


def read_token(token: str) -> Position:
    """The position a NextToken stands for."""
    try:
        return Position(*(int(part) for part in decode(token).split(".")))
    except (TypeError, ValueError):
        raise invalid_value(f"Invalid value '{token}' for nextToken.") from None


def page_of_rows(
    market: Market, query: PriceQuery, *, begin: Position | None, size: int
) -> tuple[list[Row], str]:
    """One page, and the token of the next: empty after the last."""
    made, page = rows_of(market), list[Row]()
    skip = begin.offset if begin else 0
    for stretch in query.stretches(begin.stretch if begin else None):
        found = query.rows(made, stretch)
        room = size - len(page)
        page.extend(islice(found, skip, skip + room))
        if len(found) > skip + room:
            return page, Position(query.start, query.end, stretch, skip + room).token()
        skip = 0
    return page, ""


def _timestamp(second: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%S.000Z", gmtime(second))


def as_xml(rows: list[Row], token: str, *, region: str) -> str:
    """The answer's body: a string template, ten times quicker than the model's serializer."""
    ids = catalogue.zone_ids(region)
    items = "".join(
        f"<item><instanceType>{pool.instance_type}</instanceType>"
        f"<productDescription>{PRODUCT}</productDescription>"
        f"<spotPrice>{usd(micros)}</spotPrice>"
        f"<timestamp>{_timestamp(second)}</timestamp>"
        f"<availabilityZone>{pool.zone}</availabilityZone>"
        f"<availabilityZoneId>{ids[pool.zone]}</availabilityZoneId></item>"
        for second, pool, micros in rows
    )
    return xml.answer(
        "DescribeSpotPriceHistory",
        f"<spotPriceHistorySet>{items}</spotPriceHistorySet><nextToken>{token}</nextToken>",
    )
