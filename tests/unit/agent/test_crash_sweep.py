"""The agent killed, and the machine cut off, before and after every write and every signal.

Whatever ends where: the command never runs twice at once, a finished run never runs again, a whole
set is never lost, and what is shown is never wrong, only late. And the run comes to its end.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.agent import crash_world
from tests.unit.agent.crash_world import Fault, Story, World, WorldAttempts, live

from spotkeeper.agent import sets
from spotkeeper.work import outcome
from spotkeeper.work.run import Outcome, RunState

STORIES = (
    Story("undisturbed", RunState.FINISHED),
    Story("a notice and another life", RunState.FINISHED, {5: "notice", 16: "power cut"}),
    Story("a notice that no end follows", RunState.FINISHED, {5: "notice"}),
    Story("a deaf command", RunState.FINISHED, {4: "notice", 16: "power cut"}, is_deaf=True),
    Story("a stop", RunState.FINISHED, {6: "stop", 12: "power cut"}),
    Story("a power cut", RunState.FINISHED, {7: "power cut"}),
    Story("cancelled at work", RunState.CANCELLED, {6: "cancel"}),
    Story("cancelled while interrupted", RunState.CANCELLED, {4: "notice", 8: "cancel"}),
    Story("set up first", RunState.FINISHED, {9: "notice", 20: "power cut"}, setup=True),
    Story("failing twice", RunState.FAILED, exit_code=3, retries=1),
)

FAULTS = [(what, when) for what in ("agent", "machine") for when in ("before", "after")]
FAULTS.append(("machine", "torn"))

#: Of all places of a story, one in so many is tried with every change.
SAMPLE = 9


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets are copied at once, and no disk is waited for."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "sync", lambda: None)
    monkeypatch.setattr(sets._Copying, "start", sets._Copying.run)


def operations_of(story: Story, folder: Path) -> int:
    """How many writes and signals there are when nothing is killed."""
    world = World(folder, story)
    run = live(world)
    assert (run.state, world.wrong) == (story.end, [])
    return world.operations


def trials(story: Story, folder: Path, *, every: int) -> list[str]:
    """What went wrong, of every so-many-th place at which something can end."""
    wrong = []
    places = range(1, operations_of(story, folder / "whole") + 1)
    for number, (what, when) in enumerate(FAULTS):
        for at in places[number % every :: every]:
            home = folder / f"{what}-{when}-{at}"
            world = World(home, story, Fault(what, at, when))
            run = live(world)
            if world.wrong or run.state is not story.end:
                wrong.append(f"{what} {when} {at}: {run.state.value} {world.wrong[:1]}")
            shutil.rmtree(home)
    return wrong


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
@pytest.mark.one_in(2)
def test_whatever_ends_at_a_sampled_place_the_run_comes_to_its_end(
    story: Story, tmp_path: Path
) -> None:
    assert trials(story, tmp_path, every=SAMPLE) == []


@pytest.mark.soak
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_whatever_ends_anywhere_the_run_comes_to_its_end(story: Story, tmp_path: Path) -> None:
    assert trials(story, tmp_path, every=1) == []


def nobody_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WorldAttempts, "is_alive", lambda *_: False)


def reasons_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [row for row in outcome.RULES if row[2] is not Outcome.INTERRUPTED]
    monkeypatch.setattr(outcome, "RULES", rules)


def starts_are_written_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash_world, "TestedAgent", crash_world.HastyAgent)


@pytest.mark.parametrize(
    "broken", [nobody_is_alive, reasons_are_forgotten, starts_are_written_late]
)
@pytest.mark.one_in(3)
def test_the_sweep_sees_a_rule_that_is_broken(
    broken: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    story = STORIES[1]
    places = operations_of(story, tmp_path / "whole")
    broken(monkeypatch)
    worlds = [
        World(tmp_path / f"{at}", story, Fault("agent", at, "after")) for at in range(1, places)
    ]
    for world in worlds:
        live(world)
    assert any(world.wrong for world in worlds)
