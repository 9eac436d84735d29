"""From bands, scores and our own machines to interruptions per hour."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.make import NOON

from spotkeeper.market.advisor import read_advisor
from spotkeeper.market.risk import (
    Experience,
    Known,
    RiskEstimator,
    Scores,
    cooling,
    faded,
    faded_hours,
    hazards_of_bands,
    mean_of_run,
    of_experience,
    of_score,
)
from spotkeeper.model.risk import Band, Work
from spotkeeper.timings import COOL_DOWN, EXPERIENCE_HALF_LIFE

BANDS = (Band("<5%", 5), Band("5-10%", 11), Band("10-15%", 16), Band(">20%", 100))
DAY = timedelta(days=1)
HAZARDS = st.floats(0, 5)
POOL = ("g5.xlarge", "us-east-1a")


def test_a_higher_band_is_a_higher_hazard() -> None:
    hazards = list(hazards_of_bands(BANDS, DAY).values())
    assert hazards == sorted(hazards)
    assert all(low < high for low, high in pairwise(hazards))


def test_the_lowest_band_is_interrupted_about_once_in_forty_days() -> None:
    assert 1 / hazards_of_bands(BANDS, DAY)[BANDS[0]] / 24 == pytest.approx(39.5, abs=0.5)


@given(short=st.floats(0.1, 200), long=st.floats(0.1, 200))
def test_a_longer_run_is_interrupted_less_often_per_hour(short: float, long: float) -> None:
    short, long = sorted((short, long))
    assert mean_of_run(timedelta(hours=long)) <= mean_of_run(timedelta(hours=short)) + 1e-12


def test_the_first_hour_is_the_measure() -> None:
    assert mean_of_run(timedelta(hours=1)) == 1
    assert mean_of_run(timedelta(hours=3)) == pytest.approx((1 + 2 * 0.3) / 3)


@given(hazard=HAZARDS, better=st.integers(1, 10), worse=st.integers(1, 10))
def test_a_better_score_is_never_a_higher_hazard(hazard: float, better: int, worse: int) -> None:
    worse, better = sorted((worse, better))
    assert of_score(hazard, better) <= of_score(hazard, worse)


def test_an_unknown_or_middling_score_changes_nothing() -> None:
    assert of_score(0.3, None) == of_score(0.3, 5) == 0.3


@given(hazard=HAZARDS, hours=st.floats(0, 1000))
def test_hours_without_an_interruption_speak_for_a_pool(hazard: float, hours: float) -> None:
    assert of_experience(hazard, Experience(hours=hours), NOON) <= hazard


@given(hazard=HAZARDS, age=st.floats(0, 90))
def test_an_interruption_speaks_against_a_pool_and_fades(hazard: float, age: float) -> None:
    long_ago = Experience(interrupted_at=(NOON - timedelta(days=age),))
    just_now = Experience(interrupted_at=(NOON,))
    assert hazard <= of_experience(hazard, long_ago, NOON) <= of_experience(hazard, just_now, NOON)


def test_an_observation_counts_half_after_its_half_life() -> None:
    assert faded(EXPERIENCE_HALF_LIFE) == 0.5
    assert faded(timedelta(days=-1)) == 1


@pytest.mark.parametrize(
    ("minutes", "reason"),
    [(0, "no room 0 min ago"), (14, "no room 14 min ago"), (15, ""), (99, "")],
)
def test_a_dry_pool_cools_down_for_a_while(minutes: int, reason: str) -> None:
    assert timedelta(minutes=15) == COOL_DOWN
    seen = Experience(dry_at=(NOON - timedelta(minutes=minutes), NOON - timedelta(days=1)))
    assert cooling(seen, NOON) == reason


FEED = {
    "ranges": [{"index": 0, "label": "<5%", "max": 5}, {"index": 1, "label": ">20%", "max": 100}],
    "spot_advisor": {
        "us-east-1": {"Linux": {"g5.xlarge": {"s": 1, "r": 1}, "m5.large": {"s": 1, "r": 0}}}
    },
}


def test_the_odds_of_a_region_join_all_that_is_known() -> None:
    known = Known(
        advisor=read_advisor(FEED),
        now=NOON,
        experiences={POOL: Experience((NOON,), (NOON,), 1.0)},
        scores={"us-east-1": Scores(frozenset({"m5.large"}), {"us-east-1b": 10})},
    )
    region_risk = RiskEstimator(known).region_risk("us-east-1")
    assert region_risk.hazard("g5.xlarge", "us-east-1b") == region_risk.otherwise
    assert region_risk.hazard(*POOL) > region_risk.hazards["g5.xlarge"]  # type: ignore[operator]
    assert region_risk.hazard("m5.large", "us-east-1b") == region_risk.hazards["m5.large"] / 4
    assert region_risk.hazard("m5.large", "us-east-1a") == region_risk.hazards["m5.large"]
    assert region_risk.score("m5.large", "us-east-1b") == 10
    assert region_risk.score("g5.xlarge", "us-east-1b") is None
    assert region_risk.score("m5.large", "us-east-1a") is None
    assert region_risk.cooling == {POOL: "no room 0 min ago"}


def test_where_the_feed_knows_nothing_all_is_unknown() -> None:
    region_risk = RiskEstimator(Known(read_advisor(FEED), NOON)).region_risk("eu-west-1")
    assert region_risk.otherwise is None
    assert region_risk.hazard("g5.xlarge", "eu-west-1a") is None


def test_a_short_run_makes_every_hazard_higher() -> None:
    short = Work(run=timedelta(hours=2))
    brief = RiskEstimator(Known(read_advisor(FEED), NOON, short)).region_risk("us-east-1")
    usual = RiskEstimator(Known(read_advisor(FEED), NOON)).region_risk("us-east-1")
    assert all(brief.hazards[name] > usual.hazards[name] for name in usual.hazards)


def test_every_step_of_a_hazard_can_be_told() -> None:
    scores = {"us-east-1": Scores(frozenset({"g5.xlarge"}), {"us-east-1a": 10})}
    experiences = {POOL: Experience((NOON,), (), 24.0)}
    known = Known(read_advisor(FEED), NOON, experiences=experiences, scores=scores)
    maker = RiskEstimator(known)
    steps = maker.steps("us-east-1", POOL)
    assert steps is not None
    assert steps.band == Band(">20%", 100)
    assert steps.by_band == maker.region_risk("us-east-1").hazards["g5.xlarge"]
    assert (steps.score, steps.by_score) == (10, steps.by_band / 4)
    assert (steps.interruptions, steps.hours) == (1, 24)
    assert steps.final == pytest.approx((steps.by_score * 24 + 1) / 48)
    assert steps.final == maker.region_risk("us-east-1").hazard(*POOL)


def test_a_type_without_a_band_is_taken_for_the_worst_that_was_said() -> None:
    steps = RiskEstimator(Known(read_advisor(FEED), NOON)).steps("us-east-1", ("g9.xlarge", "x"))
    assert steps is not None
    assert steps.band is None
    assert (
        steps.by_band
        == RiskEstimator(Known(read_advisor(FEED), NOON)).region_risk("us-east-1").otherwise
    )


def test_nothing_is_told_where_nothing_is_known() -> None:
    assert RiskEstimator(Known(read_advisor(FEED), NOON)).steps("eu-west-1", POOL) is None


@given(begin=st.floats(0, 60), length=st.floats(0, 60))
def test_hours_fade_like_what_happened_in_them(begin: float, length: float) -> None:
    start = NOON - timedelta(days=begin + length)
    end = NOON - timedelta(days=begin)
    hours = faded_hours(start, end, NOON)
    real = (end - start) / timedelta(hours=1)
    assert -1e-9 <= hours <= real + 1e-9
    assert hours >= real * faded(NOON - start) - 1e-9
