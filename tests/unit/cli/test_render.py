"""Tables, JSON and CSV."""

import csv
import io
import json
import re
import sys
from decimal import Decimal
from operator import itemgetter
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.cli import render
from spotkeeper.cli.context import Choices
from spotkeeper.cli.terminal import plain_text

HOSTILE = "\x1b[31mred\x07\u202e"
ROWS: list[dict[str, Any]] = [
    {"name": "train", "usd": 0.4253, "percent": 57.724, "tags": {"a": 'b,"c'}, "zone": None},
    {"name": "test", "usd": None, "percent": None, "tags": {}, "zone": "us-east-1a"},
]
COLUMNS = (
    render.field("Name", "name"),
    render.usd("$/h", "usd"),
    render.percent("Saved %", "percent"),
    render.field("Zone", "zone"),
)


def emitted(
    capsys: pytest.CaptureFixture[str], output: str, rows: list[dict[str, Any]], **more: Any
) -> tuple[str, str]:
    choices = Choices(output=output, no_color=True)
    render.emit(choices, "machines", rows, columns=COLUMNS, **more)
    return capsys.readouterr()


def test_json_is_one_document_with_schema_kind_items_and_warnings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, err = emitted(capsys, "json", ROWS, warnings=["eu-west-1: no answer"])
    assert json.loads(out) == {
        "schema": 1,
        "kind": "machines",
        "items": ROWS,
        "warnings": ["eu-west-1: no answer"],
    }
    assert err == ""


def test_json_carries_what_a_command_adds(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = emitted(capsys, "json", [], extra={"refused": [{"pool": "p", "reason": "r"}]})
    assert json.loads(out)["refused"] == [{"pool": "p", "reason": "r"}]
    assert json.loads(out)["items"] == []


def test_json_is_exact_and_still_free_of_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, _ = emitted(capsys, "json", [{**ROWS[0], "name": HOSTILE}])
    assert json.loads(out)["items"][0]["name"] == HOSTILE
    assert "\x1b" not in out


def test_csv_has_a_heading_and_a_line_per_record(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = emitted(capsys, "csv", ROWS)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert list(rows[0]) == ["name", "usd", "percent", "tags", "zone"]
    assert rows[0]["usd"] == "0.4253"
    assert json.loads(rows[0]["tags"]) == {"a": 'b,"c'}
    assert rows[1]["usd"] == ""
    assert "\r" not in out


def test_csv_of_nothing_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert emitted(capsys, "csv", []) == ("", "")


@pytest.mark.parametrize("output", ["table", "csv"])
def test_no_control_character_reaches_the_terminal(
    capsys: pytest.CaptureFixture[str], output: str
) -> None:
    out, err = emitted(capsys, output, [{**ROWS[0], "name": HOSTILE}], warnings=[HOSTILE])
    assert not {"\x1b", "\x07", "\u202e"} & set(out + err)
    assert "red" in out
    assert "red" in err


def test_a_table_shows_numbers_rounded_and_the_unknown_as_a_hyphen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, _ = emitted(capsys, "table", ROWS)
    heading, _, first, second = (line.split() for line in out.splitlines())
    assert heading == ["Name", "$/h", "Saved", "%", "Zone"]
    assert first == ["train", "0.4253", "57.72", "-"]
    assert second == ["test", "-", "-", "us-east-1a"]


def test_a_table_that_is_not_on_a_terminal_is_never_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    name = "n" * 200
    out, _ = emitted(capsys, "table", [{**ROWS[0], "name": name}])
    assert name in out


def test_an_empty_table_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert emitted(capsys, "table", []) == ("", "")


@pytest.mark.parametrize("output", ["table", "csv"])
def test_warnings_are_no_data(capsys: pytest.CaptureFixture[str], output: str) -> None:
    out, err = emitted(capsys, output, ROWS, warnings=["eu-west-1: no answer"])
    assert "no answer" not in out
    assert err == "note: eu-west-1: no answer\n"


@pytest.mark.parametrize(
    ("amount", "places", "told"),
    [
        (None, 4, "-"),
        (Decimal("0.4253"), 4, "0.4253"),
        (Decimal("0.42535"), 4, "0.4254"),
        (0.1, 4, "0.1000"),
        (2.675, 2, "2.68"),
        (0, 4, "0.0000"),
        (Decimal("1234.5"), 2, "1234.50"),
        (1e-7, 4, "0.0000"),
    ],
)
def test_money_is_rounded_as_people_round(
    amount: Decimal | float | None, places: int, told: str
) -> None:
    assert render.money(amount, places) == told


def test_a_length_of_time_is_told_in_words() -> None:
    assert render.seconds(5400) == "1h 30m"


WIDE = (
    render.field("Name", "name"),
    render.Column("Last", lambda row: "l" * 20, spare=2),
    render.Column("First", lambda row: "f" * 20, spare=1),
    render.Column("Words", lambda row: "some words", wraps=True),
)


@pytest.mark.parametrize(
    ("width", "heading", "lines"),
    [
        (61, "Name  Last  First  Words", 3),
        (60, "Name  Last  Words", 3),
        (38, "Name Last Words", 3),
        (36, "Name Words", 3),
        (14, "Name Words", 4),
        (3, "Name Words", 4),
    ],
)
def test_a_narrow_terminal_loses_spare_columns_before_lines_are_wrapped(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    heading: str,
    lines: int,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    render.emit(Choices(no_color=True), "machines", ROWS[:1], columns=WIDE)
    shown = capsys.readouterr().out.splitlines()
    gap = 2 if "  " in heading else 1
    assert shown[0].split() == heading.split()
    assert re.search(rf"train {{{gap}}}\S", shown[2])
    assert len(shown) == lines
    assert width < 10 or max(map(len, shown)) <= width


def test_a_file_has_every_column(capsys: pytest.CaptureFixture[str]) -> None:
    render.emit(Choices(), "machines", ROWS[:1], columns=WIDE)
    assert capsys.readouterr().out.split()[:4] == ["Name", "Last", "First", "Words"]


@pytest.mark.parametrize(
    ("plain", "is_bold"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_the_heading_stands_out_on_a_terminal_that_may_show_it(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    plain: dict[str, str],
    *,
    is_bold: bool,
) -> None:
    monkeypatch.setattr(click.utils, "should_strip_ansi", lambda *_: False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in plain.items():
        monkeypatch.setenv(name, value)
    render.emit(Choices(), "machines", ROWS, columns=COLUMNS)
    heading, _, *lines = capsys.readouterr().out.splitlines()
    assert heading.startswith("\x1b[1mName") == is_bold
    assert not any("\x1b" in line for line in lines)


TEXTS = (
    render.Column("Type\nof it", itemgetter(0)),
    render.Column("Words", itemgetter(1), wraps=True, folds_at=12),
    render.Column("$/h", itemgetter(2), right=True),
)


def set_in(room: int | None, *rows: tuple[str, str, str]) -> list[str]:
    return "\n".join(render.table(TEXTS, rows, room)).splitlines()


def test_headings_of_several_lines_stand_at_the_rule_and_numbers_to_the_right() -> None:
    assert set_in(None, ("g5.xlarge", "a long text of words", "0.4"), ("m5", "b", "12.5")) == [
        "Type",
        "of it      Words                  $/h",
        "─────────────────────────────────────",
        "g5.xlarge  a long text of words   0.4",
        "m5         b                     12.5",
    ]


def test_a_text_is_wrapped_between_words_and_a_long_word_within() -> None:
    assert set_in(26, ("g5.xlarge", "a long text of words", "0.4"))[3:] == [
        "g5.xlarge a long text  0.4",
        "          of words",
    ]
    assert set_in(26, ("g5.xlarge", "see https://example.com", "0.4"))[3:] == [
        "g5.xlarge see          0.4",
        "          https://exam",
        "          ple.com",
    ]


@given(st.text(max_size=90))
def test_whatever_a_text_holds_it_keeps_to_its_width(text: str) -> None:
    lines = set_in(26, ("g5.xlarge", text, "0.4"))
    assert lines[3].startswith("g5.xlarge ")
    assert max(map(render._cells, lines)) <= 26  # as a terminal counts, not as Python does
    words = "".join([lines[3].removesuffix("0.4"), *lines[4:]]).removeprefix("g5.xlarge")
    assert "".join(words.split()) == "".join(plain_text(text).split())


def test_a_sign_that_takes_two_places_is_counted_as_two() -> None:
    rows = set_in(None, ("\u65e5\u672c", "e\u0301", "1"), ("abcdef", "x", "2"))[3:]
    assert rows == ["\u65e5\u672c    e\u0301        1", "abcdef  x        2"]


def test_the_rule_is_of_plain_characters_where_the_encoding_has_no_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "latin-1"))
    assert set_in(None, ("a", "b", "1"))[2] == "-" * len("of it  Words  $/h")
