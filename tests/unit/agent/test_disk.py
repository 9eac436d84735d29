"""What the agent writes: whole or not at all, also on a disk that is full or was cut off."""

import os
from pathlib import Path

import pytest

from spotkeeper.agent import disk
from spotkeeper.agent.disk import Storage, read_text


def test_a_line_after_one_that_was_torn_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "record"
    path.write_text('{"whole": 1}\n{"torn": ')
    Storage().append(str(path), '{"next": 2}')
    assert path.read_text() == '{"whole": 1}\n{"torn": \n{"next": 2}\n'
    assert path.stat().st_mode & 0o777 == 0o644  # as it was


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record"
    Storage().append(str(path), "first")
    write = os.write

    def short(file: int, data: bytes) -> int:
        if len(data) < 4:
            raise OSError(28, "No space left on device")
        return write(file, data[:3])

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(OSError, match="No space"):
        Storage().append(str(path), "second")
    with pytest.raises(OSError, match="No space"):
        Storage().replace(str(path), b"other content")
    assert path.read_text() == "first\n"


def test_the_ballast_goes_when_there_is_no_room_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ballast = tmp_path / "ballast"
    kept = Storage(str(ballast))
    kept.keep_ballast()
    assert ballast.stat().st_size == disk.BALLAST_BYTES
    kept.append(str(tmp_path / "record"), "line")
    assert ballast.exists()
    monkeypatch.setattr(disk, "BALLAST_BYTES", 1 << 62)
    kept.append(str(tmp_path / "record"), "line")
    assert not ballast.exists()


def test_what_is_replaced_is_private_and_follows_no_link(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "spec", tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    Path(f"{path}.partial").symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic"):
        Storage().replace(str(path), b"secret")
    Path(f"{path}.partial").unlink()
    Storage().replace(str(path), b"\xff secret")
    assert (path.stat().st_mode & 0o777, elsewhere.read_text()) == (0o600, "mine")
    assert os.fsencode(read_text(str(path))) == b"\xff secret"
    assert read_text(str(tmp_path / "none" / "at all")) == ""
