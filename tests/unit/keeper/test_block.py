"""A machine of a ``with`` block is given back at its end, whatever happened in it."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import home_with_key, keeper
from tests.fakes.journal import MemoryJournal
from tests.unit.keeper.test_interrupted_launch import CtrlC

from spotkeeper.errors import BadInput, Interrupted, LeftBehind
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.keeper.launched_machine import LaunchedMachine


class Desk:
    """A program, and the account that it works with."""

    def __init__(self, home: Path, cloud: FakeCloud | None = None) -> None:
        self.cloud = cloud or FakeCloud()
        self.keeper: Keeper = keeper(self.cloud, home=home, journal=MemoryJournal())

    def up(self) -> LaunchedMachine:
        return self.keeper.up(self.keeper.plan("dev", types=["g5.xlarge"], lasting="8h"))

    def left(self) -> list[str]:
        return self.cloud.ec2.leftovers()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return home_with_key(tmp_path)


def fail(_: Desk) -> None:
    raise ValueError


def press_ctrl_c(_: Desk) -> None:
    raise KeyboardInterrupt


#: What happens in the block, and what it raises.
BODIES: dict[str, tuple[Callable[[Desk], object], type[BaseException] | None]] = {
    "nothing": (lambda desk: None, None),
    "an error": (fail, ValueError),
    "Ctrl-C": (press_ctrl_c, KeyboardInterrupt),
    "its own down": (lambda desk: desk.keeper.down(["dev"]), None),
    "a stop": (lambda desk: desk.keeper.stop("dev"), None),
}


@pytest.mark.parametrize("body", BODIES)
def test_the_end_of_a_block_gives_the_machine_back(home: Path, body: str) -> None:
    (happens, problem), desk = BODIES[body], Desk(home)
    with pytest.raises(problem) if problem else nullcontext(), desk.up() as machine:
        assert machine.machine.state == "running"
        happens(desk)
    assert desk.left() == []


def test_the_end_of_a_block_ends_no_other_machine(home: Path) -> None:
    desk = Desk(home)
    with desk.up():
        desk.keeper.up(desk.keeper.plan("other", types=["m5.large"]))
    assert [each.machine.name for each in desk.keeper.ls()] == ["other"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", ["cancel", "terminate", "delete_volume", "observe"])
def test_ctrl_c_while_it_is_given_back_says_what_may_exist_and_down_ends_it(
    home: Path, call: str, *, after: bool
) -> None:
    fate = CtrlC("", after=after)
    desk = Desk(home, FakeCloud(fate=fate))
    with pytest.raises(Interrupted) as caught, desk.up():
        fate.call = call
    assert "keeper.down(['dev'])" in caught.value.next_step
    desk.keeper.down(["dev"])
    desk.cloud.clock.sleep(timedelta(days=1))
    assert desk.left() == []


def test_what_could_not_be_given_back_is_told_at_the_end_of_the_block(home: Path) -> None:
    desk = Desk(home)
    with pytest.raises(LeftBehind, match="instance"), desk.up():
        desk.cloud.denied.add("terminate")
    desk.cloud.denied.clear()
    assert desk.keeper.down(["dev"]).left == ()
    assert desk.left() == []


def test_a_plan_whose_time_is_over_launches_nothing(home: Path) -> None:
    desk = Desk(home)
    plan = desk.keeper.plan("dev", types=["g5.xlarge"], lasting="8h")
    desk.cloud.clock.sleep(timedelta(hours=8))
    with pytest.raises(BadInput, match="has passed"):
        desk.keeper.up(plan)
    assert desk.left() == []


def test_a_plan_of_another_account_launches_nothing(home: Path) -> None:
    practice, desk = Desk(home), Desk(home)
    desk.cloud.known_as = replace(desk.cloud.known_as, account="210987654321")
    with pytest.raises(BadInput, match="was made for"):
        desk.keeper.up(practice.keeper.plan("dev", types=["g5.xlarge"]))
    assert desk.left() == []
