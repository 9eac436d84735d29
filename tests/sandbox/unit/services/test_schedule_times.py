"""When at, rate and cron expressions fire."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2_sandbox.services.scheduler.schedule_times import BadExpression, Cron, parse_timing

NOON = datetime(2026, 3, 27, 12, tzinfo=UTC)  # a Friday


def upcoming(expression: str, zone: str = "UTC", count: int = 3) -> list[str]:
    """The next occurrences after noon, in UTC."""
    timing, found, moment = parse_timing(expression, zone), [], NOON
    for _ in range(count):
        following = timing.next_after(moment, NOON)
        if following is None:
            break
        found.append(following.strftime("%m-%d %H:%M"))
        moment = following
    return found


def test_a_one_time_schedule_fires_once() -> None:
    assert upcoming("at(2026-03-28T08:30:00)") == ["03-28 08:30"]


def test_its_time_is_that_of_the_time_zone() -> None:
    assert upcoming("at(2026-03-28T08:30:00)", "Asia/Tokyo") == ["03-27 23:30"]
    assert upcoming("at(2026-03-30T08:30:00)", "Europe/Berlin") == ["03-30 06:30"]


def test_what_is_past_does_not_fire() -> None:
    assert upcoming("at(2026-03-27T11:59:59)") == []


def test_a_rate_counts_from_its_start() -> None:
    assert upcoming("rate(90 minutes)") == ["03-27 13:30", "03-27 15:00", "03-27 16:30"]
    assert upcoming("rate(1 day)", count=1) == ["03-28 12:00"]


def test_a_rate_that_starts_later_starts_then() -> None:
    starts = NOON + timedelta(hours=5)
    assert parse_timing("rate(1 hour)", "UTC").next_after(NOON, starts) == starts


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("cron(0 8 * * ? *)", "03-28 08:00"),
        ("cron(*/20 12 * * ? *)", "03-27 12:20"),
        ("cron(15 10 ? * MON-FRI *)", "03-30 10:15"),
        ("cron(15 10 ? * 2 *)", "03-30 10:15"),
        ("cron(0 0 1 JAN,APR ? *)", "04-01 00:00"),
        ("cron(30 12 ? * * 2026)", "03-27 12:30"),
        ("cron(0 0 29 2 ? *)", "02-29 00:00"),
    ],
)
def test_cron_finds_the_first_minute_that_fits(expression: str, first: str) -> None:
    assert upcoming(expression, count=1) == [first]


def test_cron_keeps_to_the_local_clock_when_that_is_changed() -> None:
    assert upcoming("cron(0 9 * * ? *)", "Europe/Berlin") == [
        "03-28 08:00",
        "03-29 07:00",
        "03-30 07:00",
    ]


@given(
    minutes=st.sampled_from(["0", "*/7", "5,50", "10-20/5"]),
    hours=st.sampled_from(["*", "3", "22-23", "*/6"]),
    days=st.sampled_from(["* * ?", "28 * ?", "? * SAT", "? 4 *"]),
    start=st.datetimes(datetime(2026, 3, 26), datetime(2026, 4, 2)),  # noqa: DTZ001
)
@pytest.mark.soak
def test_cron_misses_no_minute_and_finds_no_other(
    minutes: str, hours: str, days: str, start: datetime
) -> None:
    moment = start.replace(tzinfo=UTC)
    timing = parse_timing(f"cron({minutes} {hours} {days} *)", "UTC")
    assert isinstance(timing, Cron)
    found = timing.next_after(moment, moment)
    ahead = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while not fits(timing, ahead):
        ahead += timedelta(minutes=1)
    assert found == ahead


def fits(cron: Cron, moment: datetime) -> bool:
    """Whether a whole minute is one of the expression's, field by field."""
    return all(
        value in cron.fields[name]
        for name, value in {
            "minute": moment.minute,
            "hour": moment.hour,
            "day": moment.day,
            "month": moment.month,
            "weekday": int(moment.strftime("%w")) + 1,
        }.items()
    )


def test_a_year_that_is_over_never_comes() -> None:
    assert upcoming("cron(0 0 ? * * 2025)") == []


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "at(tomorrow)",
        "at(2026-02-30T00:00:00)",
        "at(2026-03-28 08:30:00)",
        "rate(0 hours)",
        "rate(99999999999 days)",
        "rate(1 week)",
        "rate(-1 hours)",
        "cron(0 8 * * *)",
        "cron(0 8 * * * *)",
        "cron(60 8 * * ? *)",
        "cron(0 8 L * ? *)",
        "cron(0 8 5-2 * ? *)",
        "cron(0/0 8 * * ? *)",
    ],
)
def test_other_expressions_are_refused(expression: str) -> None:
    with pytest.raises(BadExpression, match="Invalid Schedule Expression"):
        parse_timing(expression, "UTC")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd"])
def test_a_time_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(BadExpression, match="Timezone"):
        parse_timing("rate(1 hour)", zone)
