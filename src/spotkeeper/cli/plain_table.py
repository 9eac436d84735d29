"""Tables of many rows, set without a library: they look like the others and are there at once."""

from collections.abc import Iterator, Sequence

#: What stands between two columns: the first with which a table fits, else the last.
GAPS = ("  ", " ")


def lines(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: int,
    rule: str = "─",
    room: int | None = None,
) -> Iterator[str]:
    """Headings, a rule and the rows; the first ``left`` columns are texts, the others numbers.

    The columns stand closer where there is no ``room`` for them.
    """
    widths = _widths(titles, rows)
    gap = next((gap for gap in GAPS if room is None or _taken(widths, gap) <= room), GAPS[-1])
    sides = ["<" if place < left else ">" for place in range(len(titles))]
    row = gap.join(f"{{:{side}{width}}}" for side, width in zip(sides, widths, strict=True)).format
    yield row(*titles).rstrip()
    yield rule * _taken(widths, gap)
    for cells in rows:
        yield row(*cells).rstrip()


def least_width(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """How many characters a table needs, its columns as close as they may be."""
    return _taken(_widths(titles, rows), GAPS[-1])


def width(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """How many characters a table takes where there is room."""
    return _taken(_widths(titles, rows), GAPS[0])


def _widths(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, cells)) for cells in zip(titles, *rows, strict=True)]


def _taken(widths: Sequence[int], gap: str) -> int:
    return sum(widths) + len(gap) * (len(widths) - 1)
