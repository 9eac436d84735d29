"""Ctrl-C during a launch undoes what was begun, or says exactly what is left."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes import geography
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import home_with_key, keeper, launched
from tests.fakes.fate import Fate
from tests.fakes.journal import MemoryJournal

from spotkeeper.errors import Interrupted, LeftBehind, SpotkeeperError, Unreachable
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.model.need import Need
from spotkeeper.model.tags import TAG_VPC, shared_tags

LIFE = ("i-", "sir-", "vol-")


class CtrlC(Fate):
    """The user presses Ctrl-C after the n-th call of a kind."""

    def __init__(self, call: str, *, after: bool) -> None:
        super().__init__()
        self.call = call
        self.at_the_end = after

    def before(self, call: str) -> None:
        super().before(call)
        if call == self.call and not self.at_the_end:
            self._press()

    def after(self, call: str) -> None:
        if call == self.call and self.at_the_end:
            self._press()

    def _press(self) -> None:
        self.call = ""
        raise KeyboardInterrupt


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return home_with_key(tmp_path)


def interrupted(
    cloud: FakeCloud,
    home: Path,
    journal: MemoryJournal,
    launch_request: LaunchRequest | None = None,
) -> SpotkeeperError:
    launch_request = launch_request or LaunchRequest("dev", Need(types=("g5.xlarge",)))
    with pytest.raises(SpotkeeperError) as caught:
        launched(keeper(cloud, home=home, journal=journal), launch_request)
    return caught.value


@pytest.mark.parametrize("call", ["create_group", "import_key", "run", "instance"])
@pytest.mark.parametrize("after", [False, True])
def test_ctrl_c_at_any_call_of_a_launch_leaves_nothing(
    home: Path, call: str, *, after: bool
) -> None:
    cloud, journal = FakeCloud(fate=CtrlC(call, after=after)), MemoryJournal()
    error = interrupted(cloud, home, journal)
    assert isinstance(error, Interrupted)
    assert error.exit_code == 130
    cloud.clock.sleep(timedelta(days=1))
    if "`spot ls`" in error.next_step:  # the claim of a name stays with an unknown outcome
        assert not [each for each in cloud.ec2.leftovers() if not each.startswith("lt-")]
        keeper(cloud, home=home, journal=journal).ls()
    assert cloud.ec2.leftovers() == []


@pytest.mark.parametrize("seconds", [5, 120])
def test_ctrl_c_just_after_the_launch_ends_what_ec2_does_not_list_yet(
    home: Path, seconds: float
) -> None:
    cloud = FakeCloud(visibility=timedelta(seconds=seconds), fate=CtrlC("instance", after=False))
    error = interrupted(cloud, home, MemoryJournal())
    cloud.clock.sleep(timedelta(minutes=5))
    alive = [each for each in cloud.ec2.leftovers() if each.startswith(LIFE)]
    if alive:
        assert isinstance(error, LeftBehind)
        assert alive[0] in error.message
    else:
        assert isinstance(error, Interrupted)


def test_an_older_group_does_not_hide_the_machine_that_holds_it(home: Path) -> None:
    cloud = FakeCloud(fate=CtrlC("instance", after=False))
    tags = {**shared_tags(geography.OWNER), TAG_VPC: geography.HOME_VPC}
    cloud.ec2.new_group(geography.REGION, "g", vpc_id=geography.HOME_VPC, tags=tags)
    cloud.clock.sleep(timedelta(hours=1))
    cloud.ec2.visibility = timedelta(seconds=120)
    error = interrupted(cloud, home, MemoryJournal())
    cloud.clock.sleep(timedelta(minutes=5))
    alive = [each for each in cloud.ec2.leftovers() if each.startswith(LIFE)]
    assert not alive or alive[0] in error.message


def test_what_cannot_be_undone_is_named_with_its_region_and_the_command(home: Path) -> None:
    cloud = FakeCloud(fate=CtrlC("instance", after=False), denied=["terminate"])
    error = interrupted(cloud, home, MemoryJournal())
    assert isinstance(error, LeftBehind)
    assert error.exit_code == 8
    [instance_id] = cloud.ec2.servers
    assert instance_id in error.message
    assert geography.REGION in error.message
    assert "spot down" in error.next_step


def test_after_an_unanswered_launch_the_user_is_told_to_look_again(home: Path) -> None:
    cloud = FakeCloud(visibility=timedelta(seconds=120), fate=CtrlC("run", after=True))
    journal = MemoryJournal()
    error = interrupted(cloud, home, journal)
    assert "spot" in error.next_step
    cloud.clock.sleep(timedelta(minutes=6))
    keeper(cloud, home=home, journal=journal).ls()
    cloud.clock.sleep(timedelta(minutes=5))
    assert cloud.ec2.leftovers() == []


class SlowAndDeaf(Fate):
    """Every launch takes a minute to fail; only the last one takes effect, and nobody hears."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.launches = 0

    def before(self, call: str) -> None:
        super().before(call)
        if call == "run":
            self.launches += 1
            self.clock.advance(seconds=60)
            if self.launches < 4:
                raise Unreachable("no answer within a minute")

    def after(self, call: str) -> None:
        if call == "run":
            raise Unreachable("no answer within a minute")


@pytest.mark.parametrize("own_ground", [False, True])
@pytest.mark.parametrize("until_the_next_command", [30, 60, 120, 301])
def test_a_launch_that_took_effect_long_after_the_intent_is_ended_too(
    home: Path, until_the_next_command: float, *, own_ground: bool
) -> None:
    clock = FakeClock()
    cloud = FakeCloud(clock=clock, visibility=timedelta(seconds=200), fate=SlowAndDeaf(clock))
    launch_request = LaunchRequest("dev", Need(types=("g5.xlarge",)))
    if own_ground:  # nothing of ours that the instance could be noticed by
        group = cloud.ec2.new_group(geography.REGION, "own", vpc_id=geography.HOME_VPC, tags={})
        cloud.ec2.new_key(geography.REGION, "own", tags={})
        launch_request = replace(launch_request, group_ids=(group.id,), key_name="own")
    journal = MemoryJournal()
    assert isinstance(interrupted(cloud, home, journal, launch_request), Unreachable)
    assert len(cloud.ec2.servers) == 1
    for wait in (until_the_next_command, 400, 400):
        clock.advance(seconds=wait)
        keeper(cloud, home=home, journal=journal).ls()
    clock.advance(minutes=5)
    assert not [each for each in cloud.ec2.leftovers() if each.startswith(LIFE)]
