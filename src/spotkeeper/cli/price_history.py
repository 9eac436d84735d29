"""Prices over time: a block per type and region for people, the raw series for programs."""

import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

import click

from spotkeeper.cli import price_advice, render
from spotkeeper.cli.context import Choices
from spotkeeper.cli.price_advice import name_of
from spotkeeper.cli.terminal import drawable, plain_text, terminal_width
from spotkeeper.keeper.prices import PriceHistory
from spotkeeper.market.series import PoolHistory, means, summary
from spotkeeper.model.max_price import MaxPrice
from spotkeeper.model.money import plain
from spotkeeper.model.record import Record, moment
from spotkeeper.model.spelling import counted

BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN = "_.:-=+*#"
NOTHING = " "

#: The scale spans at least this part of its top, so that a cent of a dollar is no mountain.
LEAST_SPAN = 0.1
#: Means of equal prices differ by so little, which must not look like a change.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Scale:
    """What the lowest and the highest block stand for."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Scale":
        """One scale for all lines that are to be compared."""
        known = sorted(values)
        low, high = known[0], known[-1]
        missing = LEAST_SPAN * high - (high - low)
        return cls(low - missing / 2, high + missing / 2) if missing > 0 else cls(low, high)

    def step(self, value: float) -> int:
        """Which of the eight blocks."""
        if self.high <= self.low:
            return 0
        part = (value - self.low) / (self.high - self.low) + ROUNDING
        return max(0, min(len(BLOCKS) - 1, int(part * len(BLOCKS))))


def sparkline(values: Sequence[float | None], scale: Scale, *, blocks: str = BLOCKS) -> str:
    """The values as blocks; a gap where nothing is known."""
    return "".join(NOTHING if value is None else blocks[scale.step(value)] for value in values)


def _columns(*titles: str, **spare: int) -> tuple[render.Column, ...]:
    """Columns of rows that are tuples of texts: two of words, the others of numbers."""
    return tuple(
        render.Column(title, itemgetter(place), right=place > 1, spare=spare.get(title, 0))
        for place, title in enumerate(titles)
    )


COLUMNS = _columns(
    "Zone", "History", "Now", "Min", "Median", "Max", "Changes", "% OD", Changes=3, Median=4, Min=5
)
SUMMARY = _columns(
    "Type",
    "Zone",
    "Rows",
    "Changes",
    "Min",
    "Median",
    "Max",
    "Last",
    Rows=1,
    Changes=3,
    Median=4,
    Min=5,
)
WITHOUT_HISTORY = tuple(column for column in COLUMNS if column.title != "History")
NARROWEST, WIDEST = 8, 40


@dataclass(frozen=True, slots=True)
class HistoryView:
    """How a history is to be shown: with a maximum price to try; ``brief`` is a line per pool."""

    max_price: MaxPrice | None = None
    brief: bool = False


def show(choices: Choices, history: PriceHistory, asked: HistoryView) -> None:
    """Print a history as the user chose."""
    if choices.output == "table":
        render.warn(history.warnings)
        lines = _brief(history) if asked.brief else _blocks(history, asked.max_price)
        click.echo("\n".join(plain_text(line) for line in lines))
        return
    as_json = choices.output == "json"
    rows = (
        [each.to_dict(asked.max_price) for each in history.pools]
        if as_json
        else [row for each in history.pools for row in change_rows(each)]
    )
    render.emit(choices, "price-history", rows, columns=(), warnings=history.warnings)


def change_rows(history: PoolHistory) -> Iterator[Record]:
    """One pool as rows of CSV, which ``--from`` reads again."""
    pool = history.place()
    for at, usd in history.series.changes():
        yield {**pool, "time": moment(at), "spot_usd_per_hour": plain(usd)}


def _brief(history: PriceHistory) -> Iterator[str]:
    """One line per pool."""
    rows_and_pools = counted(history.rows, "row"), counted(len(history.pools), "pool")
    yield ", ".join((*rows_and_pools, _span(history)))
    rows: list[tuple[str, ...]] = []
    for each in history.pools:
        figures = summary(each.series)
        prices = (figures.least, figures.median, figures.greatest, figures.last)
        counts = (f"{each.rows:,}", f"{figures.changes:,}")
        rows.append((each.pool.instance_type, name_of(each), *counts, *map(_usd, prices)))
    yield from render.table(SUMMARY, rows, terminal_width())


def _blocks(history: PriceHistory, max_price: MaxPrice | None) -> Iterator[str]:
    """A block per type and region, each with what to make of it."""
    yield from _wrapped(f"Spot prices in $/h, {_span(history)}; the median is by time")
    for (name, region), group in groupby(history.pools, key=_type_and_region):
        pools = list(group)
        listed = pools[0].on_demand_usd_per_hour
        yield ""
        told = f"${_usd(listed)}/h" if listed else "price unknown"
        yield from _wrapped(f"{name}{' in ' if region else ''}{region}, On-Demand {told}")
        yield from _table(history, pools)
        yield from _advice(pools, max_price)


def _type_and_region(history: PoolHistory) -> tuple[str, str]:
    return history.pool.instance_type, history.pool.region


def _table(history: PriceHistory, pools: Sequence[PoolHistory]) -> Iterator[str]:
    cells = [_cells(each) for each in pools]
    bare = render.table_width(WITHOUT_HISTORY, [(zone, "", *rest) for zone, *rest in cells])
    room = terminal_width()
    width = max(NARROWEST, min(WIDEST, room - bare - render.GAP))
    drawn = [means(each.series, history.begin, history.end, width) for each in pools]
    scale = Scale.of(value for values in drawn for value in values if value is not None)
    blocks = drawable(BLOCKS, PLAIN, sys.stdout.encoding)
    lines = [sparkline(values, scale, blocks=blocks) for values in drawn]
    rows = [(zone, line, *rest) for (zone, *rest), line in zip(cells, lines, strict=True)]
    yield from render.table(COLUMNS, rows, room)


def _cells(history: PoolHistory) -> tuple[str, ...]:
    figures, listed = summary(history.series), history.on_demand_usd_per_hour
    prices = (figures.last, figures.least, figures.median, figures.greatest)
    share = f"{price_advice.percent_of(figures.last, listed)}" if listed else render.UNKNOWN
    return name_of(history), *map(_usd, prices), f"{figures.changes:,}", share


def _advice(pools: Sequence[PoolHistory], max_price: MaxPrice | None) -> Iterator[str]:
    if max_price is None:
        told = [price_advice.unasked(pools)]
    else:
        trials = [each.trial(max_price) for each in pools]
        told = list(price_advice.asked(max_price, trials))
    for line in told:
        yield from _wrapped(line)


def _wrapped(line: str) -> list[str]:
    indent = "    " if line.startswith(" ") else ""
    return textwrap.wrap(line, terminal_width(), subsequent_indent=indent, break_on_hyphens=False)


def _span(history: PriceHistory) -> str:
    length = price_advice.span(history.end - history.begin)
    return f"{length} to {history.end:%Y-%m-%d %H:%M} UTC"


def _usd(amount: Decimal) -> str:
    return render.price(amount)
