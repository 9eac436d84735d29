"""Every table can be read from 60 columns up: the longest names, the unknown, any price."""

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.unit.model.make import offer, pool

from spotkeeper.cli import cache, costs, down, machines, price_history, prices, render, sweep
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


@pytest.fixture(autouse=True, params=[60, 80])
def width(
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> int:
    monkeypatch.setenv("COLUMNS", str(request.param))
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)
    return int(request.param)


def read(capsys: pytest.CaptureFixture[str]) -> str:
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= int(os.environ["COLUMNS"])
    return out


def history(*usd: float, name: str = TYPE, zone: Zone = ZONE) -> PoolHistory:
    times = [BEGIN.timestamp() + 3600.0 * hour for hour in range(len(usd))]
    return PoolHistory(Pool(name, zone), series(times, usd, end=times[-1] + 3600), 123_456)


@pytest.mark.parametrize("listed", [None, "407.6821"])
def test_a_comparison(capsys: pytest.CaptureFixture[str], width: int, listed: str | None) -> None:
    dear = offer("183.4567", on_demand=listed, at=pool(TYPE, ZONE.name, ZONE.region))
    cheap = offer("0.0001", on_demand=None)
    rows = [PriceRow(each.pool.instance_type, each.pool.region, each) for each in (dear, cheap)]
    prices.show_comparison(CHOICES, PriceComparison(tuple(rows)))
    out = read(capsys)
    for words in (TYPE, "183.4567", "0.0001", "407.6821" if listed else " - "):
        assert words in out
    assert (ZONE.name in out) == (width == 80)


def test_where_there_is_room_the_region_has_its_column(
    capsys: pytest.CaptureFixture[str], width: int
) -> None:
    found = PriceRow("g5.xlarge", "us-east-1", offer())
    prices.show_comparison(CHOICES, PriceComparison((found,)))
    assert ("Region" in read(capsys)) == (width == 80)


PRICES = [(0.0001, 0.0002), (9.9999, 0.5), (12.3456, 503.4567), (407.6821,)]


@pytest.mark.parametrize("usd", PRICES)
@pytest.mark.parametrize("listed", [None, Decimal("407.6821")])
def test_a_history(
    capsys: pytest.CaptureFixture[str], usd: tuple[float, ...], listed: Decimal | None
) -> None:
    found = replace(history(*usd), on_demand_usd_per_hour=listed)
    asked = price_history.HistoryView(MaxPrice.parse("spot+5%"))
    whole = PriceHistory((found,), BEGIN, BEGIN + timedelta(days=90), 2)
    for each in (asked, price_history.HistoryView()):
        price_history.show(CHOICES, whole, each)
        assert ZONE.name in read(capsys)


def test_a_line_per_pool(capsys: pytest.CaptureFixture[str], width: int) -> None:
    found = tuple(history(*usd) for usd in PRICES)
    whole = PriceHistory(found, BEGIN, BEGIN + timedelta(days=90), 2)
    price_history.show(CHOICES, whole, price_history.HistoryView(brief=True))
    out = read(capsys)
    assert TYPE in out
    assert "123,456" not in out
    short = history(0.4, name="g5.xlarge", zone=Zone("us-east-1", "us-east-1a", "use1-az1"))
    price_history.show(
        CHOICES, replace(whole, pools=(short,)), price_history.HistoryView(brief=True)
    )
    assert ("123,456" in read(capsys)) == (width == 80)


def test_of_a_machine_its_name_state_and_price_stay(
    capsys: pytest.CaptureFixture[str], width: int
) -> None:
    row = {
        "name": "n" * 39,
        "summary": "interrupted 08:03, waiting for capacity",
        "instance_type": TYPE,
        "zone": ZONE.name,
        "spot_usd_per_hour": 12.3456,
        "saving_percent": 60.9,
        "deadline": "2026-01-05T16:00:00Z",
    }
    render.emit(CHOICES, "machines", [row], columns=machines.COLUMNS)
    out = read(capsys)
    assert "n" * 39 in out
    assert "12.3456" in out
    assert "interrupted" in out
    assert ("01-05 16:00" in out) == (width == 80)
    render.emit(CHOICES, "machines", [{**row, "name": "train"}], columns=machines.COLUMNS)
    assert "01-05 16:00" in read(capsys)


def test_of_what_is_left_the_reason_stays(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "name": "n" * 39,
        "kind": "spot-instances-request",
        "id": "sir-0123456789abcdef0",
        "region": "ap-northeast-1",
        "age_seconds": 6 * 24 * 3600 + 3600,
        "usd_per_hour": 12.3456,
        "reason": "its machine is gone and nobody wants it any more",
    }
    render.emit(CHOICES, "sweep", [row], columns=sweep.LEFT)
    out = read(capsys)
    assert "12.3456" in out
    assert "any more" in " ".join(out.split())


def test_what_is_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    answers = [
        {"kind": "score-questions", "age_seconds": 3600 * age, "size_bytes": 6_000_000}
        for age in (2, 24, 6 * 24)
    ]
    render.emit(CHOICES, "cache", cache._by_kind(answers), columns=cache.COLUMNS)
    [line] = read(capsys).splitlines()[2:]
    assert line.split() == ["score-questions", "3", "2h", "6d", "18000"]


LONG = "llama-3-8b-instruct-finetune-experiment"  # as long as a name may be


def machine_row(summary: str) -> render.Row:
    return {
        "name": LONG,
        "summary": summary,
        "instance_type": TYPE,
        "zone": ZONE.name,
        "spot_usd_per_hour": 183.4567,
        "saving_percent": 63.4,
        "deadline": "2026-11-27T10:27:25Z",
    }


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize(
    "summary",
    ["running", "interrupted 02:45, waiting for capacity", "running, 3h PAST its deadline"],
)
def test_name_state_and_money_are_whole_however_long_the_name(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    summary: str,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    render.emit(CHOICES, "machines", [machine_row(summary)], columns=machines.COLUMNS)
    cost = {
        "name": LONG,
        "instance_type": TYPE,
        "ran_seconds": 290_000,
        "interruptions": 3,
        "unseen": 2,
        "spot_usd": 633.6157,
        "on_demand_usd": 4430.9013,
        "saving_percent": 85.7,
    }
    render.emit(CHOICES, "costs", [cost], columns=down.COSTS)
    parts = {"disk_usd": 12.3456, "address_usd": 1.4479, "total_usd": 2647.4092}
    render.emit(CHOICES, "costs", [{"group": LONG, **cost, **parts}], columns=costs.COLUMNS)
    out = read(capsys)
    assert out.count(LONG) == 3
    for whole in (
        "183.4567",
        "633.6157",
        "4430.9013",
        "2647.4092",
        *summary.replace(",", " ").split(),
    ):
        assert whole in out
