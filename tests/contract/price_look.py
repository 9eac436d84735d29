"""One look at a market over HTTP, and what must be true of its answers."""

from collections.abc import Sequence
from datetime import UTC, datetime

from tests.fakes.price_server import PriceServer

from spotkeeper.aws.price_scan import Question, scan
from spotkeeper.aws.session import AwsSession
from spotkeeper.errors import SpotkeeperError
from spotkeeper.model.price_table import PriceTable, RawPrice

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
ASKED = Question(NOW)
REGIONS = ("us-east-1", "eu-west-1", "ap-south-1")
REGION = REGIONS[0]
KEYS = ("AKIDEXAMPLE", "secret")


def look(market: PriceServer, *regions: str) -> list[PriceTable]:
    session = AwsSession(endpoint_url=market.url, static_credentials=KEYS, region=REGION)
    return scan(session, regions or (REGION,), ASKED)


def quick_calls(market: PriceServer, region: str = REGION) -> list[bool]:
    return [call.quick for call in market.calls if call.region == region]


def problem_of(table: PriceTable) -> SpotkeeperError:
    assert table.problem is not None
    assert table.region in str(table.problem)
    assert table.problem.region == table.region
    return table.problem


def answered(table: PriceTable, rows: Sequence[RawPrice]) -> None:
    assert table.problem is None
    assert list(table.rows) == list(rows)
