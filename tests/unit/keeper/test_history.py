"""The past of a name, with what each stretch cost."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.fakes import edges as fakes
from tests.fakes.cloud import FakeCloud
from tests.fakes.journal import MemoryJournal
from tests.unit.model.make import entry_of

from spotkeeper.errors import NotFound, Unreachable
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.keeper.results import MachineHistory
from spotkeeper.model.journal_entry import Seen, Settled


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
    journal.append("train", Settled(journal.read("train")[-1].at))
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
