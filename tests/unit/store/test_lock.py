"""The note in a lock: who holds it, since when, and what it is worth."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from spotkeeper.store import lock
from spotkeeper.store.lock import Held, locked


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "train.lock"


def told(path: Path) -> str:
    """What the second one hears."""
    with pytest.raises(Held) as held, locked(path):
        pass
    return str(held.value)


def test_the_second_one_hears_who_has_it_and_since_when(path: Path) -> None:
    with locked(path):
        assert re.fullmatch(
            rf"process {os.getpid()}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC", told(path)
        )
        note = json.loads(path.read_text())
    assert note["pid"] == os.getpid()
    assert note["boot"] == lock.boot_id()


def test_a_note_of_another_start_is_of_another_computer(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only one that shares the folder can hold the lock then."""
    with locked(path):
        (tmp_path / "boot").write_text("another\n")
        monkeypatch.setattr(lock, "BOOT_ID", tmp_path / "boot")
        assert "of another computer that shares its folder" in told(path)


def test_the_note_of_a_process_that_is_dead_keeps_nobody_out(path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    path.write_text(json.dumps({"pid": dead.pid, "boot": "x", "since": "2026-01-01T00:00:00Z"}))
    with locked(path):
        assert json.loads(path.read_text())["pid"] == os.getpid()


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\0" * 99,
        b"[]",
        b"{",
        b'{"pid": "x", "boot": "", "since": "2026-11-23T12:00:00Z"}',
        b'{"pid": 1, "boot": "", "since": 5}',
        b'{"pid": 1e999, "boot": "", "since": "2026-11-23T12:00:00Z"}',
        b"\xff" * 9999,
    ],
)
def test_a_note_that_cannot_be_read_is_no_note(path: Path, note: bytes) -> None:
    with locked(path):
        path.write_bytes(note)
        assert told(path) == "a process that left no note"


def test_a_short_note_replaces_a_long_one(path: Path) -> None:
    path.write_text("x" * 3000)
    with locked(path):
        assert json.loads(path.read_text())["pid"] == os.getpid()


def test_a_computer_without_a_boot_id_is_always_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(lock, "BOOT_ID", tmp_path / "none")
    assert lock.boot_id() == ""
    with locked(path):
        assert "another computer" not in told(path)
