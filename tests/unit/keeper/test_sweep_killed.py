"""Killed at every call of a launch, and of the sweep after it: the next sweep leaves nothing."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.fate import Fate, Killed
from tests.fakes.journal import MemoryJournal
from tests.fakes.threads import without_threads
from tests.unit.keeper.sweep_stage import OTHER_KINDS, WINDOW, Stage, calls, killed, verdicts

from spotkeeper.lifecycle.sweep import Verdict


@pytest.fixture(autouse=True)
def region_after_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a run is the same every time, and dies where it is told to."""
    without_threads(monkeypatch)


@pytest.mark.parametrize("visibility", [0, 120])
@pytest.mark.parametrize("forget", [False, True])
def test_two_sweeps_clear_a_launch_that_was_killed_at_any_call(
    tmp_path: Path, *, visibility: int, forget: bool
) -> None:
    count = len(calls(tmp_path, Stage.up))
    assert count > 10
    for at in range(count):
        stage = Stage(tmp_path, visibility=visibility)
        stage.suffer(Killed(at, after=True))
        killed(stage.up)
        stage.suffer(Fate())
        if forget:
            stage.journal = MemoryJournal()
        first = stage.sweep()
        stage.clock.sleep(2 * WINDOW)
        last = stage.sweep()
        if Verdict.KEPT in verdicts(last):  # the user may have been told of it
            stage.clock.sleep(timedelta(hours=25))
            last = stage.sweep()
        assert last.left == (), (at, stage.cloud.fate.seen[-20:])
        stage.clock.sleep(timedelta(hours=1))
        assert stage.ec2.leftovers() == [], at
        assert not (first.ended and stage.ec2.born_after_first_terminate())


@pytest.mark.parametrize("forget", [False, True])
def test_a_sweep_that_was_killed_at_any_call_can_be_repeated(
    tmp_path: Path, *, forget: bool
) -> None:
    def begin() -> Stage:
        stage = Stage(tmp_path)
        stage.up()
        for kind in OTHER_KINDS:
            stage.add(kind)
        if forget:
            stage.journal = MemoryJournal()
        stage.clock.sleep(timedelta(hours=25))
        return stage

    whole = begin()
    whole.suffer(Fate())
    whole.sweep()
    for at in range(len(whole.cloud.fate.seen)):
        stage = begin()
        stage.suffer(Killed(at, after=at % 2 == 0))
        killed(stage.sweep)
        stage.suffer(Fate())
        assert stage.sweep().left == (), at
        assert stage.ec2.leftovers() == [], at
        assert stage.ec2.born_after_first_terminate() == []
