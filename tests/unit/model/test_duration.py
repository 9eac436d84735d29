"""Durations, as typed and as told."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.model.duration import parse_duration, words

DAY = 86_400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("8h", 8 * 3600),
        ("90m", 90 * 60),
        ("2d", 2 * DAY),
        ("1h30m", 5400),
        ("1d2h3m4s", DAY + 2 * 3600 + 3 * 60 + 4),
        (" 12S ", 12),
        ("1.5h", 5400),
        ("1w", 7 * DAY),
        ("1w2d", 9 * DAY),
    ],
)
def test_a_duration_is_read_as_typed(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", " ", "8", "h", "8x", "-8h", "1.h", ".5h", "30m1h", "8h 30m", "8hours", "never"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="8h, 90m or 2d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0h", "0d0h0m0s"])
def test_no_time_at_all_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no time"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["9999999999d", "9" * 400 + "h", "9" * 5000 + "s"])
def test_longer_than_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_duration(text)


@given(days=st.integers(0, 999), hours=st.integers(0, 23), minutes=st.integers(0, 59))
def test_every_part_counts(days: int, hours: int, minutes: int) -> None:
    text = f"{days}d{hours}h{minutes}m1s"
    whole = timedelta(days=days, hours=hours, minutes=minutes, seconds=1)
    assert parse_duration(text) == whole


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0s"),
        (-5, "0s"),
        (12, "12s"),
        (5400, "1h 30m"),
        (2 * DAY + 3 * 3600 + 59, "2d 3h"),
        (DAY, "24h"),
        (DAY + 5, "24h 5s"),
        (2 * DAY + 5, "2d 5s"),
    ],
)
def test_a_duration_is_told_in_two_units(seconds: int, told: str) -> None:
    assert words(timedelta(seconds=seconds)) == told


@given(seconds=st.integers(1, 10_000 * DAY))
def test_what_is_told_can_be_typed_and_is_never_longer(seconds: int) -> None:
    length = timedelta(seconds=seconds)
    told = parse_duration(words(length).replace(" ", ""))
    assert told <= length
    assert length - told < timedelta(hours=1)
    assert len(words(length).split()) <= 2
