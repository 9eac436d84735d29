"""What machines have cost until now, at the prices of the time."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import TypeVar

from spotkeeper.costs.usage import (
    Interval,
    Spending,
    disks_kept,
    intervals,
    on_demand_usd,
    spot_usd,
)
from spotkeeper.errors import Refused, SpotkeeperError
from spotkeeper.keeper.edges import Edges
from spotkeeper.market import market
from spotkeeper.market.feeds import PriceFeed, usd_per_gib_month
from spotkeeper.market.market import listed_usd_per_hour
from spotkeeper.model.connect import Connect
from spotkeeper.model.disk import cost_of_disks
from spotkeeper.model.journal_entry import Entry
from spotkeeper.model.lives import intents
from spotkeeper.model.money import PUBLIC_IPV4_USD_PER_HOUR
from spotkeeper.model.offer import SpotPrice
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool, types_by_region

K = TypeVar("K")

HOUR = timedelta(hours=1)

#: Region, type and zone.
Place = tuple[str, str, str]


def spendings(
    lives: Mapping[K, Sequence[Entry]], edges: Edges, *, until: datetime
) -> dict[K, list[tuple[Interval, Spending]]]:
    """What each stretch of each life has cost, and then what its disks have while they existed.

    Every pool is asked for its prices once, and every region for its others.
    """
    ran = {key: intervals(life, until=until) for key, life in lives.items()}
    everything = list(chain.from_iterable(ran.values()))
    spot, listed = spot_costs(everything, edges.prices), _on_demand_costs(everything, edges)
    kept = {key: disks_kept(life, until=until) for key, life in lives.items()}
    regions = {stretch.region for disks in kept.values() for stretch, _ in disks}
    prices = {region: usd_per_gib_month(edges.storage, region) for region in regions}
    found: dict[K, list[tuple[Interval, Spending]]] = {}
    for key, stretches in ran.items():
        usd = _address_usd_per_hour(lives[key])
        found[key] = [(each, _compute(each, spot[each], listed[each], usd)) for each in stretches]
        for stretch, disks in kept[key]:
            cost = cost_of_disks(disks, prices[stretch.region])
            disk_usd = cost.usd_per_hour * _hours(stretch) if cost else None
            found[key].append((stretch, Spending(disk_usd=disk_usd)))
    return found


def _address_usd_per_hour(life: Sequence[Entry]) -> Decimal:
    ways = {each.connect for each in intents(life)}
    return Decimal(0) if ways & {Connect.ENDPOINT, Connect.SSM} else PUBLIC_IPV4_USD_PER_HOUR


def _compute(
    stretch: Interval, spot: Decimal | None, listed: Decimal | None, address_usd_per_hour: Decimal
) -> Spending:
    return Spending(
        ran=stretch.end - stretch.begin,
        interruptions=int(stretch.interrupted),
        unseen=int(stretch.unseen),
        spot_usd=spot,
        address_usd=address_usd_per_hour * _hours(stretch),
        on_demand_usd=listed,
    )


def _hours(stretch: Interval) -> Decimal:
    return Decimal((stretch.end - stretch.begin) / HOUR)


def spent_usd(stretches: Sequence[Interval], prices: PriceFeed) -> Decimal:
    """Compute of all stretches, each at the price that was valid then.

    Raises:
        SpotkeeperError: the history of a price cannot be read, or nobody knows it.
    """
    histories = _histories(stretches, prices.price_history)
    if not all(histories.values()):
        raise Refused("nobody tells the prices of the time")
    return sum((spot_usd(each, histories[_place(each)]) for each in stretches), Decimal(0))


def spot_costs(
    stretches: Sequence[Interval], prices: PriceFeed
) -> Mapping[Interval, Decimal | None]:
    """The same of each; unknown where its prices are."""

    def history(region: str, type_: str, zone: str, since: datetime) -> Sequence[SpotPrice]:
        with suppress(SpotkeeperError):
            return prices.price_history(region, type_, zone, since)
        return ()

    histories = _histories(stretches, history)
    return {
        each: spot_usd(each, known) if (known := histories[_place(each)]) else None
        for each in stretches
    }


def _histories(
    stretches: Sequence[Interval], ask: Callable[[str, str, str, datetime], Sequence[SpotPrice]]
) -> Mapping[Place, Sequence[SpotPrice]]:
    """The prices of each pool since its first stretch."""
    begins: dict[Place, datetime] = {}
    for each in stretches:
        begins[_place(each)] = min(each.begin, begins.get(_place(each), each.begin))
    return market.answers(lambda place: ask(*place, begins[place]), begins)


def _place(stretch: Interval) -> Place:
    return stretch.region, stretch.instance_type, stretch.zone_name


def _on_demand_costs(
    stretches: Sequence[Interval], edges: Edges
) -> Mapping[Interval, Decimal | None]:
    listed = edges.market.on_demand(types_by_region(stretches))
    found: dict[Interval, Decimal | None] = {}
    for each in stretches:
        pool = Pool(each.instance_type, Zone(each.region, each.zone_name))
        usd_per_hour = listed_usd_per_hour(listed, pool)
        found[each] = None if usd_per_hour is None else on_demand_usd(each, usd_per_hour)
    return found
