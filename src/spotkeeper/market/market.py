"""The folder's one door: what is on sale in several regions, and all that is known of it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from spotkeeper.errors import Scope, SpotkeeperError
from spotkeeper.market.catalog import exact_names, repaired
from spotkeeper.market.feeds import CatalogFeed, OnDemandFeed, PriceFeed, Progress
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.offer import Dated, Refusal
from spotkeeper.model.price_table import PriceTable

#: Every region is its own endpoint with its own throttle, so they are asked side by side.
MAX_REGIONS_AT_ONCE = 16

OnDemand = Mapping[str, Dated[Mapping[str, Decimal]]]


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at the market: prices of all regions, and the hardware of every type in them."""

    tables: Sequence[PriceTable]
    hardware: Dated[Mapping[str, InstanceType]]
    missing: tuple[Refusal, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """One line per region that did not answer, or not to the end."""
        return tuple(
            f"{table.region}: {table.problem.message}" for table in self.tables if table.problem
        )


class Market:
    """Joins prices, hardware and On-Demand prices."""

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

    def look(
        self, regions: Sequence[str], globs: Sequence[str], *, told: Progress | None = None
    ) -> Sight:
        """Ask every region for its prices; one that fails is answered with its problem.

        Raises:
            SpotkeeperError: nobody is logged in, or no region answered at all.
            BadInput: a type name exists in no region.
        """
        tables = self._prices.scan(regions, globs, told)
        _refuse_silence(tables)
        seen = {table.region: {row[0] for row in table.rows} for table in tables}
        sold = set().union(*seen.values())
        if unsold := [name for name in exact_names(globs) if name not in sold]:
            self._catalog.refuse_unknown(unsold)
        listed = self._catalog.hardware(seen)
        hardware = {name: repaired(row) for name, row in listed.value.items() if name in sold}
        return Sight(tables, Dated(hardware, listed.as_of), tuple(_not_offered(seen, globs)))

    def hardware(self, region: str, globs: Sequence[str]) -> Dated[tuple[InstanceType, ...]]:
        """The types of a region whose name matches a glob, as the hardware really is."""
        listed = self._catalog.instance_types(region, globs)
        return Dated(tuple(repaired(row) for row in listed.value), listed.as_of)

    def on_demand(self, types: Mapping[str, Collection[str]]) -> OnDemand:
        """List prices by region and type; a region that does not answer has none."""

        def answer(region: str) -> Dated[Mapping[str, Decimal]]:
            try:
                return self._on_demand.on_demand_prices(region, types[region])
            except SpotkeeperError as problem:
                if problem.scope is Scope.CREDENTIALS:
                    raise
                return Dated({}, self._now())

        with ThreadPoolExecutor(min(MAX_REGIONS_AT_ONCE, len(types) or 1)) as pool:
            return dict(zip(types, pool.map(answer, types), strict=True))


def _refuse_silence(tables: Sequence[PriceTable]) -> None:
    """Where nobody is logged in, or nobody answered, there is no market to show."""
    problems = [table.problem for table in tables if table.problem]
    for problem in problems:
        if problem.scope is Scope.CREDENTIALS or len(problems) == len(tables):
            raise problem


def _not_offered(seen: Mapping[str, Collection[str]], globs: Sequence[str]) -> Iterable[Refusal]:
    """The exact names that a region does not sell."""
    for region, names in seen.items():
        for name in exact_names(globs):
            if name not in names:
                yield Refusal(f"{name}@{region}*", "not offered as Spot in this region")
