"""Killed at any point: `spot down` finds and ends whatever came of it."""

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot
from tests.story.living import at_ec2s_pace, lives

#: Every point of every command is in test_kill_anywhere.py.
SOAK = pytest.mark.soak

UP = ("up", "train", "--type", "g5.xlarge", "--yes")

#: `python -m spotkeeper`, but the process is killed right before or after the n-th call of an
#: operation; after it, EC2 has acted and nobody has heard of it.
KILLER = """
import os, sys
from botocore.client import BaseClient

WHEN, OPERATION, NUMBER = sys.argv[1], sys.argv[2], int(sys.argv[3])
made, seen = BaseClient._make_api_call, 0

def call(self, operation, parameters):
    global seen
    seen += operation == OPERATION
    now = operation == OPERATION and seen == NUMBER
    if now and WHEN == "before":
        os.kill(os.getpid(), 9)
    try:
        return made(self, operation, parameters)
    finally:
        if now:
            os.kill(os.getpid(), 9)

BaseClient._make_api_call = call
sys.argv[1:] = sys.argv[4:]
"""
COMMAND = "from spotkeeper.cli.app import main; main()"

#: What a program does; its block ends, or it is killed in there.
PROGRAM = """
import spotkeeper
keeper = spotkeeper.connect(region="us-east-1", sandbox=True)
with keeper.up(keeper.plan("train", types=["g5.xlarge"], lasting="8h")):
    BaseClient._make_api_call(None, "TheBody", {})
"""


def killed(home: Path, point: str, *line: str, program: str = COMMAND) -> None:
    """Run a command, or a program, that dies at a point such as ``after RunInstances 1``."""
    script = home / "killer.py"
    script.write_text(KILLER + program)
    done = subprocess.run(
        [sys.executable, str(script), *point.split(), *line],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def ended_by_down(spot: Spot, sandbox: Sandbox) -> None:
    """The next command of a user who saw the process die; where nobody knows yet whether a call
    to launch arrived, the name stays claimed until the `ls` of which that command tells."""
    down = spot("down", "train", "--yes", "--output", "json")
    if down.code == 7:
        down = spot("down", "--all", "--yes", "--output", "json")
    assert down.code == 0, down.err
    if any("run `spot ls` after" in warning for warning in down.document["warnings"]):
        assert [each for each in account.left(sandbox) if not each.startswith("lt-")] == []
        sandbox.control.advance(timedelta(minutes=7))
        assert spot("ls").code == 0
    assert account.left(sandbox) == []


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("before CreateSecurityGroup 1", marks=SOAK),
        pytest.param("after CreateSecurityGroup 1", marks=SOAK),
        pytest.param("after AuthorizeSecurityGroupIngress 1", marks=SOAK),
        pytest.param("after ImportKeyPair 1", marks=SOAK),
        pytest.param("before RunInstances 1", marks=SOAK),
        "after RunInstances 1",
        pytest.param("after DescribeInstances 1", marks=SOAK),
    ],
)
def test_a_launch_that_was_killed_leaves_nothing_that_down_does_not_end(
    spot: Spot, sandbox: Sandbox, home: Path, point: str
) -> None:
    killed(home, point, *UP)
    ended_by_down(spot, sandbox)


@pytest.mark.parametrize(
    "point",
    ["after RunInstances 1", pytest.param("after DescribeInstances 2", marks=SOAK)],
)
@pytest.mark.soak
def test_at_ec2s_pace_a_launch_that_was_killed_before_its_ids_are_known_leaves_nothing(
    spot: Spot, sandbox: Sandbox, home: Path, point: str
) -> None:
    at_ec2s_pace(sandbox, visibility=120)
    killed(home, point, *UP)

    ended_by_down(spot, sandbox)

    sandbox.control.advance(timedelta(minutes=10))
    assert spot("ls").code == 0
    assert account.left(sandbox) == []
    assert len(lives(sandbox)) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.one_in(2)
@pytest.mark.soak
@pytest.mark.soak
def test_a_launch_that_was_killed_at_its_second_pool_leaves_nothing(
    spot: Spot, sandbox: Sandbox, home: Path, when: str
) -> None:
    sandbox.control.drain(account.CHEAPEST)
    killed(home, f"{when} RunInstances 2", *UP)
    ended_by_down(spot, sandbox)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("after CancelSpotInstanceRequests 1", marks=SOAK),
        "after TerminateInstances 1",
        pytest.param("after DeleteVolume 1", marks=SOAK),
    ],
)
@pytest.mark.soak
def test_a_down_that_was_killed_can_be_repeated(
    spot: Spot, sandbox: Sandbox, home: Path, point: str
) -> None:
    assert spot(*UP).code == 0
    killed(home, point, "down", "train", "--yes")
    ended_by_down(spot, sandbox)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("after RunInstances 1", marks=SOAK),
        "before TheBody 1",
        "after CancelSpotInstanceRequests 1",
        pytest.param("after TerminateInstances 1", marks=SOAK),
        pytest.param("before DeleteVolume 1", marks=SOAK),
    ],
)
@pytest.mark.one_in(2)
def test_a_program_that_was_killed_in_its_block_leaves_nothing_that_down_does_not_end(
    spot: Spot, sandbox: Sandbox, home: Path, point: str
) -> None:
    killed(home, point, program=PROGRAM)
    assert account.left(sandbox) != []
    ended_by_down(spot, sandbox)


@pytest.mark.soak
def test_a_launch_that_was_killed_is_told_by_ls_and_refused_by_up(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    killed(home, "before RunInstances 1", *UP)

    listed = spot("ls", "--region", "us-east-1", "--output", "json")
    assert listed.items == []
    assert any("spot down train" in warning for warning in listed.document["warnings"])
    again = spot(*UP)
    assert again.code == 9
    assert "spot down train" in again.err

    ended_by_down(spot, sandbox)
    sandbox.control.advance(timedelta(minutes=6))  # past the window of a launch nobody has seen
    assert spot(*UP).code == 0
