"""The rows of a price history: made stretch by stretch, and kept for the queries that follow.

A stretch is as long as gives about a page: six hours of a whole region, weeks of a single type. So
two queries a second apart, or two pages of one query, cost little more than one.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Literal, NamedTuple

from ec2_sandbox import catalogue
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.market.prices import SLOT, Change, Market
from ec2_sandbox.protocol.filters import matches

POOLS_TIMES_SLOTS = 512  # of one stretch
LISTS_KEPT = 24

Patterns = tuple[tuple[str, ...], ...]  # each group must fit with one of its patterns


class Row(NamedTuple):
    """From ``second`` on the pool costs ``micros``; sorts by time."""

    second: int
    pool: Pool
    micros: int


class Selection(NamedTuple):
    """Which pools are asked for; no pattern means all."""

    region: str
    types: Patterns = ()
    zones: Patterns = ()
    zone_ids: Patterns = ()

    @property
    def seconds_per_stretch(self) -> int:
        """Whole slots, so that no record is between two stretches."""
        return SLOT * max(1, POOLS_TIMES_SLOTS // max(1, len(pools_of(self))))


@lru_cache(maxsize=64)
def pools_of(selection: Selection) -> tuple[Pool, ...]:
    """The pools that fit, by type and zone."""
    region, types, zones, zone_ids = selection
    zones_fit = {
        name
        for name, zone_id in catalogue.zone_ids(region).items()
        if _fits(name, zones) and _fits(zone_id, zone_ids)
    }
    types_fit = {name for name in catalogue.zones_of_types(region) if _fits(name, types)}
    return tuple(
        pool
        for pool in catalogue.spot_pools(region)
        if pool.zone in zones_fit and pool.instance_type in types_fit
    )


def _fits(name: str, groups: Patterns) -> bool:
    return all(matches(name, group) for group in groups)


Kind = Literal["changes", "at the beginning", "in effect"]


@dataclass(frozen=True)
class Rows:
    """The rows of one market, every list newest first; the latest lists are kept."""

    market: Market
    kept: "OrderedDict[tuple[Kind, Selection, int], list[Row]]" = field(
        default_factory=OrderedDict
    )

    def within(self, selection: Selection, stretch: int, *, start: int, end: int) -> list[Row]:
        """The changes of a stretch with ``start < second <= end``."""
        rows = self._take("changes", selection, stretch, self._changes)
        newest, oldest = (
            bisect_left(rows, -second, key=lambda row: -row.second) for second in (end, start)
        )
        return rows[newest:oldest]

    def in_effect(self, selection: Selection, second: int) -> list[Row]:
        """The latest change at or before ``second`` of every pool."""
        return self._take("in effect", selection, second, self._updated)

    def _take(
        self,
        kind: Kind,
        selection: Selection,
        number: int,
        make: Callable[[Selection, int], Iterable[Row]],
    ) -> list[Row]:
        """A list, made when it is not kept; several threads may ask at once."""
        key = kind, selection, number
        if (found := self.kept.get(key)) is None:
            found = self.kept[key] = sorted(make(selection, number), reverse=True)
            if len(self.kept) > LISTS_KEPT:
                self.kept.popitem(last=False)
        return found

    def _updated(self, selection: Selection, second: int) -> Iterable[Row]:
        """What was in effect when the stretch began, and what has changed since."""
        stretch = second // selection.seconds_per_stretch
        begin = stretch * selection.seconds_per_stretch
        before = self._take("at the beginning", selection, begin - 1, self._each)
        latest = {row.pool: row for row in before}
        since = self.within(selection, stretch, start=begin - 1, end=second)
        latest.update((row.pool, row) for row in reversed(since))
        return latest.values()

    def _each(self, selection: Selection, second: int) -> Iterator[Row]:
        for pool in pools_of(selection):
            yield _row(pool, self.market.change_in_effect(pool, second))

    def _changes(self, selection: Selection, stretch: int) -> Iterator[Row]:
        after = stretch * selection.seconds_per_stretch - 1
        until = after + selection.seconds_per_stretch
        for pool in pools_of(selection):
            yield from map(partial(_row, pool), self.market.changes_within(pool, after, until))


def _row(pool: Pool, change: Change) -> Row:
    return Row(change.second, pool, change.micros)


class _Latest:
    rows: Rows | None = None


def rows_of(market: Market) -> Rows:
    """The rows of this market; those of another are dropped."""
    rows = _Latest.rows
    if rows is None or rows.market != market:
        rows = _Latest.rows = Rows(market)
    return rows
