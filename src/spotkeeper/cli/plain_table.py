"""Tables of many rows, set without a library: they look like the others and are there at once."""

from collections.abc import Iterator, Sequence

GAP = "  "


def lines(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, left: int, rule: str = "─"
) -> Iterator[str]:
    """Headings, a rule and the rows; the first ``left`` columns are texts, the others numbers."""
    widths = [max(map(len, cells)) for cells in zip(titles, *rows, strict=True)]
    sides = ["<" if place < left else ">" for place in range(len(titles))]
    row = GAP.join(f"{{:{side}{width}}}" for side, width in zip(sides, widths, strict=True)).format
    yield row(*titles).rstrip()
    yield rule * (sum(widths) + len(GAP) * (len(widths) - 1))
    for cells in rows:
        yield row(*cells).rstrip()
