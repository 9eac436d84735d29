"""The life of a machine in plain words."""

from datetime import timedelta

import pytest
from tests.unit.model.make import NOON, entry_of

from spotkeeper.costs.history import Chapter, chapters
from spotkeeper.model.journal_entry import (
    KINDS,
    Damaged,
    DeadlineMoved,
    Ending,
    Entry,
    Intent,
    Launched,
    LaunchRefused,
    Ready,
    Seen,
    Settled,
    Settling,
)

NOW = NOON + timedelta(days=1)
POOL = {"region": "us-east-1", "zone": "us-east-1a", "type": "g5.xlarge", "instance": "i-1"}


def at(minutes: float, what: type[Entry], **fields: str) -> Entry:
    return entry_of(what, NOON + timedelta(minutes=minutes), fields)


def seen(minutes: float, state: str, by: str = "user", **fields: str) -> Entry:
    """Seen two minutes after it happened."""
    since = (NOON + timedelta(minutes=minutes)).isoformat()
    known = {**POOL, "state": state, "since": since, "by": by, **fields}
    return at(minutes + 2, Seen, **known)


ASKED = at(0, Intent, token="t1", region="us-east-1", pool="g5.xlarge@us-east-1a")
LAUNCHED = at(1, Launched, token="t1", region="us-east-1", instance="i-1", request="sir-1")
READY = at(3, Ready, token="t1")
RUNNING = seen(1, "running")
UP = (ASKED, LAUNCHED, READY, RUNNING)


def told(*life: Entry) -> tuple[Chapter, ...]:
    return chapters(life, 1, now=NOW)


def texts(*life: Entry) -> list[str]:
    return [chapter.text for chapter in told(*life)]


def last(*life: Entry) -> str:
    return texts(*life)[-1]


def test_a_launch_is_told_once_however_often_it_was_seen() -> None:
    assert texts(*UP, at(9, Ending), at(10, Settled)) == [
        "asked for g5.xlarge in us-east-1a",
        "EC2 launched g5.xlarge in us-east-1a: i-1, sir-1",
        "ready, 3m after it was asked for",
        "giving back began",
        "gone for certain",
    ]


def test_a_refusal_names_the_pool_that_was_asked_for() -> None:
    other = at(1, Intent, token="t2", pool="g6.xlarge@us-east-1b")
    assert texts(ASKED, other, at(2, LaunchRefused, token="t1", code="no-capacity"))[-1] == (
        "EC2 refused g5.xlarge in us-east-1a: no capacity"
    )


def test_a_launch_whose_answer_was_lost_was_asked_for_again() -> None:
    assert last(ASKED, ASKED) == ("asked for g5.xlarge in us-east-1a again, as no answer had come")


@pytest.mark.parametrize(
    ("end", "what", "words"),
    [
        (seen(61, "stopped", "ec2"), "interrupted", "interrupted by EC2: stopped, its disk kept"),
        (seen(61, "ended", "ec2"), "interrupted", "interrupted by EC2: ended"),
        (seen(61, "stopped"), "stopped", "stopped by you, or by its guard"),
        (seen(61, "ended"), "ended", "ended by you, or by its guard"),
    ],
)
def test_the_end_of_a_stretch_says_who_ended_it_when_and_how_long_it_was(
    end: Entry, what: str, words: str
) -> None:
    chapter = told(*UP, end)[-1]
    assert (chapter.what, chapter.text) == (what, words)
    assert chapter.at == NOON + timedelta(minutes=61)
    assert chapter.stretch is not None
    assert chapter.stretch.end - chapter.stretch.begin == timedelta(hours=1)


def test_a_machine_comes_back_or_is_started() -> None:
    back = seen(71, "running")
    for by, words in (("ec2", "came back"), ("user", "started")):
        chapters_told = told(*UP, seen(61, "stopped", by), back)
        assert chapters_told[-2].text == f"{words} on g5.xlarge in us-east-1a after 10m"


def test_a_stop_that_nobody_saw_is_told_as_such() -> None:
    again = told(*UP, seen(71, "running"))[-2]
    assert "it had stopped in between, unseen" in again.text
    assert again.stretch is not None
    assert (again.stretch.end, again.stretch.unseen) == (again.at, True)


def test_a_start_that_nobody_saw_is_told_by_the_launch_time() -> None:
    launched = (NOON + timedelta(minutes=31)).isoformat()
    *_, again, end = told(*UP, seen(61, "stopped", "ec2", launched=launched))
    assert [each.at - NOON for each in (again, end)] == [timedelta(minutes=m) for m in (31, 61)]
    assert "it had stopped in between, unseen" in again.text
    assert again.stretch is not None
    assert end.stretch is not None
    assert (again.stretch.end, end.stretch.begin) == (again.at, again.at)


def test_what_runs_is_told_with_its_hours_so_far() -> None:
    now = told(*UP)[-1]
    assert (now.what, now.at) == ("now", NOW)
    assert now.stretch is not None
    assert now.stretch.end == NOW


def test_what_ran_when_it_was_given_back_ran_until_then() -> None:
    settling, settled = told(*UP, at(31, Settling), at(600, Settled))[-2:]
    assert settling.stretch is not None
    assert settling.stretch.end - settling.stretch.begin == timedelta(minutes=30)
    assert settled.stretch is None


def test_a_giving_back_that_did_not_come_to_its_end_may_still_run() -> None:
    assert told(*UP, at(31, Ending))[-1].what == "now"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"deadline": "2026-11-24T18:00:00Z"},
            "the deadline was moved to 2026-11-24 18:00:00 UTC",
        ),
        ({"deadline": "never"}, "the deadline was taken away"),
        (
            {"deadline": "never", "before": "never", "instance": "i-2"},
            "the guard was pointed at i-2",
        ),
    ],
)
def test_a_move_of_the_deadline_says_where_to(fields: dict[str, str], words: str) -> None:
    assert texts(*UP, at(5, DeadlineMoved, **fields))[-2] == words


def test_a_damaged_line_is_no_secret() -> None:
    assert "damaged" in last(at(0, Damaged))
    assert texts(at(0, Damaged), RUNNING)[1] == "seen running on g5.xlarge in us-east-1a"


@pytest.mark.parametrize("what", KINDS)
def test_an_entry_of_any_kind_without_fields_is_told_somehow(what: type[Entry]) -> None:
    """An older version may have written fewer fields."""
    assert all(chapter.text for chapter in told(at(0, what)))


def test_a_machine_that_was_seen_with_odd_times_has_no_hours() -> None:
    odd = at(5, Seen, **{**POOL, "state": "stopped", "since": "soon"})
    assert [chapter.stretch for chapter in told(*UP, odd)] == [None] * 4
