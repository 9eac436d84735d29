"""Who judges us besides ourselves: the table that ends `make world`.

A test marked ``world("what is judged", by="who judges")`` counts once, or as often as it says with
``judged``.
"""

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

import pytest

#: Under these names a test keeps what it is about and what came of it.
ABOUT, ROWS = "world", "rows"
HEADINGS = ("judged", "by", "held", "right", "different", "skipped")


class Verdicts:
    """What a judge of many rows said, each against what we made of it."""

    def __init__(self) -> None:
        self.different: list[str] = []
        self.rows = [0, 0]

    def compare(self, what: object, ours: object, theirs: object) -> None:
        """Hold one row to the judge's reading, and go on to the next."""
        self.check(what, right=ours == theirs, told=f"{ours!r} is not {theirs!r}")

    def check(self, what: object, *, right: bool, told: object = "") -> None:
        """Count one row that is right or not."""
        self.different += [] if right else [f"{what}: {told}"]
        self.rows[:] = self.rows[0] + 1, len(self.different)

    def settle(self) -> None:
        """Fail with everything that differs, not only the first of it."""
        assert self.rows[0], "the judge said nothing"
        assert not self.different, "\n".join(self.different)


@dataclass
class Line:
    """A line of the table."""

    kind: str
    judge: str
    held: int = 0
    right: int = 0
    different: int = 0
    skipped: int = 0

    def count(self, outcome: str, rows: list[int] | None) -> None:
        """Add what came of one test."""
        if outcome == "skipped":
            self.skipped += 1
            return
        failed = int(outcome == "failed")
        held, different = rows if rows and rows[0] else (1, failed)
        self.held += held
        self.different += max(different, failed)
        self.right = self.held - self.different


def note(items: list[pytest.Item]) -> None:
    """Keep with every marked test what it is about, for its reports."""
    for item in items:
        if mark := item.get_closest_marker("world"):
            item.user_properties.append((ABOUT, (mark.args[0], mark.kwargs["by"])))


def table(reports: list[pytest.TestReport]) -> Iterator[str]:
    """The table of all reports of marked tests."""
    lines: dict[tuple[str, str], Line] = {}
    for report in reports:
        told: dict[str, Any] = dict(report.user_properties)
        if ABOUT in told:
            line = lines.setdefault(tuple(told[ABOUT]), Line(*told[ABOUT]))
            line.count(report.outcome, told.get(ROWS))
    rows = [HEADINGS, *(astuple(lines[key]) for key in sorted(lines))]
    widths = [max(len(str(row[at])) for row in rows) for at in range(len(HEADINGS))]
    for row in rows:
        yield "  ".join(
            str(cell).ljust(width) if at < 2 else str(cell).rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
