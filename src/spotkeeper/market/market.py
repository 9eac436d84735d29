"""The folder's one door: what is on sale in several regions, and all that is known of it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from spotkeeper.errors import LOGGED_OUT, Interrupted, SpotkeeperError, by_reason
from spotkeeper.market.feeds import CatalogFeed, OnDemandFeed, PriceFeed, Progress
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.offer import Dated, Refusal
from spotkeeper.model.pool import Pool
from spotkeeper.model.price_table import PriceTable

K = TypeVar("K")
V = TypeVar("V")

#: Every region is its own endpoint with its own throttle.
AT_ONCE = 16


def answers(ask: Callable[[K], V], keys: Iterable[K]) -> dict[K, V]:
    """The answer to every key, in the order of the keys.

    Raises:
        Exception: what ``ask`` raised for the first key that it raised anything for.
    """
    asked = list(dict.fromkeys(keys))
    return _side_by_side(ask, asked) if len(asked) > 1 else {key: ask(key) for key in asked}


def _side_by_side(ask: Callable[[K], V], asked: Sequence[K]) -> dict[K, V]:
    found: dict[K, V] = {}
    raised: dict[K, Exception] = {}
    waiting: SimpleQueue[K] = SimpleQueue()
    for key in asked:
        waiting.put(key)

    def work() -> None:
        for key in _taken(waiting):
            try:
                found[key] = ask(key)
            except Exception as problem:  # raised again below, where somebody hears of it
                raised[key] = problem

    threads: list[Thread] = []
    # What is remembered is answered before a second thread is started.
    while len(threads) < AT_ONCE and not waiting.empty():
        threads.append(Thread(target=work, daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join()
    if first := next((raised[key] for key in asked if key in raised), None):
        raise first
    return {key: found[key] for key in asked}


def _taken(waiting: "SimpleQueue[K]") -> Iterator[K]:
    while True:
        try:
            yield waiting.get_nowait()
        except Empty:
            return


#: Families whose GPU EC2 names wrongly or too broadly.
GPU_NAMES: Mapping[str, str] = {"p5en": "H200", "p4de": "A100-80GB", "p3dn": "V100-32GB"}

#: Types whose GPU count EC2 reports wrongly.
GPU_COUNTS: Mapping[str, int] = {"p5.4xlarge": 1}


#: What makes a type's name a pattern.
WILDCARDS = frozenset("*?[")


def exact_names(globs: Iterable[str]) -> list[str]:
    """Those that name one type and are no pattern."""
    return [glob for glob in globs if not WILDCARDS & set(glob)]


#: Memory of the whole GPU of which g6f and gr6f give a fraction (L4).
L4_MIB = 22_888


def repaired(found: InstanceType) -> InstanceType:
    """The type with the name, count and share of its GPUs as the hardware really has them."""
    gpus = found.gpus
    if gpus is None:
        return found
    share, memory_mib = gpus.share, gpus.memory_mib_each
    if gpus.count == 0 and share >= 1:  # an older answer that does not name the fraction
        share = memory_mib / L4_MIB
    if share < 1 and not memory_mib:  # an answer that names nothing else
        memory_mib = round(L4_MIB * share)
    count = 0 if share < 1 else GPU_COUNTS.get(found.name, gpus.count)
    name = GPU_NAMES.get(found.family, gpus.name)
    right = replace(gpus, name=name, count=count, share=share, memory_mib_each=memory_mib)
    return replace(found, gpus=right)


OnDemand = Mapping[str, Dated[Mapping[str, Decimal]]]


@dataclass(frozen=True, slots=True)
class MarketSnapshot:
    """One look at the market: prices of all regions, and the hardware of every type in them."""

    tables: Sequence[PriceTable]
    hardware: Dated[Mapping[str, InstanceType]]
    missing: tuple[Refusal, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Which regions did not answer, or not to the end, and why; and what is not described."""
        told = by_reason((each.region, each.problem) for each in self.tables if each.problem)
        lost = self.hardware.problem
        return (*told, f"not every type is described: {lost.message}") if lost else told

    @property
    def interrupted(self) -> bool:
        """Whether somebody did not want to wait for the rest."""
        return was_interrupted(self.tables)


@dataclass(frozen=True, slots=True)
class Histories:
    """The changes of price of several regions, and what they do not sell."""

    tables: Sequence[PriceTable]
    missing: tuple[Refusal, ...] = ()

    @property
    def interrupted(self) -> bool:
        """Whether somebody did not want to wait for the rest."""
        return was_interrupted(self.tables)


class Market:
    """Joins prices, hardware and On-Demand prices."""

    def __init__(
        self,
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
    ) -> MarketSnapshot:
        """Ask every region for its prices; one that fails is answered with its problem.

        Raises:
            SpotkeeperError: nobody is logged in, or no region answered at all.
            BadInput: a type name exists in no region.
        """
        tables = self._prices.scan(regions, globs, told)
        seen = self._types_on_sale(tables, globs)
        sold = set().union(*seen.values())
        listed = self._catalog.hardware(seen)
        hardware = {name: repaired(row) for name, row in listed.value.items() if name in sold}
        missing = tuple(_not_offered(tables, seen, globs))
        return MarketSnapshot(tables, replace(listed, value=hardware), missing)

    def histories(
        self,
        regions: Sequence[str],
        globs: Sequence[str],
        since: datetime,
        *,
        told: Progress | None = None,
    ) -> Histories:
        """Every change of price since a moment, from the prices in effect then on.

        Raises:
            SpotkeeperError: nobody is logged in, or no region answered at all.
            BadInput: a type name exists in no region.
        """
        tables = self._prices.histories(regions, globs, since, told)
        seen = self._types_on_sale(tables, globs)
        return Histories(tables, tuple(_not_offered(tables, seen, globs)))

    def _types_on_sale(
        self, tables: Sequence[PriceTable], globs: Sequence[str]
    ) -> dict[str, set[str]]:
        """The types of each region's rows; refuses silence, and names that no type has."""
        _refuse_silence(tables)
        seen = {table.region: table.types for table in tables}
        on_sale = seen.values()
        unsold = [n for n in exact_names(globs) if not any(n in names for names in on_sale)]
        if unsold and not was_interrupted(tables):
            self._catalog.refuse_unknown(unsold)
        return seen

    def hardware(self, region: str, globs: Sequence[str]) -> Dated[tuple[InstanceType, ...]]:
        """The types of a region whose name matches a glob, as the hardware really is."""
        listed = self._catalog.instance_types(region, globs)
        return Dated(tuple(repaired(row) for row in listed.value), listed.as_of)

    def remembered(self) -> Dated[Mapping[str, InstanceType]] | None:
        """The hardware that is known without a question, as it really is."""
        kept = self._catalog.remembered()
        if kept is None:
            return None
        return Dated({name: repaired(row) for name, row in kept.value.items()}, kept.as_of)

    def refuse_unknown(self, names: Sequence[str]) -> None:
        """Refuse type names that exist nowhere.

        Raises:
            BadInput: with the nearest.
        """
        self._catalog.refuse_unknown(names)

    def on_demand(self, types: Mapping[str, Collection[str]]) -> OnDemand:
        """List prices by region and type; a region that does not answer has none.

        Keys that EC2 takes the Price List may refuse: it is in the commercial partition alone.
        """

        def answer(region: str) -> Dated[Mapping[str, Decimal]]:
            try:
                return self._on_demand.on_demand_prices(region, types[region])
            except SpotkeeperError as problem:
                return Dated({}, self._now(), problem)

        return answers(answer, types)


def listed_usd_per_hour(listed: OnDemand, pool: Pool) -> Decimal | None:
    """The On-Demand price of a pool, where it is known: Local Zones have their own."""
    prices = listed.get(pool.zone.region)
    return prices.value.get(pool.instance_type) if prices and not pool.zone.is_local else None


def unlisted(listed: OnDemand) -> tuple[str, ...]:
    """Where On-Demand prices are not known, and why."""
    problems = by_reason((region, each.problem) for region, each in listed.items() if each.problem)
    return tuple(f"On-Demand prices are not known: {each}" for each in problems)


def _refuse_silence(tables: Sequence[PriceTable]) -> None:
    """Where nobody is logged in, or nobody answered, there is no market to show.

    That one region does not take the keys is said of it: it may not be enabled.
    """
    problems = [table.problem for table in tables if table.problem]
    silent = len(problems) == len(tables)
    if silent and any(isinstance(problem, Interrupted) for problem in problems):
        silent = not any(table.rows for table in tables)  # what has arrived is shown
    logged_out = [problem for problem in problems if isinstance(problem, LOGGED_OUT)]
    if logged_out or (silent and problems):
        raise (*logged_out, *problems)[0]


def was_interrupted(tables: Iterable[PriceTable]) -> bool:
    """Whether somebody did not want to wait for all regions."""
    return any(isinstance(table.problem, Interrupted) for table in tables)


def _not_offered(
    tables: Iterable[PriceTable], seen: Mapping[str, Collection[str]], globs: Sequence[str]
) -> Iterable[Refusal]:
    """The exact names that a region does not sell, as far as it answered to the end."""
    for table in tables:
        for name in exact_names(globs):
            if name not in seen[table.region] and not table.problem:
                yield Refusal(f"{name}@{table.region}", "not offered as Spot in this region")
