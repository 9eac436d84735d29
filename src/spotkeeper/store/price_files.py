"""Price histories in files: CSV and TSV dumps, and what the AWS CLI prints as JSON; plain or gz.

A file is read in pieces, so that its size does not matter. Whole pieces are taken apart at once; a
piece in which anything is unusual is read again line by line, which explains it or names the line.
A file is taken whole or refused: a lost row would make every figure wrong without a trace.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path

from spotkeeper.errors import BadInput
from spotkeeper.store.price_rows import NEEDED, Columns, Dump, KeptRows, columns
from spotkeeper.store.unpacking import MAX_LINE, Unreadable, texts, whole_lines

LIST = "SpotPriceHistory"
#: The list alone is what ``--query SpotPriceHistory`` leaves.
_BEGIN = re.compile(rf'\s*(?:\{{[^\[]*?"{LIST}"\s*:\s*)?\[')
_GAP = re.compile(r"[\s,]*")
_END = re.compile(r'\]\s*(?:,\s*"NextToken"\s*:\s*(?:"[^"]*"|null)\s*)?\}?\s*')


def items(pieces: Iterable[str]) -> Iterator[object]:
    """The members of the list, each as JSON has it.

    Raises:
        Unreadable: the text is something else, or not whole.
    """
    rest = iter(pieces)
    text = next(rest, "")
    begin = _BEGIN.match(text)
    if begin is None:
        raise Unreadable(f'is JSON without a list "{LIST}"')
    place, decoder, number = begin.end(), json.JSONDecoder(), 0
    while True:
        place = _past_gap(text, place)
        if text.startswith("]", place):
            break
        try:
            item, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            if len(text) - place > MAX_LINE:
                raise Unreadable(f"is no JSON behind item {number}") from None
            more = next(rest, "")
            if not more:
                raise Unreadable("is cut off") from None
            text, place = text[place:] + more, 0
            continue
        number += 1
        yield item
    _refuse_more(text[place:], rest)


def _past_gap(text: str, place: int) -> int:
    gap = _GAP.match(text, place)
    return gap.end() if gap else place


def _refuse_more(text: str, rest: Iterator[str]) -> None:
    """Two answers in one file would be half of what was meant."""
    while len(text) <= MAX_LINE and (more := next(rest, "")):
        text += more
    if not _END.fullmatch(text):
        raise Unreadable("has more behind its list; give one answer of the AWS CLI per file")


#: Names of the columns in published dumps, in EC2's answers, and in our own CSV.
MEANINGS: Mapping[str, str] = {
    "timestamp": "time",
    "time": "time",
    "spot_price_usd_per_hour": "price",
    "spot_usd_per_hour": "price",
    "spotprice": "price",
    "spot_price": "price",
    "price": "price",
    "instancetype": "type",
    "instance_type": "type",
    "type": "type",
    "availabilityzone": "zone",
    "availability_zone": "zone",
    "zone": "zone",
    "availabilityzoneid": "zone id",
    "zone_id": "zone id",
    "az_id": "zone id",
    "productdescription": "product",
    "product_description": "product",
    "product": "product",
    "platform": "product",
}

#: The columns of a dump without a header, as the public archive of price histories has them.
USUAL_ORDER = ("zone id", "type", "product", "price", "time")

BEGINNINGS_OF_JSON = ("{", "[")
ITEMS_AT_ONCE = 4_096

WHAT_IT_TAKES = "Give a CSV or TSV dump, or what `aws ec2 describe-spot-price-history` prints."
HEADER = "A header is needed: timestamp,availability_zone,instance_type,spot_price_usd_per_hour"
MEND_IT = "Mend the file or get it again: without the row every figure would be wrong."


def delimiter_of(line: str) -> str:
    """What parts the cells of a file that begins with this line."""
    return "\t" if "\t" in line else ","


def read_dump(
    path: Path, globs: Sequence[str] = (), *, pieces: Iterator[str] | None = None
) -> Dump:
    """Read a file, or the ``pieces`` of its text; the pools whose type matches a glob, all of them
    for none.

    Raises:
        NotFound: there is no such file.
        BadInput: it is no price history, or not whole; with file and line.
    """
    kept = KeptRows(globs)
    pieces = pieces or texts(path)
    try:
        first = next(pieces, "")
        if first.lstrip().startswith(BEGINNINGS_OF_JSON):
            _read_items(path, chain((first,), pieces), kept)
        else:
            _read_lines(path, chain((first,), pieces), kept)
    except Unreadable as problem:
        raise BadInput(
            f"{path} {problem}; {kept.rows:,} rows could be read", next_step=WHAT_IT_TAKES
        ) from problem
    if not kept.rows:
        raise BadInput(f"{path} holds no prices", next_step=WHAT_IT_TAKES)
    return kept.dump()


def _read_lines(path: Path, pieces: Iterable[str], kept: KeptRows) -> None:
    lines = whole_lines(pieces)
    first = next(lines, "")
    if first.strip():
        table = _Table(path, kept, first)
        for piece in chain((first,), lines):
            table.take(piece)


class _Table:
    """Lines with a delimiter, one row on each."""

    def __init__(self, path: Path, kept: KeptRows, piece: str) -> None:
        self._path = path
        self._kept = kept
        self._lines = 0
        first = piece.partition("\n")[0]
        self._delimiter = delimiter_of(first)
        self._names, self._headed = self._header(self._cells(first))

    def _header(self, cells: Sequence[str]) -> tuple[tuple[str, ...], bool]:
        """What each column means, "" for one that is not used; and whether the file says it.

        Raises:
            BadInput: the file does not say it.
        """
        names = tuple(MEANINGS.get(cell.lower(), "") for cell in cells)
        if len(cells) == len(USUAL_ORDER):
            row = dict(zip(USUAL_ORDER, cells, strict=True))
            if not self._kept.fault(row):
                return USUAL_ORDER, False
        missing = [name for name in NEEDED if name not in names]
        if not {"zone", "zone id"} & set(names):
            missing.append("zone")
        twice = [name for name in names if name and names.count(name) > 1]
        if missing or twice:
            said = f"no column for {', '.join(missing)}" if missing else f"two for {twice[0]}"
            raise BadInput(f"{self._path}:1: {said}", next_step=HEADER)
        return names, True

    def take(self, piece: str) -> None:
        """Keep the rows of a piece, which ends with a line.

        Raises:
            BadInput: one of its lines is no row.
        """
        if self._headed and not self._lines:
            piece = piece.partition("\n")[2]
            self._lines = 1
        lines = piece.removesuffix("\n").count("\n") + 1
        try:
            self._kept.add(self._quickly(piece, lines))
        except ValueError:
            self._carefully(piece)
        self._lines += lines

    def _quickly(self, piece: str, lines: int) -> Columns:
        """The columns of lines that all have the same cells, without a quote.

        A line with a cell too many or too few moves all that follow, until something that is no
        time stands where a time should: nothing is kept then.
        """
        width = len(self._names)
        end = "\r\n" if piece.endswith("\r\n") else "\n"
        cells = piece.removesuffix(end).replace(end, self._delimiter).split(self._delimiter)
        if len(cells) != width * lines or '"' in piece:
            raise ValueError("unusual")
        return self._columns([cells[place::width] for place in range(width)])

    def _columns(self, cells: Sequence[Sequence[str]]) -> Columns:
        return columns({name: cells[place] for place, name in enumerate(self._names) if name})

    def _carefully(self, piece: str) -> None:
        """Line by line, as CSV allows it."""
        rows: list[list[str]] = []
        for number, line in enumerate(piece.split("\n"), start=self._lines + 1):
            if line.strip():
                cells = self._cells(line)
                if fault := self._fault(cells):
                    before = self._kept.rows + len(rows)
                    raise _bad_row(f"{self._path}:{number}", fault, before)
                rows.append(cells)
        if rows:
            _keep(self._kept, self._columns(list(zip(*rows, strict=True))), self._path)

    def _cells(self, line: str) -> list[str]:
        try:
            found = next(csv.reader([line], delimiter=self._delimiter, strict=True), [])
        except csv.Error:
            return []
        return [cell.strip() for cell in found]

    def _fault(self, cells: Sequence[str]) -> str:
        """What is wrong with a row; "" for nothing."""
        if len(cells) != len(self._names):
            return f"{len(cells)} columns instead of {len(self._names)}"
        return self._kept.fault(dict(zip(self._names, cells, strict=True)))


def _read_items(path: Path, pieces: Iterable[str], kept: KeptRows) -> None:
    found = items(pieces)
    while some := list(islice(found, ITEMS_AT_ONCE)):
        rows = [_named(item) for item in some]
        for number, row in enumerate(rows, start=kept.rows + 1):
            if fault := kept.fault(row):
                raise _bad_row(f"{path}: item {number}", fault, number - 1)
        names = set(MEANINGS.values())
        _keep(kept, columns({n: [row.get(n, "") for row in rows] for n in names}), path)


def _named(item: object) -> dict[str, str]:
    """The fields of an item that mean something here."""
    if not isinstance(item, dict):
        return {}
    fields = ((MEANINGS.get(str(key).lower(), ""), value) for key, value in item.items())
    return {name: str(value).strip() for name, value in fields if name and value is not None}


def _keep(kept: KeptRows, some: Columns, path: Path) -> None:
    """Keep rows that have no fault of their own."""
    try:
        kept.add(some)
    except ValueError:
        raise BadInput(f"{path} names more pools than EC2 has", next_step=WHAT_IT_TAKES) from None


def _bad_row(place: str, fault: str, before: int) -> BadInput:
    return BadInput(
        f"{place}: {fault}; {before:,} rows before it could be read", next_step=MEND_IT
    )
