"""A real machine on a real account, for whoever has one: opt-in, a few cents at most.

    SPOT_LIVE=1 AWS_PROFILE=... AWS_REGION=us-east-1 python -m pytest tests/live

Nobody has run this for the project yet; the README says so.
"""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get("SPOT_LIVE") != "1", reason="spends real money: set SPOT_LIVE=1"
)

NAME = "spotkeeper-live-test"
TINY = ("--type", "t4g.nano", "--once", "--for", "15m", "--disk", "8")


def spot(*arguments: str) -> dict[str, Any]:
    """What a command printed as JSON; it must succeed."""
    command = [sys.executable, "-m", "spotkeeper", *arguments, "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def ids() -> list[str]:
    """Instances of the test's name that AWS lists now."""
    return [each["instance_id"] for each in spot("ls")["items"] if each["name"] == NAME]


def test_a_tiny_machine_is_launched_listed_and_given_back() -> None:
    try:
        [machine] = spot("up", NAME, *TINY, "--yes")["items"]
        assert machine["state"] == "running"
        assert ids() == [machine["instance_id"]]
    finally:
        down = spot("down", NAME, "--yes")
    assert down["left"] == []
    assert ids() == []
