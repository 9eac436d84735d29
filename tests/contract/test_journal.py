"""The contract of ``Journal``: the one in memory behaves as the one on the disk."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.fakes.journal import MemoryJournal

from spotkeeper.errors import Busy
from spotkeeper.lifecycle.ports import Journal
from spotkeeper.model.journal_entry import Event, What
from spotkeeper.store.journal import FileJournal

AT = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(params=["memory", "file"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    return MemoryJournal() if request.param == "memory" else FileJournal(tmp_path / "journal")


def test_a_name_never_heard_of_has_no_entries(journal: Journal) -> None:
    assert tuple(journal.read("dev")) == ()
    assert journal.names() == ()


def test_entries_are_read_back_in_order_with_all_their_fields(journal: Journal) -> None:
    events = (
        Event(AT, What.INTENT, {"region": "us-east-1", "token": "t", "pool": "m5.large@x"}),
        Event(AT + timedelta(seconds=1), What.LAUNCHED, {"instance": "i-1", "odd": 'a\n"ü'}),
        Event(AT + timedelta(seconds=2), What.SETTLING),
    )
    for event in events:
        journal.append("dev", event)
    assert tuple(journal.read("dev")) == events


@pytest.mark.parametrize("what", What)
def test_every_kind_of_entry_survives(journal: Journal, what: What) -> None:
    journal.append("dev", Event(AT, what))
    assert journal.read("dev")[-1] == Event(AT, what)


def test_a_moment_is_the_same_moment_in_any_time_zone(journal: Journal) -> None:
    there = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    journal.append("dev", Event(there, What.INTENT))
    assert journal.read("dev")[0].at == AT


def test_names_are_sorted_and_each_has_its_own_entries(journal: Journal) -> None:
    journal.append("train", Event(AT, What.INTENT))
    journal.append("a-1", Event(AT, What.SETTLED))
    assert journal.names() == ("a-1", "train")
    assert [event.what for event in journal.read("train")] == [What.INTENT]


def test_what_was_read_does_not_change_when_more_is_written(journal: Journal) -> None:
    journal.append("dev", Event(AT, What.INTENT))
    before = journal.read("dev")
    journal.append("dev", Event(AT, What.SETTLED))
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
    events = [Event(AT + timedelta(minutes=n), What.INTENT, {"token": str(n)}) for n in range(3)]
    for event in events:
        journal.append("dev", event)
    damage(journal, tmp_path, 1)
    assert tuple(journal.read("dev")) == (events[0], Event(events[2].at, What.DAMAGED), events[2])
    damage(journal, tmp_path, 2)
    assert [event.what for event in journal.read("dev")] == ["intent", "damaged", "damaged"]
    assert journal.read("dev")[-1].at >= events[0].at


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
        journal.append("dev", Event(AT, What.INTENT))
    assert journal.names() == ("dev",)


def test_a_lock_alone_is_not_a_name(journal: Journal) -> None:
    with journal.lock("dev"):
        assert journal.names() == ()


def test_a_lock_is_let_go_when_the_holder_fails(journal: Journal) -> None:
    with pytest.raises(RuntimeError), journal.lock("dev"):
        raise RuntimeError
    with journal.lock("dev"):
        pass
