"""The past of a name, with what each stretch cost."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import edges as fakes
from tests.fakes.cloud import FakeCloud
from tests.fakes.journal import MemoryJournal
from tests.fakes.market import FakeFeeds
from tests.unit.model.make import entry_of

from spotkeeper.errors import BadInput, NotFound, Unreachable
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.keeper.results import MachineHistory
from spotkeeper.model.journal_entry import Intent, Seen, Settled
from spotkeeper.model.offer import SpotPrice


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud()


@pytest.fixture
def journal(cloud: FakeCloud) -> MemoryJournal:
    """Two lives, an hour each; the second is on."""
    made, begun = MemoryJournal(), cloud.clock.now()
    for hours in (0, 2):
        at = begun + timedelta(hours=hours)
        place = {"region": "us-east-1", "zone": "us-east-1a", "type": "g5.xlarge"}
        ran = {"instance": f"i-{hours}", "since": at.isoformat(), "by": "user", **place}
        made.append("train", entry_of(Seen, at, {"state": "running", **ran}))
        over = (at + timedelta(hours=1)).isoformat()
        made.append("train", entry_of(Seen, at, {**ran, "state": "stopped", "since": over}))
        if not hours:
            made.append("train", Settled(at))
    return made


@pytest.fixture
def keeper(cloud: FakeCloud, journal: MemoryJournal, tmp_path: Path) -> Keeper:
    return fakes.keeper(cloud, home=tmp_path, journal=journal)


def told(found: MachineHistory) -> list[tuple[int, str]]:
    return [(chapter.life, chapter.what) for chapter in found.chapters]


def test_the_last_life_is_told_and_every_one_on_demand(keeper: Keeper) -> None:
    assert told(keeper.history("train")) == [(2, "running"), (2, "stopped")]
    assert keeper.history("train").lives == 2
    every = keeper.history("train", every=True)
    assert [life for life, _ in told(every)] == [1, 1, 1, 2, 2]


def test_a_name_that_is_gone_has_a_past(keeper: Keeper, journal: MemoryJournal) -> None:
    journal.append("train", Settled(journal.read("train")[-1].at + timedelta(hours=2)))
    assert told(keeper.history("train"))[-1] == (2, "settled")


def test_each_stretch_has_its_cost(keeper: Keeper) -> None:
    costs = [chapter.spot_usd for chapter in keeper.history("train").chapters]
    assert costs[0] is None
    assert costs[1] is not None
    assert costs[1] > Decimal(0)


def test_a_cost_that_cannot_be_known_is_unknown_and_the_rest_is_told(
    cloud: FakeCloud, journal: MemoryJournal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fakes.edges(cloud, home=tmp_path, journal=journal)

    def silent(*_: object) -> None:
        raise Unreachable("no answer")

    monkeypatch.setattr(type(made.prices), "price_history", silent)
    found = Keeper(made).history("train", every=True)
    assert len(found.chapters) == 5
    assert {chapter.spot_usd for chapter in found.chapters} == {None}


@pytest.mark.parametrize("name", ["never", "../train", "a b"])
def test_a_name_that_the_journal_never_heard_of_is_not_found(keeper: Keeper, name: str) -> None:
    with pytest.raises(NotFound, match="knows nothing of"):
        keeper.history(name)


def test_a_pool_is_asked_for_its_prices_once_for_all_that_ran_in_it(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, ask = [], FakeFeeds.price_history

    def counted(feeds: FakeFeeds, *what: Any) -> Sequence[SpotPrice]:
        asked.append(what)
        return ask(feeds, *what)

    monkeypatch.setattr(FakeFeeds, "price_history", counted)
    [row] = keeper.costs().rows
    assert row.ran == timedelta(hours=2)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("month", "by", "groups"),
    [
        (None, "name", {"train": 2.0}),
        (None, "type", {"g5.xlarge": 2.0}),
        (None, "tag:team", {"-": 2.0}),
        ("2026-11", "name", {"train": 2.0}),
        ("2026-10", "name", {}),
    ],
)
def test_costs_are_told_by_group_and_month(
    keeper: Keeper, month: str | None, by: str, groups: dict[str, float]
) -> None:
    rows = keeper.costs(month, by=by).rows
    assert {row.group: row.ran / timedelta(hours=1) for row in rows} == groups
    for row in rows:
        lives = keeper.history("train", every=True).chapters
        assert row.spot_usd == sum((each.spot_usd or Decimal(0) for each in lives), Decimal(0))
        assert row.address_usd == Decimal("0.01")


@pytest.mark.parametrize(("connect", "lives_paid"), [("", 2), ("public", 2), ("endpoint", 1)])
def test_only_a_life_with_a_public_address_pays_for_one(
    cloud: FakeCloud, journal: MemoryJournal, tmp_path: Path, connect: str, lives_paid: int
) -> None:
    journal.append("train", Intent(cloud.clock.now(), connect=connect))
    [row] = fakes.keeper(cloud, home=tmp_path, journal=journal).costs().rows
    assert row.address_usd == lives_paid * Decimal("0.005")


def test_a_stretch_over_midnight_and_the_end_of_the_month_is_divided(
    cloud: FakeCloud, tmp_path: Path
) -> None:
    made, begin = MemoryJournal(), datetime(2026, 10, 31, 22, tzinfo=UTC)
    place = {"region": "us-east-1", "zone": "us-east-1a", "type": "g5.xlarge"}
    ran = {"instance": "i-1", "by": "ec2", **place}
    over = {"state": "ended", "since": (begin + timedelta(hours=8)).isoformat(), **ran}
    made.append(
        "a", entry_of(Seen, begin, {"state": "running", "since": begin.isoformat(), **ran})
    )
    made.append("a", entry_of(Seen, begin, over))
    keeper = fakes.keeper(cloud, home=tmp_path, journal=made)
    [whole] = keeper.costs().rows
    days = keeper.costs(by="day").rows
    assert [row.group for row in days] == ["2026-10-31", "2026-11-01"]
    assert [row.ran / timedelta(hours=1) for row in days] == [2, 6]
    assert [row.interruptions for row in days] == [0, 1]
    [november] = keeper.costs("2026-11").rows
    assert november.ran == timedelta(hours=6)
    assert whole.spot_usd is not None
    assert november.spot_usd == whole.spot_usd * Decimal("0.75")


def test_what_nobody_saw_is_counted(cloud: FakeCloud, tmp_path: Path) -> None:
    made, begin = MemoryJournal(), cloud.clock.now()
    place = {"region": "us-east-1", "zone": "us-east-1a", "type": "g5.xlarge"}
    for hours in (0, 4, 9):  # running each time, and since another time each
        at = begin + timedelta(hours=hours)
        ran = {"state": "running", "instance": "i-1", "since": at.isoformat(), "by": "user"}
        made.append("a", entry_of(Seen, at, {**ran, **place}))
    found = fakes.keeper(cloud, home=tmp_path, journal=made).costs()
    assert [row.unseen for row in found.rows] == [2]
    assert "2 stops not seen" in found.warnings[-1]


@pytest.mark.parametrize(("month", "by"), [("November", "name"), (None, "colour"), (None, "tag:")])
def test_no_month_and_no_group_are_refused(keeper: Keeper, month: str | None, by: str) -> None:
    with pytest.raises(BadInput, match=r"cannot be|no month"):
        keeper.costs(month, by=by)
