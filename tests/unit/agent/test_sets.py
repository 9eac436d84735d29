"""Sets of checkpoints: which are whole, when they are taken, and what a start begins from."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.agent.crash_world import RUN, Command, Story, TestedAgent, World, accept, boot

from spotkeeper.agent import folders, sets
from spotkeeper.agent.attempts import CommandEnd
from spotkeeper.agent.processes import Processes
from spotkeeper.work.checkpoints import KEPT_SETS
from spotkeeper.work.run import Outcome, RunState


class Stage:
    """A machine whose command does what the test does with the checkpoint folder."""

    def __init__(self, folder: Path, *, retries: int = 0) -> None:
        self.world = World(folder, Story("by hand", RunState.FINISHED, retries=retries))
        accept(self.world)
        self.paths = self.world.home.run(RUN).paths
        self.checkpoint = Path(self.paths.checkpoint)
        self.agent = boot(self.world)
        self.writing = ""
        self.turns(1)

    def turns(self, count: int, *, each_s: float = 1.0) -> None:
        for _ in range(count):
            self.world.now += each_s
            self.agent.turn()

    def save(self, name: str, text: str) -> None:
        """Whole: a temporary file, then its name."""
        partial = self.checkpoint / f"{name}.tmp"
        partial.write_text(text)
        partial.replace(self.checkpoint / name)
        os.utime(self.checkpoint / name, (self.world.now, self.world.now))

    def end(self, code: int | None) -> None:
        """The command ends, or its machine does, and another attempt begins if one is due."""
        if code is None:
            self.world.power_cut()
            self.agent = boot(self.world)
        else:
            self.world.ends[self.agent.attempt_folder] = CommandEnd(self.world.now, code)
            self.world.command = None
        self.turns(6)

    @property
    def numbers(self) -> list[int]:
        return [taken.number for taken in self.agent.run.sets]

    @property
    def remarks(self) -> set[str]:
        return {each.about for each in self.agent.run.remarks}

    def kept(self) -> dict[int, dict[str, str]]:
        """By number: the files of the sets on the disk."""
        found = {}
        for path in Path(self.world.home.run(RUN).sets).glob("[0-9]*"):
            files = (path / "files").rglob("*")
            found[int(path.name)] = {f.name: f.read_text() for f in files if f.is_file()}
        return found


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(sets._Copying, "start", sets._Copying.run)
    monkeypatch.setattr(sets, "SET_EVERY_S", 15.0)  # of a look every 5 s: here every 3 s
    found = Stage(tmp_path)
    monkeypatch.setattr(Processes, "written_files", lambda *_: iter(filter(None, [found.writing])))
    assert isinstance(found.world.command, Command)
    found.world.story = Story("by hand", RunState.FINISHED, steps=10**9)
    return found


def test_a_set_is_taken_when_nothing_moved_and_what_is_known_is_not_taken_again(
    stage: Stage,
) -> None:
    stage.save("state.json", "1")
    stage.turns(12)
    assert stage.numbers == [1]
    stage.save("state.json", "2")
    stage.turns(12)
    assert (stage.numbers, stage.kept()) == (
        [1, 2],
        {1: {"state.json": "1"}, 2: {"state.json": "2"}},
    )
    taken = stage.agent.run.sets[-1]
    assert (taken.files, taken.size_bytes) == (1, 1)


def test_what_never_holds_still_is_said_and_not_half_taken(stage: Stage) -> None:
    for number in range(40):
        (stage.checkpoint / "state.json").write_text("x" * number)
        stage.turns(1)
    assert (stage.numbers, stage.remarks, stage.kept()) == ([], {"restless"}, {})


def test_what_is_open_for_writing_does_not_hold_still(stage: Stage) -> None:
    stage.writing = str(stage.checkpoint / "state.json")
    stage.save("state.json", "half")
    stage.turns(20)
    assert stage.numbers == []
    stage.writing = ""
    stage.turns(4)
    assert stage.numbers == [1]


def test_the_newest_sets_stay_and_share_what_did_not_change(stage: Stage) -> None:
    stage.save("big.bin", "the same in each")
    for number in range(KEPT_SETS + 3):
        stage.save("state.json", str(number))
        stage.turns(8)
    kept = stage.kept()
    assert sorted(kept) == stage.numbers[-KEPT_SETS:]
    inodes = {
        Path(stage.world.home.run(RUN).sets, str(number), "files", "big.bin").stat().st_ino
        for number in kept
    }
    assert len(inodes) == 1


def test_a_recommendation_of_ec2_brings_the_next_set_forward_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "SET_EVERY_S", 10**6)
    for name in ("a", "b"):
        stage.save("state.json", f'["{name}"]')
        stage.agent.remark(f"rebalance {name}", "EC2 expects to interrupt")
        stage.turns(3)
    assert stage.numbers == [1]


def test_without_room_no_set_is_copied_and_that_is_said(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.save("state.json", "1")
    full = os.statvfs_result((4096, 4096, 10**6, 100, 100, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    stage.turns(12)
    assert (stage.numbers, stage.remarks) == ([], {"no room"})


def test_the_folder_as_the_command_left_it_is_the_last_set(stage: Stage) -> None:
    stage.turns(2)
    stage.save("state.json", "at the signal")
    stage.agent.ask("notice", until=stage.world.now + 50, ends_at=stage.world.now + 60)
    stage.end(0)
    ended = stage.agent.run.attempts[-1].end
    assert ended is not None
    assert (ended.outcome, ended.saved, stage.kept()) == (
        Outcome.INTERRUPTED,
        True,
        {1: {"state.json": "at the signal"}},
    )


def begun_from(stage: Stage) -> str:
    """What is in the checkpoint folder when an attempt begins."""
    return (stage.checkpoint / "state.json").read_text()


def test_a_start_that_dies_of_the_newest_gets_the_one_before_and_never_loops(stage: Stage) -> None:
    for number in (1, 2, 3):
        stage.save("state.json", str(number))
        stage.turns(8)
    stage.end(None)
    begun: list[str] = []
    while stage.world.command is not None and len(begun) < 20:
        begun.append(begun_from(stage))
        stage.end(1)
    assert begun == ["3", "2", "1"]
    run = stage.agent.run
    assert (run.state, run.count(Outcome.OLDER_CHECKPOINT)) == (RunState.FAILED, 2)
    assert [each.start.from_set for each in run.attempts] == [0, 0, 2, 1]
    assert "from set 2" in stage.remarks


def test_a_file_that_was_written_in_place_when_the_power_went_is_not_begun_from(
    stage: Stage,
) -> None:
    file = stage.checkpoint / "state.json"
    file.write_text("[1, 2, 3]")
    stage.turns(10)
    with file.open("r+") as written:
        written.write("[1, 2, 3, 4")
    stage.end(None)
    assert (begun_from(stage), stage.agent.run.attempts[-1].start.from_set) == ("[1, 2, 3]", 1)


def test_a_file_that_was_renamed_into_place_when_the_power_went_is_begun_from(
    stage: Stage,
) -> None:
    stage.save("state.json", '"older"')
    stage.turns(10)
    stage.save("state.json", '"newest"')
    stage.end(None)
    assert (begun_from(stage), stage.agent.run.attempts[-1].start.from_set) == ('"newest"', 0)


STEPS = ("incoming", "whole", "gone", "back")


@pytest.mark.parametrize("killed_after", STEPS)
def test_a_folder_that_was_being_brought_back_is_never_gone(
    stage: Stage, killed_after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.save("state.json", '"good"')
    stage.turns(8)
    stage.save("state.json", '"bad"')
    stage.turns(8)
    stage.end(None)
    done = iter(STEPS)
    copy, rename = folders.copy_state, stage.agent.disk.rename

    def until(step: Callable[..., None]) -> Callable[..., None]:
        def taken(*given: object, **named: object) -> None:
            step(*given, **named)
            if str(given[-1]).endswith("manifest.json"):
                return
            if next(done, "") == killed_after:
                raise KeyboardInterrupt

        return taken

    stage.world.ends[stage.agent.attempt_folder] = CommandEnd(stage.world.now, 1)
    stage.world.command = None
    stage.turns(1)
    assert stage.agent.run.state is RunState.WAITING
    with monkeypatch.context() as patch:
        patch.setattr(folders, "copy_state", until(copy))
        patch.setattr(stage.agent.disk, "rename", until(rename))
        with pytest.raises(KeyboardInterrupt):
            stage.turns(10)
    assert stage.checkpoint.exists() or Path(f"{stage.checkpoint}.whole").exists()
    stage.agent = boot(stage.world)
    stage.turns(3)
    assert begun_from(stage) == '"good"'


def test_a_manifest_tells_its_version(stage: Stage) -> None:
    stage.save("state.json", "1")
    stage.turns(8)
    path = Path(stage.world.home.run(RUN).sets, "1", "manifest.json")
    assert json.loads(path.read_text())["schema"] == 1
    assert isinstance(stage.agent, TestedAgent)
