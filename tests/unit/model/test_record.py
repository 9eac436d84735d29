"""How results are told: in one line, as a table, and never as more than that."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import hostile

import spotkeeper
from spotkeeper.model.record import MAX_HTML_ROWS, Record, Result, ResultList

TEXTS = st.text(max_size=300) | st.sampled_from(sorted(hostile.payloads()))
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.lists(TEXTS)
FACTS = st.dictionaries(TEXTS, VALUES | st.dictionaries(TEXTS, VALUES), max_size=8)


@dataclass(frozen=True, slots=True, repr=False)
class Fact(Result):
    """A result that holds anything."""

    facts: Record

    def to_dict(self) -> Record:
        return self.facts


@dataclass(frozen=True, slots=True, repr=False)
class Facts(ResultList[Fact]):
    """Several."""

    facts: tuple[Fact, ...]
    warnings: tuple[str, ...] = ()

    def _items(self) -> tuple[Fact, ...]:
        return self.facts


class Seen(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[Any] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def results() -> Iterator[type[Result]]:
    """Every result there is."""
    for module in pkgutil.walk_packages(spotkeeper.__path__, "spotkeeper."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds: list[type[Result]] = [Result]
    for kind in kinds:
        kinds += [each for each in kind.__subclasses__() if each not in kinds]
        home = importlib.import_module(kind.__module__)
        is_made_of_slots = getattr(home, kind.__name__, kind) is not kind  # and replaced by that
        if kind.__module__.startswith("spotkeeper.") and not is_made_of_slots:
            yield kind


@given(facts=FACTS)
def test_whatever_a_result_holds_it_is_told_in_one_short_line(facts: Record) -> None:
    line = repr(Fact(facts))
    assert len(line) <= 200
    assert line.isprintable()
    assert line.startswith("<Fact ")
    assert line.endswith(">")


@given(rows=st.lists(FACTS, max_size=3), warnings=st.lists(TEXTS, max_size=2))
def test_a_table_is_a_table_whatever_it_holds(rows: list[Record], warnings: list[str]) -> None:
    told = Facts(tuple(map(Fact, rows)), tuple(warnings))
    for html in (told._repr_html_(), *(row._repr_html_() for row in told)):
        seen = Seen(html)
        assert set(seen.tags) <= {"table", "tr", "th", "td", "p"}
        assert seen.attributes == []
        html.encode()
    assert Seen(told._repr_html_()).tags.count("p") == len(warnings)


def test_a_table_shows_facts_within_facts_and_says_how_many_rows_it_leaves_out() -> None:
    row = Fact({"name": "a<b", "unknown": None, "tags": {"k": "v"}, "ids": ["i-1", "i-2"]})
    seen = Seen(row._repr_html_())
    assert seen.text == "namea<bunknown-tags.kvidsi-1, i-2"
    many = Seen(Facts((row,) * (MAX_HTML_ROWS + 1), ("simulated",))._repr_html_())
    assert many.tags.count("tr") == MAX_HTML_ROWS + 1  # and the head
    assert many.text.endswith("note: 100 of 101 are shownnote: simulated")


def test_a_list_of_results_is_a_sequence() -> None:
    one, two = Fact({"n": 1}), Fact({"n": 2})
    told = Facts((one, two), ("so",))
    assert (len(told), told[0], told[-1:], list(told)) == (2, one, (two,), [one, two])
    assert two in told
    assert told.to_dict() == {"items": [{"n": 1}, {"n": 2}], "warnings": ["so"]}
    assert repr(told) == "<Facts items=2 warnings=1>"


@pytest.mark.parametrize(
    "kind",
    [each for each in results() if each not in (Result, ResultList)],
    ids=lambda kind: kind.__name__,
)
def test_every_result_is_frozen_and_told_in_the_one_way(kind: type[Result]) -> None:
    assert kind.__repr__ is Result.__repr__
    assert kind._repr_html_ is Result._repr_html_
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
