"""What `spot` says of a machine that is on its way, and what it does with it."""

from datetime import timedelta
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot
from tests.story.living import lives, machine, states, stop_time

UP = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
LS = ("ls", "--region", "us-east-1", "--output", "json")


@pytest.fixture
def box(sandbox: Sandbox, spot: Spot) -> str:
    """A running box in a world in which time stands still; its instance."""
    stop_time(sandbox, dwell=2)
    up = spot(*UP)
    assert up.code == 0, up.err
    return str(up.items[0]["instance_id"])


def listed(spot: Spot) -> tuple[str, str | None, str]:
    """State and request of the only machine as JSON has them, and its words."""
    [one] = spot(*LS).items
    return one["state"], one["request_status"], one["summary"]


def stopped(sandbox: Sandbox, instance_id: str) -> Any:
    """The client of somebody who stopped the instance a while ago."""
    client = sandbox.client("ec2")
    client.stop_instances(InstanceIds=[instance_id])
    sandbox.control.advance(timedelta(minutes=3))
    return client


@pytest.mark.soak
def test_who_stops_is_stopping_and_by_whom(sandbox: Sandbox, spot: Spot, box: str) -> None:
    sandbox.client("ec2").stop_instances(InstanceIds=[box])
    assert listed(spot) == ("stopping", "marked-for-stop", "stopping")

    sandbox.control.advance(timedelta(minutes=3))
    state, status, words = listed(spot)
    assert (state, status) == ("stopped", "instance-stopped-by-user")
    assert words.startswith("stopped by you 08:0")


def test_who_is_interrupted_is_told_from_who_stops(sandbox: Sandbox, spot: Spot, box: str) -> None:
    sandbox.control.interrupt("train")
    assert listed(spot)[2] == "EC2 will stop it within two minutes (notice 08:00)"

    sandbox.control.advance(timedelta(minutes=2))
    assert listed(spot) == ("stopping", "marked-for-stop", "stopping, interrupted by EC2")

    sandbox.control.advance(timedelta(minutes=2))
    state, status, words = listed(spot)
    assert (state, status) == ("stopped", "instance-stopped-no-capacity")
    assert words.startswith("interrupted 08:0")


@pytest.mark.soak
def test_who_starts_is_starting_while_ec2_looks_at_the_request(
    sandbox: Sandbox, spot: Spot, box: str
) -> None:
    stopped(sandbox, box).start_instances(InstanceIds=[box])
    told = ("pending", "pending-evaluation", "starting: EC2 is looking at the request")
    assert listed(spot) == told
    assert "starting: EC2 is looking at the request" in spot("show", "train").out

    sandbox.control.advance(timedelta(seconds=7))
    assert listed(spot) == ("pending", "fulfilled", "starting")


@pytest.mark.soak
def test_who_ends_is_shutting_down_and_then_no_longer_listed(
    sandbox: Sandbox, spot: Spot, box: str
) -> None:
    client = sandbox.client("ec2")
    request = machine(sandbox)["SpotInstanceRequestId"]
    client.cancel_spot_instance_requests(SpotInstanceRequestIds=[request])
    client.terminate_instances(InstanceIds=[box])
    assert listed(spot) == ("shutting-down", "instance-terminated-by-user", "shutting down")
    assert "shutting down" in spot("show", "train").out
    for verb in ("ssh", "stop", "start"):
        answer = spot(verb, "train")
        assert (answer.code, "shutting down" in answer.err) == (1, True)

    sandbox.control.advance(timedelta(minutes=2))
    assert spot(*LS).items == []
    assert spot(*LS, "--all").items[0]["summary"].startswith("ended by you")


def test_who_is_ended_without_its_request_is_said_to_come_back(
    sandbox: Sandbox, spot: Spot, box: str
) -> None:
    sandbox.client("ec2").terminate_instances(InstanceIds=[box])

    assert listed(spot)[2] == "shutting down; its request launches another one"
    stop = spot("stop", "train")
    assert stop.code == 1
    assert "spot down train" in stop.err


@pytest.mark.soak
def test_a_once_machine_that_is_taken_back_is_told_while_it_still_runs(
    sandbox: Sandbox, spot: Spot
) -> None:
    stop_time(sandbox, dwell=2)
    assert spot(*UP, "--once").code == 0
    sandbox.control.interrupt("train")
    assert listed(spot)[0] == "running"
    assert listed(spot)[2] == "EC2 will end it within two minutes (notice 08:00)"

    sandbox.control.advance(timedelta(minutes=2))
    assert listed(spot)[2] == "shutting down, interrupted by EC2"
    down = spot("down", "train", "--yes", "--output", "json")
    assert down.code == 0, down.err
    assert account.left(sandbox) == []


@pytest.mark.soak
def test_a_stop_waits_for_a_machine_that_starts(sandbox: Sandbox, spot: Spot, box: str) -> None:
    """EC2 refuses to stop what is pending."""
    stopped(sandbox, box).start_instances(InstanceIds=[box])

    stop = spot("stop", "train", "--output", "json")

    assert stop.code == 0, stop.err
    assert f"{box} is starting" in stop.err
    assert stop.items[0]["state"] == "stopped"


@pytest.mark.soak
def test_a_start_waits_for_a_machine_that_stops(sandbox: Sandbox, spot: Spot, box: str) -> None:
    """EC2 refuses to start what is stopping."""
    sandbox.client("ec2").stop_instances(InstanceIds=[box])

    start = spot("start", "train", "--output", "json")

    assert start.code == 0, start.err
    assert f"{box} is stopping" in start.err
    assert start.items[0]["state"] == "running"
    assert lives(sandbox) == [box]


@pytest.mark.soak
def test_a_start_of_a_machine_that_ec2_is_stopping_is_refused_once_it_has_stopped(
    sandbox: Sandbox, spot: Spot, box: str
) -> None:
    sandbox.control.interrupt("train")
    sandbox.control.advance(timedelta(minutes=2))
    assert states(sandbox) == ["stopping"]

    start = spot("start", "train", "--output", "json")

    assert start.code == 1
    assert "Only EC2 can start it again" in start.error["message"]


def test_a_box_that_ec2_stopped_cannot_be_kept_from_its_restart(
    sandbox: Sandbox, spot: Spot, box: str
) -> None:
    sandbox.control.interrupt("train")
    sandbox.control.advance(timedelta(minutes=4))

    stop = spot("stop", "train", "--output", "json")

    assert stop.code == 1
    assert "EC2 will start it again by itself" in stop.error["message"]
    assert "spot down train" in stop.error["next_step"]
