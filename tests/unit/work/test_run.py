"""The record of a run: what its lines add up to, and what no line may follow."""

import itertools
import json
from pathlib import Path

import pytest

from spotkeeper.work.run import (
    KINDS,
    NEXT_STATES,
    OVER,
    STATE_AFTER,
    Accepted,
    Asked,
    Declared,
    Ended,
    ImpossibleMove,
    Killing,
    Line,
    Outcome,
    Remark,
    Run,
    RunState,
    SetTaken,
    Starting,
    Told,
    event_of,
    read,
    read_line,
)

LIFE: tuple[Line, ...] = (
    Accepted(1.0, "r"),
    Starting(2.0, 0, "life-1"),
    Ended(3.0, 0, Outcome.READY, "exit 0", code=0),
    Starting(4.0, 1, "life-1", digest="a"),
    SetTaken(5.0, 1, "b", 2, 3000, 0.5),
    Asked(6.0, "notice", 100.0, 110.0),
    Told(7.0, (12, 13), ("python3 train.py", "bash")),
    Killing(8.0, ("tee",)),
    Ended(9.0, 1, Outcome.INTERRUPTED, "exit 0", code=0, saved=True),
    Remark(10.0, "from set 1", "words"),
    Starting(11.0, 2, "life-2", resumed=True, digest="b"),
    Ended(12.0, 2, Outcome.FINISHED, "exit 0", code=0),
)


def written(lines: tuple[Line, ...] = LIFE) -> list[str]:
    return [line.to_json() for line in lines]


def test_every_line_is_read_as_it_was_written() -> None:
    assert {type(line).word for line in LIFE} | {Declared.word} == set(KINDS)
    for line in (*LIFE, Declared(1.0, RunState.CANCELLED, "w")):
        assert read_line(line.to_json()) == line


def test_the_states_that_a_life_goes_through() -> None:
    states = [read(written()[:count]).state.value for count in range(1, len(LIFE) + 1)]
    assert [state for state, _ in itertools.groupby(states)] == [
        "waiting",
        "setting up",
        "waiting",
        "running",
        "stopping",
        "interrupted",
        "running",
        "finished",
    ]
    run = read(written())
    assert (run.last_attempt, run.is_set_up, run.count(Outcome.INTERRUPTED)) == (2, True, 1)
    assert (run.attempts[1].told, run.attempts[1].told_at, run.attempts[1].sets) == (
        (12, 13),
        7.0,
        1,
    )


def test_a_line_that_was_torn_and_one_of_a_later_version_are_passed_over() -> None:
    lines = written()
    torn = [lines[0], lines[1][: len(lines[1]) // 2], *lines[1:], '{"line": "new"}', "[]", "7"]
    assert read(torn) == read(lines)
    later = json.dumps({**json.loads(lines[0]), "added": 1})
    assert read([later]) == read(lines[:1])


@pytest.mark.parametrize("state", RunState)
def test_every_state_has_a_row_and_the_end_has_nothing_behind_it(state: RunState) -> None:
    assert (NEXT_STATES[state] == frozenset()) is (state in OVER)
    assert set(STATE_AFTER) == set(Outcome)


def test_the_page_on_the_agent_prints_the_table_of_states() -> None:
    page = Path(__file__).parents[3] / "docs" / "agent.md"
    rows = [line.strip("|").split("|") for line in page.read_text().splitlines() if "|" in line]
    told = {
        state.strip(): {each.strip() for each in row[1].split(",")} - {"nothing"}
        for row in rows
        for state in row[0].split(",")
    }
    for state, following in NEXT_STATES.items():
        assert told[state.value] == {each.value for each in following}, state.value


@pytest.mark.parametrize(
    ("before", "line"),
    [
        (LIFE[:4], Starting(9.0, 2, "life-1")),
        (LIFE, Starting(20.0, 3, "life-2")),
        (LIFE, Declared(20.0, RunState.CANCELLED, "")),
        (LIFE[:1], Ended(9.0, 1, Outcome.FINISHED, "")),
        (LIFE[:4], Ended(9.0, 2, Outcome.FINISHED, "")),
        (LIFE[:1], Told(9.0, (1,))),
        (LIFE[:1], Declared(9.0, RunState.FINISHED, "")),
    ],
)
def test_a_line_that_cannot_be_true_is_refused(before: tuple[Line, ...], line: Line) -> None:
    with pytest.raises(ImpossibleMove):
        read(written(before)).after(line)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (LIFE[8], ("interrupted", "exit 0")),
        (LIFE[11], ("finished", "exit 0")),
        (LIFE[10], ("resumed", "attempt 2")),
        (LIFE[3], None),
        (LIFE[2], None),
        (Remark(1.0, "stalled", "no sign"), ("stalled", "no sign")),
        (Remark(1.0, "disk", "full"), None),
        (
            Declared(1.0, RunState.UNFIT, "7 of 8 GPUs answer"),
            ("machine unfit", "7 of 8 GPUs answer"),
        ),
    ],
)
def test_what_a_person_hears_of(line: Line, wanted: tuple[str, str] | None) -> None:
    assert event_of(line) == wanted


def test_what_was_said_is_not_forgotten() -> None:
    run = Run().after(Accepted(1.0, "r")).after(Remark(5.0, "disk", "full"))
    assert run.remarked("disk")
    assert not run.remarked("disk", since=6.0)
