"""EC2 calls about prices."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

from moto.ec2.responses import EC2Response

from spotkeeper.sandbox.ec2 import price_history
from spotkeeper.sandbox.protocol.paging import page_size
from spotkeeper.sandbox.world import world

ROWS_PER_PAGE = 1_000


class MarketResponses(EC2Response):  # type: ignore[misc]
    """Spot prices."""

    def describe_spot_price_history(self) -> Any:
        """A page of price changes, newest first."""
        self.error_on_dryrun()
        token = self.params.get("NextToken")
        begin = price_history.read_token(token) if token else None
        now = int(world().now.timestamp())
        query = price_history.read_query(
            self.params, self._filters_from_querystring(), region=self.region, now=now
        )
        if begin:
            query = _as_first_asked(query, begin)
        size = min(page_size(self.params, ROWS_PER_PAGE), ROWS_PER_PAGE)
        rows, following = price_history.page_of_rows(world().market, query, begin=begin, size=size)
        return price_history.as_xml(rows, following, region=self.region, request_id=str(uuid4()))


def _as_first_asked(
    query: price_history.Query, begin: price_history.Position
) -> price_history.Query:
    """Time has gone on since the first page; the list has not."""
    return replace(query, start=begin.start, end=begin.end)
