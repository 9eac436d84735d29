"""Offers of several regions: joined, explained, and never silently missing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase

import pytest
from tests.unit.model.make import NOON, hardware, pool

from spotkeeper.errors import (
    BadInput,
    ExpiredCredentials,
    NoCredentials,
    PermissionDenied,
    RegionNotEnabled,
    SpotkeeperError,
    Unreachable,
)
from spotkeeper.market.market import Market, RegionAnswer, problems
from spotkeeper.model.instance_type import Gpus, InstanceType
from spotkeeper.model.offer import Dated, Refusal, SpotPrice

BOTH = ("us-east-1", "eu-west-1")


@dataclass
class World:
    """All three feeds in one: what exists where, and what each region answers instead."""

    types: Collection[InstanceType] = (hardware("g5.xlarge"), hardware("m5.large", gpus=None))
    unpriced: frozenset[str] = frozenset()
    listed: Mapping[str, Decimal] = field(default_factory=dict)
    broken: Mapping[str, SpotkeeperError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def instance_types(self, region: str, globs: Sequence[str]) -> Dated[Collection[InstanceType]]:
        if region in self.broken:
            raise self.broken[region]
        found = [
            row for row in self.types if not globs or any(fnmatchcase(row.name, g) for g in globs)
        ]
        return Dated(found, NOON - timedelta(days=6))

    def current_prices(self, region: str, types: Collection[str]) -> Collection[SpotPrice]:
        self.asked += sorted(types)
        return [
            SpotPrice(pool(name, f"{region}{letter}"), Decimal("0.4"), NOON)
            for name in types
            for letter in "ab"
            if name not in self.unpriced
        ]

    def price_history(
        self, region: str, instance_type: str, zone_name: str, since: datetime
    ) -> Sequence[SpotPrice]:
        return ()

    def on_demand_prices(
        self, region: str, types: Collection[str]
    ) -> Dated[Mapping[str, Decimal]]:
        prices = {name: usd for name, usd in self.listed.items() if name in types}
        return Dated(prices, NOON - timedelta(hours=23))


def keep_all(
    _region: str, rows: Iterable[InstanceType]
) -> tuple[Sequence[InstanceType], Sequence[Refusal]]:
    return list(rows), ()


def keep_gpus(
    region: str, rows: Iterable[InstanceType]
) -> tuple[Sequence[InstanceType], Sequence[Refusal]]:
    found = list(rows)
    refused = [Refusal(f"{row.name}@{region}*", "no GPU") for row in found if not row.gpus]
    return [row for row in found if row.gpus], refused


def market(world: World) -> Market:
    return Market(catalog=world, prices=world, on_demand=world, now=lambda: NOON)


def answers(world: World, *globs: str, regions: Sequence[str] = BOTH) -> tuple[RegionAnswer, ...]:
    return market(world).offers(regions, globs, sift=keep_all)


def test_every_region_answers_in_the_order_asked() -> None:
    assert [each.region for each in answers(World())] == list(BOTH)
    assert [each.region for each in answers(World(), regions=BOTH[::-1])] == list(BOTH[::-1])


def test_an_offer_joins_hardware_spot_and_on_demand_price() -> None:
    world = World(listed={"g5.xlarge": Decimal("1.006")})
    (east,) = answers(world, "g5.*", regions=["us-east-1"])
    offer = east.offers[0]
    assert offer.hardware.name == "g5.xlarge"
    assert offer.spot_usd_per_hour == Decimal("0.4")
    assert offer.on_demand_usd_per_hour == Decimal("1.006")
    assert [str(each.pool) for each in east.offers] == [
        "g5.xlarge@us-east-1a",
        "g5.xlarge@us-east-1b",
    ]


def test_an_unknown_on_demand_price_stays_unknown() -> None:
    assert answers(World())[0].offers[0].on_demand_usd_per_hour is None


def test_every_fact_names_its_source_and_its_own_age() -> None:
    sources = answers(World())[0].offers[0].sources
    assert all(":" in source.origin for source in sources)
    assert {source.fact: NOON - source.as_of for source in sources} == {
        "spot_usd_per_hour": timedelta(0),
        "hardware": timedelta(days=6),
        "on_demand_usd_per_hour": timedelta(hours=23),
    }


def test_hardware_is_repaired_before_it_is_sifted() -> None:
    row = hardware("p5en.48xlarge", gpus=Gpus("H100", "NVIDIA", 8, 1024))
    (found,) = market(World(types=[row])).hardware("us-east-1", ()).value
    assert found.gpus is not None
    assert found.gpus.name == "H200"


def test_types_that_are_sifted_out_are_not_priced_and_keep_their_reason() -> None:
    world = World()
    (east,) = market(world).offers(["us-east-1"], (), sift=keep_gpus)
    assert world.asked == ["g5.xlarge"]
    assert east.refused == (Refusal("m5.large@us-east-1*", "no GPU"),)


def test_nothing_is_priced_where_no_type_is_left() -> None:
    world = World(types=[hardware("m5.large", gpus=None)])
    (east,) = market(world).offers(["us-east-1"], (), sift=keep_gpus)
    assert world.asked == []
    assert east.offers == ()
    assert len(east.refused) == 1


def test_a_type_without_a_spot_price_is_refused_and_not_forgotten() -> None:
    (east,) = answers(World(unpriced=frozenset({"m5.large"})), regions=["us-east-1"])
    assert east.refused == (Refusal("m5.large@us-east-1*", "no Spot price in this region"),)
    assert {offer.pool.instance_type for offer in east.offers} == {"g5.xlarge"}


def test_an_exact_name_that_a_region_does_not_have_is_refused_there() -> None:
    (east,) = answers(World(), "p5.48xlarge", "g5.xlarge", regions=["us-east-1"])
    assert east.refused == (Refusal("p5.48xlarge@us-east-1*", "not offered in this region"),)
    assert len(east.offers) == 2


@pytest.mark.parametrize("glob", ["p5.*", "p5.?xlarge", "p[45].48xlarge"])
def test_a_pattern_that_matches_nothing_is_no_refusal(glob: str) -> None:
    (east,) = answers(World(), glob, regions=["us-east-1"])
    assert east == RegionAnswer("us-east-1")


@pytest.mark.parametrize(
    "problem", [Unreachable("no answer"), RegionNotEnabled("opt in"), PermissionDenied("no")]
)
def test_a_region_that_fails_is_reported_beside_the_others(problem: SpotkeeperError) -> None:
    east, west = answers(World(broken={"eu-west-1": problem}))
    assert len(east.offers) == 4
    assert west == RegionAnswer("eu-west-1", problem=problem)
    assert problems([east, west]) == (f"eu-west-1: {problem.message}",)


@pytest.mark.parametrize(
    "problem", [BadInput("no such type"), NoCredentials("who?"), ExpiredCredentials("old")]
)
def test_what_would_fail_everywhere_is_raised(problem: SpotkeeperError) -> None:
    with pytest.raises(type(problem), match=problem.message):
        answers(World(broken={"eu-west-1": problem}))


def test_no_region_is_no_offer() -> None:
    assert answers(World(), regions=[]) == ()


def test_more_regions_than_threads_all_answer() -> None:
    names = [f"xx-test-{n}" for n in range(40)]
    assert [each.region for each in answers(World(), regions=names)] == names
