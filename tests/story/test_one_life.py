"""From nothing to a machine and back to nothing."""

from datetime import timedelta

from tests.conftest import Sandbox
from tests.story.conftest import Spot


def test_a_box_is_launched_interrupted_restarted_stopped_started_and_given_back(
    spot: Spot, sandbox: Sandbox
) -> None:
    up = spot("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
    assert up.code == 0, up.err
    [machine] = up.items
    assert machine["state"] == "running"
    assert machine["kind"] == "box"

    sandbox.control.interrupt("train")
    sandbox.control.advance(timedelta(minutes=3))
    [seen] = spot("ls", "--output", "json").items
    assert seen["state"] == "stopped"
    assert "interrupted" in seen["summary"]
    assert "waiting for capacity" in seen["summary"]

    sandbox.control.advance(timedelta(minutes=10))
    [seen] = spot("ls", "--output", "json").items
    assert seen["state"] == "running"
    assert seen["instance_id"] == machine["instance_id"]

    assert spot("stop", "train").code == 0
    [stopped] = spot("ls", "--output", "json").items
    assert stopped["request_status"] == "instance-stopped-by-user"
    assert spot("start", "train").code == 0

    down = spot("down", "train", "--yes", "--output", "json")
    assert down.code == 0, down.err
    assert down.document["left"] == []
    assert {resource_id["kind"] for resource_id in down.document["ended"]} == {
        "instance",
        "spot-instances-request",
        "volume",
        "launch-template",  # the claim of its name
        "security-group",
        "key-pair",
    }
    assert spot("ls", "--output", "json").items == []
