"""What this computer refuses keeps nobody from ending, and is never silent."""

from contextlib import AbstractContextManager

import pytest
from tests.fakes.clock import FakeClock
from tests.fakes.journal import MemoryJournal
from tests.unit.model.make import NOON

from spotkeeper.errors import Busy, StoreProblem
from spotkeeper.lifecycle.journal_fallback import BestEffortJournal, damaged
from spotkeeper.model.journal_entry import Damaged, Entry, Intent, Settled

INTENT = Intent(NOON, region="us-east-1")
DAMAGED = Damaged(NOON)
FULL = StoreProblem("Cannot use train.jsonl: No space left on device", next_step="Make room.")


class Broken:
    """A journal on a disk that refuses everything."""

    def lock(self, name: str) -> AbstractContextManager[None]:
        raise FULL

    def append(self, name: str, entry: Entry) -> None:
        raise FULL

    def read(self, name: str) -> tuple[Entry, ...]:
        raise FULL

    def names(self) -> tuple[str, ...]:
        raise FULL


@pytest.fixture
def memory() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def journal(memory: MemoryJournal) -> BestEffortJournal:
    return BestEffortJournal(memory, FakeClock())


def test_what_works_is_passed_on(journal: BestEffortJournal, memory: MemoryJournal) -> None:
    with journal.lock("train"):
        journal.append("train", INTENT)
    assert journal.read("train") == memory.read("train") == (INTENT,)
    assert journal.names() == ("train",)
    assert journal.warnings == ()


def test_a_disk_that_refuses_everything_is_told_once_and_stops_nothing() -> None:
    clock = FakeClock()
    journal = BestEffortJournal(Broken(), clock)
    with journal.lock("train"):
        journal.append("train", INTENT)
    assert journal.names() == ()
    assert journal.read("train") == (Damaged(clock.now()),)
    assert journal.warnings == (FULL.paragraph(),)


def test_a_lock_that_another_command_holds_is_respected(
    journal: BestEffortJournal, memory: MemoryJournal
) -> None:
    with memory.lock("train"), pytest.raises(Busy), journal.lock("train"):
        pass


def test_a_problem_of_the_work_itself_is_not_forgiven(journal: BestEffortJournal) -> None:
    with pytest.raises(StoreProblem), journal.lock("train"):
        raise FULL


def test_a_damaged_line_is_told_until_the_name_is_gone_for_certain(
    journal: BestEffortJournal, memory: MemoryJournal
) -> None:
    for entry in (INTENT, DAMAGED):
        memory.append("train", entry)
    journal.read("train")
    assert journal.warnings == (damaged("train"),)
    assert "`spot down train`" in damaged("train")
    assert "`spot sweep`" in damaged("train")
    journal.append("train", Settled(NOON))
    assert len(journal.warnings) == 0
