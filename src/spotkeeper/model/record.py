"""How a result is told: to a program as plain values, to a person as one line or as a table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, TypeVar, overload

from spotkeeper.model.tags import tag_time

#: What ``--output json`` prints of one item. The field names are a promise.
Record = dict[str, Any]

MAX_REPR_LETTERS = 200
MAX_HTML_ROWS = 100


class Result:
    """What a command answers with. Frozen; its fields are its facts, unknown is ``None``."""

    __slots__ = ()

    #: The facts of the one line; all where none is named.
    _headline: ClassVar[tuple[str, ...]] = ()

    def to_dict(self) -> Record:
        """The facts as ``--output json`` prints them: an item, or ``items`` and what goes with
        them. Amounts are numbers, times are text in UTC."""
        raise NotImplementedError

    def _items(self) -> "Sequence[Result] | None":
        """What ``to_dict`` has as ``items``, if it has any."""
        return None

    def _notes(self) -> tuple[str, ...]:
        return getattr(self, "warnings", ())

    def __repr__(self) -> str:
        items = self._items()
        facts: Iterable[tuple[str, Any]] = _plain(self.to_dict()) if items is None else ()
        if items is not None:
            facts = (("items", len(items)), ("warnings", len(self._notes())))
        elif self._headline:
            known = dict(facts)
            facts = ((name.rpartition(".")[2], known.get(name)) for name in self._headline)
        told = " ".join(f"{name}={value!r}" for name, value in facts if value is not None)
        line = _printable(f"<{type(self).__name__} {told}>")
        return line if len(line) <= MAX_REPR_LETTERS else f"{line[: MAX_REPR_LETTERS - 2]}…>"

    def _repr_html_(self) -> str:
        """A table, as notebooks show it, with what must be said of it."""
        items = self._items()
        if items is None:
            return _html_table((), _plain(self.to_dict()), self._notes())
        notes = self._notes()
        if len(items) > MAX_HTML_ROWS:
            notes = (f"{MAX_HTML_ROWS} of {len(items)} are shown", *notes)
        rows = [dict(_plain(item.to_dict())) for item in items[:MAX_HTML_ROWS]]
        names = tuple(dict.fromkeys(name for row in rows for name in row))
        return _html_table(names, ([row.get(name) for name in names] for row in rows), notes)


R_co = TypeVar("R_co", bound=Result, covariant=True)


class ResultList(Result, Sequence[R_co]):
    """Results in their order, and what goes with them."""

    __slots__ = ()

    def _items(self) -> tuple[R_co, ...]:
        raise NotImplementedError

    def to_dict(self) -> Record:
        """The results as items, and what goes with them."""
        items = [each.to_dict() for each in self]
        return {"items": items, "warnings": list(self._notes()), **self._beside()}

    def _beside(self) -> Record:
        """What else there is to tell of them."""
        return {}

    def __len__(self) -> int:
        return len(self._items())

    @overload
    def __getitem__(self, place: int) -> R_co: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[R_co, ...]: ...
    def __getitem__(self, place: int | slice) -> R_co | tuple[R_co, ...]:
        return self._items()[place]

    def __iter__(self) -> Iterator[R_co]:
        return iter(self._items())


def _plain(facts: Mapping[str, Any], of: str = "") -> Iterator[tuple[str, Any]]:
    """The facts that are one value each, also those inside of another."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _plain(value, f"{of}{name}.")
        elif isinstance(value, list):
            if value and all(isinstance(each, str) for each in value):
                yield f"{of}{name}", ", ".join(value)
        else:
            yield f"{of}{name}", value


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _html_table(names: Sequence[str], rows: Iterable[Iterable[Any]], notes: Iterable[str]) -> str:
    from html import escape

    def told(value: object) -> str:
        return "-" if value is None else escape(_printable(str(value)))

    def line(tag: str, values: Iterable[Any]) -> str:
        return f"<tr>{''.join(f'<{tag}>{told(each)}</{tag}>' for each in values)}</tr>"

    head = line("th", names) if names else ""
    said = "".join(f"<p>note: {told(note)}</p>" for note in notes)
    return f"<table>{head}{''.join(line('td', row) for row in rows)}</table>{said}"


def number(amount: Decimal | None) -> float | None:
    """An amount as a JSON number; the shortest one that reads back the same."""
    return None if amount is None else float(amount)


def moment(at: datetime | None) -> str | None:
    """A time as JSON text, in UTC."""
    return None if at is None else tag_time(at)
