"""DescribeSpotPriceHistory: which rows, in which order, on which page.

A row is a change of price. A query gives the changes between its two times and, for every pool,
the change in effect at the start (as the API's documentation has it). Newest first. The rows are
made day by day as pages ask for them, so 90 days of a whole region take the memory of one day.
"""

from calendar import timegm
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from time import gmtime, strftime
from typing import Any, NamedTuple

from spotkeeper.sandbox import catalogue
from spotkeeper.sandbox.market.money import usd
from spotkeeper.sandbox.market.pools import Pool
from spotkeeper.sandbox.market.prices import DAY, Market
from spotkeeper.sandbox.protocol.filters import Filters, matches
from spotkeeper.sandbox.protocol.paging import decode, encode
from spotkeeper.sandbox.protocol.refusal import invalid_value

PRODUCT = "Linux/UNIX"
IN_EFFECT = -1  # the segment after the last day: what was in effect at the start
SEGMENTS_KEPT = 8


class Row(NamedTuple):
    """From ``second`` on the pool costs ``micros``; sorts by time."""

    second: int
    pool: Pool
    micros: int


@dataclass(frozen=True)
class Query:
    """What is asked for: name patterns and a time range in seconds; empty patterns mean all."""

    region: str
    start: int
    end: int
    types: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    products: tuple[str, ...] = ()

    def pools(self) -> Iterator[Pool]:
        """The pools that fit."""
        if self.products and not matches([PRODUCT, f"{PRODUCT} (Amazon VPC)"], self.products):
            return
        offered = catalogue.zones_of_types(self.region)
        fit = {name for name in offered if not self.types or matches(name, self.types)}
        zones = catalogue.zone_ids(self.region)
        zones_fit = {zone for zone in zones if not self.zones or matches(zone, self.zones)}
        for pool in catalogue.spot_pools(self.region):
            if pool.instance_type in fit and pool.zone in zones_fit:
                yield pool

    def segments(self) -> Iterator[int]:
        """Days, newest first, then what was in effect at the start."""
        yield from range(self.end // DAY, self.start // DAY - 1, -1)
        yield IN_EFFECT


class Position(NamedTuple):
    """Where a page begins; the times are those of the first page."""

    start: int
    end: int
    segment: int
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


_segments: "OrderedDict[tuple[Any, ...], list[Row]]" = OrderedDict()


def _rows_of_segment(market: Market, query: Query, segment: int) -> list[Row]:
    """One segment's rows, newest first; the last few are kept for the pages that follow."""
    forced = tuple(sorted((pool, len(found)) for pool, found in market.forced.items()))
    key = (query, segment, market.seed, market.scenario, forced)
    if (rows := _segments.get(key)) is None:
        rows = _segments[key] = sorted(_unsorted(market, query, segment), reverse=True)
        if len(_segments) > SEGMENTS_KEPT:
            _segments.popitem(last=False)
    return rows


def _unsorted(market: Market, query: Query, segment: int) -> Iterator[Row]:
    if segment == IN_EFFECT:
        for pool in query.pools():
            second, micros = market.change_in_effect(pool, query.start)
            yield Row(second, pool, micros)
        return
    after = max(query.start, segment * DAY - 1)
    until = min(query.end, segment * DAY + DAY - 1)
    if until > after:
        for pool in query.pools():
            for second, micros in market.changes_within(pool, after, until):
                yield Row(second, pool, micros)


def page_of_rows(
    market: Market, query: Query, *, begin: Position | None, size: int
) -> tuple[list[Row], str]:
    """One page, and the token of the next: empty after the last."""
    segments = [s for s in query.segments() if begin is None or _is_left(s, begin.segment)]
    skip, rows = begin.offset if begin else 0, list[Row]()
    for segment in segments:
        found = _rows_of_segment(market, query, segment)
        room = size - len(rows)
        rows.extend(islice(found, skip, skip + room))
        if len(found) > skip + room:
            return rows, Position(query.start, query.end, segment, skip + room).token()
        skip = 0
    return rows, ""


def _is_left(segment: int, begin: int) -> bool:
    return segment == IN_EFFECT or (begin != IN_EFFECT and segment <= begin)


def read_query(params: Any, filters: Filters, *, region: str, now: int) -> Query:
    """The parameters and filters of the call as one query."""
    unknown = set(filters) - FILTERS
    if unknown:
        raise invalid_value(f"The filter '{sorted(unknown)[0]}' is invalid")
    oldest = now - 90 * DAY
    end = min(_second(params.get("EndTime"), now), now)
    start = max(min(_second(params.get("StartTime"), oldest), end), oldest)
    return Query(
        region=region,
        start=start,
        end=end,
        types=(*params.get("InstanceTypes", ()), *filters.get("instance-type", ())),
        zones=_zones(params, filters, region),
        products=(*params.get("ProductDescriptions", ()), *filters.get("product-description", ())),
    )


FILTERS = {"availability-zone", "availability-zone-id", "instance-type", "product-description"}


def _zones(params: Any, filters: Filters, region: str) -> tuple[str, ...]:
    """Zone names asked for, by name or id; an unknown zone is an error."""
    by_name = catalogue.zone_ids(region)
    by_id = {zone_id: name for name, zone_id in by_name.items()}
    asked = params.get("AvailabilityZone") or params.get("AvailabilityZoneId")
    if asked and asked not in {*by_name, *by_id}:
        raise invalid_value(f"Invalid availability zone: [{asked}]")
    wanted_ids = filters.get("availability-zone-id", ())
    ids_fit = [name for zone_id, name in by_id.items() if matches(zone_id, wanted_ids)]
    names = [*filters.get("availability-zone", ()), *ids_fit]
    if wanted_ids and not names:
        return ("none",)
    return (*names, by_id.get(asked, asked)) if asked else tuple(names)


def _second(moment: Any, otherwise: int) -> int:
    """moto parses times as naive UTC."""
    if moment is None:
        return otherwise
    return timegm(moment.utctimetuple())


def as_xml(rows: list[Row], token: str, *, region: str, request_id: str) -> str:
    """The answer's body: a string template, ten times quicker than the model's serializer."""
    ids = catalogue.zone_ids(region)
    items = "".join(
        f"<item><instanceType>{pool.instance_type}</instanceType>"
        f"<productDescription>{PRODUCT}</productDescription>"
        f"<spotPrice>{usd(micros)}</spotPrice>"
        f"<timestamp>{strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime(second))}</timestamp>"
        f"<availabilityZone>{pool.zone}</availabilityZone>"
        f"<availabilityZoneId>{ids[pool.zone]}</availabilityZoneId></item>"
        for second, pool, micros in rows
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<DescribeSpotPriceHistoryResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>{request_id}</requestId><spotPriceHistorySet>{items}</spotPriceHistorySet>"
        f"<nextToken>{token}</nextToken></DescribeSpotPriceHistoryResponse>"
    )
