"""Tables, JSON and CSV: the only place that knows how wide a table is and how it looks."""

import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import zip_longest
from typing import Any, NamedTuple
from unicodedata import combining, east_asian_width

import click

from spotkeeper.cli.context import Choices
from spotkeeper.cli.terminal import drawable, plain_text, terminal_width
from spotkeeper.model import money as dollars
from spotkeeper.model.duration import words

SCHEMA = 1

Row = Mapping[str, Any]
UNKNOWN = "-"

RULE, PLAIN_RULE = "─", "-"


class Layout(NamedTuple):
    """Which spare columns are left out, and how many blanks part the others."""

    without: Collection[int]
    gap: int


GAP, NARROW_GAP = 2, 1
#: The first that fits a terminal with its lines whole is taken; else the first of these and the
#: squeezed ones that fits when texts are wrapped; else the barest.
LAYOUTS = (
    Layout((), GAP),
    Layout((1,), GAP),
    Layout((1,), NARROW_GAP),
    Layout((1, 2), NARROW_GAP),
)
SQUEEZED = tuple(Layout(range(1, most + 1), NARROW_GAP) for most in range(3, 7))
BAREST = SQUEEZED[-1]
#: A longer word is broken where nothing else makes a table fit.
LONGEST_WORD = 12


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, how to read the cell from a record, and how it is set.

    Where a terminal has no room for all of them, those of ``spare`` 1 are left out first, then
    those of 2; where wrapped lines do not fit either, those of 3 and so on to 6; those of 0
    never. There, too, a cell that wraps is folded at ``folds_at`` characters, within a word if
    need be.
    """

    title: str
    cell: Callable[[Row], str]
    right: bool = False
    wraps: bool = False
    spare: int = 0
    folds_at: int | None = None


class HeadedRows(list[Row]):
    """Rows, and the fields that each of them has: a CSV has its heading without any, too."""

    def __init__(self, rows: Iterable[Row], fields: Iterable[str]) -> None:
        super().__init__(rows)
        self.fields = list(fields)


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


def percent(title: str, key: str, *, spare: int = 0) -> Column:
    """A column that shows a percentage."""

    def cell(row: Row) -> str:
        return UNKNOWN if row[key] is None else f"{row[key]:.2f}"

    return Column(title, cell, right=True, spare=spare)


def money(amount: Decimal | float | None, places: int = 4) -> str:
    """Dollars to so many places, ``-`` for unknown."""
    if amount is None:
        return UNKNOWN
    return dollars.rounded(amount, places)


def price(usd: Decimal | float | None) -> str:
    """Dollars an hour to six figures at the most."""
    return UNKNOWN if usd is None else dollars.price(usd)


def rate(usd_per_hour: Decimal | float | None) -> str:
    """Dollars an hour with their sign."""
    return UNKNOWN if usd_per_hour is None else dollars.rate(usd_per_hour)


def total(usd: Decimal | float | None) -> str:
    """A sum with its sign: to the cent, below a cent to four places."""
    return UNKNOWN if usd is None else dollars.total(usd)


def moment(at: datetime) -> str:
    """A time that somebody decides by: UTC, and what the clock on the wall says then."""
    local = at.astimezone()
    here = f" ({local:%a %H:%M} here)" if local.utcoffset() else ""
    return f"{at:%Y-%m-%d %H:%M} UTC{here}"


def seconds(length: int) -> str:
    """A length of time as people read it."""
    return words(timedelta(seconds=length))


def _emit_csv(rows: Sequence[Row]) -> None:
    names = list(rows[0]) if rows else rows.fields if isinstance(rows, HeadedRows) else []
    if not names:
        return
    flat = [{key: _flat(value) for key, value in row.items()} for row in rows]
    import csv

    writer = csv.DictWriter(sys.stdout, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)


def _flat(value: Any) -> Any:
    text = json.dumps(value) if isinstance(value, dict | list) else value
    return plain_text(text) if isinstance(text, str) else text


def _emit_table(choices: Choices, rows: Sequence[Row], columns: Sequence[Column]) -> None:
    is_terminal = sys.stdout.isatty()
    heading, *lines = table(columns, rows, terminal_width() if is_terminal else None)
    plain = choices.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    click.echo(heading if plain or not is_terminal else click.style(heading, bold=True))
    click.echo("\n".join(lines))


def table(
    columns: Sequence[Column], rows: Sequence[Any], room: int | None = None
) -> Iterator[str]:
    """The heading of a table, which may be of several lines, a rule, and the lines of its rows.

    Where there is no ``room``, spare columns are left out, the others stand closer, and texts that
    may be wrapped are. Numbers and ids are never cut: a terminal wraps the whole line.
    """
    shown, gap = _fitting([_filled(column, rows) for column in columns], room or sys.maxsize)
    widths = _widths(shown, (room or sys.maxsize) - gap * (len(shown) - 1))
    sides = [each.column.right for each in shown]

    def set_lines(cells: Sequence[Sequence[str]]) -> Iterator[str]:
        for line in zip_longest(*cells, fillvalue=""):
            padded = map(_padded, line, widths, sides)
            yield (" " * gap).join(padded).rstrip()

    titles = [_folded(each.column.title, width) for each, width in zip(shown, widths, strict=True)]
    height = max(map(len, titles))
    yield "\n".join(set_lines([[""] * (height - len(title)) + [*title] for title in titles]))
    yield drawable(RULE, PLAIN_RULE, sys.stdout.encoding) * (sum(widths) + gap * (len(shown) - 1))
    for texts in zip(*(each.texts for each in shown), strict=True):
        yield from set_lines([_folded(*each) for each in zip(texts, widths, strict=True)])


def table_width(columns: Sequence[Column], rows: Sequence[Any]) -> int:
    """How wide a table is where there is room."""
    filled = [_filled(column, rows) for column in columns]
    return sum(each.whole for each in filled) + GAP * (len(filled) - 1)


class _Filled(NamedTuple):
    """A column with its texts, and how wide it is: its lines whole, and at the least."""

    column: Column
    texts: Sequence[str]
    whole: int
    least: int

    def narrowed(self, longest_word: int) -> "_Filled":
        """As it may stand where there is little room."""
        most = self.column.folds_at or self.whole
        least = min(self.least, longest_word) if self.column.wraps else self.least
        return self._replace(whole=min(self.whole, most), least=min(least, most))


def _filled(column: Column, rows: Sequence[Any]) -> _Filled:
    texts = [plain_text(column.cell(row)) for row in rows]
    lines = [*column.title.split("\n"), *texts]
    whole = max(map(_cells, lines))
    if not column.wraps:
        return _Filled(column, texts, whole, whole)
    least = max((_cells(word) for line in lines for word in line.split()), default=0)
    return _Filled(column, texts, whole, least)


def _fitting(columns: Sequence[_Filled], room: int) -> tuple[Sequence[_Filled], int]:
    """What the first layout shows that fits, and how far apart."""
    for layout in LAYOUTS:
        shown = _as_in(layout, columns)
        if sum(each.whole for each in shown) + layout.gap * (len(shown) - 1) <= room:
            return shown, layout.gap
    for layout in (*LAYOUTS, *SQUEEZED):
        shown = _as_in(layout, columns)
        if sum(each.least for each in shown) + layout.gap * (len(shown) - 1) <= room:
            break
    return shown, layout.gap


def _as_in(layout: Layout, columns: Sequence[_Filled]) -> Sequence[_Filled]:
    shown = [each for each in columns if each.column.spare not in layout.without]
    if layout is LAYOUTS[0]:
        return shown
    return [each.narrowed(LONGEST_WORD if layout is BAREST else each.least) for each in shown]


def _widths(shown: Sequence[_Filled], room: int) -> Sequence[int]:
    """The width of each column; where there is no room, the widest gives way."""
    widths = [each.whole for each in shown]
    places = range(len(shown))
    while sum(widths) > room:
        wide = [place for place in places if widths[place] > shown[place].least]
        if not wide:
            break
        widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def _folded(text: str, width: int) -> Sequence[str]:
    """The text in lines of a width, broken between words where that can be."""
    lines: list[str] = []
    for line in text.split("\n"):
        lines += [line] if _cells(line) <= width else _wrapped(line, width)
    return lines


def _wrapped(text: str, width: int) -> Sequence[str]:
    first, *rest = text.split() or [""]
    lines = [*_pieces(first, width)]
    for word in rest:
        if _cells(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines += _pieces(word, width)
    return lines


def _pieces(word: str, width: int) -> Sequence[str]:
    pieces = [""]
    for character in word:
        if pieces[-1] and _cells(pieces[-1] + character) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _padded(text: str, width: int, right: bool) -> str:  # noqa: FBT001 - by map
    blanks = " " * (width - _cells(text))
    return blanks + text if right else text + blanks


def _cells(text: str) -> int:
    """How many places of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text
    )
