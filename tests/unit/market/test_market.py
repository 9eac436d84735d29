"""One look at the market: joined, explained, and no region silently missing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase

import pytest
from tests.unit.model.make import NOON, hardware

from spotkeeper.errors import (
    BadInput,
    ExpiredCredentials,
    Interrupted,
    NoCredentials,
    PermissionDenied,
    RegionNotEnabled,
    SpotkeeperError,
    Unreachable,
)
from spotkeeper.market.feeds import Progress
from spotkeeper.market.market import Market, MarketSnapshot, OnDemand, listed_usd_per_hour
from spotkeeper.model.instance_type import Gpus, InstanceType
from spotkeeper.model.offer import Dated, Refusal, SpotPrice
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool
from spotkeeper.model.price_table import PriceTable, RawPrice

BOTH = ("us-east-1", "eu-west-1")


@dataclass
class World:
    """All three feeds in one: what is sold where, and what each region answers instead."""

    types: Collection[InstanceType] = (hardware("g5.xlarge"), hardware("m5.large", gpus=None))
    listed: Mapping[str, Decimal] = field(default_factory=dict)
    broken: Mapping[str, SpotkeeperError] = field(default_factory=dict)

    def scan(
        self, regions: Sequence[str], globs: Sequence[str], told: Progress | None = None
    ) -> Sequence[PriceTable]:
        return [self._table(region, globs) for region in regions]

    def _table(self, region: str, globs: Sequence[str]) -> PriceTable:
        if region in self.broken:
            return PriceTable(region, (), NOON, self.broken[region])
        rows = [
            RawPrice(row.name, "Linux/UNIX", "0.4", NOON.isoformat(), f"{region}{letter}", "")
            for row in self.types
            for letter in "ab"
            if not globs or any(fnmatchcase(row.name, glob) for glob in globs)
        ]
        return PriceTable(region, rows, NOON)

    def hardware(self, seen: Mapping[str, Collection[str]]) -> Dated[Mapping[str, InstanceType]]:
        return Dated({row.name: row for row in self.types}, NOON - timedelta(days=6))

    def remembered(self) -> Dated[Mapping[str, InstanceType]] | None:
        return self.hardware({}) if self.types else None

    def refuse_unknown(self, globs: Sequence[str]) -> None:
        if unknown := [name for name in globs if not name.startswith(("g", "m", "p"))]:
            raise BadInput(f"{unknown[0]!r} is no type")

    def instance_types(self, region: str, globs: Sequence[str]) -> Dated[Collection[InstanceType]]:
        return Dated(self.types, NOON)

    def current_prices(self, region: str, types: Collection[str]) -> Collection[SpotPrice]:
        return ()

    def histories(
        self,
        regions: Sequence[str],
        globs: Sequence[str],
        since: datetime,
        told: Progress | None = None,
    ) -> Sequence[PriceTable]:
        return self.scan(regions, globs)

    def price_history(
        self, region: str, instance_type: str, zone_name: str, since: datetime
    ) -> Sequence[SpotPrice]:
        return ()

    def on_demand_prices(
        self, region: str, types: Collection[str]
    ) -> Dated[Mapping[str, Decimal]]:
        if region in self.broken:
            raise self.broken[region]
        prices = {name: usd for name, usd in self.listed.items() if name in types}
        return Dated(prices, NOON - timedelta(hours=23))


def market(world: World) -> Market:
    return Market(catalog=world, prices=world, on_demand=world, now=lambda: NOON)


def look(world: World, *globs: str, regions: Sequence[str] = BOTH) -> MarketSnapshot:
    return market(world).look(regions, globs)


def test_every_region_answers_in_the_order_asked() -> None:
    assert [table.region for table in look(World()).tables] == list(BOTH)
    assert [table.region for table in look(World(), regions=BOTH[::-1]).tables] == list(BOTH[::-1])


def test_the_hardware_of_every_type_on_sale_is_known_and_its_age() -> None:
    snapshot = look(World(), "g5.*")
    assert snapshot.hardware.as_of == NOON - timedelta(days=6)
    assert set(snapshot.hardware.value) == {"g5.xlarge"}


def test_hardware_is_repaired() -> None:
    row = hardware("p5en.48xlarge", gpus=Gpus("H100", "NVIDIA", 8, 1024))
    found = look(World(types=[row])).hardware.value["p5en.48xlarge"]
    (listed,) = market(World(types=[row])).hardware("us-east-1", ()).value
    assert found == listed
    assert found.gpus is not None
    assert found.gpus.name == "H200"


def test_list_prices_keep_their_age_and_an_unknown_one_stays_unknown() -> None:
    world = World(listed={"g5.xlarge": Decimal("1.006")})
    found = market(world).on_demand({"us-east-1": {"g5.xlarge", "m5.large"}})["us-east-1"]
    assert found.value == {"g5.xlarge": Decimal("1.006")}
    assert found.as_of == NOON - timedelta(hours=23)


def test_list_prices_that_do_not_come_are_unknown() -> None:
    world = World(broken={"eu-west-1": Unreachable("no answer")})
    found = market(world).on_demand({"us-east-1": {"g5.xlarge"}, "eu-west-1": {"g5.xlarge"}})
    assert found["eu-west-1"].value == {}


def test_an_exact_name_that_a_region_does_not_sell_is_refused_there() -> None:
    snapshot = look(World(), "p5.48xlarge", "g5.xlarge", regions=["us-east-1"])
    assert snapshot.missing == (
        Refusal("p5.48xlarge@us-east-1", "not offered as Spot in this region"),
    )


def test_a_name_that_is_no_type_is_an_error() -> None:
    with pytest.raises(BadInput, match=r"x9\.huge"):
        look(World(), "x9.huge")


@pytest.mark.parametrize("glob", ["p5.*", "p5.?xlarge", "p[45].48xlarge", "x9.*"])
def test_a_pattern_that_matches_nothing_is_no_refusal(glob: str) -> None:
    assert look(World(), glob).missing == ()


@pytest.mark.parametrize(
    "problem", [Unreachable("no answer"), RegionNotEnabled("opt in"), Interrupted("stopped")]
)
def test_a_region_that_fails_is_reported_beside_the_others(problem: SpotkeeperError) -> None:
    snapshot = look(World(broken={"eu-west-1": problem}))
    assert [len(table.rows) for table in snapshot.tables] == [4, 0]
    assert snapshot.problems == (f"eu-west-1: {problem.message}",)


def test_of_a_region_that_did_not_answer_nobody_knows_what_it_sells() -> None:
    snapshot = look(World(broken={"eu-west-1": Unreachable("no answer")}), "g5.xlarge")
    assert snapshot.missing == ()


def test_after_ctrl_c_nobody_is_asked_whether_a_name_exists() -> None:
    stopped = World(types=(), broken={"eu-west-1": Interrupted("stopped")})
    assert look(stopped, "x9.huge").interrupted
    with pytest.raises(BadInput):
        look(World(types=(), broken={"eu-west-1": Unreachable("no answer")}), "x9.huge")


@pytest.mark.parametrize("problem", [NoCredentials("who?"), ExpiredCredentials("old")])
def test_what_would_fail_everywhere_is_raised(problem: SpotkeeperError) -> None:
    with pytest.raises(type(problem), match=problem.message):
        look(World(broken={"eu-west-1": problem}))


def test_where_no_region_answers_the_first_problem_is_raised() -> None:
    broken = {"us-east-1": PermissionDenied("may not"), "eu-west-1": Unreachable("no answer")}
    with pytest.raises(PermissionDenied, match="may not"):
        look(World(broken=broken))


def test_no_region_is_an_empty_market() -> None:
    assert look(World(), regions=[]).tables == []


def test_many_regions_all_answer() -> None:
    names = [f"xx-test-{n}" for n in range(40)]
    assert [table.region for table in look(World(), regions=names).tables] == names
    assert len(market(World()).on_demand(dict.fromkeys(names, ()))) == 40


def test_remembered_hardware_is_repaired_like_any_other() -> None:
    wrong = hardware("p5en.48xlarge", gpus=Gpus("NVIDIA", "NVIDIA", 8, 144_384))
    kept = market(World(types=[wrong])).remembered()
    assert kept is not None
    assert kept.value["p5en.48xlarge"].gpus == Gpus("H200", "NVIDIA", 8, 144_384)
    assert kept.as_of == NOON - timedelta(days=6)
    assert market(World(types=[])).remembered() is None


def test_a_name_can_be_refused_without_a_look() -> None:
    with pytest.raises(BadInput):
        market(World()).refuse_unknown(["x9.huge"])


@pytest.mark.world("price facts", by="users' reports")
def test_the_list_price_of_a_region_is_none_of_its_local_zones() -> None:
    listed: OnDemand = {"us-west-2": Dated({"c5.large": Decimal("0.085")}, NOON)}
    prices = [
        listed_usd_per_hour(listed, Pool("c5.large", Zone(region, zone)))
        for region, zone in (
            ("us-west-2", "us-west-2a"),
            ("us-west-2", "us-west-2-lax-1a"),
            ("us-west-2", "us-west-2"),
            ("us-east-1", "us-east-1a"),
        )
    ]
    assert prices == [Decimal("0.085"), None, Decimal("0.085"), None]
