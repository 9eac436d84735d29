"""A machine of the sandbox that really runs, by `spot` and the user's own OpenSSH alone."""

import subprocess

from tests.conftest import Sandbox
from tests.guest_machines import need
from tests.story.conftest import Spot

#: Writes down that it heard of the end.
WORK = (
    "nohup sh -c 'trap \"echo saved > saved; exit\" TERM; touch on; while :; do sleep 0.05; done'"
)
ON = "until [ -e on ]; do sleep 0.05; done"


def test_a_box_is_interrupted_comes_back_with_its_disk_and_is_ended_by_its_own_guard(
    spot: Spot, sandbox: Sandbox
) -> None:
    need("bwrap", "ssh")
    sandbox.reset(guests="jailed", speed=1)
    order = ("--type", "g5.xlarge", "--region", "us-east-1", "--for", "8h")
    up = spot("up", "train", *order, "--yes", "--output", "json")
    assert up.code == 0, up.err
    [begun] = up.items

    assert _there(spot, f"echo mine > file; {WORK} >/dev/null 2>&1 & {ON}") == ""
    assert spot("sandbox", "interrupt", "train").code == 0
    assert spot("sandbox", "advance", "3m").code == 0
    assert spot("show", "train", "--output", "json").items[0]["state"] == "stopped"
    assert spot("sandbox", "advance", "10m").code == 0
    [back] = spot("show", "train", "--output", "json").items
    assert back["state"] == "running"
    assert back["public_ip"] != begun["public_ip"]
    assert _there(spot, "cat file saved") == "mine\nsaved\n"
    assert spot("ssh", "train", "--", "exit", "9").code == 9

    assert spot("sandbox", "advance", "9h").code == 0
    [over] = spot("show", "train", "--output", "json").items
    assert over["state"] == "stopped"
    [told] = [
        each for each in sandbox.control.events(kind="instance") if "inside" in each["sentence"]
    ][:1]
    assert told["at"][:16] == begun["deadline"][:16]
    assert spot("down", "train", "--yes").code == 0
    assert sandbox.control.logins()["machines"] == {}


def _there(spot: Spot, command: str) -> str:
    """What the line prints that `spot ssh` would run, pasted into a shell."""
    line = spot("ssh", "train", "--print", "--", command).out.strip()
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
