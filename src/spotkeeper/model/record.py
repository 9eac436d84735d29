"""How a result is told: to a program as plain values, to a person as one line or as a table."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from spotkeeper.model.tags import tag_time

#: What ``--output json`` prints of one item. The field names are a promise.
Record = dict[str, Any]

MAX_REPR_LETTERS = 200
MAX_HTML_ROWS = 100


class Result:
    """What a command answers with. Frozen; its fields are its facts, unknown is ``None``."""

    __slots__ = ()

    def to_dict(self) -> Record:
        """The facts as ``--output json`` prints them: an item, or ``items`` and what goes with
        them. Amounts are numbers, times are text in UTC."""
        raise NotImplementedError

    def __repr__(self) -> str:
        facts = self.to_dict()
        if "items" in facts:
            facts = {"items": len(facts["items"]), "warnings": len(facts.get("warnings", ()))}
        told = " ".join(f"{name}={value!r}" for name, value in _plain(facts) if value is not None)
        line = f"<{type(self).__name__} {told}>"
        line = "".join(
            each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line
        )
        return line if len(line) <= MAX_REPR_LETTERS else f"{line[: MAX_REPR_LETTERS - 2]}…>"

    def _repr_html_(self) -> str:
        """A table, as notebooks show it."""
        facts = self.to_dict()
        items = facts.get("items")
        if items is None:
            return _html_table(("", ""), _plain(facts))
        shown = items[:MAX_HTML_ROWS]
        names = [name for name, _ in _plain(shown[0])] if shown else []
        rows = ([item.get(name) for name in names] for item in shown)
        return _html_table(names, rows)


def _plain(facts: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """The facts that are one value each."""
    kept = (str, int, float, type(None))
    return [(name, value) for name, value in facts.items() if isinstance(value, kept)]


def _html_table(names: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    from html import escape

    def line(tag: str, values: Iterable[Any]) -> str:
        told = ("-" if value is None else escape(str(value)) for value in values)
        return "<tr>" + "".join(f"<{tag}>{each}</{tag}>" for each in told) + "</tr>"

    body = "".join(line("td", row) for row in rows)
    head = line("th", names) if any(names) else ""
    return f"<table>{head}{body}</table>"


def number(amount: Decimal | None) -> float | None:
    """An amount as a JSON number; the shortest one that reads back the same."""
    return None if amount is None else float(amount)


def moment(at: datetime | None) -> str | None:
    """A time as JSON text, in UTC."""
    return None if at is None else tag_time(at)
