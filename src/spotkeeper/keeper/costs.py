"""What all machines have cost, by the journal of this computer and EC2's prices of the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from spotkeeper.costs.usage import Interval, Spending
from spotkeeper.errors import BadInput, SpotkeeperError
from spotkeeper.keeper.results import MachineList
from spotkeeper.keeper.spending import spendings
from spotkeeper.model.lives import told_lives
from spotkeeper.model.record import Record, ResultList
from spotkeeper.model.spelling import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spotkeeper.keeper.edges import Edges

DAY = timedelta(days=1)
BY = ("name", "day", "type")
TAG = "tag:"
NO_TAG = "-"


@dataclass(frozen=True, slots=True, repr=False)
class CostRow(Spending):
    """What a group of machines has cost."""

    group: str

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        return {"group": self.group, **Spending.to_dict(self)}


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
    edges: Edges, *, month: str | None, by: str, look: Callable[[], MachineList]
) -> CostReport:
    """What the names of the journal have cost, after a look at the machines that there are, whose
    tags may be asked for.

    Raises:
        BadInput: there is no such month, or group.
    """
    if by not in BY and not (by.startswith(TAG) and by != TAG):
        raise BadInput(f"--by cannot be {by!r}", next_step=f"Use {', '.join(BY)} or tag:KEY.")
    within = month_of(month)
    try:
        listing = look()
    except SpotkeeperError as problem:
        listing = MachineList((), (f"what runs now was not looked at: {problem.message}",))
    tags = {each.machine.name: each.machine.tags for each in listing}
    journal = edges.journal
    lives = {
        (name, number): life
        for name in journal.names()
        for number, life in enumerate(told_lives(journal.read(name)))
    }
    rows: dict[str, CostRow] = {}
    for (name, _), parts in spendings(lives, edges, until=edges.clock.now()).items():
        for stretch, spending in parts:
            group = {"name": name, "type": stretch.instance_type}.get(by, "")
            if by.startswith(TAG):
                group = tags.get(name, {}).get(by.removeprefix(TAG), NO_TAG)
            for day, part in _parts(spending, stretch, within, by_day=by == "day"):
                row = rows.get(day or group, CostRow(day or group))
                rows[row.group] = row.plus(part)
    unseen = sum(row.unseen for row in rows.values())
    gaps = (f"{counted(unseen, 'stop')} not seen: it is at most so much",) if unseen else ()
    return CostReport(tuple(rows[group] for group in sorted(rows)), (*listing.warnings, *gaps))


def _parts(
    spending: Spending,
    stretch: Interval,
    within: tuple[datetime, datetime] | None,
    *,
    by_day: bool,
) -> Iterator[tuple[str, Spending]]:
    """The shares of a stretch that lie in the month and, if asked for, in each day of it, which is
    named then; an interruption is of the day on which it happened."""
    length, (first, last) = stretch.end - stretch.begin, within or (stretch.begin, stretch.end)
    begin, end = max(stretch.begin, first), min(stretch.end, last)
    while begin < end or begin == end == stretch.begin:
        midnight = (begin + DAY).replace(hour=0, minute=0, second=0, microsecond=0)
        until = min(end, midnight) if by_day else end
        share = Decimal((until - begin) / length) if length else Decimal(1)
        day = f"{begin:%Y-%m-%d}" if by_day else ""
        yield day, spending.share(share, is_last=until == stretch.end)
        if until >= end:
            return
        begin = until
