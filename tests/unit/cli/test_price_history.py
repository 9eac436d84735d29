"""A history as rows of CSV, which ``--from`` reads again, and as JSON."""

import csv
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.cli.price_history import change_rows
from spotkeeper.keeper.prices import from_file
from spotkeeper.market.series import PoolHistory, series, summary
from spotkeeper.model.max_price import MaxPrice
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool

START = int(datetime(2026, 8, 25, tzinfo=UTC).timestamp())

prices = st.integers(1, 500_000_000).map(lambda micro: micro / 1_000_000)


@st.composite
def histories(draw: st.DrawFn) -> list[PoolHistory]:
    """One to four pools, all with a change at the end of the time."""
    found = []
    for zone in draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True)):
        seconds = draw(st.sets(st.integers(0, 7_000_000), min_size=1, max_size=30))
        times = [START + at for at in sorted({*seconds, 7_000_000})]
        usd = draw(st.lists(prices, min_size=len(times), max_size=len(times)))
        pool = Pool("g5.xlarge", Zone("us-east-1", f"us-east-1{zone}", f"use1-az{ord(zone)}"))
        known = series([float(at) for at in times], usd, end=float(times[-1]))
        found.append(PoolHistory(pool, known, len(times)))
    return sorted(found, key=lambda each: each.pool)


def write(path: Path, found: list[PoolHistory]) -> None:
    rows = [row for each in found for row in change_rows(each)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@given(histories())
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, found: list[PoolHistory]
) -> None:
    path = tmp_path_factory.mktemp("again") / "history.csv"
    write(path, found)

    again = from_file(path)

    assert [each.pool for each in again.pools] == [each.pool for each in found]
    for one, two in zip(again.pools, found, strict=True):
        assert list(one.series.changes()) == list(two.series.changes())
        assert summary(one.series) == summary(two.series)


def test_the_fields_that_programs_read() -> None:
    known = series([START, START + 3600.0], [0.4, 0.5], end=START + 36_000.0)
    pool = Pool("g5.xlarge", Zone("us-east-1", "us-east-1a", "use1-az1"))

    found = PoolHistory(pool, known, 2, Decimal("1.0")).to_dict(MaxPrice.parse("0.45"))

    assert found == {
        "region": "us-east-1",
        "zone": "us-east-1a",
        "zone_id": "use1-az1",
        "instance_type": "g5.xlarge",
        "platform": "Linux/UNIX",
        "from": "2026-08-25T00:00:00Z",
        "until": "2026-08-25T10:00:00Z",
        "rows": 2,
        "changes": 1,
        "spot_usd_per_hour": 0.5,
        "min_usd_per_hour": 0.4,
        "median_usd_per_hour": 0.5,
        "max_usd_per_hour": 0.5,
        "on_demand_usd_per_hour": 1.0,
        "percent_of_on_demand": 50.0,
        "highest_percent_of_on_demand": 50.0,
        "max_price_usd_per_hour": 0.45,
        "outbid_percent": 90.0,
        "outbid_times": 1,
        "first_outbid_after_seconds": 3600,
        "series": [["2026-08-25T00:00:00Z", 0.4], ["2026-08-25T01:00:00Z", 0.5]],
    }


def test_unknown_is_null() -> None:
    known = series([float(START)], [0.4], end=START + 60.0)
    pool = Pool("g5.xlarge", Zone("", "", "use1-az1"))

    found = PoolHistory(pool, known, 1).to_dict()

    unknown = ("region", "zone", "on_demand_usd_per_hour", "percent_of_on_demand")
    unasked = ("max_price_usd_per_hour", "outbid_percent", "first_outbid_after_seconds")
    assert [found[name] for name in (*unknown, *unasked)] == [None] * 7
