"""A disk that is full from some entry on: nothing is made on it, and everything can be ended."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import home_with_key, keeper, launched
from tests.fakes.fate import Fate
from tests.fakes.journal import MemoryJournal

from spotkeeper.errors import NameTaken, StoreProblem
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.model.journal_entry import Intent, Settled, Settling
from spotkeeper.model.launch import LaunchToken
from spotkeeper.model.machine import Kind
from spotkeeper.model.need import Need

DAY = timedelta(days=1)


class Full(Fate):
    """The disk takes so many entries, and no more."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def before(self, call: str) -> None:
        self.room -= 1
        if self.room < 0:
            raise StoreProblem("No space left on device")


class Laptop:
    """One account and one computer, whose disk takes so many entries."""

    def __init__(self, home: Path, *, room: int, visibility_seconds: int = 0) -> None:
        self.cloud = FakeCloud(visibility=timedelta(seconds=visibility_seconds))
        self.journal = MemoryJournal(Full(room))
        self._home = home_with_key(home)

    def keeper(self) -> Keeper:
        return keeper(self.cloud, home=self._home, journal=self.journal)

    def up(self, kind: Kind = Kind.BOX) -> bool:
        """Whether a machine was launched."""
        try:
            launch_request = LaunchRequest("dev", Need(types=("g5.xlarge",)), kind=kind)
            return launched(self.keeper(), launch_request) is not None
        except StoreProblem:
            return False

    def make_room(self) -> None:
        self.journal.fate = Fate()


@pytest.mark.parametrize("kind", Kind)
def test_a_launch_on_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, kind: Kind) -> None:
    for room in range(20):
        laptop = Laptop(tmp_path, room=room)
        if laptop.up(kind):
            break
        assert laptop.cloud.ec2.leftovers() == []
        assert room or "run" not in laptop.cloud.fate.seen
    assert room > 2


@pytest.mark.parametrize("visibility_seconds", [0, 120])
def test_a_full_disk_stops_no_end(tmp_path: Path, visibility_seconds: int) -> None:
    for room in range(8):
        laptop = Laptop(tmp_path, room=99, visibility_seconds=visibility_seconds)
        assert laptop.up()
        laptop.cloud.clock.sleep(DAY)
        laptop.journal.fate = Full(room)
        report = laptop.keeper().down(["dev"])
        assert report.left == ()
        assert laptop.cloud.ec2.leftovers() == []
        assert room > 1 or any("No space left" in told for told in report.warnings)


@pytest.mark.parametrize("visibility_seconds", [5, 120])
def test_what_a_full_disk_hid_from_an_undo_is_ended_by_the_next_down(
    tmp_path: Path, visibility_seconds: int
) -> None:
    for room in range(1, 8):
        laptop = Laptop(tmp_path, room=room, visibility_seconds=visibility_seconds)
        laptop.up()
        laptop.make_room()
        laptop.cloud.clock.sleep(timedelta(minutes=6))
        laptop.keeper().down(["dev"])
        laptop.cloud.clock.sleep(DAY)
        assert laptop.cloud.ec2.leftovers() == []


def damaged(laptop: Laptop, position: int) -> None:
    assert laptop.up()
    laptop.journal.damage("dev", position)


@pytest.mark.parametrize("position", range(4))
def test_a_damaged_line_blocks_the_name_until_all_of_it_was_ended(
    tmp_path: Path, position: int
) -> None:
    laptop = Laptop(tmp_path, room=99)
    damaged(laptop, position)
    with pytest.raises(NameTaken, match="damaged") as taken:
        launched(laptop.keeper(), LaunchRequest("dev", Need(types=("g5.xlarge",))))
    assert "`spot down dev`" in taken.value.next_step
    assert any("damaged" in told for told in laptop.keeper().ls().warnings)
    laptop.cloud.clock.sleep(timedelta(minutes=6))
    laptop.keeper().down(["dev"])
    laptop.cloud.clock.sleep(timedelta(minutes=6))
    assert laptop.keeper().down(["dev"]).warnings == ()
    assert laptop.cloud.ec2.leftovers() == []
    assert laptop.up()


def test_a_damaged_intent_is_looked_for_in_every_region(tmp_path: Path) -> None:
    """Nobody knows where it was, and EC2 may not list it yet."""
    laptop = Laptop(tmp_path, room=99)
    now = laptop.cloud.clock.now()
    laptop.journal.append("dev", Intent(now, region="us-east-1", token=LaunchToken("t")))
    laptop.journal.damage("dev", 0)
    laptop.cloud.fate.seen.clear()
    laptop.keeper().down(["dev"])
    looked = laptop.cloud.fate.seen.count("observe")
    assert looked >= 2 * len(laptop.cloud.regions())
    assert isinstance(laptop.journal.read("dev")[-1], Settling)
    laptop.cloud.clock.sleep(timedelta(minutes=6))
    laptop.keeper().ls()  # which looks only where it remembers something
    assert isinstance(laptop.journal.read("dev")[-1], Settling)
    laptop.keeper().down(["dev"])
    assert isinstance(laptop.journal.read("dev")[-1], Settled)
