"""Everything of the account in all regions, judged by what this computer remembers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache, partial

from spotkeeper.errors import (
    CredentialsProblem,
    PermissionDenied,
    RegionNotEnabled,
    SpotkeeperError,
)
from spotkeeper.keeper import regions
from spotkeeper.keeper.edges import Edges
from spotkeeper.lifecycle.guard import armed_launches
from spotkeeper.lifecycle.ports import RegionInventory
from spotkeeper.lifecycle.presence import is_held
from spotkeeper.lifecycle.sweep import (
    Classification,
    ForgottenRequest,
    Records,
    as_resource,
    classify,
    forgotten,
)
from spotkeeper.lifecycle.sweep_order import Coverage
from spotkeeper.market import market
from spotkeeper.market.feeds import usd_per_gib_month
from spotkeeper.model import lives
from spotkeeper.model.resource import Leftover, Resource, ResourceId, ResourceKind
from spotkeeper.model.schedule import Schedule


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """The account at one moment. ``left`` are regions that did not answer, ``notes`` those that
    the caller may not look into."""

    coverage: Coverage
    records: Records
    classifications: tuple[Classification, ...]
    others: tuple[ForgottenRequest, ...] = ()
    left: tuple[Leftover, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Listed:
    """What the regions answered, and the problems of those, or of their guards, that did not."""

    inventories: list[RegionInventory] = field(default_factory=list)
    schedules: list[Resource] = field(default_factory=list)
    failed: list[SpotkeeperError] = field(default_factory=list)
    unguarded: list[SpotkeeperError] = field(default_factory=list)

    @property
    def resources(self) -> list[Resource]:
        """Everything of ours."""
        return [*(each for one in self.inventories for each in one.resources), *self.schedules]


class AccountReader:
    """Asks the cloud first, then the journal: what was launched in between is remembered."""

    def __init__(self, edges: Edges, owner: str) -> None:
        self._edges = edges
        self._journal = edges.journal
        self._owner = owner

    def snapshot(self, in_regions: Sequence[str]) -> AccountSnapshot:
        """Everything in some regions.

        Raises:
            SpotkeeperError: nobody is logged in, or no region answered at all.
        """
        listed = self._listed(in_regions) if in_regions else Listed()
        records = self._records({each.name for each in listed.resources} - {""})
        now = self._edges.clock.now()
        silent = frozenset(str(each.region) for each in listed.failed)
        coverage = Coverage(now, tuple(each.region for each in listed.inventories), silent)
        priced, unseen = self._priced(listed.resources), _unseen(listed, records)
        classified = classify(priced, records, owner=self._owner, now=now, unseen=unseen)
        unmanaged = (each for one in listed.inventories for each in one.unmanaged)
        others = [
            forgotten_request
            for each in unmanaged
            if (forgotten_request := forgotten(each)) is not None
        ]
        left, notes = _told(listed, records)
        return AccountSnapshot(
            coverage, records, classified, self._priced_others(others), left, notes
        )

    def _listed(self, in_regions: Sequence[str]) -> Listed:
        inventory = self._edges.inventory
        inventories, failed = regions.in_each(
            in_regions, lambda region: inventory.region_inventory(region, self._owner)
        )
        found = Listed(inventories, failed=failed)
        launched = found.resources
        places = [each.region for each in inventories]
        for answer in market.answers(self._schedules, places).values():
            if isinstance(answer, SpotkeeperError):
                found.unguarded.append(answer)
                continue
            resource_ids = (as_resource(each, launched) for each in answer)
            found.schedules += [each for each in resource_ids if each is not None]
        return found

    def _schedules(self, region: str) -> list[Schedule] | SpotkeeperError:
        try:
            listed = self._edges.schedules.listed(region)
        except SpotkeeperError as problem:
            return problem
        return [each for each in listed if each.owner == self._owner]

    def _records(self, names: set[str]) -> Records:
        """Whoever holds a name is asked before its journal is read: a launch that ends in between
        has written that it is ready."""
        recorded = set(self._journal.names())
        still_open = {name for name in recorded if lives.is_open(self._journal.read(name))}
        held = frozenset(name for name in names | still_open if is_held(self._journal, name))
        return Records({name: self._journal.read(name) for name in sorted(names | recorded)}, held)

    def _priced(self, resources: Iterable[Resource]) -> list[Resource]:
        """With today's prices of what runs, and of disks; what cannot be read stays unknown."""
        found = [*self._with_disks(resources)]
        prices = self._prices([each for each in found if _is_charged(each)])
        return [
            replace(each, usd_per_hour=prices.get((each.zone_name, each.instance_type)))
            if _is_charged(each)
            else each
            for each in found
        ]

    def _with_disks(self, resources: Iterable[Resource]) -> Iterator[Resource]:
        """The prices of a region are read at its first disk."""
        prices = cache(partial(usd_per_gib_month, self._edges.storage))
        for each in resources:
            cost = each.disk.cost(prices(each.resource_id.region)) if each.disk else None
            yield replace(each, usd_per_hour=cost.usd_per_hour) if cost else each

    def _priced_others(self, others: Sequence[ForgottenRequest]) -> tuple[ForgottenRequest, ...]:
        priced = iter(self._priced(each.instance for each in others if each.instance))
        return tuple(
            replace(each, instance=next(priced)) if each.instance else each for each in others
        )

    def _prices(self, charged: Sequence[Resource]) -> Mapping[tuple[str, str], Decimal]:
        """By zone and type."""
        prices: dict[tuple[str, str], Decimal] = {}
        for region in dict.fromkeys(each.resource_id.region for each in charged):
            types = {each.instance_type for each in charged if each.resource_id.region == region}
            try:
                for price in self._edges.prices.current_prices(region, types):
                    pool = price.pool
                    prices[pool.zone.name, pool.instance_type] = price.usd_per_hour
            except SpotkeeperError:
                continue
        return prices


def _is_charged(resource: Resource) -> bool:
    return resource.resource_id.kind == ResourceKind.INSTANCE and resource.usd_per_hour is None


def _is_known(region: str, records: Records) -> bool:
    return any(region in lives.regions(entries) for entries in records.journals.values())


def _unseen(listed: Listed, records: Records) -> frozenset[str]:
    """Regions that may have a machine although none was listed; of those that are closed to the
    caller only what the journal remembers."""
    closed = (PermissionDenied, RegionNotEnabled)
    return frozenset(
        str(each.region)
        for each in listed.failed
        if not isinstance(each, closed) or _is_known(str(each.region), records)
    )


def _told(listed: Listed, records: Records) -> tuple[tuple[Leftover, ...], tuple[str, ...]]:
    """Regions that did not answer may have something; those that the caller may not look into are
    only told of, unless the journal remembers them."""

    def is_guarded(region: str) -> bool:
        return any(armed_launches(entries, region) for entries in records.journals.values())

    left, notes = [], []
    for what, told, problems, remembers in (
        ("region", "not looked at", listed.failed, partial(_is_known, records=records)),
        ("schedules", "schedules not looked at", listed.unguarded, is_guarded),
    ):
        closed = [
            each
            for each in problems
            if isinstance(each, CredentialsProblem) and not remembers(str(each.region))
        ]
        notes += [f"{told}: {each}" for each in regions.by_reason(closed)]
        left += [
            Leftover(ResourceId(what, str(each.region), str(each.region)), each.message)
            for each in problems
            if each not in closed
        ]
    return tuple(left), tuple(notes)
