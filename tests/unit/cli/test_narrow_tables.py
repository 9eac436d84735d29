"""Every table of prices can be read at 80 columns: the longest names, the unknown, any price."""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.unit.model.make import offer, pool

from spotkeeper.cli import cache, price_history, prices, render
from spotkeeper.cli.context import Choices
from spotkeeper.keeper.prices import PriceHistory
from spotkeeper.keeper.results import PriceComparison, PriceRow
from spotkeeper.market.series import PoolHistory, series
from spotkeeper.model.max_price import MaxPrice
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool

#: As long as EC2 has them: a type, and a zone that a telephone company hosts.
TYPE = "u7inh-32tb.480xlarge"
ZONE = Zone("ap-northeast-1", "ap-northeast-1-wl1-kix1", "apne1-wl1-kix-wlz1")
BEGIN = datetime(2026, 8, 25, tzinfo=UTC)
CHOICES = Choices(no_color=True)


@pytest.fixture(autouse=True)
def narrow(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)


def read(capsys: pytest.CaptureFixture[str]) -> str:
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    return out


def history(*usd: float, name: str = TYPE, zone: Zone = ZONE) -> PoolHistory:
    times = [BEGIN.timestamp() + 3600.0 * hour for hour in range(len(usd))]
    return PoolHistory(Pool(name, zone), series(times, usd, end=times[-1] + 3600), 123_456)


@pytest.mark.parametrize("listed", [None, "407.6821"])
def test_a_comparison(capsys: pytest.CaptureFixture[str], listed: str | None) -> None:
    dear = offer("183.4567", on_demand=listed, at=pool(TYPE, ZONE.name, ZONE.region))
    cheap = offer("0.0001", on_demand=None)
    rows = [PriceRow(each.pool.instance_type, each.pool.region, each) for each in (dear, cheap)]
    prices.show_comparison(CHOICES, PriceComparison(tuple(rows)))
    out = read(capsys)
    for words in (TYPE, ZONE.name, "183.4567", "0.0001", "407.6821" if listed else " - "):
        assert words in out


def test_where_there_is_room_the_region_has_its_column(capsys: pytest.CaptureFixture[str]) -> None:
    found = PriceRow("g5.xlarge", "us-east-1", offer())
    prices.show_comparison(CHOICES, PriceComparison((found,)))
    assert "Region" in read(capsys)


PRICES = [(0.0001, 0.0002), (9.9999, 0.5), (12.3456, 503.4567), (407.6821,)]


@pytest.mark.parametrize("usd", PRICES)
@pytest.mark.parametrize("listed", [None, Decimal("407.6821")])
def test_a_history(
    capsys: pytest.CaptureFixture[str], usd: tuple[float, ...], listed: Decimal | None
) -> None:
    found = replace(history(*usd), on_demand_usd_per_hour=listed)
    asked = price_history.Asked(MaxPrice.parse("spot+5%"))
    whole = PriceHistory((found,), BEGIN, BEGIN + timedelta(days=90), 2)
    for each in (asked, price_history.Asked()):
        price_history.show(CHOICES, whole, each)
        assert ZONE.name in read(capsys)


def test_a_line_per_pool(capsys: pytest.CaptureFixture[str]) -> None:
    found = tuple(history(*usd) for usd in PRICES)
    whole = PriceHistory(found, BEGIN, BEGIN + timedelta(days=90), 2)
    price_history.show(CHOICES, whole, price_history.Asked(brief=True))
    out = read(capsys)
    assert TYPE in out
    assert "123,456" not in out
    short = history(0.4, name="g5.xlarge", zone=Zone("us-east-1", "us-east-1a", "use1-az1"))
    price_history.show(CHOICES, replace(whole, pools=(short,)), price_history.Asked(brief=True))
    assert "123,456" in read(capsys)


def test_what_is_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    key = "https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json"
    row = {
        "cache": "practice/sandbox-reclaim-soon-20261123-generous",
        "kind": "score-questions",
        "key": key,
        "age_seconds": 6 * 24 * 3600,
        "size_bytes": 12_345_678,
    }
    render.emit(CHOICES, "cache", [row], columns=cache.COLUMNS)
    heading, _, *lines = read(capsys).splitlines()
    begin, folds_at = heading.index("Of"), cache.COLUMNS[2].folds_at or 0
    folded = "".join(line[begin : begin + folds_at].strip() for line in lines)
    assert folded == key
