"""EC2 calls about prices."""

from dataclasses import replace

from moto.ec2.responses import EC2Response

from ec2_sandbox.ec2.price_history import as_xml, page_of_rows, read_token
from ec2_sandbox.ec2.price_query import read_query
from ec2_sandbox.protocol.paging import page_size
from ec2_sandbox.world import world

ROWS_PER_PAGE = 1_000


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
