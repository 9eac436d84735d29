"""When to wait for Spot and when to pay On-Demand: never late, and in the published words."""

import ast
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spotkeeper.work import deadline
from spotkeeper.work.deadline import NOTHING, ON_DEMAND, SPOT, Terms, Tick, decide
from spotkeeper.work.policies import POLICIES
from spotkeeper.work.simulation import Job, simulate
from spotkeeper.work.trace import Quote, Window

LISTED = 3.06
JOBS = 450
THERE, GONE = Quote(0.9731, is_offered=True), Quote(0.9731, is_offered=False)
DEAR, DEAR_GONE = Quote(2.4, is_offered=True), Quote(2.4, is_offered=False)

hours = st.floats(0.01, 60, allow_nan=False)


def drawn_jobs(chance: Random, count: int) -> Iterator[Job]:
    """Jobs of all kinds that On-Demand can do: restarts of parts of a tick and of several, with
    hardly any slack and with much."""
    for _ in range(count):
        tick_h = chance.choice((195 / 3600, 1 / 6, 0.25, 1.0))
        terms = Terms(tick_h, tick_h * chance.choice((0.1, 0.5, 1.0, 1.3, 2.6)), LISTED)
        work_h = tick_h * chance.uniform(2, 25)
        needed = deadline.ticks_needed(work_h + terms.restart_h, tick_h)
        ticks = needed + int(chance.choice((0, 1, 2, 0.1 * needed, 0.6 * needed)))
        yield Job(work_h, ticks * tick_h, terms)


def worst_moments(chance: Random, ticks: int) -> Iterator[Window]:
    """Spot that comes once and goes for ever, at every moment, and pools that come and go."""
    begin = chance.randrange(ticks)
    for end in range(ticks + 1):
        yield [
            (THERE if begin <= tick < end or end < tick < begin else GONE,)
            for tick in range(ticks)
        ]
        yield [(THERE if tick < end else GONE,) for tick in range(ticks)]
    for share in (0.2, 0.5, 0.8, 0.95):
        for _ in range(ticks // 4):
            cheap = [chance.random() < share for _ in range(ticks)]
            dear = [chance.random() < share for _ in range(ticks)]
            yield [
                (THERE if one else GONE, DEAR if other else DEAR_GONE)
                for one, other in zip(cheap, dear, strict=True)
            ]


def runs_and_late(jobs: int, policy: str = "ours") -> tuple[int, int]:
    """How many runs were tried, and how many were late."""
    chance = Random(20)  # noqa: S311 - the same runs every time
    runs = late = 0
    for job in drawn_jobs(chance, jobs):
        assert job.fits
        for window in worst_moments(chance, job.ticks):
            runs += 1
            late += simulate(POLICIES[policy], job, window).is_late
    return runs, late


@pytest.mark.parametrize("policy", ["ours", "ours-without-controller"])
@pytest.mark.one_in(2)
def test_no_run_is_ever_late_that_on_demand_alone_could_do(policy: str) -> None:
    runs, late = runs_and_late(JOBS, policy)

    assert runs >= 20_000
    assert late == 0


def one_tick_late(fits: Callable[..., bool]) -> Callable[..., bool]:
    return lambda terms, left_h, ticks: fits(terms, left_h, ticks + 1)


def forgets_the_restart(fits: Callable[..., bool]) -> Callable[..., bool]:
    return lambda terms, left_h, ticks: fits(terms._replace(restart_h=0.0), left_h, ticks)


@pytest.mark.parametrize("broken", [one_tick_late, forgets_the_restart])
def test_a_guard_that_is_slightly_wrong_is_caught(
    monkeypatch: pytest.MonkeyPatch, broken: Callable[..., Callable[..., bool]]
) -> None:
    right = deadline.fits
    monkeypatch.setattr(Job, "fits", property(lambda job: right(job.terms, job.work_h, job.ticks)))
    monkeypatch.setattr(deadline, "fits", broken(right))

    runs, late = runs_and_late(JOBS // 10)

    assert late > runs / 100


@given(
    tick_h=st.sampled_from((195 / 3600, 1 / 6, 1.0)),
    restart_h=st.floats(0.01, 1.5),
    left_h=hours,
    ticks_left=st.integers(1, 1_500),
)
def test_while_nothing_runs_the_tick_rule_is_one_moment_told_in_advance(
    tick_h: float, restart_h: float, left_h: float, ticks_left: int
) -> None:
    terms = Terms(tick_h, restart_h, LISTED)
    end = datetime(2026, 11, 27, 18, tzinfo=UTC)
    now = end - timedelta(hours=ticks_left * tick_h)
    at = deadline.on_demand_at(end, left_h, restart_h)
    too_late = end - timedelta(hours=restart_h + left_h)
    next_tick = now + timedelta(hours=tick_h)
    almost = timedelta(seconds=1)
    assume(abs(now - at) > almost and abs(next_tick - too_late) > almost)

    choice = decide(terms, Tick(NOTHING, 0.0, left_h, ticks_left, None))

    assert at <= too_late
    assert (choice is ON_DEMAND) == (now > at or next_tick > too_late)


@given(left_h=hours, slack_h=st.floats(0.5, 60), dearness=st.floats(0.01, 0.99))
@pytest.mark.soak
def test_a_dearer_pool_is_used_later_and_on_demand_last(
    left_h: float, slack_h: float, dearness: float
) -> None:
    terms = Terms(0.001, 0.2, LISTED)
    ticks_left = round((left_h + terms.restart_h + slack_h) / terms.tick_h)
    end = datetime(2026, 11, 27, 18, tzinfo=UTC)
    now = end - timedelta(hours=ticks_left * terms.tick_h)
    used_at = deadline.on_demand_at(end, left_h, terms.restart_h, dearness=dearness)
    assume(abs(now - used_at) > timedelta(seconds=1))

    choice = decide(
        terms, Tick(NOTHING, 0.0, left_h, ticks_left, 1.0, spot_age_h=0.0, dearness=dearness)
    )

    assert used_at < deadline.on_demand_at(end, left_h, terms.restart_h)
    assert choice is (SPOT if now > used_at else NOTHING)


@given(
    age_h=st.floats(0, 40),
    left_h=hours,
    slack_h=st.floats(0.5, 60),
    restart_h=st.floats(0.01, 1),
    usd=st.floats(0.1, 3.0),
)
def test_on_demand_is_left_for_spot_whose_expected_life_pays_the_restarts_to_come(
    age_h: float, left_h: float, slack_h: float, restart_h: float, usd: float
) -> None:
    """(L - 0.3 L0) s >= 0.25 d W with L = (0.7 h + age) / 1.8 and L0 = d co / (co - cs)."""
    life_h = (0.7 + age_h) / 1.8
    earned_h = restart_h * LISTED / (LISTED - usd)
    pays = (life_h - 0.3 * earned_h) * slack_h - 0.25 * restart_h * left_h
    assume(abs(pays) > 1e-6)

    needed_h = deadline.take_over_age_h(Terms(0.1, restart_h, LISTED), left_h, slack_h, usd)

    assert (age_h >= needed_h) == (pays > 0)


def test_on_demand_is_never_left_without_slack_or_for_a_price_that_saves_nothing() -> None:
    terms = Terms(1 / 6, 0.2, LISTED)

    assert deadline.take_over_age_h(terms, 10.0, 0.0, 0.97) == inf
    assert deadline.take_over_age_h(terms, 10.0, 5.0, LISTED) == inf


@pytest.mark.parametrize(
    ("effective", "cheapest", "dearness"),
    [
        (1.0, 1.0, 0.0),
        (0.9, 1.0, 0.0),
        (2.0, 1.0, 1 / 2.06),
        (LISTED, 1.0, 1.0),
        (4.0, 3.5, inf),
    ],
)
def test_dearness_is_0_for_the_cheapest_pool_and_1_for_on_demand(
    effective: float, cheapest: float, dearness: float
) -> None:
    assert deadline.dearness(effective, cheapest, LISTED) == pytest.approx(dearness)


def test_a_price_counts_with_its_restart_and_the_move_of_the_data() -> None:
    life_h = deadline.expected_life_h(0.0, 0, 40.0)

    assert life_h == pytest.approx(0.875)  # 0.7 h and 1.8 losses, one of which is its own end
    assert deadline.expected_life_h(9.3, 2, 40.0) == pytest.approx(10 / 2.8)
    assert deadline.expected_life_h(90.0, 0, 3.0) == 3.0
    assert deadline.effective_usd_per_hour(0.8, life_h, 0.2, egress_usd=1.0) == pytest.approx(
        0.8 + 1.16 / 0.875
    )


@pytest.mark.parametrize(
    ("told_h", "done_h", "share", "spread", "left_h"),
    [
        (40.0, 0.0, None, 0.0, 46.0),  # nothing is told: 15 % more
        (40.0, 50.0, None, 0.0, 0.0),
        (40.0, 0.0, 0.0, 0.0, 52.0),  # it will be told: 30 % more until then
        (40.0, 60.0, 0.0, 0.0, 0.0),
        (40.0, 1.0, 0.02, 0.0, 0.5 * 51 + 0.5 * 49 * 1.05),  # half trusted
        (40.0, 2.0, 0.05, 0.0, 38 * 1.05),  # the command's own speed, and the least spread
        (40.0, 10.0, 0.2, 0.1, 40 * 1.2),
        (40.0, 10.0, 1.0, 0.1, 0.0),
    ],
)
def test_an_estimate_gives_way_to_what_the_command_tells(
    told_h: float, done_h: float, share: float | None, spread: float, left_h: float
) -> None:
    assert deadline.work_left_h(told_h, done_h, share, spread=spread) == pytest.approx(left_h)


def test_restarts_are_planned_by_the_longest_that_was_seen() -> None:
    assert deadline.restart_to_plan_h(0.2) == pytest.approx(0.25)
    assert deadline.restart_to_plan_h(0.2, [0.05, 0.12, 0.08]) == pytest.approx(0.15)


def test_the_machine_can_decide_with_the_standard_library_of_python_3_9() -> None:
    source = Path(deadline.__file__).read_text(encoding="utf-8")

    tree = ast.parse(source, feature_version=(3, 9))

    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {
        each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names
    }
    assert {str(name).split(".")[0] for name in names} <= sys.stdlib_module_names
    assert "from __future__ import annotations" in source  # X | Y is no type of Python 3.9
