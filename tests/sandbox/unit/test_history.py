"""The history: facts that come back as they were written, in a file that only grows."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2_sandbox.history import Happening, HappeningKind, History, from_json
from ec2_sandbox.server import history_file

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
WORDS = st.text(max_size=20)


def told(number: int) -> Happening:
    moment = NOON + timedelta(seconds=number)
    return Happening(moment, HappeningKind.CONTROL, f"n{number}", "", {"by": "ä\n"})


@given(st.sampled_from(HappeningKind), WORDS, st.dictionaries(WORDS, WORDS, max_size=3))
def test_a_happening_is_read_as_it_was_written(
    kind: HappeningKind, subject: str, facts: dict[str, str]
) -> None:
    facts = {"at": "a fact of the same name as a field", **facts}
    happening = Happening(NOON, kind, subject, "us-east-1", facts)
    line = happening.as_json()
    assert "\n" not in line
    assert from_json(line) == happening


def test_what_is_unsaved_is_appended_and_read_with_the_rest(tmp_path: Path) -> None:
    history = History()
    for number in range(3):
        history.tell(told(number))
        history_file.append(tmp_path, history)
    history.tell(told(3))
    assert (history.saved, len(history.unsaved)) == (3, 1)
    assert list(history_file.read(tmp_path, history)) == [told(n) for n in range(4)]


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_the_file_is_private(tmp_path: Path) -> None:
    history = History(unsaved=[told(1)])
    history_file.append(tmp_path, history)
    assert (tmp_path / history_file.NAME).stat().st_mode & 0o777 == 0o600


def test_what_the_snapshot_does_not_know_is_cut_off(tmp_path: Path) -> None:
    history = History(unsaved=[told(1), told(2)])
    history_file.append(tmp_path, history)
    known = History(history.saved, history.saved_bytes)
    history.tell(told(3))
    history_file.append(tmp_path, history)
    assert history_file.fit(tmp_path, known)
    assert (tmp_path / history_file.NAME).stat().st_size == known.saved_bytes
    assert list(history_file.read(tmp_path, known)) == [told(1), told(2)]


def test_lines_that_are_missing_are_noticed_and_the_whole_ones_kept(tmp_path: Path) -> None:
    history = History(unsaved=[told(1), told(2)])
    history_file.append(tmp_path, history)
    os.truncate(tmp_path / history_file.NAME, history.saved_bytes - 5)
    assert not history_file.fit(tmp_path, history)
    assert list(history_file.read(tmp_path, history)) == [told(1)]
    (tmp_path / history_file.NAME).unlink()
    assert not history_file.fit(tmp_path, history)
    assert list(history_file.read(tmp_path, history)) == []


def test_a_new_history_begins_a_new_file(tmp_path: Path) -> None:
    history_file.append(tmp_path, History(unsaved=[told(1), told(2), told(3)]))
    fresh = History(unsaved=[told(4)])
    history_file.append(tmp_path, fresh)
    assert list(history_file.read(tmp_path, fresh)) == [told(4)]
    assert (tmp_path / history_file.NAME).read_text() == f"{told(4).as_json()}\n"
    history_file.append(tmp_path, History())
    assert (tmp_path / history_file.NAME).read_text() == ""
