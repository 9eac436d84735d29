"""One process at a time works on a machine, and its files are its owner's."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.model.make import NOON

from spotkeeper.errors import Busy
from spotkeeper.model.journal_entry import Intent
from spotkeeper.store.folders import write_private
from spotkeeper.store.journal import FileJournal

HOLDER = """
import sys, time
from pathlib import Path
from spotkeeper.store.journal import FileJournal
with FileJournal(Path(sys.argv[1])).lock(sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds `train`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, os.fspath(tmp_path / "journal"), "train"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_machine_held_by_another_process_is_refused_and_free_when_that_is_killed(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    journal = FileJournal(tmp_path / "journal")
    with pytest.raises(Busy, match="working on train") as caught, journal.lock("train"):
        pass
    assert "Wait" in caught.value.next_step
    with journal.lock("other"):
        pass
    holder.kill()
    holder.wait()
    with journal.lock("train"):
        pass


def test_a_machine_is_free_after_its_work_whatever_came_of_it(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "journal")

    def fail() -> None:
        with journal.lock("train"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    with journal.lock("train"):
        pass


def test_a_lock_is_no_entry(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "journal")
    with journal.lock("train"):
        assert journal.names() == ()


@pytest.fixture
def no_umask() -> Iterator[None]:
    """A user whose umask hides nothing."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_everything_is_readable_by_its_owner_only_under_any_umask(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    journal = FileJournal(home / "state" / "journal")
    journal.append("train", Intent(NOON))
    with journal.lock("train"):
        write_private(home / "cache" / "v1" / "types.json", b"{}")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in sorted(home.rglob("*"))}
    wrong = {
        str(path.relative_to(home)): oct(mode)
        for path, mode in modes.items()
        if mode != (0o700 if path.is_dir() else 0o600)
    }
    assert wrong == {}
    assert len(modes) == 7
    assert stat.S_IMODE(home.stat().st_mode) == 0o755  # what was there before is not ours
