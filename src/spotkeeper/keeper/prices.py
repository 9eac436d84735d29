"""What instance types cost now, and what they did cost."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from spotkeeper.errors import BadInput, NoCredentials
from spotkeeper.keeper import public_market, regions
from spotkeeper.keeper.edges import Edges
from spotkeeper.keeper.find import Find, FindOptions
from spotkeeper.keeper.results import PriceComparison, PriceRow
from spotkeeper.lifecycle.plan import no_offers
from spotkeeper.market.feeds import Progress
from spotkeeper.market.market import OnDemand, exact_names, listed_usd_per_hour, unlisted
from spotkeeper.market.series import PoolHistory, moment, series
from spotkeeper.model.need import Need
from spotkeeper.model.offer import GroupBy, Ranking, Refusal, SortBy
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import LINUX, Pool, types_by_region
from spotkeeper.model.price_table import MAX_DAYS, PriceTable
from spotkeeper.model.record import ResultList
from spotkeeper.model.spelling import did_you_mean
from spotkeeper.store.price_files import read_dump
from spotkeeper.store.price_rows import Dump, KeptRows, PoolName, Rows, columns

#: A zone's name begins with its region's: us-east-1a, us-west-2-lax-1a.
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d+")


@dataclass(frozen=True, slots=True, repr=False)
class PriceHistory(ResultList[PoolHistory]):
    """The histories of pools from ``begin`` to ``end``, by type, region and zone.

    ``rows``         how many were read, those of other pools included.
    ``interrupted``  somebody did not want to wait for the regions that are missing.
    """

    pools: tuple[PoolHistory, ...]
    begin: datetime
    end: datetime
    rows: int
    warnings: tuple[str, ...] = ()
    interrupted: bool = False

    def _items(self) -> tuple[PoolHistory, ...]:
        return self.pools


def from_file(
    path: Path, types: Sequence[str] = (), in_regions: Sequence[str] = (), days: int | None = None
) -> PriceHistory:
    """What a file says of the pools whose type matches, in its last ``days``, or in all its time.

    Raises:
        NotFound: there is no such file.
        BadInput: it is no price history, not whole, or says nothing of what was asked for.
    """
    dump = read_dump(path, types)
    _refuse_unknown(path, dump, types)
    begin = dump.end - timedelta(days=days).total_seconds() if days else None
    pools = sorted(histories(dump.pools, end=dump.end, begin=begin), key=by_name)
    chosen = tuple(pool for pool in pools if not in_regions or pool.pool.region in in_regions)
    if not chosen:
        raise _nothing(path, dump, pools)
    first = min(each.series.begin for each in chosen)
    return PriceHistory(chosen, first, moment(dump.end), dump.rows, left_out(dump))


def histories(
    rows: Mapping[PoolName, Rows], *, end: float, begin: float | None = None, region: str = ""
) -> Iterator[PoolHistory]:
    """The rows of each pool as a series; a zone's name says its region where nobody else does."""
    for name, some in rows.items():
        times, usd = some.times.tolist(), some.usd_per_hour.tolist()
        zone = Zone(region or region_of(name), name.zone, name.zone_id or None)
        known = series(times, usd, end=end, begin=begin)
        yield PoolHistory(Pool(name.instance_type, zone, name.product or LINUX), known, len(times))


def region_of(pool: PoolName) -> str:
    """The region that a zone's name begins with; "" where a pool has its zone's id only."""
    found = _REGION.match(pool.zone)
    return found[0] if found else ""


def by_name(history: PoolHistory) -> tuple[str, str, str, str]:
    """The order in which pools are shown."""
    zone = history.pool.zone
    return history.pool.instance_type, zone.region, zone.name, zone.id or ""


def _refuse_unknown(path: Path, dump: Dump, globs: Sequence[str]) -> None:
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in dump.types):
            exact = exact_names([glob])
            raise BadInput(
                f"{path} has no prices of {glob!r}" if exact else f"{path}: no type fits {glob!r}",
                next_step=did_you_mean(
                    glob, sorted(dump.types), "Leave TYPE out to see them all."
                ),
            )


def _nothing(path: Path, dump: Dump, pools: Sequence[PoolHistory]) -> BadInput:
    if pools:
        known = sorted({each.pool.region for each in pools if each.pool.region})
        return BadInput(
            f"{path} names no zone of these regions",
            next_step=f"It has {', '.join(known)}." if known else "It names zones by id only.",
        )
    products = ", ".join(sorted(dump.others))
    return BadInput(
        f"{path} has no prices of {LINUX} for this, only of {products}",
        next_step=f"Ask EC2 with --product-descriptions {LINUX}.",
    )


def left_out(dump: Dump) -> tuple[str, ...]:
    """What must be said of the rows that are not of Linux."""
    count, names = sum(dump.others.values()), ", ".join(sorted(dump.others))
    return (f"{count:,} rows are left out: they are of {names}",) if count else ()


#: A comparison shows every type and region: all pools are looked at.
ALL_POOLS = 100_000


class Prices:
    """Compares prices, now and over time."""

    def __init__(self, edges: Edges, finding: Find) -> None:
        self._edges = edges
        self._find = finding

    def comparison(
        self,
        types: Sequence[str],
        in_regions: Sequence[str],
        *,
        zones: bool,
        told: Progress | None = None,
    ) -> PriceComparison:
        """The cheapest zone of each type and region, or all its ``zones``, the cheapest first.

        Raises:
            NoOffers: none of the types has a Spot price in the regions.
            Interrupted: nor had one arrived when somebody pressed Ctrl-C.
        """
        need = Need(types=tuple(types), regions=tuple(in_regions))
        by_price = FindOptions(SortBy.PRICE, GroupBy.ZONE, ALL_POOLS, why=True, progress=told)
        ranking = self._find.find(need, by_price)
        if not ranking.offers:
            raise no_offers(ranking)
        order = {name: place for place, name in enumerate(types)}
        rows = sorted(
            _all_zones(ranking) if zones else _cheapest(ranking),
            key=lambda row: order.get(row.instance_type, len(order)),
        )
        warnings = (*self._edges.warnings, *ranking.warnings, *_lines(ranking.refused))
        return PriceComparison(tuple(rows), warnings, ranking.made_at, ranking.interrupted)

    def history(
        self,
        types: Sequence[str],
        in_regions: Sequence[str],
        *,
        days: int,
        told: Progress | None = None,
    ) -> PriceHistory:
        """The prices of every zone in the last ``days``; a region that did not answer to the end
        is named and left out, since half of a history has other figures than the whole.

        Raises:
            BadInput: a name that is no instance type, or more days than EC2 tells.
            NoOffers: none of the types has a Spot price in the regions.
            Interrupted: no region had answered to the end when somebody pressed Ctrl-C.
        """
        if not 1 <= days <= MAX_DAYS:
            raise BadInput(f"days cannot be {days}", next_step=f"Use 1 to {MAX_DAYS}.")
        now = self._edges.clock.now()
        since = now - timedelta(days=days)
        try:
            searched = regions.searched(in_regions, self._edges)
            found = self._edges.market.histories(searched, types, since, told=told)
        except NoCredentials as refused:
            raise public_market.no_history(refused) from None
        notes = [f"{each.region}: {each.problem.message}" for each in found.tables if each.problem]
        pools: list[PoolHistory] = []
        rows = 0
        for table in (each for each in found.tables if not each.problem):
            kept, lost = _kept(table)
            rows += kept.rows
            notes += [f"{table.region}: {lost:,} prices could not be read"] if lost else []
            pools += histories(
                kept.dump().pools,
                end=now.timestamp(),
                begin=since.timestamp(),
                region=table.region,
            )
        if not pools:
            nothing = Ranking((), found.missing, tuple(notes), interrupted=found.interrupted)
            raise no_offers(nothing)
        notes += _lines(found.missing)
        listed = self._edges.market.on_demand(types_by_region(each.pool for each in pools))
        notes += unlisted(listed)
        priced = tuple(sorted(_with_list_prices(pools, listed), key=by_name))
        warnings = (*self._edges.warnings, *notes)
        return PriceHistory(priced, since, now, rows, warnings, found.interrupted)


def _with_list_prices(pools: Sequence[PoolHistory], listed: OnDemand) -> Iterator[PoolHistory]:
    """The histories with the On-Demand prices of now."""
    for each in pools:
        yield replace(each, on_demand_usd_per_hour=listed_usd_per_hour(listed, each.pool))


def _all_zones(ranking: Ranking) -> list[PriceRow]:
    rows = (PriceRow(each.pool.instance_type, each.pool.region, each) for each in ranking.offers)
    return sorted(rows, key=lambda row: row.region)


def _cheapest(ranking: Ranking) -> list[PriceRow]:
    rows: dict[tuple[str, str], PriceRow] = {}
    for offer in ranking.offers:
        key = (offer.pool.instance_type, offer.pool.region)
        rows.setdefault(key, PriceRow(*key, offer))
    return list(rows.values())


def _lines(refused: Iterable[Refusal]) -> list[str]:
    return [f"{each.pool}: {each.reason}" for each in refused]


def _kept(table: PriceTable) -> tuple[KeptRows, int]:
    """The rows of a region, and how many of them are no price."""
    kept = KeptRows()
    rows = [
        {"type": name, "product": product, "price": usd, "time": at, "zone": zone, "zone id": id_}
        for name, product, usd, at, zone, id_ in table.rows
        if product == LINUX
    ]
    good = [row for row in rows if not kept.fault(row)]
    if good:
        kept.add(columns({part: [row[part] for row in good] for part in good[0]}))
    return kept, len(rows) - len(good)
