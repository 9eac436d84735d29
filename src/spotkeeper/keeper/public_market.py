"""The market for whoever has no AWS account: public prices by region, and the Spot Advisor."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from spotkeeper.errors import NoCredentials, Unreachable
from spotkeeper.keeper import regions
from spotkeeper.keeper.edges import Edges
from spotkeeper.keeper.offers import MarketView
from spotkeeper.market.feeds import PublicPriceFeed
from spotkeeper.market.market import MarketSnapshot, exact_names
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.need import ANY_REGION, Need
from spotkeeper.model.offer import Dated, Refusal
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import LINUX
from spotkeeper.model.price_table import PriceTable, RawPrice

NOTE = (
    "no AWS credentials were found: these are AWS's public prices, one for each region and type; "
    "credentials add the price of every zone, On-Demand prices, price histories, GPUs, placement "
    "scores, quotas, and the machines themselves"
)
NO_PRICE = "there is no public Spot price of it in this region"


def look(edges: Edges, need: Need, refused: NoCredentials) -> MarketView:
    """What the public feeds say of the regions that a need names.

    Raises:
        NoCredentials: the feeds cannot be had, or the need is about more than they tell.
    """
    if edges.public_prices is None:
        raise refused
    if need.zones:
        raise _beyond(refused, "zones have no public prices")
    found = _prices(edges.public_prices, refused)
    places = _places(need.regions, edges, found.value)
    at = found.as_of.isoformat()
    tables = [
        PriceTable(place, _rows(place, found.value.get(place, {}), need.types, at), found.as_of)
        for place in places
    ]
    sold = {(name, table.region) for table in tables for name in table.types}
    names = {name for name, _ in sold}
    if unsold := [name for name in exact_names(need.types) if name not in names]:
        edges.market.refuse_unknown(unsold)
    silent = [place for place in places if place not in found.value]
    missing = [
        Refusal(f"{name}@{place}", NO_PRICE)
        for place in places
        for name in exact_names(need.types)
        if (name, place) not in sold and place not in silent
    ]
    snapshot = MarketSnapshot(tables, _hardware(edges, found), tuple(missing))
    told = [f"{place}: there are no public prices" for place in silent]
    return MarketView(places, snapshot, is_public=True, notes=(NOTE, *told))


def refuse_to_guess(refused: NoCredentials) -> NoCredentials:
    """The error where every type was left out because its GPUs are not known."""
    return _beyond(refused, "the public feeds know vCPUs and memory only, no GPU or architecture")


def no_history(refused: NoCredentials) -> NoCredentials:
    """The error where prices over time were asked for."""
    return NoCredentials(
        f"{refused.message}; the public feeds have the prices of now only, no history",
        next_step=f"{refused.next_step} A history in a file is read with --from FILE.",
    )


def _beyond(refused: NoCredentials, told: str) -> NoCredentials:
    return NoCredentials(f"{refused.message}; {told}", next_step=refused.next_step)


def _prices(
    feed: PublicPriceFeed, refused: NoCredentials
) -> Dated[Mapping[str, Mapping[str, str]]]:
    try:
        return feed.prices()
    except Unreachable as problem:
        told = f"AWS's public prices cannot be had either ({problem.message})"
        raise _beyond(refused, told) from problem


def _places(
    asked: Sequence[str], edges: Edges, prices: Mapping[str, Mapping[str, str]]
) -> tuple[str, ...]:
    return tuple(sorted(prices)) if ANY_REGION in asked else regions.searched(asked, edges)


def _rows(place: str, prices: Mapping[str, str], globs: Sequence[str], at: str) -> list[RawPrice]:
    zone = Zone.whole(place).name
    return [
        RawPrice(name, LINUX, usd, at, zone, "")
        for name, usd in prices.items()
        if not globs or _fits(name, globs)
    ]


def _fits(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def sized(edges: Edges, snapshot: MarketSnapshot) -> MarketSnapshot:
    """The look at the market with the sizes of what EC2 would not describe; its GPUs stay unknown.

    Raises:
        SpotkeeperError: nothing at all is described.
    """
    described = snapshot.hardware
    if described.problem is None:
        return snapshot
    sold = set().union(*(table.types for table in snapshot.tables))
    sizes = {name: row for name, row in _sizes(edges).items() if name in sold}
    if not sizes and not described.value:
        raise described.problem
    return replace(snapshot, hardware=replace(described, value={**sizes, **described.value}))


def _hardware(
    edges: Edges, found: Dated[Mapping[str, Mapping[str, str]]]
) -> Dated[Mapping[str, InstanceType]]:
    """What an earlier look with credentials left, else what the advisor's feed tells."""
    hardware, kept = _sizes(edges), edges.market.remembered()
    return Dated({**hardware, **kept.value}, kept.as_of) if kept else Dated(hardware, found.as_of)


def _sizes(edges: Edges) -> Mapping[str, InstanceType]:
    try:
        return edges.advisor.sizes()
    except Unreachable:
        return {}
