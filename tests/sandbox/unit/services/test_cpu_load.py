"""The synthetic CPU load, and how samples become data points."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2_sandbox.services.cloudwatch.cpu_load import cpu_percent, minutes_run
from ec2_sandbox.services.cloudwatch.metrics import datapoints, statistic

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
SECOND = int(BEGIN.timestamp())
HOUR = timedelta(hours=1)


def load(second: int, *, seed: int = 1, forced: str | None = None) -> float:
    return cpu_percent("i-1", second, seed=seed, started=SECOND, forced=forced)


def test_the_same_minute_has_the_same_load() -> None:
    minutes = range(SECOND, SECOND + 7_200, 60)
    assert [load(m) for m in minutes] == [load(m) for m in minutes]
    assert [load(m) for m in minutes] != [load(m, seed=2) for m in minutes]


def test_a_start_is_neither_idle_nor_flat_out() -> None:
    assert all(30 < load(SECOND + minute * 60) < 80 for minute in range(3))


def test_a_day_has_busy_and_idle_stretches() -> None:
    day = [load(SECOND + minute * 60) for minute in range(5, 1_440)]
    assert any(percent < 3 for percent in day)
    assert any(percent > 80 for percent in day)


@pytest.mark.parametrize(
    ("forced", "low", "high"), [("idle", 0, 3), ("busy", 80, 100), ("42", 42, 42), ("0", 0, 0)]
)
def test_a_tag_forces_the_load(forced: str, low: float, high: float) -> None:
    assert all(low <= load(SECOND + m * 60, forced=forced) <= high for m in range(120))


@pytest.mark.parametrize("forced", ["lazy", "101", "-1", "nan", ""])
def test_a_tag_that_is_no_load_counts_as_none(forced: str) -> None:
    assert load(SECOND + 9_000, forced=forced) == load(SECOND + 9_000)


@given(st.integers(0, 10**6), st.integers(1, 99))
def test_a_load_is_always_a_percentage(minute: int, seed: int) -> None:
    assert 0 <= load(SECOND + minute * 60, seed=seed) <= 100


def test_only_whole_minutes_in_which_it_ran_count() -> None:
    spans = [(BEGIN + timedelta(seconds=30), BEGIN + timedelta(seconds=200))]
    assert minutes_run(spans, SECOND, SECOND + 3_600) == [
        (SECOND + 60, SECOND + 30),
        (SECOND + 120, SECOND + 30),
    ]


def test_a_gap_between_two_runs_has_no_minutes() -> None:
    spans = [(BEGIN, BEGIN + HOUR), (BEGIN + 2 * HOUR, BEGIN + 3 * HOUR)]
    seconds = [second for second, _ in minutes_run(spans, SECOND, SECOND + 9_999_999)]
    assert len(seconds) == 120
    assert not [s for s in seconds if SECOND + 3_600 <= s < SECOND + 7_200]


def test_samples_are_put_together_by_period() -> None:
    samples = [(SECOND + minute * 60, float(minute)) for minute in range(10)]
    by_five = list(datapoints(samples, period=300, step=60))
    assert [point.values for point in by_five] == [(0, 1, 2, 3, 4), (5, 6, 7, 8, 9)]
    assert by_five[1].moment == BEGIN + timedelta(minutes=5)


def test_without_detailed_monitoring_there_is_a_point_every_five_minutes() -> None:
    samples = [(SECOND + minute * 60, 1.0) for minute in range(10)]
    assert len(list(datapoints(samples, period=60, step=300))) == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Average", 2.5),
        ("Sum", 10),
        ("Minimum", 1),
        ("Maximum", 4),
        ("SampleCount", 4),
        ("p50", 2),
        ("p99.9", 4),
        ("p0", 1),
        ("p100", 4),
    ],
)
def test_statistics_are_those_of_cloudwatch(name: str, expected: float) -> None:
    assert statistic(name, (4, 1, 3, 2)) == expected
