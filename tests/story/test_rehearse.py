"""`spot rehearse`: commands with habits, interrupted under the real agent, and the verdict."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.story.habits import HABITS, USUAL, Habit

PATIENCE_S = 120


def rehearse(
    folder: Path, command: str, *options: str, files: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`spot rehearse` in a folder with these files, as a person without an account types it."""
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    home = {"HOME": str(folder / ".home"), "PATH": os.environ["PATH"]}
    spot = [sys.executable, "-m", "spotkeeper", "rehearse", *options, "--", *shlex.split(command)]
    return subprocess.run(
        spot, cwd=folder, env=home, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


@pytest.mark.parametrize(
    "habit",
    [
        pytest.param(habit, id=name, marks=() if name in USUAL else pytest.mark.soak)
        for name, habit in HABITS.items()
    ],
)
@pytest.mark.one_in(3)
def test_a_command_with_a_habit_gets_its_verdict(habit: Habit, tmp_path: Path) -> None:
    done = rehearse(
        tmp_path, habit.command, *habit.options, "--output", "json", files=dict(habit.files)
    )
    found = json.loads(done.stdout)
    assert habit.verdict in found["verdict"], found
    assert (found["survives"], done.returncode) == (habit.survives, 0 if habit.survives else 1)
    lost = [each["lost_steps"] for each in found["items"]]
    if habit.lost is not None:
        assert lost == [habit.lost], found
        assert (found["steps_done"], found["steps_twice"]) == (60, 0)
        assert found["items"][0]["resumed_at"] == found["items"][0]["at_step"] + 1
    assert any(habit.warning in each for each in found["warnings"]) or not habit.warning
    assert not found["survives"] or found["state"] == "finished"
    left = {path.name for path in tmp_path.iterdir()} - set(habit.files) - {".home"}
    assert left == set(), "it wrote into the user's own folder"


@pytest.mark.soak
@pytest.mark.parametrize(
    "name", ["a plain loop", "data workers", "a shell around it that does not forward"]
)
@pytest.mark.parametrize("seed", range(5))
def test_at_every_notice_the_save_is_of_the_step_of_the_notice(
    name: str, seed: int, tmp_path: Path
) -> None:
    habit = HABITS[name]
    done = rehearse(
        tmp_path,
        habit.command,
        "--notices",
        "3",
        "--seed",
        str(seed),
        "--output",
        "json",
        files=dict(habit.files),
    )
    found = json.loads(done.stdout)
    assert (found["steps_done"], found["steps_twice"], found["survives"]) == (60, 0, True)
    assert {each["lost_steps"] for each in found["items"]} == {0}


def test_what_a_person_sees(tmp_path: Path) -> None:
    habit = HABITS["a plain loop"]
    done = rehearse(tmp_path, habit.command, files=dict(habit.files))
    assert "Verdict: it survives. 0 steps lost, 0 twice, 60 of 60 done, a save is " in done.stdout
    assert "Resumed at" in done.stdout
    assert "step " in done.stderr
    assert ": notice\n" in done.stderr
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--grace", "soon"), "'soon' is not a duration"),
        (("--notices", "0"), "--notices"),
        (("--signal", "HUP"), "--signal"),
        (("--seed", "x"), "--seed"),
    ],
)
@pytest.mark.one_in(3)
def test_what_cannot_be_rehearsed_is_refused(
    options: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    done = rehearse(tmp_path, "true", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.soak
def test_who_goes_on_without_end_when_the_command_has_ended_is_named(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    beats = "sh -c 'while :; do echo; sleep 0.1; done' & sleep 1"
    spot = [sys.executable, "-m", "spotkeeper", "rehearse", "--", "bash", "-c", beats]
    running = subprocess.Popen(spot, cwd=tmp_path, env=home, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    said = next(line for line in running.stderr if "has ended" in line)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=PATIENCE_S)
    assert ("sh goes on" in said, running.returncode) == (True, 130)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_rehearsal_that_is_broken_off_leaves_nobody_running(
    number: int, code: int, tmp_path: Path
) -> None:
    sign = tmp_path / "sign"
    beat = f"import time\nwhile True: open({str(sign)!r}, 'a').write('x'); time.sleep(0.05)"
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    spot = [sys.executable, "-m", "spotkeeper", "rehearse", "--", sys.executable, "-c", beat]
    running = subprocess.Popen(spot, cwd=tmp_path, env=home, stderr=subprocess.PIPE)
    until(sign.exists)
    running.send_signal(number)
    running.communicate(timeout=PATIENCE_S)
    assert running.returncode == code
    until(lambda: sign.stat().st_mtime < time.time() - 1)
    left = list((tmp_path / "tmp").iterdir())
    assert left == [] or number == signal.SIGKILL


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)
