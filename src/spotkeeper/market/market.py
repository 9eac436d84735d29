"""The folder's one door: offers of several regions at once, each with its sources."""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from spotkeeper.errors import BadInput, Scope, SpotkeeperError
from spotkeeper.market.catalog import exact_names, repaired
from spotkeeper.market.feeds import CatalogFeed, OnDemandFeed, PriceFeed
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.offer import Dated, Offer, Refusal, Source

#: Every region is its own endpoint with its own throttle, so they are asked side by side.
MAX_REGIONS_AT_ONCE = 16

#: Splits the types of a region into those worth a price and the refused rest.
Sift = Callable[[str, Iterable[InstanceType]], tuple[Sequence[InstanceType], Sequence[Refusal]]]


@dataclass(frozen=True, slots=True)
class RegionAnswer:
    """What one region offers, or why it did not answer."""

    region: str
    offers: tuple[Offer, ...] = ()
    refused: tuple[Refusal, ...] = ()
    problem: SpotkeeperError | None = None


class Market:
    """Joins catalog, Spot and On-Demand prices into offers."""

    def __init__(
        self,
        *,
        catalog: CatalogFeed,
        prices: PriceFeed,
        on_demand: OnDemandFeed,
        now: Callable[[], datetime],
    ) -> None:
        self._catalog = catalog
        self._prices = prices
        self._on_demand = on_demand
        self._now = now

    def offers(
        self, regions: Sequence[str], globs: Sequence[str], *, sift: Sift
    ) -> tuple[RegionAnswer, ...]:
        """Ask every region; one that fails is answered with its problem, never dropped.

        Raises:
            BadInput: a type name exists in no region; nobody is logged in (those would fail
                everywhere alike).
        """

        def answer(region: str) -> RegionAnswer:
            try:
                return self._region(region, globs, sift)
            except SpotkeeperError as problem:
                if isinstance(problem, BadInput) or problem.scope is Scope.CREDENTIALS:
                    raise
                return RegionAnswer(region, problem=problem)

        with ThreadPoolExecutor(min(MAX_REGIONS_AT_ONCE, len(regions) or 1)) as pool:
            return tuple(pool.map(answer, regions))

    def hardware(self, region: str, globs: Sequence[str]) -> Dated[tuple[InstanceType, ...]]:
        """The types of a region whose name matches a glob, as the hardware really is."""
        listed = self._catalog.instance_types(region, globs)
        return Dated(tuple(repaired(row) for row in listed.value), listed.as_of)

    def _region(self, region: str, globs: Sequence[str], sift: Sift) -> RegionAnswer:
        found = self.hardware(region, globs)
        kept, sifted = sift(region, found.value)
        refused = (*sifted, *_not_offered(region, globs, found.value))
        if not kept:
            return RegionAnswer(region, refused=refused)
        by_name = {row.name: row for row in kept}
        spot = self._prices.current_prices(region, by_name.keys())
        on_demand = self._on_demand.on_demand_prices(region, by_name.keys())
        sources = (
            Source("spot_usd_per_hour", "ec2:DescribeSpotPriceHistory", self._now()),
            Source("hardware", "ec2:DescribeInstanceTypes", found.as_of),
            Source("on_demand_usd_per_hour", "pricing:GetProducts", on_demand.as_of),
        )
        offers = tuple(
            Offer(by_name[name], price, on_demand.value.get(name), sources)
            for price in spot
            if (name := price.pool.instance_type)
        )
        priced = {offer.pool.instance_type for offer in offers}
        unpriced = (
            Refusal(f"{name}@{region}*", "no Spot price in this region")
            for name in by_name
            if name not in priced
        )
        return RegionAnswer(region, offers, (*refused, *unpriced))


def _not_offered(
    region: str, globs: Sequence[str], found: Iterable[InstanceType]
) -> tuple[Refusal, ...]:
    """The exact names that the region does not have."""
    names = {row.name for row in found}
    return tuple(
        Refusal(f"{glob}@{region}*", "not offered in this region")
        for glob in exact_names(globs)
        if glob not in names
    )


def problems(answers: Collection[RegionAnswer]) -> tuple[str, ...]:
    """One line per region that did not answer."""
    return tuple(f"{each.region}: {each.problem.message}" for each in answers if each.problem)
