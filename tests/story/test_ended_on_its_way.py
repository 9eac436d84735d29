"""EC2 accepts a launch or a start, and ends the instance before it is up: the reason is told."""

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot

pytestmark = pytest.mark.world("situations, at the command line", by="users' reports")

HERE, THERE = "us-east-1", "us-west-2"
UP = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")

#: The state reason, the exit code, and what the advice must say.
REASONS = (
    ("Client.InternalError", "Client error on launch", 4, "kms:CreateGrant"),
    ("Client.VolumeLimitExceeded", "Volume limit exceeded", 6, "Amazon EBS"),
    ("Client.InvalidSnapshot.NotFound", "The snapshot is not there", 7, "--image"),
    ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown", 1, "user data"),
)


@pytest.mark.parametrize(("code", "words", "exit_code", "advice"), REASONS)
@pytest.mark.one_in(2)
def test_why_ec2_ended_it_is_told_and_is_no_missing_capacity(
    *, spot: Spot, sandbox: Sandbox, code: str, words: str, exit_code: int, advice: str
) -> None:
    sandbox.control.fail("InstanceBoot", code, message=words, times=9)

    up = spot(*UP)

    assert up.code == exit_code, up.err
    assert f"{code}: {words}" in up.error["message"]
    assert up.error["aws_code"] == code
    assert advice in up.error["next_step"]
    assert "Widen the need" not in up.err
    assert "apacity" not in up.error["message"]
    assert sandbox.control.calls().count(("RunInstances", HERE)) == 1
    assert account.left(sandbox) == []
    history = spot("show", "train", "--history")
    assert f"ended by EC2: {code}: {words}" in history.out or exit_code == 1


@pytest.mark.parametrize(
    "code",
    [
        "Server.InternalError",
        "Server.InsufficientInstanceCapacity",
        "Server.SpotInstanceTermination",
    ],
)
@pytest.mark.one_in(3)
def test_what_another_pool_may_do_better_is_tried_there(
    spot: Spot, sandbox: Sandbox, code: str
) -> None:
    sandbox.control.fail("InstanceBoot", code)

    up = spot(*UP)

    assert up.code == 0, up.err
    assert code in up.err
    assert len(account.instances(sandbox)) == 1
    assert sandbox.control.calls().count(("RunInstances", HERE)) == 2
    assert spot("down", "train", "--yes").code == 0
    assert account.left(sandbox) == []


def test_the_key_of_one_region_does_not_close_another(spot: Spot, sandbox: Sandbox) -> None:
    need = ("--region", HERE, "--region", THERE)
    first = spot("find", "--type", "g5.xlarge", *need, "--output", "json").items[0]["region"]
    sandbox.control.fail("InstanceBoot", "Client.InternalError", times=9, region=first)

    up = spot(*UP, *need)

    assert up.code == 0, up.err
    assert up.items[0]["region"] != first
    assert account.instances(sandbox, first) == []


@pytest.mark.soak
def test_a_box_that_does_not_start_again_says_why_and_keeps_its_disk(
    spot: Spot, sandbox: Sandbox
) -> None:
    assert spot(*UP).code == 0
    assert spot("stop", "train").code == 0
    sandbox.control.fail("InstanceBoot", "Client.InternalError")

    start = spot("start", "train")

    assert start.code == 4
    assert "EC2 stopped i-" in start.err
    assert "Client.InternalError: Client error on launch" in start.err
    assert "`spot start` again" in start.err
    assert "stopped by EC2: Client.InternalError" in spot("ls").out
    assert spot("start", "train").code == 0
