"""What is suggested at the press of a key."""

from pathlib import Path

import click
import pytest
from tests.unit.model.make import NOON

from spotkeeper.cli import suggestions
from spotkeeper.model.journal_entry import Intent, Settled
from spotkeeper.store.folders import Folders
from spotkeeper.store.journal import FileJournal


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the journal is."""
    monkeypatch.setenv("SPOT_HOME", str(tmp_path))
    return Folders.of_user({"SPOT_HOME": str(tmp_path)}).journal


def suggested(begun: str = "") -> list[str]:
    context = click.Context(click.Command("down"))
    found = suggestions.machines(context, click.Argument(["name"]), begun)
    return [item.value for item in found]


def test_names_that_may_own_something_are_suggested(folder: Path) -> None:
    journal = FileJournal(folder)
    for name in ("train", "tune", "gone", "other"):
        journal.append(name, Intent(NOON))
    journal.append("gone", Settled(NOON))
    assert suggested("t") == ["train", "tune"]


def test_a_name_whose_record_cannot_be_read_is_suggested_too(folder: Path) -> None:
    FileJournal(folder).append("train", Intent(NOON))
    (folder / "odd.jsonl").mkdir()
    assert suggested() == ["odd", "train"]


def test_a_journal_that_cannot_be_read_suggests_nothing(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("in the way")
    assert suggested() == []
