"""What is known of pools: prices now, the Spot Advisor, our own machines, placement scores."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from spotkeeper.errors import SpotkeeperError, Unreachable
from spotkeeper.keeper.edges import Edges
from spotkeeper.market import market
from spotkeeper.market.advisor import Advisor
from spotkeeper.market.feeds import PriceFeed, QuotaFeed
from spotkeeper.market.risk import (
    ENOUGH_TYPES,
    Experiences,
    Known,
    RiskEstimator,
    Scores,
    comparable,
    groups,
)
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.offer import Dated, SpotPrice
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool, types_by_region
from spotkeeper.model.price_table import PriceTable
from spotkeeper.model.quota import QuotaFamily, SpotQuota, quota_family
from spotkeeper.model.risk import RegionRisk, Work

if TYPE_CHECKING:
    from spotkeeper.model.machine import Machine


@dataclass(frozen=True)
class Risk:
    """The odds of every region that is searched; the times are those of the facts behind them."""

    known: Known
    regions: Sequence[str]
    advised_at: datetime | None = None
    scored_at: datetime | None = None
    warnings: tuple[str, ...] = ()

    @property
    def maker(self) -> RiskEstimator:
        """What makes odds of all that is known."""
        return RiskEstimator(self.known)

    @cached_property
    def risk_by_region(self) -> Mapping[str, RegionRisk]:
        """The odds by region."""
        maker = self.maker
        return {region: maker.region_risk(region) for region in self.regions}


def known_risk(edges: Edges, regions: Sequence[str], work: Work) -> Risk:
    """All that is known without a question about single pools; without the Spot Advisor's feed,
    our own experience is left, and the warning says why."""
    now = edges.clock.now()
    experiences = _own(edges, now)
    try:
        advice = edges.advisor.advice(regions)
    except Unreachable as problem:
        told = f"interruption rates are not known: {problem.message}"
        return Risk(Known(Advisor(), now, work, experiences), regions, warnings=(told,))
    return Risk(Known(advice.value, now, work, experiences), regions, advice.as_of)


def _own(edges: Edges, now: datetime) -> Experiences:
    """What happened to our own machines."""
    if not edges.journal.names():
        return {}
    from spotkeeper.keeper.experience import learnt  # nothing to learn, nothing to import

    return learnt(edges.journal, now)


def scored(
    edges: Edges, risk: Risk, tables: Sequence[PriceTable], ranked: Sequence[InstanceType]
) -> Risk:
    """The risk with the placement scores of the best types; a question that fails is a warning."""
    names = comparable(ranked)
    if len(names) < ENOUGH_TYPES:
        return _warned(
            risk,
            f"placement scores are not known: only {len(names)} different types of one "
            f"architecture fit, and a score of fewer than {ENOUGH_TYPES} says nothing",
        )
    zones = {table.region: {row[5]: row[4] for row in table.rows} for table in tables}
    found: dict[str, Scores] = {}
    oldest = risk.known.now
    for group in groups([region for region, rows in zones.items() if rows]):
        try:
            answer = edges.scores.scores(names, group)
        except SpotkeeperError as problem:
            risk = _warned(risk, f"placement scores are not known: {problem.message}")
            break
        oldest = min(oldest, answer.as_of)
        for region in group:
            ids = zones[region].items()
            by_zone = {z: s for i, z in ids if (s := answer.value.by_zone_id.get(i)) is not None}
            found[region] = Scores(answer.value.types, by_zone)
    return replace(risk, known=replace(risk.known, scores=found), scored_at=oldest)


def _warned(risk: Risk, told: str) -> Risk:
    return replace(risk, warnings=(*risk.warnings, told))


#: A type and its region: a quota counts for both.
TypeInRegion = tuple[InstanceType, str]
FamilyInRegion = tuple[QuotaFamily, str]


@dataclass(frozen=True, slots=True)
class Quotas:
    """The quotas that are known, by family and region, and what must be said of them."""

    known: Mapping[FamilyInRegion, Dated[SpotQuota]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def of(self, instance_type: str, region: str) -> Dated[SpotQuota] | None:
        """The quota that a type counts against in a region."""
        family = quota_family(instance_type)
        return self.known.get((family, region)) if family else None


def looked_up(feed: QuotaFeed, shown: Iterable[TypeInRegion], *, ask: bool) -> Quotas:
    """The quotas of the types that are shown, each asked for once, side by side; only those that
    are remembered without ``ask``. What cannot be had is said once and unknown."""
    needed: dict[FamilyInRegion, int] = {}
    for hardware, region in shown:
        if family := quota_family(hardware.name):
            least = needed.get((family, region), hardware.vcpus)
            needed[family, region] = min(least, hardware.vcpus)
    known, problems = _answers(feed, list(needed), ask=ask)
    told = [f"Spot quotas are not known: {each.message}" for each in problems[:1]]
    told += [
        _too_small(family, region, known[family, region].value)
        for (family, region), vcpus in needed.items()
        if (family, region) in known and known[family, region].value.free_vcpus < vcpus
    ]
    return Quotas(known, tuple(told))


def _answers(
    feed: QuotaFeed, asked: Sequence[FamilyInRegion], *, ask: bool
) -> tuple[dict[FamilyInRegion, Dated[SpotQuota]], list[SpotkeeperError]]:
    def answer(of: FamilyInRegion) -> Dated[SpotQuota] | SpotkeeperError | None:
        family, region = of
        try:
            return feed.spot_quota(region, family, ask=ask)
        except SpotkeeperError as problem:
            return problem

    answers = market.answers(answer, asked)
    known = {of: found for of, found in answers.items() if isinstance(found, Dated)}
    return known, [one for one in answers.values() if isinstance(one, SpotkeeperError)]


def _too_small(family: QuotaFamily, region: str, quota: SpotQuota) -> str:
    return (
        f"your {family.short_name} quota in {region} leaves {quota.free_vcpus} of "
        f"{quota.limit_vcpus} vCPUs: `spot doctor` says how to raise it"
    )


def pool_of(machine: Machine) -> Pool:
    """Where a machine is, or may come to be; empty names are of what nobody knows."""
    return Pool(machine.instance_type or "", Zone(machine.region, machine.zone_name or ""))


def prices_now(
    machines: Iterable[Machine], prices: PriceFeed, listed: market.Market
) -> dict[Pool, tuple[Decimal | None, Decimal | None]]:
    """The Spot and the On-Demand price of each machine's pool; what nobody tells is unknown."""
    pools = {pool_of(machine) for machine in machines}
    spot, on_demand = spot_now(pools, prices), listed.on_demand(types_by_region(pools))
    return {pool: (spot.get(pool), market.listed_usd_per_hour(on_demand, pool)) for pool in pools}


def spot_now(pools: Collection[Pool], prices: PriceFeed) -> dict[Pool, Decimal]:
    """The Spot prices of pools; one that nobody tells is left out."""

    def answer(region: str) -> Collection[SpotPrice]:
        with suppress(SpotkeeperError):
            return prices.current_prices(region, types[region])
        return ()

    types = types_by_region(pools)
    told = {
        (price.pool.instance_type, price.pool.zone.name): price.usd_per_hour
        for found in market.answers(answer, types).values()
        for price in found
    }
    places = {each: (each.instance_type, each.zone.name) for each in pools}
    return {pool: told[place] for pool, place in places.items() if place in told}
