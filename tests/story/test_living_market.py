"""The whole life of a machine at EC2's own pace: states pass slowly, and ids appear late."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.computer import another_computer
from tests.story.conftest import Spot
from tests.story.living import at_ec2s_pace, calls, lives, machine, states

UP = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
LS = ("ls", "--region", "us-east-1", "--output", "json")
DOWN = ("down", "train", "--yes", "--output", "json")

#: Longer than anything that EC2 began may need to show itself.
A_WHILE = timedelta(minutes=10)


@pytest.fixture(
    params=[0, pytest.param(5, marks=pytest.mark.soak), 120],
    ids=lambda seconds: f"listed-within-{seconds}s",
)
def slow(sandbox: Sandbox, request: pytest.FixtureRequest) -> Sandbox:
    """A sandbox at EC2's pace, whose new ids may be unknown for so many seconds."""
    at_ec2s_pace(sandbox, visibility=request.param)
    return sandbox


@pytest.fixture
def late(sandbox: Sandbox) -> Sandbox:
    """A sandbox at EC2's pace, in which an id may be unknown for two minutes."""
    at_ec2s_pace(sandbox, visibility=120)
    return sandbox


SOAK = pytest.mark.soak


def gone_for_good(spot: Spot, sandbox: Sandbox, *regions: str) -> None:
    """Nothing is left now, and nothing is born later."""
    assert account.left(sandbox, *regions) == []
    sandbox.control.advance(A_WHILE)
    assert spot(*LS).items == []
    assert account.left(sandbox, *regions) == []


@pytest.mark.one_in(2)
def test_a_box_lives_its_whole_life(slow: Sandbox, spot: Spot) -> None:
    up = spot(*UP)
    assert up.code == 0, up.err
    [box] = up.items
    assert box["state"] == "running"
    assert f"{box['instance_id']} is starting" in up.err
    [seen] = spot("show", "train", "--output", "json").items
    assert (seen["instance_id"], seen["public_ip"]) == (box["instance_id"], box["public_ip"])

    slow.control.interrupt("train")
    slow.control.advance(timedelta(minutes=4))
    [seen] = spot(*LS).items
    assert seen["state"] == "stopped"
    assert "waiting for capacity" in seen["summary"]
    slow.control.advance(timedelta(minutes=10))
    [seen] = spot(*LS).items
    assert (seen["state"], seen["instance_id"]) == ("running", box["instance_id"])

    stop = spot("stop", "train", "--output", "json")
    assert stop.code == 0, stop.err
    assert stop.items[0]["request_status"] == "marked-for-stop"  # EC2 settles it later
    start = spot("start", "train", "--output", "json")
    assert start.code == 0, start.err
    assert (start.items[0]["state"], start.items[0]["request_status"]) == ("running", "fulfilled")

    down = spot(*DOWN)
    assert down.code == 0, down.err
    assert down.document["costs"][0]["interruptions"] == 1
    gone_for_good(spot, slow)
    assert lives(slow) == [box["instance_id"]]


@pytest.mark.soak
def test_a_once_machine_lives_and_goes(late: Sandbox, spot: Spot) -> None:
    up = spot(*UP, "--once")
    assert up.code == 0, up.err

    down = spot(*DOWN)

    assert down.code == 0, down.err
    gone_for_good(spot, late)
    assert lives(late) == [up.items[0]["instance_id"]]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=SOAK), pytest.param(3, marks=SOAK)])
@pytest.mark.soak
def test_a_box_that_is_given_back_at_once_is_not_launched_again(
    sandbox: Sandbox, spot: Spot, seed: int
) -> None:
    """EC2 may know the instance long before its request: cancelled too early, it would live on."""
    at_ec2s_pace(sandbox, visibility=280, seed=seed)
    assert spot(*UP).code == 0

    down = spot(*DOWN)

    assert down.code == 0, down.err
    gone_for_good(spot, sandbox)
    assert len(lives(sandbox)) == 1


@pytest.mark.soak
def test_another_computer_gives_a_young_box_back_without_another_launch(
    late: Sandbox, spot: Spot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert spot(*UP).code == 0
    another_computer(home, late, monkeypatch)

    down = spot(*DOWN)

    assert down.code == 0, down.err
    assert account.left(late) == []
    late.control.advance(A_WHILE)
    assert account.left(late) == []
    assert len(lives(late)) == 1


@pytest.mark.soak
def test_all_is_given_back_in_all_regions(late: Sandbox, spot: Spot) -> None:
    assert spot(*UP).code == 0
    far = ("--type", "m5.large", "--region", "eu-west-1", "--once", "--yes")
    assert spot("up", "far", *far).code == 0

    down = spot("down", "--all", "--yes", "--output", "json")

    assert down.code == 0, down.err
    assert down.document["left"] == []
    gone_for_good(spot, late, "us-east-1", "eu-west-1")


@pytest.mark.soak
def test_a_name_is_free_again_when_down_says_so(late: Sandbox, spot: Spot) -> None:
    assert spot(*UP).code == 0
    assert spot(*DOWN).code == 0

    again = spot(*UP)

    assert again.code == 0, again.err
    assert spot(*DOWN).code == 0
    gone_for_good(spot, late)


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        pytest.param(60, "running", marks=SOAK),
        (121, "stopping"),
        pytest.param(200, "stopped", marks=SOAK),
    ],
)
@pytest.mark.soak
def test_a_box_is_given_back_in_the_middle_of_an_interruption(
    sandbox: Sandbox, spot: Spot, seconds: int, state: str
) -> None:
    at_ec2s_pace(sandbox)
    assert spot(*UP).code == 0
    sandbox.control.interrupt("train")
    sandbox.control.advance(timedelta(seconds=seconds))
    assert machine(sandbox)["State"]["Name"] == state

    down = spot(*DOWN)

    assert down.code == 0, down.err
    gone_for_good(spot, sandbox)
    assert len(lives(sandbox)) == 1


@pytest.mark.soak
def test_a_box_that_ec2_restarts_meanwhile_is_given_back(sandbox: Sandbox, spot: Spot) -> None:
    at_ec2s_pace(sandbox, dwell=3)
    assert spot(*UP).code == 0
    sandbox.control.interrupt("train")
    sandbox.control.advance(timedelta(minutes=6))
    pool = f"g5.xlarge@{machine(sandbox)['Placement']['AvailabilityZone']}"
    sandbox.control.refill(pool)
    assert machine(sandbox)["State"]["Name"] == "pending"

    down = spot(*DOWN)

    assert down.code == 0, down.err
    gone_for_good(spot, sandbox)


@pytest.mark.parametrize(
    "state", [pytest.param("pending", marks=SOAK), "stopping", "shutting-down"]
)
@pytest.mark.one_in(3)
@pytest.mark.soak
def test_a_machine_on_its_way_is_given_back(sandbox: Sandbox, spot: Spot, state: str) -> None:
    at_ec2s_pace(sandbox, dwell=3)
    assert spot(*UP).code == 0
    client, ids = sandbox.client("ec2"), [machine(sandbox)["InstanceId"]]
    if state == "shutting-down":
        client.terminate_instances(InstanceIds=ids)
    else:
        client.stop_instances(InstanceIds=ids)
    if state == "pending":
        sandbox.control.advance(timedelta(minutes=3))
        client.start_instances(InstanceIds=ids)
    assert states(sandbox) == [state]

    down = spot(*DOWN)

    assert down.code == 0, down.err
    gone_for_good(spot, sandbox)


@pytest.mark.soak
def test_the_group_waits_for_somebody_elses_last_machine(sandbox: Sandbox, spot: Spot) -> None:
    """An instance holds its group until it is gone, which EC2 says with DependencyViolation."""
    at_ec2s_pace(sandbox, dwell=10)
    assert spot(*UP).code == 0
    assert spot("up", "other", "--type", "m5.large", "--once", "--yes").code == 0
    client = sandbox.client("ec2")
    mine, others = sorted(account.instances(sandbox), key=lambda one: one["InstanceType"])
    client.cancel_spot_instance_requests(SpotInstanceRequestIds=[mine["SpotInstanceRequestId"]])
    client.terminate_instances(InstanceIds=[mine["InstanceId"]])
    sandbox.control.advance(A_WHILE)
    client.terminate_instances(InstanceIds=[others["InstanceId"]])
    assert states(sandbox) == ["terminated", "shutting-down"]

    down = spot(*DOWN)

    assert down.code == 0, down.err
    assert calls(sandbox, "DeleteSecurityGroup") > 1
    assert (
        spot("down", "other", "--yes").code == 0
    )  # it was ended by hand, its name is still claimed
    gone_for_good(spot, sandbox)
