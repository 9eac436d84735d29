"""The journal is damaged, full or another's: nothing is lost in silence, all can be ended."""

import errno
import os
import zlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot
from tests.story.refusals import nothing_was_made, paragraph

from spotkeeper.store import journal as store

UP = ("up", "train", "--type", "t3.micro", "--yes")
LS = ("ls", "--region", "us-east-1", "--output", "json")


def flip(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(bytes(whole))


def zeros_within(path: Path) -> None:
    first, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(b"\0" * len(first) + b"\n" + rest)


def newer(path: Path) -> None:
    text = b'{"v":99,"at":"2026-11-23T12:00:00+00:00","what":"intent"}'
    with path.open("ab") as file:
        file.write(b"%08x %s\n" % (zlib.crc32(text), text))


def large(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(50 * 2**20)


def link(path: Path) -> None:
    path.rename(path.with_suffix(".kept"))
    path.symlink_to(path.with_suffix(".kept"))


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def folder_is_a_file(path: Path) -> None:
    path.unlink()
    path.with_suffix(".lock").unlink()
    path.parent.rmdir()
    path.parent.write_text("in the way")


def folder_leads_nowhere(path: Path) -> None:
    path.parent.rename(path.parent.with_name("kept"))
    path.parent.symlink_to("nowhere")


def lock_is_a_folder(path: Path) -> None:
    path.with_suffix(".lock").unlink()
    path.with_suffix(".lock").mkdir()


#: What happened, and what is said of it.
DAMAGED: Mapping[Callable[[Path], None], str] = {
    flip: "a line of the journal of train is damaged",
    zeros_within: "a line of the journal of train is damaged",
}
REFUSED: Mapping[Callable[[Path], None], str] = {
    newer: "a later version of spotkeeper wrote it",
    large: "50 MB are too many for a journal",
    link: "it is a link",
    folder: "it is no plain file",
    folder_is_a_file: "Not a directory",
    folder_leads_nowhere: "",
}
CUT: tuple[Callable[[Path], None], ...] = (
    lambda path: os.truncate(path, 0),
    lambda path: os.truncate(path, path.stat().st_size * 2 // 3),
    lambda path: os.truncate(path, path.stat().st_size - 1),
    lambda path: os.truncate(path, path.stat().st_size + 300),
)


def up(spot: Spot, home: Path) -> Path:
    """A machine, and the journal of its name."""
    assert spot(*UP).code == 0
    [path] = home.rglob("train.jsonl")
    return path


def ended(spot: Spot, sandbox: Sandbox) -> str:
    """Gives the name back, which must work; what was said."""
    down = spot("down", "train", "--yes")
    assert down.code == 0, down.err
    assert account.left(sandbox) == []
    return down.err


def in_soak(*rest: Callable[[Path], None]) -> list[Any]:
    """What is told by the unit tests too, and takes long here."""
    return [pytest.param(each, marks=pytest.mark.soak) for each in rest]


@pytest.mark.parametrize(
    "damage",
    [flip, newer, *in_soak(*(each for each in (*DAMAGED, *REFUSED) if each not in {flip, newer}))],
)
@pytest.mark.one_in(3)
def test_whatever_is_wrong_is_said_and_everything_can_be_ended(
    spot: Spot, sandbox: Sandbox, home: Path, damage: Callable[[Path], None]
) -> None:
    damage(up(spot, home))
    sandbox.control.advance(timedelta(minutes=10))
    words = {**DAMAGED, **REFUSED}[damage]

    listed = spot(*LS)
    assert [each["name"] for each in listed.items] == ["train"]
    assert any(words in note and "spot sweep" in note for note in listed.document["warnings"])
    found = spot("find", "--type", "t3.micro", "--output", "json")
    assert found.code == 0
    assert any(words in note for note in found.document["warnings"])
    shown = spot("show", "train")
    assert shown.code == 0
    assert words in shown.err

    told = paragraph(spot(*UP), 9 if damage in DAMAGED else 1)
    assert "spot sweep" in told
    if damage in REFUSED:
        swept = spot("sweep", "--apply", "--output", "json")
        assert swept.code == 8
        assert "run `spot down train`" in swept.document["left"][0]["reason"]
    assert len(account.instances(sandbox)) == 1

    ended(spot, sandbox)


@pytest.mark.parametrize("damage", in_soak(*DAMAGED))
def test_a_name_whose_damage_was_ended_is_as_good_as_new(
    spot: Spot, sandbox: Sandbox, home: Path, damage: Callable[[Path], None]
) -> None:
    damage(up(spot, home))
    spot("sandbox", "advance", "10m")
    ended(spot, sandbox)
    spot("sandbox", "advance", "10m")
    assert "damaged" not in ended(spot, sandbox)
    assert spot(*UP).code == 0
    ended(spot, sandbox)


@pytest.mark.parametrize("cut", in_soak(*CUT), ids=["all", "a third", "a byte", "zeros"])
def test_a_journal_that_was_cut_off_loses_no_machine(
    spot: Spot, sandbox: Sandbox, home: Path, cut: Callable[[Path], None]
) -> None:
    cut(up(spot, home))
    assert [each["name"] for each in spot(*LS).items] == ["train"]
    assert "spot down train" in paragraph(spot(*UP), 9)
    ended(spot, sandbox)


@pytest.mark.soak
def test_a_lock_that_cannot_be_used_keeps_nobody_from_ending(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    lock_is_a_folder(up(spot, home))
    assert "train.lock" in ended(spot, sandbox)
    assert "spot sweep" in paragraph(spot(*UP), 1)
    assert account.left(sandbox) == []


@pytest.mark.soak
@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root gives files away")
def test_a_journal_of_another_user_keeps_nobody_from_ending(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    path = up(spot, home)
    os.chown(path.parent, 12345, -1)
    assert "belongs to another user" in spot(*LS).document["warnings"][-1]
    assert "belongs to another user" in ended(spot, sandbox)
    assert "spot sweep" in paragraph(spot(*UP), 1)


def refuse(monkeypatch: pytest.MonkeyPatch, code: int, after: int = 0) -> list[str]:
    """Every line that is added to a journal from the ``after``-th on is refused by the disk."""
    added: list[str] = []
    real = store._write_whole

    def full(descriptor: int, line: bytes) -> Any:
        added.append(line.decode())
        if len(added) > after:
            raise OSError(code, os.strerror(code))
        return real(descriptor, line)

    monkeypatch.setattr(store, "_write_whole", full)
    return added


@pytest.mark.parametrize("code", [errno.ENOSPC, pytest.param(errno.EROFS, marks=pytest.mark.soak)])
def test_a_disk_that_takes_nothing_keeps_nobody_from_ending(
    spot: Spot, sandbox: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    up(spot, home)
    refuse(monkeypatch, code)
    assert spot(*LS).code == 0
    assert os.strerror(code) in ended(spot, sandbox)


@pytest.mark.soak
def test_a_disk_that_fills_up_within_a_launch_leaves_nothing(
    spot: Spot, sandbox: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for after in range(9):
        with monkeypatch.context() as patch:
            refuse(patch, errno.ENOSPC, after)
            answer = spot(*UP)
        if answer.code == 0:
            break
        assert "No space left" in paragraph(answer, 1)
        assert account.left(sandbox) == []
        assert after or nothing_was_made(sandbox)
        spot("sandbox", "advance", "10m")
    assert after >= 3
    ended(spot, sandbox)
