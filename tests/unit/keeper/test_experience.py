"""Our own machines' past, over all names and all their lives."""

from datetime import datetime, timedelta

import pytest
from tests.fakes.journal import MemoryJournal
from tests.unit.model.make import NOON

from spotkeeper.keeper.experience import learnt
from spotkeeper.model.journal_entry import Event, What

POOL = ("g5.xlarge", "us-east-1a")
HOUR = timedelta(hours=1)
NOW = NOON + 100 * HOUR


def seen(state: str, at: datetime, *, by: str = "user", **fields: str) -> Event:
    place = {"region": "us-east-1", "zone": POOL[1], "type": POOL[0], "instance": "i-1"}
    known = {"state": state, "since": at.isoformat(), "by": by, **place, **fields}
    return Event(at, What.SEEN, known)


def journal(**names: list[Event]) -> MemoryJournal:
    made = MemoryJournal()
    for name, events in names.items():
        for event in events:
            made.append(name, event)
    return made


def test_every_name_and_every_life_counts() -> None:
    ran = [seen("running", NOW - 4 * HOUR), seen("ended", NOW - 2 * HOUR)]
    over = Event(NOW - HOUR, What.SETTLED)
    taken = [
        seen("running", NOW - HOUR, instance="i-2"),
        seen("stopped", NOW, by="ec2", instance="i-2"),
    ]
    found = learnt(journal(one=[*ran, over, *taken], two=ran), NOW)[POOL]
    assert found.hours == pytest.approx(5, rel=0.02)
    assert found.interrupted_at == (NOW,)


def test_an_end_that_nobody_saw_ends_with_the_last_entry() -> None:
    begun = seen("running", NOON)
    life = [begun, Event(NOON + 2 * HOUR, What.SETTLING), Event(NOON + 3 * HOUR, What.SETTLED)]
    found = learnt(journal(one=[*life, seen("running", NOW, instance="i-2")]), NOW)
    assert found[POOL].hours < 3
    assert learnt(journal(one=[begun]), NOW)[POOL].hours == 0


def test_an_entry_with_other_fields_is_passed_over() -> None:
    old = [Event(NOON, What.SEEN, {"state": "running"}), Event(NOON, What.SEEN)]
    intent = Event(NOON, What.INTENT, {"pool": "@".join(POOL), "token": "t"})
    dry = Event(NOON, What.REFUSED, {"token": "t", "code": "no-capacity"})
    found = learnt(journal(old=old, new=[intent, dry]), NOW)
    assert list(found) == [POOL]
    assert found[POOL].dry_at == (NOON,)


def test_an_empty_journal_teaches_nothing() -> None:
    assert learnt(MemoryJournal(), NOW) == {}
