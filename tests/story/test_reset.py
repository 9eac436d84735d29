"""`spot sandbox reset`: an account of the first day, of which nobody remembers anything."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.computer import journal
from tests.story.conftest import Spot
from tests.story.living import at_ec2s_pace, calls

UP = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")


@pytest.mark.soak
def test_the_machines_of_an_account_that_is_forgotten_are_forgotten_too(
    sandbox: Sandbox, spot: Spot, home: Path
) -> None:
    at_ec2s_pace(sandbox)
    assert spot(*UP).code == 0
    sandbox.control.advance(timedelta(days=2))

    assert spot("sandbox", "reset").code == 0

    assert journal(home) == []
    assert spot("down", "train", "--yes").code == 7
    assert spot(*UP).code == 0
    before = calls(sandbox, "DescribeVolumes")
    down = spot("down", "train", "--yes", "--output", "json")
    assert down.code == 0, down.err
    assert calls(sandbox, "DescribeVolumes") - before < 15
    assert down.document["costs"][0]["ran_seconds"] < timedelta(minutes=2).total_seconds()
    assert account.left(sandbox) == []
