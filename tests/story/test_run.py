"""A command brought to a machine that really runs: started, followed, interrupted, ended."""

import json
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.guest_machines import need, until
from tests.story.conftest import Spot

CANARY = "canary-of-a-variable-4711"

#: Prints what it was given, to the byte, and counts on over an interruption.
TRAIN = r"""
import json, os, pathlib, signal, sys, time
print(json.dumps([sys.argv[1:], os.environ.get("WORD"), sorted(os.listdir("."))]), flush=True)
print("token", os.environ.get("TOKEN"), flush=True)
state = pathlib.Path(os.environ["SPOT_CHECKPOINT_DIR"], "step")
step = int(state.read_text()) if state.exists() else 0
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
while step < 1000:
    step += 1
    print("step", step, flush=True)
    time.sleep(0.1)
    if stop or pathlib.Path(os.environ["SPOT_OUTPUT_DIR"], "enough").exists():
        state.with_suffix(".tmp").write_text(str(step))
        state.with_suffix(".tmp").rename(state)
        sys.exit(0)
"""

ODD = ["two words", "it's", "$HOME", "", "*", "a\nb", "\u00fc", "--detach"]


@pytest.fixture
def folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The code, with something that is none."""
    found = home / "code"
    found.mkdir()
    (found / "train.py").write_text(TRAIN)
    (found / "data.bin").write_text("big")
    (found / ".spotignore").write_text("*.bin\n")
    monkeypatch.chdir(found)
    return found


def test_a_command_is_brought_to_a_machine_read_along_and_ended(
    spot: Spot, sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("bwrap", "ssh")
    sandbox.reset(guests="jailed", speed=1)
    monkeypatch.setenv("TOKEN", CANARY)
    order = ("--type", "g5.xlarge", "--region", "us-east-1", "--for", "8h", "--yes")
    told = ("--env", "TOKEN", "--env", "WORD=it's $HOME")
    begun = spot("run", "train", *order, *told, "--detach", "--", "python3", "train.py", *ODD)
    assert begun.code == 0, begun.err
    until(lambda: "step 3" in spot("logs", "train").out, "the third step")

    given, token = spot("logs", "train", "--raw").out.splitlines()[:2]
    assert json.loads(given) == [ODD, "it's $HOME", [".spotignore", "train.py"]]
    assert token == f"token {CANARY}"
    assert spot("logs", "train").out.splitlines()[1] == "token ***"
    assert spot("logs", "train", "-n", "1").out.startswith("step ")

    second = spot("run", "train", "--detach", "--", "true")
    assert (second.code, "is on train and not over" in second.err) == (9, True), second.err
    for _ in range(2):
        cancelled = spot("cancel", "train", "--output", "json")
        assert cancelled.code == 0, cancelled.err
    followed = spot("logs", "-f", "train")
    assert followed.code == 1
    again = spot("cancel", "train", "--output", "json")
    assert again.items[0]["state"] == "cancelled", again.err
