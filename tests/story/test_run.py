"""A command brought to a machine that really runs: started, followed, interrupted, ended."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.guest_machines import need, until
from tests.story.conftest import Spot

import spotkeeper

CANARY = "canary-of-a-variable-4711"

#: Prints what it was given, to the byte, and counts on over an interruption.
TRAIN = r"""
import json, os, pathlib, signal, sys, time
state = pathlib.Path(os.environ["SPOT_CHECKPOINT_DIR"], "step")
step = int(state.read_text()) if state.exists() else 0
if not step:
    print(json.dumps([sys.argv[2:], os.environ.get("WORD"), sorted(os.listdir("."))]))
    print("token", os.environ.get("TOKEN"), flush=True)
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
while step < int(sys.argv[1]) and not stop:
    step += 1
    print("step", step, flush=True)
    time.sleep(0.1)
    while step == 10 and "WORD" in os.environ and not os.path.exists(os.path.expanduser("~/go")):
        time.sleep(0.05)
state.with_suffix(".tmp").write_text(str(step))
state.with_suffix(".tmp").rename(state)
"""

ODD = ["two words", "it's", "$HOME", "", "*", "a\nb", "\u00fc", "--detach"]
PATIENCE_S = 300.0
NOTIFY = f"https://ntfy.example/{CANARY}"
LEFT_ALONE = ("--idle", "30m", "--notify", NOTIFY)
THERE = ("--region", "us-east-1")


@pytest.fixture
def folder(home: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The code, with something that is none; machines really run."""
    need("bwrap", "ssh")
    sandbox.reset(guests="jailed", speed=1)
    found = home / "code"
    found.mkdir()
    (found / "train.py").write_text(TRAIN)
    (found / "setup.sh").write_text("echo built > built.txt; echo set up\n")
    (found / "data.bin").write_text("big")
    (found / ".spotignore").write_text("*.bin\n")
    monkeypatch.chdir(found)
    return found


class Typed:
    """A command as a user types it, whose output grows while it runs."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            line = [sys.executable, "-m", "spotkeeper", *words]
            self.process = subprocess.Popen(line, stdout=out, stderr=err)

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def until(self, text: str) -> None:
        until(lambda: text in self.out or self.process.poll() is not None, text)
        assert text in self.out, self.err

    def ended(self) -> int:
        return self.process.wait(timeout=PATIENCE_S)


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[Callable[..., Typed]]:
    """Type a command; what still runs at the end of the story is killed."""
    begun: list[Typed] = []

    def type_it(*words: str) -> Typed:
        folder = tmp_path / f"typed-{len(begun)}"
        folder.mkdir()
        begun.append(Typed(folder, *words))
        return begun[-1]

    yield type_it
    for each in begun:
        each.process.kill()
        each.process.wait()


def test_a_command_is_brought_to_a_machine_followed_to_its_end_and_cancelled(
    spot: Spot, folder: Path, typed: Callable[..., Typed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", CANARY)
    order = (*THERE, "--type", "g5.xlarge", "--for", "8h", "--yes", "--setup", "setup.sh")
    given = ("--env", "TOKEN", "--env", "WORD=it's $HOME")
    run = typed(
        "run", "train", *order, *LEFT_ALONE, *given, "--", "python3", "train.py", "20", *ODD
    )
    run.until("step 3")

    [shown] = spot("show", "train", *THERE, "--output", "json").items
    assert shown["run"]["state"] == "running"
    second = spot("run", "train", *THERE, "--", "true")
    assert (second.code, "is on train and not over" in second.err) == (9, True), second.err
    raw = spot("logs", "train", *THERE, "--raw").out.splitlines()
    seen = [ODD, "it's $HOME", [".spotignore", "built.txt", "setup.sh", "train.py"]]
    assert json.loads(raw[0]) == seen
    assert raw[1] == f"token {CANARY}"
    line = spot("ssh", "train", *THERE, "--print", "--", "touch", "go").out
    subprocess.run(["sh", "-c", line], check=True, stdin=subprocess.DEVNULL)
    assert run.ended() == 0
    counted = [f"step {step}" for step in range(1, 21)]
    lines = run.out.splitlines()
    assert [lines[0], *lines[2:]] == ["set up", "token ***", *counted]
    assert "only its disk costs then, until `spot down train`" in run.err
    assert CANARY not in run.out + run.err + json.dumps(shown)
    a_stopped_box_runs_another_that_is_cancelled(spot, typed)
    the_agent_knows_what_was_said_of_its_machine(spot)
    a_program_has_the_run_in_hand()


def a_stopped_box_runs_another_that_is_cancelled(spot: Spot, typed: Callable[..., Typed]) -> None:
    assert spot("stop", "train", *THERE).code == 0
    second = spot("run", "train", *THERE, "--detach", "--", "sleep", "600")
    assert (second.code, "starting it" in second.err) == (0, True), second.err
    following = typed("logs", "-f", "train", *THERE)
    assert [spot("cancel", "train", *THERE).code for _ in range(2)] == [0, 0]
    assert following.ended() == 1, following.err
    again = spot("cancel", "train", *THERE, "--output", "json")
    assert again.items[0]["state"] == "cancelled", again.err


def the_agent_knows_what_was_said_of_its_machine(spot: Spot) -> None:
    """Also after a second run that said nothing of it."""
    assert "cancelled" in spot("ls", *THERE).out
    show = ("--print", "--", "sudo", "cat", "/var/lib/spotkeeper/settings.json")
    line = spot("ssh", "train", *THERE, *show).out
    known = json.loads(subprocess.run(["sh", "-c", line], check=True, capture_output=True).stdout)
    assert known == {"name": "train", "idle_s": 1800.0, "notify_url": NOTIFY}


@pytest.mark.soak
def test_a_machine_that_cannot_be_watched_is_there_all_the_same(
    spot: Spot, sandbox: Sandbox
) -> None:
    sandbox.reset(guests="none")
    order = ("--type", "g5.xlarge", *THERE, "--idle", "30m", "--yes", "--output", "json")
    launched = spot("up", "train", *order)
    assert launched.code == 0
    [told] = [each for each in json.loads(launched.out)["warnings"] if "nobody watches" in each]
    assert told in launched.err


def a_program_has_the_run_in_hand() -> None:
    keeper = spotkeeper.connect(region="us-east-1", sandbox=True)
    machine = spotkeeper.LaunchedMachine.of(keeper.show("train"), keeper)
    started = machine.run(["sh", "-c", "echo $SEED; sleep 600"], env={"SEED": "7"})
    assert next(iter(started.logs(follow=True))) == "7"
    assert started.cancel().run.run_id == started.run.run_id


@pytest.mark.soak
def test_a_log_is_read_along_over_an_interruption_of_the_machine(
    spot: Spot, folder: Path, typed: Callable[..., Typed]
) -> None:
    order = (*THERE, "--type", "g5.xlarge", "--for", "8h", "--yes")
    run = typed("run", "train", *order, "--", "python3", "train.py", "300")
    run.until("step 9\n")
    assert spot("sandbox", "interrupt", "train").code == 0
    until(lambda: "interrupted" in run.err, "the notice")
    left = typed("logs", "-f", "train", *THERE, "--raw")
    left.until("step 9\n")
    left.process.send_signal(signal.SIGINT)
    assert left.ended() == 130
    assert "`spot cancel train` ends it" in left.err
    assert run.ended() == 0
    steps = [line for line in run.out.splitlines() if line.startswith("step")]
    assert steps == [f"step {step}" for step in range(1, 301)]
    assert "resumed: attempt 2" in run.err
    assert "attempt 2, interrupted once" in run.err


@pytest.mark.soak
def test_a_run_cancelled_while_ec2_has_its_machine_does_not_begin_again(
    spot: Spot, folder: Path, typed: Callable[..., Typed]
) -> None:
    order = (*THERE, "--type", "g5.xlarge", "--for", "8h", "--yes", "--detach")
    assert spot("run", "train", *order, "--", "sleep", "600").code == 0
    assert spot("sandbox", "interrupt", "train").code == 0
    until(lambda: "interrupted" in spot("ls", *THERE).out, "the interruption", within_s=180)
    for _ in range(2):
        cancelled = spot("cancel", "train", *THERE)
        assert (cancelled.code, "does not begin again" in cancelled.err) == (0, True)
    assert "does not begin again" in spot("show", "train", *THERE).out
    following = typed("logs", "-f", "train", *THERE)
    assert following.ended() == 1, following.err
    [machine] = spot("show", "train", *THERE, "--output", "json").items
    run = machine["run"]
    assert (run["state"], run["attempts"], run["interruptions"]) == ("cancelled", 1, 1)
