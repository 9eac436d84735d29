"""What AWS would charge: by examples from its pages, and by laws that hold for any history."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2_sandbox.bill import FREE, HOUR, Bill, Line, Prices, Step, bill, decimal, instance_usd
from ec2_sandbox.history import Happening, HappeningKind
from ec2_sandbox.market.pools import Pool

DAY = datetime(2026, 1, 5, tzinfo=UTC)
POOL = "g5.xlarge@us-east-1a"
SPOT, ON_DEMAND = 400_000, 1_000_000


def steady(_pool: Pool, begins: int, _ends: int) -> list[Step]:
    return [Step(begins, SPOT)]


PRICES = Prices(steady, lambda _pool: ON_DEMAND)


def told(after: float, kind: HappeningKind, subject: str, **facts: str) -> Happening:
    """So many seconds into the day."""
    return Happening(DAY + timedelta(seconds=after), kind, subject, "us-east-1", facts)


def instance(after: float, state: str, **facts: str) -> Happening:
    known = {"pool": POOL, "lifecycle": "spot", "cause": "user", "ip": "no", **facts}
    return told(after, HappeningKind.INSTANCE, "i-1", state=state, **known)


def charged(*happenings: Happening, until: float = 30 * 24 * HOUR) -> Bill:
    return bill(happenings, PRICES, DAY + timedelta(seconds=until))


def only(found: Bill) -> Line:
    [line] = found.lines
    return line


def test_a_machine_costs_the_seconds_it_runs_and_no_others() -> None:
    line = only(
        charged(
            instance(0, "pending"),
            instance(10, "running"),
            instance(10 + HOUR, "stopping"),
            instance(40 + HOUR, "stopped"),
            instance(50 + HOUR, "terminated"),
        )
    )
    assert line.seconds == HOUR
    assert line.usd == Fraction("0.4")
    assert line.on_demand_usd == 1


def test_every_start_costs_a_minute_at_least() -> None:
    found = charged(
        instance(0, "running"),
        instance(5, "stopping"),
        instance(100, "running"),
        instance(107, "shutting-down"),
    )
    assert [line.seconds for line in found.lines] == [60, 60]
    assert found.usd == 2 * Fraction(SPOT, 60 * 1_000_000)


@pytest.mark.parametrize("state", ["stopping", "shutting-down", "terminated"])
def test_the_first_hour_is_free_when_ec2_interrupts(state: str) -> None:
    line = only(charged(instance(0, "running"), instance(HOUR - 1, state, cause="ec2")))
    assert (float(line.usd), line.note) == (0, FREE)


def test_after_the_first_hour_the_seconds_used_are_charged() -> None:
    line = only(charged(instance(0, "running"), instance(HOUR, "stopping", cause="ec2")))
    assert line.usd == Fraction("0.4")


@pytest.mark.parametrize("cause", ["user", "guest", "fleet", "request", ""])
def test_nobody_else_makes_the_first_hour_free(cause: str) -> None:
    line = only(charged(instance(0, "running"), instance(600, "shutting-down", cause=cause)))
    assert line.usd == Fraction(SPOT, 6 * 1_000_000)


def test_on_demand_has_its_own_price_and_is_never_free() -> None:
    line = only(
        charged(
            instance(0, "running", lifecycle="on-demand"),
            instance(1800, "stopping", lifecycle="on-demand", cause="ec2"),
        )
    )
    assert (line.usd, line.on_demand_usd) == (Fraction("0.5"), None)


def test_a_price_that_moves_is_met_second_by_second() -> None:
    steps = [Step(0, 100_000), Step(1_800, 300_000), Step(2_700, 100_000)]
    assert instance_usd(steps, 0, HOUR) == Fraction("0.15")


def test_the_saving_is_against_on_demand_for_the_same_seconds() -> None:
    found = charged(instance(0, "running"), instance(HOUR, "stopping"))
    assert found.saving == Fraction("0.6")
    assert charged().saving is None


def test_a_machine_that_runs_is_charged_until_now() -> None:
    line = only(charged(instance(0, "running"), until=2 * HOUR))
    assert (line.seconds, line.note) == (2 * HOUR, "goes on")


def test_a_disk_costs_while_the_machine_is_stopped() -> None:
    month = 30 * 24 * HOUR
    disk = told(0, HappeningKind.VOLUME, "vol-1", state="created", gb="100", type="gp3")
    assert only(charged(disk, until=month)).usd == 8
    ended = told(month / 2, HappeningKind.VOLUME, "vol-1", state="deleted")
    assert only(charged(disk, ended, until=month)).usd == 4


@pytest.mark.parametrize(
    ("facts", "usd"),
    [
        ({"type": "gp2", "gb": "100"}, "10"),
        ({"type": "gp3", "gb": "100", "iops": "4000", "throughput": "250"}, "18"),
        ({"type": "gp3", "gb": "100", "iops": "3000", "throughput": "125"}, "8"),
        ({"type": "io2", "gb": "100", "iops": "1000"}, "77.5"),
        ({"type": "st1", "gb": "1000"}, "45"),
        ({"type": "sc1", "gb": "1000", "iops": ""}, "15"),
    ],
)
def test_every_type_of_disk_has_its_month(facts: dict[str, str], usd: str) -> None:
    disk = told(0, HappeningKind.VOLUME, "vol-1", state="created", **facts)
    assert only(charged(disk)).usd == Fraction(usd)


def test_a_disk_that_was_changed_is_charged_by_its_new_size_from_then_on() -> None:
    month = 30 * 24 * HOUR
    found = charged(
        told(0, HappeningKind.VOLUME, "vol-1", state="created", gb="100", type="gp3"),
        told(month / 2, HappeningKind.VOLUME, "vol-1", state="changed", gb="200", type="gp3"),
        until=month,
    )
    assert found.usd == 4 + 8


def test_snapshots_and_addresses_cost_too() -> None:
    month = 30 * 24 * HOUR
    found = charged(
        told(0, HappeningKind.SNAPSHOT, "snap-1", state="created", gb="100"),
        told(0, HappeningKind.ADDRESS, "eipalloc-1", state="allocated", ip="203.0.113.7"),
        told(10 * HOUR, HappeningKind.ADDRESS, "eipalloc-1", state="released", ip="203.0.113.7"),
        until=month,
    )
    assert found.usd == 5 + Fraction("0.05")


def test_a_public_address_is_charged_once_while_its_machine_runs() -> None:
    run = (instance(0, "running", ip="203.0.113.7"), instance(HOUR, "stopping"))
    assert charged(*run).usd == Fraction("0.405")
    owned = told(0, HappeningKind.ADDRESS, "eipalloc-1", state="allocated", ip="203.0.113.7")
    assert charged(owned, *run, until=HOUR).usd == Fraction("0.405")


# Laws


MOMENTS = st.integers(0, 3 * HOUR)


@st.composite
def courses(draw: st.DrawFn) -> list[Step]:
    """The prices of a pool for three hours, as EC2 lists them."""
    seconds = sorted(draw(st.sets(st.integers(1, 3 * HOUR), max_size=6)))
    micros = draw(st.lists(st.integers(100, 10**8), min_size=7, max_size=7))
    return [Step(s, m) for s, m in zip([0, *seconds], micros, strict=False)]


@st.composite
def histories(draw: st.DrawFn, causes: tuple[str, ...] = ("user", "ec2")) -> list[Happening]:
    """A machine that starts and stops at any times, with its disk."""
    moments = sorted(draw(st.sets(MOMENTS, max_size=8)))
    states = [("running", "stopping")[index % 2] for index in range(len(moments))]
    known: list[dict[str, Any]] = [{"cause": draw(st.sampled_from(causes))} for _ in moments]
    disk = told(0, HappeningKind.VOLUME, "vol-1", state="created", gb="8", type="gp3")
    return [
        disk,
        *(instance(m, s, **k) for m, s, k in zip(moments, states, known, strict=True)),
    ]


@given(histories(), MOMENTS)
def test_nothing_is_ever_negative(happenings: list[Happening], until: int) -> None:
    found = bill(happenings, PRICES, DAY + timedelta(seconds=until))
    assert all(line.usd >= 0 and line.seconds >= 0 for line in found.lines)


@given(courses(), st.lists(MOMENTS, min_size=3, max_size=3).map(sorted))
def test_a_time_costs_what_its_two_halves_cost(steps: list[Step], moments: list[int]) -> None:
    begins, middle, ends = moments
    whole = instance_usd(steps, begins, ends)
    assert whole == instance_usd(steps, begins, middle) + instance_usd(steps, middle, ends)


@given(histories(causes=("user",)), MOMENTS, MOMENTS)
def test_time_never_makes_it_cheaper(happenings: list[Happening], one: int, other: int) -> None:
    """Without interruptions: those give a first hour back."""
    sums = [
        bill(_until(happenings, second), PRICES, DAY + timedelta(seconds=second)).usd
        for second in sorted((one, other))
    ]
    assert sums[0] <= sums[1]


def _until(happenings: list[Happening], second: int) -> Iterator[Happening]:
    return (each for each in happenings if each.moment <= DAY + timedelta(seconds=second))


@given(histories())
def test_only_an_interruption_is_free(happenings: list[Happening]) -> None:
    found = bill(happenings, PRICES, DAY + timedelta(days=1))
    interrupted = any(each.facts.get("cause") == "ec2" for each in happenings)
    free = [line for line in found.lines if "Spot" in line.what and line.usd == 0]
    assert interrupted or not free
    assert all(line.note == FREE and line.seconds < HOUR for line in free)


def test_it_is_exact_until_it_is_shown() -> None:
    assert decimal(Fraction(1, 3)) == Decimal(1) / Decimal(3)
    assert sum([Fraction(SPOT, 1_000_000 * 7)] * 7) == Fraction("0.4")
