"""Pools in order: numbers, not text; the same market, the same order; every refusal counted."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.make import NOON, hardware

from spotkeeper.market.advisor import read_advisor
from spotkeeper.market.risk import Experience, Known, RiskEstimator, Scores
from spotkeeper.model.need import Need
from spotkeeper.model.offer import SortBy
from spotkeeper.model.price_table import PriceTable, RawPrice
from spotkeeper.model.risk import Band, RegionRisk, Work
from spotkeeper.ranking.ranking import Facts, Shortlist, Wanted, best_by_type, shortlist

REGION = "us-east-1"
PRICES = st.decimals("0.0001", "100", places=4)
TYPES = ["g5.xlarge", "g6.xlarge", "m5.large"]
HARDWARE = {name: hardware(name) for name in TYPES}
HARDWARE["m5.large"] = hardware("m5.large", gpus=None)
HAZARDS = st.floats(0, 2)
ADVISOR = read_advisor(
    {
        "ranges": [{"index": 0, "label": "5-10%", "max": 11}],
        "spot_advisor": {REGION: {"Linux": {"g5.xlarge": {"s": 60, "r": 0}}}},
    }
)


def row(usd: str, name: str = "g5.xlarge", zone: str = "us-east-1a") -> RawPrice:
    return RawPrice(
        name, "Linux/UNIX", usd, "2026-11-23T11:00:00Z", zone, f"{zone[:-1]}-az{zone[-1]}"
    )


def priced(one: RawPrice, factor: int) -> RawPrice:
    return one._replace(usd_per_hour=str(Decimal(one.usd_per_hour) * factor / 1024))


def best(rows: Iterable[RawPrice], need: Need | None = None, **wanted: object) -> Shortlist:
    region_risk = wanted.pop("risk_by_region", RegionRisk())
    listed = wanted.pop("on_demand", {})
    facts = Facts(HARDWARE, {REGION: region_risk}, {REGION: listed})  # type: ignore[dict-item]
    table = PriceTable(REGION, list(rows), NOON)
    return shortlist([table], facts, Wanted(need or Need(), **wanted))  # type: ignore[arg-type]


def pools(found: Shortlist) -> list[str]:
    return [f"{each.instance_type}@{each.zone_name}" for each in found.chosen]


def prices(found: Shortlist) -> list[Decimal]:
    return [Decimal(each.row.usd_per_hour) for each in found.chosen]


@st.composite
def markets(draw: st.DrawFn) -> list[RawPrice]:
    """Rows of distinct pools."""
    names = st.tuples(st.sampled_from(TYPES), st.sampled_from("abc"))
    found = draw(st.lists(names, unique=True))
    return [row(str(draw(PRICES)), name, f"{REGION}{zone}") for name, zone in found]


def test_prices_are_ordered_as_numbers_and_not_as_text() -> None:
    texts = ["10.0", "9.5", "0.0900", "0.1", "1", "0.09"]
    rows = [row(usd, zone=f"us-east-1{z}") for usd, z in zip(texts, "abcdef", strict=True)]
    found = prices(best(rows, by=SortBy.PRICE))
    assert found == sorted(found)
    assert found[-1] == 10


@pytest.mark.parametrize("by", list(SortBy))
@given(market=markets(), seed=st.randoms(use_true_random=False))
@pytest.mark.one_in(4)
def test_the_order_of_the_feed_does_not_matter(
    by: SortBy, market: list[RawPrice], seed: Random
) -> None:
    shuffled = list(market)
    seed.shuffle(shuffled)
    region_risk = RegionRisk(hazards={"g5.xlarge": 0.5}, own={("m5.large", "us-east-1a"): 2.0})
    assert best(shuffled, by=by, risk_by_region=region_risk) == best(
        market, by=by, risk_by_region=region_risk
    )


@given(market=markets(), limit=PRICES)
def test_kept_and_refused_are_all(market: list[RawPrice], limit: Decimal) -> None:
    found = best(market, Need(max_spot_usd_per_hour=limit, gpus=1), explain=True)
    together = pools(found) + [each.pool for each in found.refused]
    assert sorted(together) == sorted(f"{each[0]}@{each[4]}" for each in market)
    assert sum(found.refused_by_reason.values()) == len(found.refused)
    assert all(usd <= limit for usd in prices(found))


@given(market=markets(), limit=st.integers(0, 4))
def test_a_limit_shows_the_first_and_counts_the_rest(market: list[RawPrice], limit: int) -> None:
    everything, first = best(market), best(market, limit=limit)
    assert list(first.chosen) == list(everything.chosen)[:limit]
    assert first.found == everything.found == len(market)


@given(
    markets=st.lists(markets(), min_size=1, max_size=2),
    limit=st.none() | st.integers(0, 4),
    by=st.sampled_from(SortBy),
)
def test_by_type_the_best_pool_stands_for_all_that_fit(
    markets: list[list[RawPrice]], limit: int | None, by: SortBy
) -> None:
    own = {("m5.large", f"{REGION}a"): 2.0, ("g5.xlarge", f"{REGION}c"): 9.0}
    tables = [PriceTable(f"us-east-{i}", each, NOON) for i, each in enumerate(markets, 1)]
    facts = Facts(HARDWARE, {REGION: RegionRisk(hazards={"g5.xlarge": 0.5}, own=own)})
    wanted = Wanted(Need(max_spot_usd_per_hour=Decimal(50)), by, limit)
    zones: dict[tuple[str, str], list[str]] = {}
    for each in shortlist(tables, facts, wanted._replace(limit=None)).chosen:
        zones.setdefault((each.instance_type, each.region), []).append(each.zone_name)
    found = best_by_type(tables, facts, wanted)
    assert found.found == sum(map(len, zones.values()))
    assert list(found.zones.items()) == list(zones.items())[:limit]
    assert [(each.instance_type, each.region) for each in found.chosen] == [*found.zones]
    assert all(each.zone_name == found.zones[each[2], each[4]][0] for each in found.chosen)


@given(market=markets(), factor=st.sampled_from([2, 8, 1024]))
def test_a_scale_of_all_prices_changes_no_order(market: list[RawPrice], factor: int) -> None:
    region_risk = RegionRisk(hazards={"g5.xlarge": 0.5}, otherwise=0.1)
    scaled = [priced(one, factor) for one in market]
    down = [priced(one, 1) for one in market]
    assert pools(best(scaled, risk_by_region=region_risk)) == pools(
        best(down, risk_by_region=region_risk)
    )


@given(cheap=PRICES, dear=PRICES, safe=HAZARDS, risky=HAZARDS)
def test_cheaper_and_safer_never_ranks_lower(
    cheap: Decimal, dear: Decimal, safe: float, risky: float
) -> None:
    cheap, dear = sorted((cheap, dear))
    safe, risky = sorted((safe, risky))
    own = {("g5.xlarge", "us-east-1a"): risky, ("g5.xlarge", "us-east-1b"): safe}
    rows = [row(str(dear)), row(str(cheap), zone="us-east-1b")]
    first = best(rows, risk_by_region=RegionRisk(own=own)).chosen[0]
    assert (
        first.zone_name == "us-east-1b"
        or (cheap, safe) == (dear, risky)
        or first.order == (float(cheap) * (1 + safe * Work().lost_hours))
    )


def test_value_weighs_the_price_with_the_hours_that_an_interruption_costs() -> None:
    region_risk = RegionRisk(hazards={"g5.xlarge": 1.0, "g6.xlarge": 0.0})
    rows = [row("0.50"), row("0.65", "g6.xlarge")]
    # Ten minutes of restart and fifteen of lost work: 0.50 x (1 + 25/60) is more than 0.65.
    assert pools(best(rows, risk_by_region=region_risk)) == [
        "g6.xlarge@us-east-1a",
        "g5.xlarge@us-east-1a",
    ]
    assert best(rows, risk_by_region=region_risk).chosen[1].order == pytest.approx(
        0.5 * (1 + 25 / 60)
    )


def test_more_lost_work_makes_risk_dearer() -> None:
    facts = Facts(
        HARDWARE,
        {REGION: RegionRisk(hazards={"g5.xlarge": 0.2, "g6.xlarge": 0.0})},
        work=Work(restart=timedelta(hours=1), checkpoint=timedelta(hours=8)),
    )
    table = PriceTable(REGION, [row("0.50"), row("0.65", "g6.xlarge")], NOON)
    first = shortlist([table], facts, Wanted(Need())).chosen[0]
    assert first.instance_type == "g6.xlarge"


def test_value_is_the_price_while_the_risk_is_unknown() -> None:
    assert prices(best([row("0.2"), row("0.1", zone="us-east-1b")])) == [
        Decimal("0.1"),
        Decimal("0.2"),
    ]


def test_the_unknown_among_the_known_is_taken_for_the_worst_that_was_said() -> None:
    region_risk = RegionRisk(hazards={"g5.xlarge": 0.0}, otherwise=2.0)
    assert pools(best([row("0.40"), row("0.39", "g6.xlarge")], risk_by_region=region_risk))[
        0
    ].startswith("g5")


def test_the_least_risk_is_first_by_risk_and_the_unknown_last() -> None:
    region_risk = RegionRisk(hazards={"g5.xlarge": 0.5, "m5.large": 0.1}, otherwise=1.0)
    rows = [row("0.1", "g6.xlarge"), row("0.2"), row("0.9", "m5.large")]
    assert [
        name.split("@")[0]
        for name in pools(best(rows, by=SortBy.RISK, risk_by_region=region_risk))
    ] == [
        "m5.large",
        "g5.xlarge",
        "g6.xlarge",
    ]


def test_equal_risks_are_ordered_by_price() -> None:
    region_risk = RegionRisk(hazards={"g5.xlarge": 0.5})
    found = best(
        [row("0.2"), row("0.1", zone="us-east-1b")], by=SortBy.RISK, risk_by_region=region_risk
    )
    assert prices(found) == [Decimal("0.1"), Decimal("0.2")]


def test_the_biggest_saving_is_first_by_saving_and_the_unknown_last() -> None:
    listed = {"g5.xlarge": Decimal(1), "g6.xlarge": Decimal("0.2")}
    rows = [row("0.01", "m5.large"), row("0.5"), row("0.15", "g6.xlarge")]
    found = best(rows, by=SortBy.SAVING, on_demand=listed)
    assert [each.instance_type for each in found.chosen] == ["g5.xlarge", "g6.xlarge", "m5.large"]


def test_equal_prices_are_ordered_by_pool_however_they_are_written() -> None:
    rows = [row("0.40", zone="us-east-1c"), row("0.4"), row("0.400", zone="us-east-1b")]
    assert [each.zone_name[-1] for each in best(rows).chosen] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("need", "reason"),
    [
        (Need(zones=("us-east-1b",)), "zone not asked for"),
        (Need(zones=("us-east-1-azb",)), "zone not asked for"),
        (Need(max_spot_usd_per_hour=Decimal("0.3999")), "over your limit of $0.3999/h"),
        (Need(gpus=2), "fewer than 2 GPUs"),
        (Need(max_interruption_percent=10), "how often it is interrupted is not known"),
    ],
)
def test_every_refusal_names_the_pool_and_its_rule(need: Need, reason: str) -> None:
    found = best([row("0.4")], need, explain=True)
    assert found.refused_by_reason == {reason: 1}
    assert [(each.pool, each.reason) for each in found.refused] == [
        ("g5.xlarge@us-east-1a", reason)
    ]


@pytest.mark.parametrize(
    "need",
    [
        Need(zones=("us-east-1a",)),
        Need(zones=("us-east-1-aza",)),
        Need(max_spot_usd_per_hour=Decimal("0.4000")),
        Need(max_interruption_percent=11),
    ],
)
def test_what_is_just_within_the_limits_is_kept(need: Need) -> None:
    region_risk = RegionRisk(bands={"g5.xlarge": Band("5-10%", 11)})
    assert best([row("0.4")], need, risk_by_region=region_risk).found == 1


def test_a_type_that_is_interrupted_too_often_is_refused() -> None:
    region_risk = RegionRisk(bands={"g5.xlarge": Band(">20%", 100)})
    found = best([row("0.4")], Need(max_interruption_percent=10), risk_by_region=region_risk)
    assert found.refused_by_reason == {"interrupted more often than 10 %": 1}


@pytest.mark.parametrize("by", list(SortBy))
def test_a_pool_that_had_no_room_a_moment_ago_comes_last(by: SortBy) -> None:
    region_risk = RegionRisk(cooling={("g5.xlarge", "us-east-1a"): "no room 3 min ago"})
    found = best([row("0.4"), row("0.5", zone="us-east-1b")], risk_by_region=region_risk, by=by)
    assert pools(found) == ["g5.xlarge@us-east-1b", "g5.xlarge@us-east-1a"]


@pytest.mark.parametrize("usd", ["NaN", "-1", "0", "inf", "1e9", "free", ""])
def test_a_price_that_is_none_is_refused_and_not_believed(usd: str) -> None:
    found = best([row(usd), row("0.5", zone="us-east-1b")])
    assert pools(found) == ["g5.xlarge@us-east-1b"]
    assert found.refused_by_reason == {"its price is no price": 1}


def test_a_type_that_nobody_describes_is_refused() -> None:
    assert best([row("1", "x9.huge")]).refused_by_reason == {"EC2 does not describe the type": 1}


def test_the_strictest_rule_is_named_first() -> None:
    rows = [row("0.1", "m5.large"), row("0.1", "m5.large", "us-east-1b"), row("9")]
    found = best(rows, Need(gpus=1, max_spot_usd_per_hour=Decimal(1)))
    assert list(found.refused_by_reason) == ["no GPU", "over your limit of $1.0000/h"]


def test_every_region_has_its_own_odds() -> None:
    west = [row("0.4", zone="us-west-2a")]
    tables = [PriceTable(REGION, [row("0.4")], NOON), PriceTable("us-west-2", west, NOON)]
    region_risk = {
        REGION: RegionRisk(hazards={"g5.xlarge": 1.0}),
        "us-west-2": RegionRisk(otherwise=0.1),
    }
    found = shortlist(tables, replace(Facts(HARDWARE), risk_by_region=region_risk), Wanted(Need()))
    assert [each.region for each in found.chosen] == ["us-west-2", REGION]


@given(
    market=markets(), factor=st.sampled_from([2, 8, 1024]), hazards=st.lists(HAZARDS, min_size=3)
)
def test_a_scale_changes_no_order_whatever_is_known_of_the_pools(
    market: list[RawPrice], factor: int, hazards: list[float]
) -> None:
    own = {
        (one.instance_type, one.zone): hazard for one, hazard in zip(market, hazards, strict=False)
    }
    cooling = dict.fromkeys(list(own)[:1], "no room 3 min ago")
    region_risk = RegionRisk(hazards={"g5.xlarge": 0.5}, otherwise=0.1, own=own, cooling=cooling)
    scaled = [priced(one, factor) for one in market]
    down = [priced(one, 1) for one in market]
    assert pools(best(scaled, risk_by_region=region_risk)) == pools(
        best(down, risk_by_region=region_risk)
    )


@given(
    usd=PRICES,
    score=st.integers(1, 10),
    better=st.integers(0, 9),
    interruptions=st.integers(0, 3),
    more=st.integers(0, 3),
)
def test_a_better_score_and_fewer_interruptions_never_rank_lower(
    usd: Decimal, score: int, better: int, interruptions: int, more: int
) -> None:
    good, bad = "us-east-1b", "us-east-1a"
    seen = {
        ("g5.xlarge", bad): Experience((NOON,) * (interruptions + more), (), 10.0),
        ("g5.xlarge", good): Experience((NOON,) * interruptions, (), 10.0),
    }
    scores = Scores(frozenset({"g5.xlarge"}), {bad: score, good: min(10, score + better)})
    known = Known(ADVISOR, NOON, experiences=seen, scores={REGION: scores})
    region_risk = RiskEstimator(known).region_risk(REGION)
    first, second = best(
        [row(str(usd)), row(str(usd), zone=good)], risk_by_region=region_risk
    ).chosen
    assert first.zone_name == good or first.order == second.order


@pytest.mark.parametrize("zone", ["us-east-1-bos-1a", "us-east-1-wl1-bos-wlz-1"])
@pytest.mark.parametrize("by", [SortBy.VALUE, SortBy.PRICE, SortBy.SAVING])
def test_a_zone_that_is_none_of_the_region_is_last_unless_it_is_named(
    zone: str, by: SortBy
) -> None:
    rows = [row("0.05", zone=zone), row("0.31"), row("0.20", zone="us-east-1b")]
    listed = {"g5.xlarge": Decimal(1)}
    ranked = best(rows, by=by, on_demand=listed).chosen
    assert [each.zone_name for each in ranked] == ["us-east-1b", "us-east-1a", zone]
    [named] = best(rows, Need(zones=(zone,)), by=by, on_demand=listed).chosen
    assert named.zone_name == zone
