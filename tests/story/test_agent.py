"""The packed agent at work: real processes on a machine made of this computer, and its end."""

import json
import os
import pwd
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.story.habits import loop

from spotkeeper.agent import control
from spotkeeper.agent.disk import read_text
from spotkeeper.agent.holder import end_file
from spotkeeper.agent.machine import RunFolder
from spotkeeper.agent.stand_in import StandInMachine
from spotkeeper.keeper.run import run_order
from spotkeeper.model.machine import Machine
from spotkeeper.work.contract import RunSpec
from spotkeeper.work.run import Outcome, Run, RunState

PATIENCE_S = 60.0
CANARY = "canary-in-the-environment-81"

#: Notes who it is and what it is told, in a file that no attempt clears away.
NOTING = """
import json, os, sys, time
told = {key: value for key, value in os.environ.items() if key.startswith("SPOT_")}
told.update(pid=os.getpid(), files=sorted(os.listdir(".")), uid=os.getuid())
with open(sys.argv[1], "a") as file: print(json.dumps(told), file=file)
open("left.txt", "w").write("from attempt " + told["SPOT_ATTEMPT"])
print("attempt", told["SPOT_ATTEMPT"], os.environ.get("TOKEN"), flush=True)
time.sleep(float(sys.argv[2])); sys.exit(int(sys.argv[3]))
"""


class Stage:
    """A machine, and a run on it."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)
        self.machine = StandInMachine(folder)
        self.notes = folder / "notes"
        self.run_id = f"run-{secrets.token_hex(4)}"  # processes are known by it

    @property
    def folder(self) -> RunFolder:
        return self.machine.home.run(self.run_id)

    @property
    def run(self) -> Run:
        return control.read_run(self.folder)

    def accept(self, *command: str, files: dict[str, str] | None = None, **given: object) -> None:
        user = str(given["user"]) if "user" in given else None
        control.prepare(self.machine.home, self.run_id, user)
        for name, text in (files or {"note.py": NOTING}).items():
            Path(self.folder.paths.code, name).write_text(text)
        environment = {"PATH": os.environ["PATH"]}
        spec = RunSpec(self.run_id, "train", command, environment=environment)
        control.start(self.machine.home, RunSpec(**{**vars(spec), "then": "keep", **given}))

    def note(self, *, lasts: float = 0.0, code: int = 0) -> tuple[str, ...]:
        return (sys.executable, "note.py", str(self.notes), str(lasts), str(code))

    def noted(self) -> list[dict[str, object]]:
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [json.loads(line) for line in lines]

    def until(self, done: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < end, self.run
            time.sleep(0.05)

    def over(self) -> Run:
        self.until(lambda: self.run.is_over)
        return self.run

    def said(self, attempt: str) -> str:
        return self.ask("logs", "--attempt", attempt)[1].decode()

    def ask(self, *arguments: str) -> tuple[dict[str, object], bytes]:
        """A command of the agent's file: its line of JSON, and what comes behind it."""
        home, file = self.machine.home.folder, self.machine.home.folder + "/../agent.pyz"
        asked = [sys.executable, file, "--home", home, *arguments]
        done = subprocess.run(asked, capture_output=True, check=True)
        line, _, rest = done.stdout.partition(b"\n")
        return json.loads(line), rest


@pytest.fixture
def stage() -> Iterator[Stage]:
    """In a folder that other users may enter."""
    with tempfile.TemporaryDirectory() as folder:
        found = Stage(Path(folder))
        yield found
        found.machine.close()


@pytest.mark.soak
def test_a_restart_of_the_agent_is_not_noticed_by_the_command(stage: Stage) -> None:
    stage.accept(sys.executable, "train.py", files=loop())
    stage.machine.start()
    stage.until(lambda: b"step 5" in stage.ask("logs")[1])
    for _ in range(3):
        stage.machine.restart_agent()
    run = stage.over()
    assert (run.state, run.last_attempt) == (RunState.FINISHED, 1)
    _, output = stage.ask("logs", "--raw")
    assert output == b"".join(b"step %d\n" % step for step in range(1, 61)) + b"done 60 60\n"


def test_a_stop_of_the_machine_is_told_and_the_next_life_goes_on(stage: Stage) -> None:
    stage.accept(sys.executable, "train.py", files=loop())
    stage.machine.start()
    stage.until(lambda: b"step 5" in stage.ask("logs")[1])
    stage.machine.stop()
    run = stage.run
    assert (run.state, run.words, len(run.sets)) == (RunState.INTERRUPTED, "exit 0", 1)
    stage.machine.start()
    run = stage.over()
    assert (run.state, run.last_attempt) == (RunState.FINISHED, 2)
    assert b"done 60 60" in stage.ask("logs")[1]


def test_a_machine_that_killed_the_command_itself_at_its_end_interrupted_it(stage: Stage) -> None:
    stage.accept(*stage.note(lasts=600))
    stage.machine.start()
    stage.until(stage.noted)
    os.kill(stage.machine.agent_pid, signal.SIGKILL)
    os.kill(int(str(stage.noted()[0]["pid"])), signal.SIGTERM)
    stage.until(lambda: read_text(end_file(stage.folder.attempt(1))).strip())
    stage.machine.end()
    stage.machine.start()
    stage.until(lambda: stage.run.last_attempt == 2)
    assert stage.run.count(Outcome.INTERRUPTED) == 1


@pytest.mark.soak
def test_every_attempt_has_the_code_its_surroundings_and_one_identity(stage: Stage) -> None:
    stage.accept(*stage.note(code=75), setup=(("sh", "-c", "echo built > built.txt"), ("true",)))
    stage.machine.start()
    stage.until(lambda: len(stage.noted()) >= 3)
    first, second, third = stage.noted()[:3]
    for number, noted in enumerate((first, second, third), start=1):
        assert noted["SPOT_ATTEMPT"] == str(number)
        assert noted["files"] == ["built.txt", "note.py"]
        same = {"SPOT_RUN_ID": stage.run_id, "SPOT_NAME": "train", "SPOT_RESUMED": "0"}
        assert {key: noted[key] for key in same} == same
        assert Path(str(noted["SPOT_CHECKPOINT_DIR"])).is_dir()
    assert stage.run.count(Outcome.READY) == 1


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        (("sh", "-c", "exit 3"), "exit 3, in set-up"),
        (
            ("sh", "-c", "seq 9; echo of $TOKEN; exit 3"),
            "exit 3, in set-up: 8 | 9 | of ***",
        ),
        (("no-such-tool",), "exit 127, in set-up: set-up: 1: no-such-tool: not found"),
    ],
)
@pytest.mark.one_in(3)
def test_a_set_up_that_fails_is_told_and_the_command_never_begins(
    stage: Stage, setup: tuple[str, ...], words: str
) -> None:
    stage.accept(*stage.note(), setup=(setup,), retries=3, secrets={"TOKEN": CANARY})
    stage.machine.start()
    run = stage.over()
    assert (run.state, run.words, stage.noted()) == (RunState.FAILED, words, [])


WHEEL_FILES = {
    "toy.py": "WORD = 'installed'\n",
    "toy-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: toy\nVersion: 1\n",
    "toy-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "toy-1.dist-info/RECORD": "",
}
PROJECT = """[project]
name = "x"
version = "1"
dependencies = ["toy"]
requires-python = ">=3.9"
[tool.uv.sources]
toy = {path = "toy-1-py3-none-any.whl"}
"""


@pytest.mark.soak
@pytest.mark.parametrize(
    ("file", "text"),
    [("requirements.txt", "./toy-1-py3-none-any.whl\n"), ("pyproject.toml", PROJECT)],
)
def test_what_the_code_needs_is_installed_once_and_there_in_every_attempt(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_text(text)
    setup = run_order(["true"], {}, environment={}).spec(Machine(None, None), "run").setup
    tried = "import os, toy; print(toy.WORD, toy.__file__); os._exit(75)"
    stage.accept("python3", "-c", tried, files={file: text}, setup=setup)
    with zipfile.ZipFile(Path(stage.folder.paths.code, "toy-1-py3-none-any.whl"), "w") as wheel:
        for name, inside in WHEEL_FILES.items():
            wheel.writestr(name, inside)
    stage.machine.start()
    for number in ("1", "2"):
        stage.until(partial(stage.said, number))
        said = stage.said(number)
        assert said.startswith(f"installed {stage.folder.paths.venv}/lib"), said
    assert stage.run.count(Outcome.READY) == 1


def test_a_cancel_ends_it_also_when_it_comes_twice(stage: Stage) -> None:
    stage.accept(*stage.note(lasts=600))
    stage.machine.start()
    stage.until(stage.noted)
    for _ in range(2):
        assert stage.ask("cancel")[0]["record"]
    run = stage.over()
    assert run.state is RunState.CANCELLED
    assert not Path(f"/proc/{stage.noted()[0]['pid']}").exists()
    stage.ask("cancel")
    assert stage.run.state is RunState.CANCELLED


def test_a_run_that_is_cancelled_before_it_began_never_begins(stage: Stage) -> None:
    stage.accept(*stage.note())
    stage.ask("cancel")
    stage.machine.start()
    assert (stage.over().state, stage.noted()) == (RunState.CANCELLED, [])


@pytest.mark.soak
def test_what_fails_is_retried_as_often_as_wanted(stage: Stage) -> None:
    stage.accept(*stage.note(code=9), retries=1)
    stage.machine.start()
    run = stage.over()
    assert (run.state, run.words, len(stage.noted())) == (RunState.FAILED, "exit 9", 2)


def test_a_secret_rests_in_root_s_files_and_is_shown_nowhere(stage: Stage) -> None:
    stage.accept(*stage.note(lasts=600), secrets={"TOKEN": CANARY})
    stage.machine.start()
    stage.until(lambda: b"attempt 1" in stage.ask("logs")[1])
    assert stage.ask("logs")[1] == b"attempt 1 ***\n"
    assert CANARY.encode() in stage.ask("logs", "--raw")[1]
    assert CANARY not in json.dumps(stage.ask("status")[0])
    shown = subprocess.run(
        ["ps", "-axww", "-o", "command"], capture_output=True, check=True
    ).stdout
    assert CANARY.encode() not in shown
    holders = [
        path
        for path in Path(stage.machine.home.folder).rglob("*")
        if path.is_file() and CANARY.encode() in path.read_bytes()
    ]
    assert {path.name for path in holders} == {"spec.json", "order.json", "000000000000000"}
    assert {path.stat().st_mode & 0o077 for path in holders} == {0}
    stage.ask("cancel")
    stage.over()


@pytest.mark.soak
def test_one_run_at_a_time_and_the_next_one_after_it(stage: Stage) -> None:
    stage.accept(*stage.note(lasts=600))
    stage.machine.start()
    stage.until(stage.noted)
    words = f"the run {stage.run_id} is on this machine and not over"
    with pytest.raises(control.RequestRefused, match=words):
        control.prepare(stage.machine.home, "run-2", None)
    stage.ask("cancel")
    stage.over()
    first, stage.run_id = stage.run_id, f"{stage.run_id}-2"
    stage.accept(*stage.note())
    assert stage.over().state is RunState.FINISHED
    assert [noted["SPOT_RUN_ID"] for noted in stage.noted()] == [first, stage.run_id]


@pytest.mark.skipif(os.getuid() != 0, reason="only root runs what another user types")
def test_the_command_is_run_by_its_user_in_folders_of_its_own(stage: Stage) -> None:
    nobody = pwd.getpwnam("nobody")
    script = 'touch "$SPOT_CHECKPOINT_DIR/a" "$SPOT_OUTPUT_DIR/b" c && id -un && echo $HOME'
    stage.accept("sh", "-c", script, user="nobody", environment=None)
    stage.machine.start()
    run = stage.over()
    _, output = stage.ask("logs")
    assert (run.state, output) == (RunState.FINISHED, f"nobody\n{nobody.pw_dir}\n".encode())
    private = [stage.folder.spec, stage.folder.record, stage.folder.environment]
    assert {os.stat(path).st_uid for path in private} == {0}  # noqa: PTH116 - paths are texts here


def test_a_disk_that_the_command_filled_does_not_keep_its_end_from_being_known(
    stage: Stage,
) -> None:
    small = Path(stage.machine.home.folder)
    small.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(small)]
    if subprocess.run(mounted, check=False, capture_output=True).returncode:
        pytest.skip("no file system of its own can be made here")
    try:
        fill = 'yes > "$SPOT_CHECKPOINT_DIR/state"; echo full; exit 1'
        stage.accept("sh", "-c", fill)
        stage.machine.start()
        run = stage.over()
        assert (run.state, run.words) == (RunState.FAILED, "exit 1")
        assert b"No space left on device" in stage.ask("logs")[1]
        assert any(each.about in {"disk", "no room"} for each in run.remarks)
    finally:
        stage.machine.end()
        subprocess.run(["umount", "-l", str(small)], check=True)


@pytest.mark.soak
def test_logs_are_read_in_pieces_from_any_place(stage: Stage) -> None:
    stage.accept("sh", "-c", "seq 1 300000; printf 'last \\377 words'; exit 7")
    stage.machine.start()
    run = stage.over()
    assert (run.state, run.words) == (RunState.FAILED, "exit 7")
    whole, place, is_last = b"", 0, False
    while not is_last:
        head, piece = stage.ask("logs", "--place", str(place))
        whole, place, is_last = whole + piece, int(str(head["next"])), bool(head["is_last"])
    assert whole == b"".join(b"%d\n" % n for n in range(1, 300001)) + b"last \xff words"
    assert stage.ask("logs", "--lines", "2")[1] == b"300000\nlast \xff words"
    assert stage.ask("logs", "--since", str(time.time() + 60))[1] == b""


IN_PLACE = """
import json, os, pathlib, time
file = pathlib.Path(os.environ["SPOT_CHECKPOINT_DIR"], "state.json")
step = json.loads(file.read_text())["step"] if file.exists() else 0
print("began at", step, flush=True)
while True:
    step += 1
    text = json.dumps({"step": step, "weights": [0.5] * 20})
    with file.open("w") as saved:
        for at in range(0, len(text), 10):
            saved.write(text[at:at + 10]); saved.flush(); time.sleep(0.03)
    time.sleep(1.5)
"""


@pytest.mark.soak
def test_a_file_that_is_written_in_place_is_whole_at_every_start(stage: Stage) -> None:
    """Twenty power cuts: an attempt that begins reads a whole file, or another does at once."""
    stage.accept(sys.executable, "train.py", files={"train.py": IN_PLACE})
    stage.machine.start()
    began: list[int] = []
    for cut in range(20):
        stage.until(lambda: b"began at" in stage.ask("logs")[1])
        began.append(int(stage.ask("logs")[1].split()[2]))
        time.sleep(4.0 + cut % 7 / 3)
        stage.machine.end()
        stage.machine.start()
        stage.until(lambda: stage.run.last_attempt > len(began))
    assert began == sorted(began)
    assert began[-1] > 10
    assert stage.run.count(Outcome.FAILED) == 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_an_agent_that_is_killed_again_and_again_brings_its_run_to_the_end(
    stage: Stage, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 - a seed is the point of it
    once = "    with open(sys.argv[1], 'a') as f: print(os.getpid(), steps[-1], file=f)\n"
    script = loop(("    if stop:", f"{once}    if len(steps) % 5 == 0: save()\n    if stop:"))
    stage.accept(sys.executable, "train.py", str(stage.notes), files=script)
    stage.machine.start()
    while not stage.run.is_over:
        time.sleep(draw.uniform(0.0, 1.0))
        if draw.random() < 0.7:
            stage.machine.restart_agent()
        else:
            stage.machine.end()
            stage.machine.start()
    rows = [tuple(map(int, line.split())) for line in stage.notes.read_text().splitlines()]
    runs = [pid for place, (pid, _) in enumerate(rows) if not place or rows[place - 1][0] != pid]
    assert len(runs) == len(set(runs)), "two of them wrote in turn"
    assert stage.run.state is RunState.FINISHED
    assert {step for _, step in rows} == set(range(1, 61))
