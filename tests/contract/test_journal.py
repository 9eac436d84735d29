"""The contract of ``Journal``: the one in memory behaves as the one on the disk."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.fakes.journal import MemoryJournal

from spotkeeper.errors import Busy
from spotkeeper.lifecycle.ports import Journal
from spotkeeper.model.journal_entry import (
    KINDS,
    Damaged,
    Entry,
    Intent,
    Launched,
    Settled,
    Settling,
)
from spotkeeper.model.launch import LaunchToken
from spotkeeper.store.journal import FileJournal

AT = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(params=["memory", "file"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    return MemoryJournal() if request.param == "memory" else FileJournal(tmp_path / "journal")


def test_a_name_never_heard_of_has_no_entries(journal: Journal) -> None:
    assert tuple(journal.read("dev")) == ()
    assert journal.names() == ()


def test_entries_are_read_back_in_order_with_all_their_fields(journal: Journal) -> None:
    entries = (
        Intent(AT, region="us-east-1", token=LaunchToken("t"), pool="m5.large@x"),
        Launched(AT + timedelta(seconds=1), instance="i-1"),
        Settling(AT + timedelta(seconds=2), born=AT),
    )
    for entry in entries:
        journal.append("dev", entry)
    assert tuple(journal.read("dev")) == entries


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_entry_survives(journal: Journal, kind: type[Entry]) -> None:
    journal.append("dev", kind(AT))
    assert journal.read("dev")[-1] == kind(AT)


def test_a_moment_is_the_same_moment_in_any_time_zone(journal: Journal) -> None:
    there = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    journal.append("dev", Intent(there))
    assert journal.read("dev")[0].at == AT


def test_names_are_sorted_and_each_has_its_own_entries(journal: Journal) -> None:
    journal.append("train", Intent(AT))
    journal.append("a-1", Settled(AT))
    assert journal.names() == ("a-1", "train")
    assert [*map(type, journal.read("train"))] == [Intent]


def test_what_was_read_does_not_change_when_more_is_written(journal: Journal) -> None:
    journal.append("dev", Intent(AT))
    before = journal.read("dev")
    journal.append("dev", Settled(AT))
    assert len(before) == 1


def damage(journal: Journal, folder: Path, position: int) -> None:
    """An entry of `dev` that was whole cannot be read any more."""
    if isinstance(journal, MemoryJournal):
        journal.damage("dev", position)
        return
    path = folder / "journal" / "dev.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[position] = lines[position].replace(b"2026", b"2025")
    path.write_bytes(b"".join(lines))


def test_a_damaged_entry_is_told_in_its_place_and_is_as_old_as_the_next(
    journal: Journal, tmp_path: Path
) -> None:
    entries = [Intent(AT + timedelta(minutes=n), token=LaunchToken(str(n))) for n in range(3)]
    for entry in entries:
        journal.append("dev", entry)
    damage(journal, tmp_path, 1)
    assert tuple(journal.read("dev")) == (entries[0], Damaged(entries[2].at), entries[2])
    damage(journal, tmp_path, 2)
    assert [entry.kind for entry in journal.read("dev")] == ["intent", "damaged", "damaged"]
    assert journal.read("dev")[-1].at >= entries[0].at


def test_a_name_is_held_by_one_at_a_time(journal: Journal) -> None:
    with journal.lock("dev"):
        with pytest.raises(Busy), journal.lock("dev"):
            pass
        with journal.lock("other"):
            pass
    with journal.lock("dev"):
        pass


def test_whoever_holds_a_name_may_write(journal: Journal) -> None:
    with journal.lock("dev"):
        journal.append("dev", Intent(AT))
    assert journal.names() == ("dev",)


def test_a_lock_alone_is_not_a_name(journal: Journal) -> None:
    with journal.lock("dev"):
        assert journal.names() == ()


def test_a_lock_is_let_go_when_the_holder_fails(journal: Journal) -> None:
    with pytest.raises(RuntimeError), journal.lock("dev"):
        raise RuntimeError
    with journal.lock("dev"):
        pass
