"""Where things are kept, and how they are replaced."""

import errno
import os
from pathlib import Path

import pytest

from spotkeeper.errors import StoreProblem
from spotkeeper.store.folders import Folders, write_private


def test_spot_home_holds_state_and_cache_side_by_side(tmp_path: Path) -> None:
    folders = Folders.of_user({"SPOT_HOME": str(tmp_path)})
    assert (folders.state, folders.cache) == (tmp_path / "state", tmp_path / "cache")


def test_without_it_the_platform_decides() -> None:
    folders = Folders.of_user({})
    assert "spotkeeper" in str(folders.state)
    assert "spotkeeper" in str(folders.cache)
    assert folders.state != folders.cache


def test_an_empty_spot_home_is_none() -> None:
    assert Folders.of_user({"SPOT_HOME": ""}) == Folders.of_user({})


def test_what_must_not_be_lost_is_never_in_the_cache(tmp_path: Path) -> None:
    folders = Folders.of_user({"SPOT_HOME": str(tmp_path)})
    kept = (folders.journal, folders.keys, folders.known_hosts, folders.sandbox)
    assert all(path.is_relative_to(folders.state) for path in kept)
    assert len(set(kept)) == 4


def test_asking_where_things_are_makes_nothing(tmp_path: Path) -> None:
    folders = Folders.of_user({"SPOT_HOME": str(tmp_path)})
    assert folders.keys.name == "keys"
    assert list(tmp_path.iterdir()) == []
    assert folders.private_keys().is_dir()


def test_a_file_is_replaced_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    write_private(path, b"old")

    def refuse(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        with pytest.raises(StoreProblem, match=r"state\.json"):
            write_private(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
