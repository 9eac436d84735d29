"""A launch whose answer was lost, or could not be written down, keeps its name and is ended."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.edges import launched
from tests.fakes.fate import Crash, Fate
from tests.fakes.journal import MemoryJournal
from tests.fakes.threads import without_threads
from tests.unit.keeper.sweep_stage import Stage, killed

from spotkeeper.errors import NameTaken, SpotkeeperError, StoreProblem, Throttled, Unreachable
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.ports import Clock
from spotkeeper.model.lives import unfinished
from spotkeeper.model.machine import ENDED
from spotkeeper.model.need import Need
from spotkeeper.timings import VISIBILITY_WINDOW


class Struck(Fate):
    """Something happens to one call."""

    def __init__(self, call: str, trouble: BaseException, *, after: bool = False) -> None:
        super().__init__()
        self._call, self._trouble, self._after = call, trouble, after

    def before(self, call: str) -> None:
        super().before(call)
        if call == self._call and not self._after:
            raise self._trouble

    def after(self, call: str) -> None:
        if call == self._call and self._after:
            raise self._trouble


class Slow(Struck):
    """Nearly a minute passes before the call takes effect."""

    def __init__(self, clock: Clock, call: str, trouble: BaseException) -> None:
        super().__init__(call, trouble, after=True)
        self._clock = clock

    def before(self, call: str) -> None:
        if call == self._call:
            self._clock.sleep(timedelta(seconds=50))
        super().before(call)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """An account whose lists are as late as they may be."""
    without_threads(monkeypatch)
    return Stage(tmp_path, visibility=VISIBILITY_WINDOW.seconds)


def struck(stage: Stage, fate: Fate) -> SpotkeeperError:
    stage.suffer(fate)
    with pytest.raises(SpotkeeperError) as caught:
        stage.up()
    stage.suffer(Fate())
    return caught.value


def elsewhere(stage: Stage, journal: MemoryJournal | None = None) -> None:
    """The name is launched in a region where nothing of it is, on another computer unless the
    journal is this one's."""
    stage.journal, here = journal or MemoryJournal(), stage.journal
    launch_request = LaunchRequest("dev", Need(types=("m5.large",), regions=("eu-west-1",)))
    try:
        launched(stage.keeper(), launch_request)
    finally:
        stage.journal = here


def alive(stage: Stage) -> int:
    return sum(server.state not in ENDED for server in stage.ec2.servers.values())


def test_what_the_full_disk_kept_out_of_the_journal_is_waited_for_and_ended(stage: Stage) -> None:
    struck(stage, Struck("journal launched", StoreProblem("No space left on device")))
    assert len(stage.ec2.servers) == 1
    assert alive(stage) == 0


@pytest.mark.parametrize("took_effect", [False, True])
def test_an_unanswered_launch_keeps_its_name_until_it_is_known_what_came_of_it(
    stage: Stage, *, took_effect: bool
) -> None:
    told = struck(stage, Struck("run", KeyboardInterrupt(), after=took_effect)).next_step
    assert alive(stage) == took_effect
    stage.clock.sleep(timedelta(hours=1))
    with pytest.raises(NameTaken):
        elsewhere(stage)
    assert "run `spot ls` after" in told
    stage.keeper().ls()
    stage.clock.sleep(VISIBILITY_WINDOW)
    assert stage.ec2.leftovers() == []
    elsewhere(stage)
    assert alive(stage) == 1


def test_a_launch_that_was_stopped_before_its_call_gives_the_name_back_at_once(
    stage: Stage,
) -> None:
    struck(stage, Struck("import_key", KeyboardInterrupt()))
    elsewhere(stage)
    assert alive(stage) == 1


@pytest.mark.parametrize("trouble", [Throttled("slow down"), Unreachable("no answer")])
def test_a_launch_that_failed_before_its_call_made_nothing_for_certain(
    stage: Stage, trouble: SpotkeeperError
) -> None:
    """Else the next `down` would leave the claim, and no `ls` ends one of another computer."""
    struck(stage, Struck("import_key", trouble))
    assert [*unfinished(stage.journal.read("dev"))] == []


@pytest.mark.parametrize("seconds", [1, 301])
def test_the_time_that_down_tells_is_that_at_which_ls_ends_what_came_of_a_killed_launch(
    stage: Stage, seconds: int
) -> None:
    stage.suffer(Struck("run", Crash("run"), after=True))
    killed(stage.up)
    stage.suffer(Fate())
    stage.clock.sleep(timedelta(seconds=seconds))
    told = " ".join(stage.keeper().down(("dev",)).warnings)
    when = re.search(r"run `spot ls` after (\d\d:\d\d:\d\d) UTC", told)
    assert when
    while f"{stage.clock.now():%H:%M:%S}" <= when[1]:
        stage.clock.sleep(timedelta(seconds=1))
    stage.keeper().ls()
    stage.clock.sleep(VISIBILITY_WINDOW)
    assert stage.ec2.leftovers() == []


def test_a_killed_launch_is_not_repeated_before_ec2_shows_what_its_last_call_made(
    stage: Stage,
) -> None:
    stage.suffer(Slow(stage.clock, "run", Crash("run")))
    killed(stage.up)
    stage.suffer(Fate())
    for _ in range(40):
        with pytest.raises(NameTaken):
            elsewhere(stage, stage.journal)
        stage.clock.sleep(timedelta(seconds=10))
    assert alive(stage) == 1
