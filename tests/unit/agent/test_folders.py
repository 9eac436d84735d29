"""Folders as states: what comes back is what was there."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from spotkeeper.agent import folders
from spotkeeper.agent.folders import Moved, bring_to, copy_state, digest, look

LONG = b"n" * 255
ODD = b"blank and\nline \xff\xfe"


def make(root: Path) -> Path:
    """A folder with everything that a checkpoint folder may hold."""
    (root / "step_5").mkdir(parents=True)
    (root / "step_5" / "w.bin").write_bytes(b"weights" * 1000)
    (root / "empty").mkdir(mode=0o700)
    (root / "latest").symlink_to("step_5")
    (root / "last.ckpt").symlink_to("step_5/w.bin")
    (root / "gone").symlink_to("/nowhere/at/all")
    (root / "run.sh").write_bytes(b"#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    for name in (LONG, ODD):
        (Path(os.fsdecode(os.fsencode(root) + b"/" + name))).write_bytes(name)
    for age, path in enumerate(sorted(root.rglob("*"))):
        os.utime(path, (1000 + age, 1000 + age), follow_symlinks=False)
    return root


def told(root: Path) -> dict[bytes, tuple[object, ...]]:
    """Kind, mode, time, target and content of everything in a folder."""
    base = os.fsencode(root)
    found: dict[bytes, tuple[object, ...]] = {}
    for folder, names, files in os.walk(base):
        for name in (*names, *files):
            path = folder + b"/" + name
            state = os.lstat(path)
            is_link = stat.S_ISLNK(state.st_mode)
            content = Path(os.fsdecode(path)).read_bytes() if stat.S_ISREG(state.st_mode) else b""
            link = os.fsencode(Path(os.fsdecode(path)).readlink()) if is_link else b""
            found[path[len(base) :]] = (state.st_mode, state.st_mtime_ns, link, content)
    return found


def test_a_copy_is_what_it_was_made_of(tmp_path: Path) -> None:
    source, target = make(tmp_path / "a"), tmp_path / "b"
    copy_state(str(source), str(target), look(str(source)))
    assert told(target) == told(source)
    assert digest(look(str(target))) == digest(look(str(source))) != ""


def test_an_unchanged_file_is_shared_and_a_changed_one_is_not(tmp_path: Path) -> None:
    source, first, second = make(tmp_path / "a"), tmp_path / "b", tmp_path / "c"
    before = look(str(source))
    copy_state(str(source), str(first), before)
    (source / "run.sh").write_bytes(b"other")
    known = {name: (entry, os.fsencode(first) + b"/" + name) for name, entry in before.items()}
    copy_state(str(source), str(second), look(str(source)), known=known)
    assert told(second) == told(source)
    shared = [(first / name).samefile(second / name) for name in ("step_5/w.bin", "run.sh")]
    assert shared == [True, False]


@pytest.mark.parametrize("what", ["vanished", "grown", "no time"])
def test_what_moves_while_it_is_copied_is_not_kept(tmp_path: Path, what: str) -> None:
    source = make(tmp_path / "a")
    state = look(str(source))
    if what == "vanished":
        (source / "run.sh").unlink()
    elif what == "grown":
        (source / "run.sh").write_bytes(b"longer than it was before")
    with pytest.raises(Moved):
        copy_state(str(source), str(tmp_path / "b"), state, go_on=lambda: what != "no time")


Change = Callable[[Path], object]

CHANGES: dict[str, Change] = {
    "content": lambda root: (root / "run.sh").write_bytes(b"#!/bin/ss\n"),
    "mode": lambda root: (root / "run.sh").chmod(0o644),
    "name": lambda root: (root / "run.sh").rename(root / "go.sh"),
    "folder": lambda root: (root / "new").mkdir(),
    "link": lambda root: relink(root / "latest", "empty"),
    "time": lambda root: os.utime(root / "run.sh", (5, 5)),
}


def relink(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def swap(path: Path) -> None:
    """A folder becomes a file, and a file a folder."""
    if path.is_dir():
        path.rmdir()
        path.write_text("a file now")
    else:
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_every_change_gives_another_digest(tmp_path: Path, change: Change) -> None:
    source = make(tmp_path / "a")
    before = digest(look(str(source)))
    change(source)
    assert digest(look(str(source))) != before


def test_what_is_being_written_counts_for_nothing(tmp_path: Path) -> None:
    source = make(tmp_path / "a")
    before = digest(look(str(source), but=(".tmp", ".partial")))
    (source / "state.pt.tmp").write_bytes(b"half")
    (source / "step_6.partial").mkdir()
    (source / "step_6.partial" / "w.bin").write_bytes(b"half")
    assert digest(look(str(source), but=(".tmp", ".partial"))) == before
    assert (
        digest(look(str(tmp_path / "nothing")))
        == digest(look(str(tmp_path / "a" / "empty")))
        == ""
    )


SPOILT: dict[str, Change] = {
    "nothing": lambda root: None,
    "a file is left": lambda root: (root / "left.txt").write_text("from the last attempt"),
    "a file is changed": lambda root: (root / "run.sh").write_text("changed"),
    "a mode is changed": lambda root: (root / "run.sh").chmod(0o600),
    "a folder is a file": lambda root: swap(root / "empty"),
    "a file is a folder": lambda root: swap(root / "run.sh"),
    "a link leads away": lambda root: relink(root / "latest", "/etc"),
    "folders are left": lambda root: (root / "step_5" / "deep" / "er").mkdir(parents=True),
    "a folder's mode is changed": lambda root: (root / "empty").chmod(0o755),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_a_folder_is_brought_back_to_what_it_was(tmp_path: Path, spoil: Change) -> None:
    code, work = make(tmp_path / "code"), tmp_path / "work"
    bring_to(str(code), str(work))
    kept = (work / "step_5" / "w.bin").stat().st_ino
    spoil(work)
    bring_to(str(code), str(work))
    assert told(work) == told(code)
    assert (work / "step_5" / "w.bin").stat().st_ino == kept
    assert Path("/etc").is_dir()


def test_many_files_are_looked_at_and_copied(tmp_path: Path) -> None:
    source = tmp_path / "a"
    for number in range(300):
        path = source / f"{number % 7}" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([number % 256]))
    copy_state(str(source), str(tmp_path / "b"), look(str(source)))
    assert told(tmp_path / "b") == told(source)


def test_everything_is_removed_and_nothing_outside(tmp_path: Path) -> None:
    outside = make(tmp_path / "outside")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "link").symlink_to(outside)
    (tmp_path / "link").symlink_to(outside)
    for name in ("a", "link", "never there"):
        folders.remove_all(str(tmp_path / name))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside"]
    assert (outside / "run.sh").exists()
