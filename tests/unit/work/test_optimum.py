"""The cheapest schedule, against one that tries them all."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.work.every_schedule import CASES, cheapest_usd, job_of, window_of

from spotkeeper.work.deadline import Terms
from spotkeeper.work.optimum import least_usd
from spotkeeper.work.policies import POLICIES
from spotkeeper.work.simulation import Job, simulate
from spotkeeper.work.trace import Quote

FORTY: list[dict[str, Any]] = json.loads(CASES.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", FORTY, ids=range(len(FORTY)))
def test_it_finds_the_optimum_of_every_trace(case: dict[str, Any]) -> None:
    assert least_usd(job_of(case), window_of(case)) == pytest.approx(case["optimum_usd"], abs=1e-4)


@pytest.mark.parametrize("case", FORTY[::8], ids=range(0, len(FORTY), 8))
def test_the_optima_that_are_kept_are_those_of_every_schedule(case: dict[str, Any]) -> None:
    assert cheapest_usd(job_of(case), window_of(case)) == pytest.approx(
        case["optimum_usd"], abs=1e-4
    )


@st.composite
def small_jobs(draw: st.DrawFn) -> tuple[Job, list[tuple[Quote, ...]]]:
    zones, ticks = draw(st.integers(1, 2)), draw(st.integers(3, 14))
    quote = st.builds(Quote, st.sampled_from((0.5, 0.9, 1.4)), st.booleans())
    window = draw(st.lists(st.tuples(*[quote] * zones), min_size=ticks, max_size=ticks))
    terms = Terms(0.5, draw(st.sampled_from((0.1, 0.3, 0.5, 0.8))), 2.0)
    work_h = draw(st.floats(0.3, max(0.5 * ticks - terms.restart_h, 0.3)))
    return Job(work_h, 0.5 * ticks, terms, draw(st.sampled_from((0.0, 0.2, 5.0)))), window


@settings(max_examples=150)
@given(small_jobs())
def test_it_is_what_trying_every_schedule_finds(
    drawn: tuple[Job, list[tuple[Quote, ...]]],
) -> None:
    job, window = drawn
    if job.fits:
        assert least_usd(job, window) == pytest.approx(cheapest_usd(job, window), abs=1e-6)


@pytest.mark.parametrize("name", POLICIES)
def test_no_policy_beats_it(name: str) -> None:
    for case in FORTY:
        run = simulate(POLICIES[name], job_of(case), window_of(case))
        assert run.is_late or run.usd >= case["optimum_usd"] - 1e-4


def test_our_policy_comes_nearest_to_it_without_a_late_run() -> None:
    runs = {
        name: [simulate(POLICIES[name], job_of(case), window_of(case)) for case in FORTY]
        for name in POLICIES
    }
    usd = {name: sum(run.usd for run in found) for name, found in runs.items()}
    late = {name: sum(run.is_late for run in found) for name, found in runs.items()}

    assert usd["ours"] < usd["ours-without-controller"] < usd["uniform-progress"] < usd["greedy"]
    assert usd["ours-without-controller"] < 1.1 * sum(case["optimum_usd"] for case in FORTY)
    assert [name for name, count in late.items() if count] == ["spot-only"]
