"""What all machines have cost, by the journal of this computer and EC2's prices of the time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from spotkeeper.costs.usage import Interval, intervals, spot_usd
from spotkeeper.errors import BadInput, SpotkeeperError
from spotkeeper.keeper.spending import listed_usd, prices_of
from spotkeeper.model.lives import each_life
from spotkeeper.model.money import PUBLIC_IPV4_USD_PER_HOUR, saving_percent
from spotkeeper.model.record import Record, Result, ResultList, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spotkeeper.keeper.edges import Edges

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BY = ("name", "day", "type")
TAG = "tag:"
NO_TAG = "-"


@dataclass(frozen=True, slots=True, repr=False)
class CostRow(Result):
    """What a group of machines has cost: compute and public addresses, no disks.

    ``unseen``  interruptions or stops that nobody saw: the sums are at most so high.
    """

    group: str
    ran: timedelta
    interruptions: int
    unseen: int
    spot_usd: Decimal | None
    on_demand_usd: Decimal | None
    address_usd: Decimal

    @property
    def total_usd(self) -> Decimal | None:
        """Compute and address."""
        return None if self.spot_usd is None else self.spot_usd + self.address_usd

    def plus(self, other: CostRow) -> CostRow:
        """Both together; unknown where one is."""
        return CostRow(
            self.group,
            self.ran + other.ran,
            self.interruptions + other.interruptions,
            self.unseen + other.unseen,
            _sum(self.spot_usd, other.spot_usd),
            _sum(self.on_demand_usd, other.on_demand_usd),
            self.address_usd + other.address_usd,
        )

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        spot, listed = self.spot_usd, self.on_demand_usd
        saved = None if spot is None or not listed else saving_percent(spot, listed)
        return {
            "group": self.group,
            "ran_seconds": int(self.ran.total_seconds()),
            "interruptions": self.interruptions,
            "unseen": self.unseen,
            "spot_usd": number(spot),
            "address_usd": number(self.address_usd),
            "total_usd": number(self.total_usd),
            "on_demand_usd": number(listed),
            "saving_percent": number(saved),
        }


@dataclass(frozen=True, slots=True, repr=False)
class CostReport(ResultList[CostRow]):
    """Costs by group, and what must be said with them."""

    rows: tuple[CostRow, ...]
    warnings: tuple[str, ...] = ()

    def _items(self) -> tuple[CostRow, ...]:
        return self.rows

    def _notes(self) -> tuple[str, ...]:
        return self.warnings


def month_of(text: str | None) -> tuple[datetime, datetime] | None:
    """The first moment of a month like 2026-11, and of the next; UTC, as AWS's bill.

    Raises:
        BadInput: it is none.
    """
    if text is None:
        return None
    try:
        begin = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        step = "Use one like 2026-11."
        raise BadInput(f"--month: {text!r} is no month", next_step=step) from None
    return begin, (begin + 31 * DAY).replace(day=1)


def costs(
    edges: Edges, *, month: str | None, by: str, tags: Mapping[str, Mapping[str, str]]
) -> tuple[CostRow, ...]:
    """What the names of the journal have cost; ``tags`` are those of the machines there are.

    Raises:
        BadInput: there is no such month, or group.
    """
    if by not in BY and not (by.startswith(TAG) and by != TAG):
        raise BadInput(f"--by cannot be {by!r}", next_step=f"Use {', '.join(BY)} or tag:KEY.")
    within, now = month_of(month), edges.clock.now()
    rows: dict[str, CostRow] = {}
    for name in edges.journal.names():
        for life in each_life(edges.journal.read(name)):
            for stretch in intervals(life, until=now):
                group = {"name": name, "type": stretch.instance_type}.get(by, "")
                if by.startswith(TAG):
                    group = tags.get(name, {}).get(by.removeprefix(TAG), NO_TAG)
                whole = _row(stretch, group, edges)
                for row in _parts(whole, stretch, within, by_day=by == "day"):
                    known = rows.get(row.group)
                    rows[row.group] = known.plus(row) if known else row
    return tuple(rows[group] for group in sorted(rows))


def _row(stretch: Interval, group: str, edges: Edges) -> CostRow:
    ran = stretch.end - stretch.begin
    row = CostRow(
        group,
        ran,
        int(stretch.interrupted),
        int(stretch.unseen),
        None,
        None,
        PUBLIC_IPV4_USD_PER_HOUR * Decimal(ran / HOUR),
    )
    try:
        prices = prices_of(stretch, edges.prices)
    except SpotkeeperError:
        return row
    spot = spot_usd(stretch, prices) if prices else None
    return replace(row, spot_usd=spot, on_demand_usd=listed_usd(stretch, edges.market))


def _parts(
    row: CostRow,
    stretch: Interval,
    within: tuple[datetime, datetime] | None,
    *,
    by_day: bool,
) -> Iterator[CostRow]:
    """The shares of a stretch that lie in the month and, if asked for, in each day of it; an
    interruption is of the day on which it happened."""
    first, last = within or (stretch.begin, stretch.end)
    begin, end = max(stretch.begin, first), min(stretch.end, last)
    while begin < end or begin == end == stretch.begin:
        midnight = (begin + DAY).replace(hour=0, minute=0, second=0, microsecond=0)
        until = min(end, midnight) if by_day else end
        share = Decimal((until - begin) / row.ran) if row.ran else Decimal(1)
        is_last = until == stretch.end
        yield CostRow(
            f"{begin:%Y-%m-%d}" if by_day else row.group,
            until - begin,
            row.interruptions if is_last else 0,
            row.unseen if is_last else 0,
            None if row.spot_usd is None else row.spot_usd * share,
            None if row.on_demand_usd is None else row.on_demand_usd * share,
            row.address_usd * share,
        )
        if until >= end:
            return
        begin = until


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other
