"""DescribeSpotPriceHistory: its parameters and filters as one query, and a page of the answer."""

import re
from calendar import timegm
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from moto.ec2.responses import EC2Response

from ec2_sandbox import catalogue
from ec2_sandbox.ec2.price_history import PRODUCT, PriceQuery, as_xml, page_of_rows, read_token
from ec2_sandbox.ec2.price_rows import Selection
from ec2_sandbox.market.prices import DAY
from ec2_sandbox.protocol.filters import Filters, check_number, matches, unknown_filter
from ec2_sandbox.protocol.paging import page_size
from ec2_sandbox.protocol.refusal import invalid_combination, invalid_value
from ec2_sandbox.world import world

ROWS_PER_PAGE = 1_000
HISTORY_DAYS = 90  # the documentation of StartTime
FILTERS = {
    "availability-zone",
    "availability-zone-id",
    "instance-type",
    "product-description",
    "spot-price",
    "timestamp",
}
# Rows carry the first name; EC2 takes the other, of the days before VPCs, for the same.
PRODUCTS = (PRODUCT, f"{PRODUCT} (Amazon VPC)")
WILDCARD = re.compile(r"[*?\\]")
NOTHING = ("",)  # a group of patterns that no name fits


def read_query(
    params: Mapping[str, Any], filters: Filters, *, region: str, now: int
) -> PriceQuery:
    """What the call asks for; times beyond now or 90 days are brought back."""
    check_number(filters)
    for name in filters:
        if name not in FILTERS:
            raise unknown_filter(name)
    start, end = _times(params, now)
    return PriceQuery(
        selection=_selection(params, filters, region),
        start=start,
        end=end,
        prices=tuple(filters.get("spot-price", ())),
        times=tuple(filters.get("timestamp", ())),
    )


def _selection(params: Mapping[str, Any], filters: Filters, region: str) -> Selection:
    zone, zone_id = _zone_asked(params, region)
    types = _groups(_exactly(params.get("InstanceTypes")), filters.get("instance-type"))
    return Selection(
        region=region,
        types=types if _wants_linux(params, filters) else (NOTHING,),
        zones=_groups(zone, filters.get("availability-zone")),
        zone_ids=_groups(zone_id, filters.get("availability-zone-id")),
    )


def _groups(*groups: Any) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(group) for group in groups if group)


def _exactly(values: list[str] | None) -> list[str]:
    """Only filters have wildcards: a parameter's are taken as they are written."""
    return [WILDCARD.sub(r"\\\g<0>", value) for value in values or ()]


def _wants_linux(params: Mapping[str, Any], filters: Filters) -> bool:
    """The sandbox sells no other platform, so that any other has no rows."""
    exact = _exactly(params.get("ProductDescriptions"))
    asked = _groups(exact, filters.get("product-description"))
    return all(matches(PRODUCTS, group) for group in asked)


def _zone_asked(params: Mapping[str, Any], region: str) -> tuple[list[str], list[str]]:
    """AvailabilityZone or AvailabilityZoneId, which exclude each other and must exist."""
    name, zone_id = params.get("AvailabilityZone"), params.get("AvailabilityZoneId")
    if name and zone_id:
        raise invalid_combination(
            "The parameters AvailabilityZone and AvailabilityZoneId cannot be used together"
        )
    known = catalogue.zone_ids(region)
    if name and name not in known:
        raise invalid_value(f"Invalid availability zone: [{name}]")
    if zone_id and zone_id not in known.values():
        raise invalid_value(f"Invalid availability zone-id: [{zone_id}]")
    return [name] if name else [], [zone_id] if zone_id else []


def _times(params: Mapping[str, Any], now: int) -> tuple[int, int]:
    """Start and end in whole seconds; without them: the last 90 days up to now."""
    oldest = now - HISTORY_DAYS * DAY
    asked_start, asked_end = params.get("StartTime"), params.get("EndTime")
    start = oldest if asked_start is None else _second(asked_start, "StartTime")
    end = now if asked_end is None else _second(asked_end, "EndTime")
    if asked_end is not None and end < start:
        raise invalid_value("The start time must be before the end time")
    return max(oldest, min(start, now)), max(oldest, min(end, now))


def _second(moment: Any, name: str) -> int:
    """moto gives times as naive UTC."""
    if not isinstance(moment, datetime):
        raise invalid_value(f"Value ({moment}) for parameter {name} is invalid")
    return timegm(moment.utctimetuple())


class MarketResponses(EC2Response):  # type: ignore[misc]
    """Spot prices."""

    def describe_spot_price_history(self) -> str:
        """A page of price changes, newest first."""
        self.error_on_dryrun()
        filters = self._filters_from_querystring()
        query = read_query(self.params, filters, region=self.region, now=world().second)
        token = self.params.get("NextToken")
        begin = read_token(token) if token else None
        if begin:  # time has gone on since the first page; the list has not
            query = replace(query, start=begin.start, end=begin.end)
        size = min(page_size(self.params, ROWS_PER_PAGE), ROWS_PER_PAGE)
        rows, following = page_of_rows(world().market, query, begin=begin, size=size)
        return as_xml(rows, following, region=self.region)
