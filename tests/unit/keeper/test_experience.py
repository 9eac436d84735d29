"""Our own machines' past, over all names and all their lives."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from tests.fakes.journal import MemoryJournal
from tests.unit.model.make import NOON, entry_of

from spotkeeper.keeper.experience import learnt
from spotkeeper.model.journal_entry import Entry, Intent, LaunchRefused, Seen, Settled, Settling
from spotkeeper.model.launch import LaunchToken

POOL = ("g5.xlarge", "us-east-1a")
HOUR = timedelta(hours=1)
NOW = NOON + 100 * HOUR


def seen(state: str, at: datetime, *, by: str = "user", **fields: str) -> Entry:
    place = {"region": "us-east-1", "zone": POOL[1], "type": POOL[0], "instance": "i-1"}
    known = {"state": state, "since": at.isoformat(), "by": by, **place, **fields}
    return entry_of(Seen, at, known)


def journal(**names: Sequence[Entry]) -> MemoryJournal:
    made = MemoryJournal()
    for name, entries in names.items():
        for entry in entries:
            made.append(name, entry)
    return made


def test_every_name_and_every_life_counts() -> None:
    ran = [seen("running", NOW - 4 * HOUR), seen("ended", NOW - 2 * HOUR)]
    over = Settled(NOW - HOUR)
    taken = [
        seen("running", NOW - HOUR, instance="i-2"),
        seen("stopped", NOW, by="ec2", instance="i-2"),
    ]
    found = learnt(journal(one=[*ran, over, *taken], two=ran), NOW)[POOL]
    assert found.hours == pytest.approx(5, rel=0.02)
    assert found.interrupted_at == (NOW,)


def test_an_end_that_nobody_saw_ends_with_the_last_entry() -> None:
    begun = seen("running", NOON)
    life = [begun, Settling(NOON + 2 * HOUR), Settled(NOON + 3 * HOUR)]
    found = learnt(journal(one=[*life, seen("running", NOW, instance="i-2")]), NOW)
    assert found[POOL].hours < 3
    assert learnt(journal(one=[begun]), NOW)[POOL].hours == 0


def test_an_entry_with_other_fields_is_passed_over() -> None:
    old = [Seen(NOON, state="running"), Seen(NOON)]
    intent = Intent(NOON, pool="@".join(POOL), token=LaunchToken("t"))
    dry = LaunchRefused(NOON, token=LaunchToken("t"), code="no-capacity")
    found = learnt(journal(old=old, new=[intent, dry]), NOW)
    assert list(found) == [POOL]
    assert found[POOL].dry_at == (NOON,)


def test_an_empty_journal_teaches_nothing() -> None:
    assert learnt(MemoryJournal(), NOW) == {}
