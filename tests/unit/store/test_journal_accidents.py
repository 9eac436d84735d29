"""The journal on a disk that is full, on one that lost its power, and where something else is."""

import errno
import os
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.model.make import NOON

from spotkeeper.errors import StoreProblem
from spotkeeper.model.journal_entry import Ending, Intent, Launched, Ready
from spotkeeper.model.launch import LaunchToken
from spotkeeper.store.journal import MAX_BYTES, FileJournal

FIRST = Intent(NOON, token=LaunchToken("t1"), region="us-east-1")
SECOND = Launched(NOON, token=LaunchToken("t1"), instance="i-1")
THIRD = Ready(NOON, token=LaunchToken("t1"))
ALL = (FIRST, SECOND, THIRD)
LATER = Ending(NOON + timedelta(days=1))

CHANGES = ("mkdir", "open", "write", "fsync", "ftruncate")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "practice" / "journal"


@dataclass
class Disk:
    """Sees every change that is asked of the disk; the ``full``-th finds no room."""

    full: int = -1
    asked: list[str] = field(default_factory=list)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        for name in CHANGES:
            patch.setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.asked.append(name)
            if len(self.asked) - 1 == self.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments, **named)

        return call


def written(folder: Path) -> Iterator[int]:
    """Three entries, each by a process of its own; how many of them are promised to be kept."""
    for done, entry in enumerate(ALL, start=1):
        FileJournal(folder).append("train", entry)
        yield done


def test_a_disk_that_is_full_at_any_change_refuses_and_is_believed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        disk = Disk()
        disk.watch(patch)
        assert list(written(tmp_path / "none" / "journal")) == [1, 2, 3]
    refused: list[StoreProblem] = []
    for full in range(len(disk.asked)):
        folder, done = tmp_path / str(full) / "journal", 0
        with monkeypatch.context() as patch:
            Disk(full).watch(patch)
            try:
                for done in written(folder):  # noqa: B007
                    pass
            except StoreProblem as told:
                refused.append(told)
        journal = FileJournal(folder)
        found = tuple(journal.read("train"))
        assert found in (ALL[:done], ALL[: done + 1])
        journal.append("train", LATER)
        assert journal.read("train") == (*found, LATER)
    there_already = disk.asked.count("mkdir") - 2  # asked for again; nothing of it can be full
    assert len(refused) == len(disk.asked) - there_already
    assert all("No space left" in told.message for told in refused)
    assert all("spot sweep" in told.next_step for told in refused)


def test_a_full_disk_lets_go_of_a_lock_that_exists_and_makes_no_half_of_a_new_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = FileJournal(folder)
    with monkeypatch.context() as patch:
        Disk(full=0).watch(patch)
        with pytest.raises(StoreProblem, match="No space left"), journal.lock("train"):
            pass
    with journal.lock("train"):
        pass
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", _no_room)
        with journal.lock("train"):
            pass


def _no_room(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@dataclass
class Power:
    """What a disk has promised to keep, change by change, as ALICE models it.

    Until a file is made durable any part of what was written since may be missing, or be zeros;
    until its folder is, the file itself may be.
    """

    folder: Path
    written: int = 0
    durable: int = 0
    named: bool = False
    made: list[Path] = field(default_factory=list)
    kept: set[Path] = field(default_factory=set)
    states: list[tuple[int, int, bool]] = field(default_factory=list)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        write, fsync, mkdir = os.write, os.fsync, os.mkdir

        def writing(descriptor: int, data: bytes) -> int:
            self.written += write(descriptor, data)
            self._remember()
            return len(data)

        def syncing(descriptor: int) -> None:
            fsync(descriptor)
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                path = Path(f"/proc/self/fd/{descriptor}").readlink()
                self.named |= path == self.folder
                self.kept |= {each for each in self.made if each.parent == path}
            else:
                self.durable = self.written
            self._remember()

        def making(path: Path, mode: int = 0o777) -> None:
            mkdir(path, mode)
            self.made.append(Path(path))

        for name, call in (("write", writing), ("fsync", syncing), ("mkdir", making)):
            patch.setattr(os, name, call)

    def _remember(self) -> None:
        self.states.append((self.durable, self.written, self.named))


def after_a_power_cut(whole: bytes, durable: int, written: int) -> Iterator[bytes]:
    """Every content that the file may have then."""
    for length in range(durable, written + 1):
        yield whole[:length]
        yield whole[:length] + b"\0" * (written - length)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names open files by Linux's /proc")
def test_a_power_cut_at_any_moment_takes_nothing_that_was_promised(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    power, journal, path = Power(folder), FileJournal(folder), folder / "train.jsonl"
    promised: dict[tuple[int, int, bool], int] = {}
    for done, entry in enumerate(ALL):
        with monkeypatch.context() as patch:
            power.watch(patch)
            journal.append("train", entry)
        promised.update(dict.fromkeys(power.states, done))
        assert power.kept == set(power.made)
        assert power.named
        assert power.durable == path.stat().st_size
        promised[power.states[-1]] = done + 1
        power.states.clear()
    whole = path.read_bytes()
    seen = 0
    for (durable, written, named), least in promised.items():
        assert named or not least  # else the file itself may be gone
        for content in after_a_power_cut(whole, durable, written):
            path.write_bytes(content)
            found = journal.read("train")
            assert found == ALL[: len(found)]
            assert len(found) >= least
            seen += 1
            if seen % 40 == 0:
                journal.append("train", LATER)
                assert journal.read("train") == (*found, LATER)
    assert seen > 500


def test_folders_that_a_dead_process_made_are_made_durable_by_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)
    power, synced = Power(folder), folder.parents[:2]
    power.made = [folder, *synced]
    with monkeypatch.context() as patch:
        power.watch(patch)
        FileJournal(folder).append("train", FIRST)
    assert power.kept == {folder, *synced}


def link(path: Path) -> None:
    other = path.parents[1] / f"other{path.suffix}"
    other.write_bytes(b"")
    path.symlink_to(other)


def newer(path: Path) -> None:
    text = b'{"v":99,"at":"2026-11-23T12:00:00+00:00","what":"intent"}'
    path.write_bytes(b"%08x %s\n" % (zlib.crc32(text), text))


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(50 * 2**20)


ODD: Mapping[str, tuple[Callable[[Path], None], str]] = {
    "a link": (link, "it is a link"),
    "a folder": (Path.mkdir, "no plain file"),
    "a pipe": (os.mkfifo, "no plain file"),
    "of a later version": (newer, "a later version"),
    "50 MB": (large, "50 MB are too many"),
}


@pytest.mark.parametrize("kind", ODD)
def test_a_journal_that_cannot_be_one_is_refused_with_the_way_to_sweep(
    folder: Path, kind: str
) -> None:
    folder.mkdir(parents=True)
    make, words = ODD[kind]
    make(folder / "train.jsonl")
    with pytest.raises(StoreProblem, match=words) as told:
        FileJournal(folder).read("train")
    assert str(folder / "train.jsonl") in told.value.message
    assert "spot sweep" in told.value.next_step
    assert FileJournal(folder).names() == ("train",)


def test_a_journal_of_nearly_all_that_may_be_is_read(folder: Path) -> None:
    journal = FileJournal(folder)
    journal.append("train", FIRST)
    path = folder / "train.jsonl"
    line = path.read_bytes()
    path.write_bytes(line * 2000)
    assert len(journal.read("train")) == 2000
    assert len(line) * 2000 < MAX_BYTES


@pytest.mark.parametrize("make", [link, Path.mkdir, os.mkfifo])
def test_a_lock_that_cannot_be_one_is_refused_with_the_way_to_sweep(
    folder: Path, make: Callable[[Path], None]
) -> None:
    folder.mkdir(parents=True)
    make(folder / "train.lock")
    with (
        pytest.raises(StoreProblem, match="Cannot use") as told,
        FileJournal(folder).lock("train"),
    ):
        pass
    assert "spot sweep" in told.value.next_step


def test_a_file_system_without_locks_is_not_taken_for_another_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StoreProblem, match="No locks"), FileJournal(folder).lock("train"):
        pass


def everything(journal: FileJournal) -> Iterator[Callable[[], object]]:
    """All that is ever asked of a journal."""
    yield lambda: journal.read("train")
    yield journal.names
    yield lambda: journal.append("train", FIRST)
    yield lambda: journal.lock("train").__enter__()


def file_in_the_way(folder: Path) -> None:
    folder.write_text("")


def link_to_nowhere(folder: Path) -> None:
    folder.symlink_to(folder.parent / "nowhere")


def of_another_user(folder: Path) -> None:
    folder.mkdir()


@pytest.mark.parametrize("make", [file_in_the_way, link_to_nowhere, of_another_user])
def test_a_folder_that_cannot_be_one_is_refused_by_all_and_never_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    folder = tmp_path / "journal"
    make(folder)
    if make is of_another_user:
        other = os.geteuid() + 1
        monkeypatch.setattr(os, "geteuid", lambda: other)
    for ask in everything(FileJournal(folder)):
        with pytest.raises(StoreProblem, match="Cannot use") as told:
            ask()
        assert "spot sweep" in told.value.next_step


def test_a_file_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = FileJournal(folder)
    journal.append("train", FIRST)
    real = os.fstat

    def unmanaged(descriptor: int) -> os.stat_result:
        found = list(real(descriptor))
        found[stat.ST_UID] += 1
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", unmanaged)
    for ask in (lambda: journal.read("train"), lambda: journal.append("train", SECOND)):
        with pytest.raises(StoreProblem, match=r"train\.jsonl: it belongs to another user"):
            ask()


def test_a_folder_that_is_a_link_to_one_of_ours_is_as_good(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "journal").symlink_to(tmp_path / "elsewhere")
    journal = FileJournal(tmp_path / "journal")
    with journal.lock("train"):
        journal.append("train", FIRST)
    assert journal.read("train") == (FIRST,)
    assert journal.names() == ("train",)


def test_a_disk_that_only_reads_still_tells(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = FileJournal(folder)
    journal.append("train", FIRST)
    real = os.open

    def read_only(path: Path, flags: int, *mode: int) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", read_only)
    assert journal.read("train") == (FIRST,)
    assert journal.names() == ("train",)
    with pytest.raises(StoreProblem, match="Read-only file system"):
        journal.append("train", SECOND)
    with pytest.raises(StoreProblem, match="Read-only file system"), journal.lock("train"):
        pass
