"""What is suggested at the press of a key."""

from pathlib import Path

import click
import pytest
from tests.unit.model.make import NOON

from spotkeeper.cli import suggestions
from spotkeeper.model.journal_entry import Intent, Settled, Settling
from spotkeeper.store.cache import Cache
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
    for name in ("train", "tune", "told", "taken", "other"):
        journal.append(name, Intent(NOON))
    journal.append("told", Settled(NOON))
    journal.append("taken", Settling(NOON))
    assert suggested("t") == ["train", "tune"]


def test_gpus_of_what_was_seen_on_sale_are_suggested(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = (None, "A10G", "T4g", "A10G", "RTX PRO 4500", "$(reboot)")
    rows = {
        str(n): {"GpuInfo": each and {"Gpus": [{"Name": each}]}} for n, each in enumerate(names)
    }
    memory = Cache(
        Folders.of_user({"SPOT_HOME": str(folder.parents[1])}).cache / "aws", lambda: NOON
    )
    memory.put("hardware", "all", {"types": rows})
    found = suggestions.gpus(click.Context(click.Command("up")), click.Argument(["gpu"]), "")
    assert [item.value for item in found] == ["A10G", "T4g"]


def test_a_name_whose_record_cannot_be_read_is_suggested_too(folder: Path) -> None:
    FileJournal(folder).append("train", Intent(NOON))
    (folder / "odd.jsonl").mkdir()
    assert suggested() == ["odd", "train"]


def test_a_journal_that_cannot_be_read_suggests_nothing(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("in the way")
    assert suggested() == []
