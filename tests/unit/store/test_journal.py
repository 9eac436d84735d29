"""The journal: durable before the call, readable after any accident."""

import errno
import os
import stat
from pathlib import Path

import pytest
from tests.unit.model.make import NOON

from spotkeeper.errors import StoreProblem
from spotkeeper.model.disk import Disk
from spotkeeper.model.journal_entry import Damaged, Intent, Launched, Seen, Settled
from spotkeeper.model.launch import LaunchToken
from spotkeeper.store.journal import FileJournal

DISKS = (Disk("gp3", 100), Disk("", 8))  # of the second nobody tells the price
FIRST = Intent(NOON, token=LaunchToken("t1"), region="us-east-1", disks=DISKS)
SECOND = Launched(NOON, token=LaunchToken("t1"), instance="i-1")
THIRD = Seen(NOON, state="running")
ALL = (FIRST, SECOND, THIRD)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal"


@pytest.fixture
def journal(folder: Path) -> FileJournal:
    return FileJournal(folder)


def written(journal: FileJournal, folder: Path) -> Path:
    for entry in ALL:
        journal.append("train", entry)
    return folder / "train.jsonl"


def test_what_was_appended_is_read_in_order(journal: FileJournal, folder: Path) -> None:
    written(journal, folder)
    assert journal.read("train") == ALL


def test_an_unknown_name_has_no_entries(journal: FileJournal) -> None:
    assert journal.read("train") == ()
    assert journal.names() == ()


def test_names_are_sorted_and_only_names(journal: FileJournal, folder: Path) -> None:
    for name in ("b", "a"):
        journal.append(name, FIRST)
    (folder / "Not A Name.jsonl").touch()
    (folder / "c.lock").touch()
    assert journal.names() == ("a", "b")


def test_one_name_does_not_read_another(journal: FileJournal) -> None:
    journal.append("a", FIRST)
    assert journal.read("b") == ()


def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is made durable from now on: `file`, `folder`, in order."""
    made: list[str] = []
    real = os.fsync

    def record(descriptor: int) -> None:
        made.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return made


def test_a_new_file_is_made_durable_with_its_folder(
    journal: FileJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = synced(monkeypatch)
    journal.append("train", FIRST)
    assert made[-2:] == ["file", "folder"]


def test_every_later_entry_is_made_durable(
    journal: FileJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append("train", FIRST)
    made = synced(monkeypatch)
    journal.append("train", SECOND)
    assert "file" in made


def test_a_first_entry_that_failed_leaves_the_next_one_durable(
    journal: FileJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failed one made the file; its folder has not been made durable since."""
    with monkeypatch.context() as full:
        full.setattr(os, "write", no_room)
        with pytest.raises(StoreProblem):
            journal.append("train", FIRST)
    made = synced(monkeypatch)
    journal.append("train", FIRST)
    assert set(made) == {"file", "folder"}


def test_an_entry_after_a_cut_off_line_is_readable(journal: FileJournal, folder: Path) -> None:
    path = written(journal, folder)
    whole = path.read_bytes()
    again = Settled(NOON)
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        before = journal.read("train")
        journal.append("train", again)
        assert journal.read("train") == (*before, again)


def test_a_damaged_line_is_told_in_its_place(journal: FileJournal, folder: Path) -> None:
    path = written(journal, folder)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"i-1", b"i-2"))
    found = journal.read("train")
    assert [*map(type, found)] == [Intent, Damaged, Seen]
    again = Settled(NOON)
    journal.append("train", again)
    assert journal.read("train") == (*found, again)


def no_room(_descriptor: int, _data: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_a_problem_that_is_told(
    journal: FileJournal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "write", no_room)
    with pytest.raises(StoreProblem, match="No space left") as caught:
        journal.append("train", FIRST)
    assert str(folder / "train.jsonl") in caught.value.message
    assert "Make room" in caught.value.next_step


def test_a_disk_that_fills_up_within_a_line_keeps_what_was_there(
    journal: FileJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append("train", FIRST)
    real, calls = os.write, iter([9])

    def fills_up(descriptor: int, data: bytes) -> int:
        for room in calls:
            return real(descriptor, data[:room])
        return no_room(descriptor, data)

    with monkeypatch.context() as full:
        full.setattr(os, "write", fills_up)
        with pytest.raises(StoreProblem):
            journal.append("train", SECOND)
    assert journal.read("train") == (FIRST,)
    journal.append("train", THIRD)
    assert journal.read("train") == (FIRST, THIRD)


def test_a_line_is_written_whole_by_a_disk_that_takes_little_at_a_time(
    journal: FileJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:5]))
    journal.append("train", FIRST)
    assert journal.read("train") == (FIRST,)


def test_a_folder_that_cannot_be_made_is_a_problem_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file is in the way")
    blocked = FileJournal(tmp_path / "state" / "journal")
    with pytest.raises(StoreProblem, match="Cannot use"):
        blocked.append("train", FIRST)
    with pytest.raises(StoreProblem, match="Cannot use"), blocked.lock("train"):
        pass
