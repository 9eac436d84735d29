"""``spot backtest``: what does not fit is said before anything is tried."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spotkeeper.errors import BadInput, Declined
from spotkeeper.keeper.backtest import BacktestReport, BacktestRequest, backtest
from spotkeeper.model.max_price import MaxPrice

HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def availability(folder: Path, signs: str, usd: str = "1.00") -> Path:
    """A zone as 1 and 0, in ticks of half an hour."""
    path = folder / "past.csv"
    rows = [
        f"{(BEGIN + tick * HOUR / 2).isoformat()},us-east-1a,{sign},{usd}"
        for tick, sign in enumerate(signs)
    ]
    text = "\n".join(("time,zone,available,spot_usd_per_hour", *rows, ""))
    path.write_text(text, encoding="utf-8")
    return path


def history(folder: Path, *rows: tuple[float, str, str, float]) -> Path:
    """Hours since the beginning, zone, type, dollars."""
    path = folder / "history.csv"
    lines = [
        f"{(BEGIN + hours * HOUR).isoformat()},{zone},{name},{usd}"
        for hours, zone, name, usd in rows
    ]
    header = "timestamp,availability_zone,instance_type,spot_price_usd_per_hour"
    path.write_text("\n".join((header, *lines, "")), encoding="utf-8")
    return path


def asked(path: Path, **chosen: Any) -> BacktestRequest:
    usual = BacktestRequest(path, 2 * HOUR, 3 * HOUR, HOUR / 4, Decimal(3), starts=5)
    return replace(usual, **chosen)


def refuse(question: str) -> None:
    raise Declined(question)


def tried(
    request: BacktestRequest, confirm: Callable[[str], None] = refuse, listed: str | None = None
) -> BacktestReport:
    return backtest(
        request,
        list_price=lambda _type, _region: Decimal(listed) if listed else None,
        confirm=confirm,
        told=lambda _done, _starts: None,
    )


def test_what_came_of_it(tmp_path: Path) -> None:
    report = tried(asked(availability(tmp_path, "1111110000")))

    assert report.first_ticks == [0, 1, 2, 3, 4]
    found = report.to_dict()
    assert [item["policy"] for item in found["items"]] == [
        "optimum",
        "ours",
        "ours-without-controller",
        "uniform-progress",
        "greedy",
        "spot-only",
        "on-demand",
    ]
    assert [start["optimum_usd"] for start in found["starts"]] == [2.5, 2.5, 3.5, 4.5, 5.5]
    assert found["starts"][0]["time"] == "2026-03-01T00:00:00Z"
    assert [start["late"] for start in found["starts"]] == [[], [], *[["spot-only"]] * 3]
    assert found["offered_share"] == 0.6
    assert any("capacity" in warning for warning in found["warnings"])


def test_only_the_policies_that_were_asked_for_are_told(tmp_path: Path) -> None:
    report = tried(asked(availability(tmp_path, "1" * 8), policies=("ours",)))

    assert [item["policy"] for item in report.to_dict()["items"]] == ["optimum", "ours"]
    assert set(report.to_dict()["starts"][0]["usd"]) == {"ours"}


@pytest.mark.parametrize(
    ("chosen", "fault", "step"),
    [
        ({"on_demand_usd_per_hour": None}, "does not say what On-Demand costs", "--on-demand"),
        ({"on_demand_usd_per_hour": Decimal("0.9")}, "past.csv:2: Spot at $1/h is above", "row"),
        ({"spot_usd_per_hour": Decimal(4)}, "--spot 4 is above On-Demand at $3/h", "one of them"),
        ({"max_price": MaxPrice.parse("3.5")}, "--max-price 3.5 is above On-Demand", "less"),
        ({"max_price": MaxPrice.parse("od+1%")}, "--max-price od+1% is above", "less"),
        ({"within": 50 * HOUR}, "holds 5h, less than --within 50h", "longer file"),
        ({"within": 2 * HOUR}, "take 2h 30m of On-Demand, in ticks of 30m: more than 2h", "2h30m"),
        ({"restart": 2 * HOUR}, "2h of work and a restart of 2h take 4h", "--within 4h"),
        ({"regions": ("eu-west-1",)}, "names no zone of these regions", "us-east-1a"),
    ],
    ids=range(9),
)
def test_what_cannot_be_tried_is_refused_with_what_would_help(
    tmp_path: Path, chosen: dict[str, Any], fault: str, step: str
) -> None:
    with pytest.raises(BadInput) as refused:
        tried(asked(availability(tmp_path, "1111110000"), **chosen))

    assert fault in refused.value.message
    assert step in refused.value.next_step


def test_a_price_that_is_missing_can_be_given_for_all(tmp_path: Path) -> None:
    path = availability(tmp_path, "1" * 10, usd="")

    with pytest.raises(
        BadInput, match=r"past\.csv:2: Spot was to be had, at a price that is miss"
    ):
        tried(asked(path))
    report = tried(asked(path, spot_usd_per_hour=Decimal("0.5"), starts=1))

    assert list(report.backtest.optima_usd) == pytest.approx([1.25])


def test_a_file_that_hardly_ever_has_spot_is_asked_about(tmp_path: Path) -> None:
    path, questions = availability(tmp_path, "1" + "0" * 29), list[str]()

    with pytest.raises(Declined):
        tried(asked(path))
    report = tried(asked(path), confirm=questions.append)

    assert report.trace.ticks == 30
    assert "Spot for 3.3 % of the time" in questions[0]
    assert tried(asked(availability(tmp_path, "11" + "0" * 28))).trace.ticks == 30


def test_in_a_price_history_spot_is_there_up_to_a_price(tmp_path: Path) -> None:
    path = history(
        tmp_path,
        (0, "us-east-1a", "g5.xlarge", 0.8),
        (2, "us-east-1a", "g5.xlarge", 1.6),
        (4, "us-east-1a", "g5.xlarge", 0.9),
        (5, "us-east-1b", "g5.xlarge", 0.7),
        (10, "us-east-1a", "g5.xlarge", 0.9),
    )
    request = asked(path, on_demand_usd_per_hour=None, max_price=MaxPrice.parse("od-50%"))

    report = tried(request, listed="2.4")

    assert report.on_demand_usd_per_hour == 2.4
    assert report.trace.tick == timedelta(minutes=10)
    zones = list(zip(*report.trace.window(0, 60), strict=True))
    assert [quote.is_offered for quote in zones[0]] == [True] * 12 + [False] * 12 + [True] * 36
    assert [quote.is_offered for quote in zones[1]] == [False] * 30 + [True] * 30
    assert "us-east-1b has no price before 2026-03-01 05:00 UTC" in report.warnings


@pytest.mark.parametrize(
    ("rows", "chosen", "fault"),
    [
        ([(0, "us-east-1a", "g5.xlarge", 0.8)], {"max_price": None}, "is a price history"),
        (
            [(0, "us-east-1a", "g5.xlarge", 0.8), (9, "us-east-1a", "g6.xlarge", 0.8)],
            {},
            "has 2 types, g5.xlarge to g6.xlarge",
        ),
        (
            [(0, "us-east-1a", "g5.xlarge", 0.8), (9, "eu-west-1a", "g5.xlarge", 0.8)],
            {"on_demand_usd_per_hour": None},
            "does not say what On-Demand costs",
        ),
        ([(0, "us-east-1a", "g5.xlarge", 0.8)], {}, "holds 0h, less than --within 3h"),
    ],
    ids=range(4),
)
def test_a_price_history_that_cannot_be_tried(
    tmp_path: Path, rows: list[Any], chosen: dict[str, Any], fault: str
) -> None:
    request = asked(history(tmp_path, *rows), **{"max_price": MaxPrice.parse("1.5"), **chosen})

    with pytest.raises(BadInput) as refused:
        tried(request, listed="2.4")

    assert fault in refused.value.message
