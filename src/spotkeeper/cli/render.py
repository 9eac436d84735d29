"""Tables, JSON and CSV: the only place that knows width and colour."""

import json
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import click

from spotkeeper.cli.context import Choices
from spotkeeper.cli.terminal import plain_text
from spotkeeper.model.duration import words

if TYPE_CHECKING:
    from rich.measure import Measurement
    from rich.table import Table

SCHEMA = 1

Row = Mapping[str, Any]
UNKNOWN = "-"

#: A table of 80 columns has room for six figures of a price.
PLACES = ((10, 4), (100, 3))
FEW_PLACES = 2

WIDEST = 10_000

#: Which columns are left out, and how far apart the others stand beyond one blank: the first that
#: fits a terminal is taken, with its lines whole if any does so; the barest where none fits.
Layout = tuple[Collection[int], int]
LAYOUTS: Sequence[Layout] = (
    ((), 1),
    ((1,), 1),
    ((1,), 0),
    ((1, 2), 0),
)
BAREST: Layout = ((1, 2, 3), 0)


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, how to read the cell from a record, and how it is set.

    Where a terminal has no room for all of them, those of ``spare`` 1 are left out first, then
    those of 2, then those of 3, and those of 0 never. There, too, a cell that wraps is
    folded at ``folds_at`` characters, within a word if need be.
    """

    title: str
    cell: Callable[[Row], str]
    right: bool = False
    wraps: bool = False
    spare: int = 0
    folds_at: int | None = None


def emit(
    choices: Choices,
    kind: str,
    rows: Sequence[Row],
    *,
    columns: Sequence[Column],
    warnings: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Print records as the user chose: data on stdout, warnings of a table on stderr."""
    choices.talk.finish()
    if choices.output == "json":
        document = {"schema": SCHEMA, "kind": kind, "items": list(rows), **(extra or {})}
        click.echo(json.dumps({**document, "warnings": list(warnings)}, indent=2))
        return
    warn(warnings)
    if choices.output == "csv":
        _emit_csv(rows)
    elif rows:
        _emit_table(choices, rows, columns)


def warn(warnings: Sequence[str]) -> None:
    """What must be said with an answer, on stderr."""
    for warning in warnings:
        click.echo(plain_text(f"note: {warning}"), err=True)


def field(
    title: str, key: str, *, wraps: bool = False, spare: int = 0, folds_at: int | None = None
) -> Column:
    """A column that shows a text of the record, over several lines if it ``wraps``."""

    def cell(row: Row) -> str:
        return UNKNOWN if row[key] is None else str(row[key])

    return Column(title, cell, wraps=wraps, spare=spare, folds_at=folds_at)


def usd(title: str, key: str, places: int = 4) -> Column:
    """A column that shows dollars."""
    return Column(title, lambda row: money(row[key], places), right=True)


def percent(title: str, key: str) -> Column:
    """A column that shows a percentage."""

    def cell(row: Row) -> str:
        return UNKNOWN if row[key] is None else f"{row[key]:.2f}"

    return Column(title, cell, right=True)


def money(amount: Decimal | float | None, places: int = 4) -> str:
    """Dollars to so many places, ``-`` for unknown."""
    if amount is None:
        return UNKNOWN
    exact = Decimal(str(amount)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{exact}"


def price(usd: Decimal | float | None) -> str:
    """Dollars an hour to six figures at the most."""
    places = next((p for below, p in PLACES if usd is not None and usd < below), FEW_PLACES)
    return money(usd, places)


def seconds(length: int) -> str:
    """A length of time as people read it."""
    return words(timedelta(seconds=length))


def _emit_csv(rows: Sequence[Row]) -> None:
    if not rows:
        return
    flat = [{key: _flat(value) for key, value in row.items()} for row in rows]
    import csv

    writer = csv.DictWriter(sys.stdout, fieldnames=list(flat[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)


def _flat(value: Any) -> Any:
    text = json.dumps(value) if isinstance(value, dict | list) else value
    return plain_text(text) if isinstance(text, str) else text


def _emit_table(choices: Choices, rows: Sequence[Row], columns: Sequence[Column]) -> None:
    from rich.console import Console

    plain = choices.no_color or bool(os.environ.get("NO_COLOR"))
    console = Console(file=sys.stdout, no_color=plain, highlight=False, soft_wrap=False)
    # Numbers and ids are never cut: a terminal wraps the lines, a file has room for all of them.
    roomy = console.options.update(max_width=WIDEST)

    def measured(layout: Layout) -> "Measurement":
        return console.measure(_table(rows, columns, layout), options=roomy)

    layout = _fitting(measured, console.width) if console.is_terminal else LAYOUTS[0]
    size = measured(layout)
    console.width = max(console.width, size.minimum if console.is_terminal else size.maximum)
    console.print(_table(rows, columns, layout))


def _fitting(measured: Callable[[Layout], "Measurement"], width: int) -> Layout:
    """The first layout that fits with its lines whole, else with wrapped ones, else the barest."""
    wrapped = BAREST
    for layout in LAYOUTS:
        size = measured(layout)
        if size.maximum <= width:
            return layout
        if size.minimum <= width and wrapped is BAREST:
            wrapped = layout
    return wrapped


def _table(rows: Sequence[Row], columns: Sequence[Column], layout: Layout) -> "Table":
    """The table in one layout."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    spared, gap = layout
    shown = [column for column in columns if column.spare not in spared]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False)
    for column in shown:
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            overflow="fold",
            no_wrap=not column.wraps,
            max_width=None if layout is LAYOUTS[0] else column.folds_at,
        )
    for row in rows:
        table.add_row(*(Text(plain_text(column.cell(row))) for column in shown))
    return table
