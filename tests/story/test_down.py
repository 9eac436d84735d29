"""`spot down`: whatever state a machine is in, nothing of it is left."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.computer import another_computer, usual_key
from tests.story.conftest import Spot

from spotkeeper.cli.context import Choices

UP = ("--type", "g5.xlarge", "--yes", "--output", "json")
DOWN = ("down", "train", "--yes", "--output", "json")


def kinds(resource_ids: list[dict[str, str]]) -> set[str]:
    return {resource_id["kind"] for resource_id in resource_ids}


def test_a_stopped_box_ends_clean_and_a_repeat_changes_nothing(
    spot: Spot, sandbox: Sandbox, machine: dict[str, Any]
) -> None:
    sandbox.client("ec2").stop_instances(InstanceIds=[machine["instance_id"]])

    down = spot(*DOWN)

    assert down.code == 0, down.err
    assert account.left(sandbox) == []
    assert {"kind": "instance", "id": machine["instance_id"], "region": "us-east-1"} in (
        down.document["ended"]
    )
    assert down.document["left"] == []
    [cost] = down.document["costs"]
    assert (cost["name"], cost["instance_type"]) == ("train", "g5.xlarge")

    again = spot(*DOWN)
    assert again.code == 0
    assert (again.document["ended"], again.document["left"]) == ([], [])


def test_an_open_request_without_an_instance_ends_clean(
    spot: Spot, sandbox: Sandbox, machine: dict[str, Any]
) -> None:
    sandbox.control.drain(f"g5.xlarge@{machine['zone']}")
    sandbox.client("ec2").terminate_instances(InstanceIds=[machine["instance_id"]])
    sandbox.control.advance(timedelta(minutes=3))
    [seen] = spot("ls", "--region", "us-east-1", "--output", "json").items
    assert seen["request_state"] == "open"
    assert seen["state"] != "running"
    assert "waiting for capacity" in seen["summary"]

    down = spot(*DOWN)

    assert down.code == 0, down.err
    assert account.left(sandbox) == []
    assert "spot-instances-request" in kinds(down.document["ended"])
    sandbox.control.refill(f"g5.xlarge@{machine['zone']}")
    assert account.instances(sandbox) == []


def test_a_request_that_was_cancelled_by_hand_does_not_hide_its_instance(
    spot: Spot, sandbox: Sandbox, machine: dict[str, Any]
) -> None:
    sandbox.client("ec2").cancel_spot_instance_requests(
        SpotInstanceRequestIds=[account.requests(sandbox)[0]["SpotInstanceRequestId"]]
    )
    [seen] = spot("ls", "--region", "us-east-1", "--output", "json").items
    assert seen["request_status"] == "request-canceled-and-instance-running"
    assert "still runs" in seen["summary"]

    down = spot(*DOWN)

    assert down.code == 0, down.err
    assert account.left(sandbox) == []


def test_what_was_ended_by_hand_leaves_only_its_disk_name_group_and_key_to_end(
    spot: Spot, sandbox: Sandbox, machine: dict[str, Any]
) -> None:
    client = sandbox.client("ec2")
    client.cancel_spot_instance_requests(SpotInstanceRequestIds=[machine["request_id"]])
    client.terminate_instances(InstanceIds=[machine["instance_id"]])

    down = spot(*DOWN)

    assert down.code == 0, down.err
    assert account.left(sandbox) == []
    shared = {"security-group", "key-pair"}
    assert kinds(down.document["ended"]) == {"volume", "launch-template"} | shared


def test_the_request_is_cancelled_before_the_instance_is_terminated(
    spot: Spot, sandbox: Sandbox, machine: dict[str, Any]
) -> None:
    before = len(sandbox.control.calls())
    assert spot(*DOWN).code == 0

    made = [name for name, _ in sandbox.control.calls()[before:] if not name.startswith("Desc")]
    wanted = ["CancelSpotInstanceRequests", "TerminateInstances", "DeleteVolume"]
    assert [name for name in made if name in wanted] == wanted


def test_an_unknown_name_is_not_found_and_ends_nothing(
    spot: Spot, sandbox: Sandbox, machine: dict[str, Any]
) -> None:
    answer = spot("down", "train", "--yes", "nobody", "--output", "json")

    assert answer.code == 7
    assert "nobody" in answer.error["message"]
    assert "spot ls" in answer.error["next_step"]
    assert [one["InstanceId"] for one in account.instances(sandbox)] == [machine["instance_id"]]


def test_down_needs_a_name_or_all(spot: Spot) -> None:
    assert spot("down").code == 2
    assert spot("down", "train", "--yes", "--all").code == 2


@pytest.mark.soak
def test_a_box_that_cannot_be_stopped_or_looked_at_is_told_and_keeps_its_disk(
    spot: Spot, sandbox: Sandbox, machine: dict[str, Any]
) -> None:
    sandbox.control.fail("StopInstances", "UnauthorizedOperation")
    refused = spot("down", "train")
    assert refused.code == 8
    assert "it could not be stopped" in refused.err
    sandbox.control.fail("DescribeInstances", "UnauthorizedOperation")
    blind = spot("down", "train", "--region", "us-east-1")
    assert blind.code == 8
    assert "nobody could look at it" in blind.err
    assert [each["State"]["Name"] for each in account.instances(sandbox)] == ["running"]
    assert spot("down", "train", "--yes").code == 0


@pytest.mark.parametrize(("answer", "code"), [(False, 3), (True, 0)])
def test_on_a_terminal_it_is_asked_before_a_disk_goes(
    spot: Spot,
    sandbox: Sandbox,
    machine: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    *,
    answer: bool,
    code: int,
) -> None:
    sandbox.control.advance(timedelta(hours=2))
    monkeypatch.setattr(Choices, "interactive", property(lambda _choices: True))
    monkeypatch.setattr(click, "confirm", lambda _question, err: answer and err)
    down = spot("down", "train")
    assert down.code == code
    assert "train has run for 2h" in down.err
    assert (account.left(sandbox) == []) is answer


def test_all_ends_everything_in_every_region_but_boxes_that_nobody_may_delete(
    spot: Spot, sandbox: Sandbox, machine: dict[str, Any]
) -> None:
    far = ("--type", "t3.micro", "--region", "eu-west-1", "--once", "--yes")
    assert spot("up", "far", *far).code == 0
    regions = ("us-east-1", "eu-west-1")

    asked = spot("down", "--all", "--output", "json")
    assert asked.code == 8
    assert "`spot down train --yes` deletes it" in asked.error["message"]
    assert asked.error["next_step"] == "Nothing else is left."
    [kept] = account.instances(sandbox)  # nobody said that its disk may go
    assert (kept["InstanceId"], kept["State"]["Name"]) == (machine["instance_id"], "stopped")
    assert account.left(sandbox, "eu-west-1") == []

    down = spot("down", "--all", "--yes", "--output", "json")
    assert down.code == 0, down.err
    assert account.left(sandbox, *regions) == []
    assert {each["region"] for each in down.document["ended"]} == {"us-east-1"}


def test_what_cannot_be_ended_is_listed_with_its_reason_and_exit_code_8(
    spot: Spot, sandbox: Sandbox, machine: dict[str, Any]
) -> None:
    sandbox.control.fail(
        "TerminateInstances", "UnauthorizedOperation", message="denied", http_status=403
    )

    down = spot(*DOWN)

    assert down.code == 8
    [instance] = [each for each in down.document["left"] if each["kind"] == "instance"]
    assert (instance["id"], instance["region"]) == (machine["instance_id"], "us-east-1")
    assert "UnauthorizedOperation" in instance["reason"]
    assert kinds(down.document["ended"]) == {"spot-instances-request"}
    assert down.error["kind"] == "left-behind"
    assert machine["instance_id"] in down.error["message"]
    assert "safe to repeat" in down.error["next_step"]

    again = spot("down", "train", "--yes")
    assert again.code == 0, again.err
    assert "Nothing is left." in again.out
    assert account.left(sandbox) == []


def test_a_launch_that_could_neither_finish_nor_be_undone_is_ended_by_down(
    spot: Spot, sandbox: Sandbox
) -> None:
    denied = {"message": "denied", "http_status": 403}
    sandbox.control.fail("RunInstances", "UnauthorizedOperation", **denied)  # type: ignore[arg-type]
    sandbox.control.fail("DeleteSecurityGroup", "UnauthorizedOperation", **denied)  # type: ignore[arg-type]
    up = spot("up", "train", *UP)
    assert up.code == 8
    [group] = account.groups(sandbox)
    assert group["GroupId"] in up.error["message"] or "us-east-1" in up.error["message"]

    down = spot(*DOWN)

    assert down.code == 0, down.err
    assert account.left(sandbox) == []


@pytest.mark.soak
def test_the_group_and_the_key_go_with_the_last_machine(
    spot: Spot, sandbox: Sandbox, home: Path, machine: dict[str, Any]
) -> None:
    usual_key(home)
    assert spot("up", "other", *UP).code == 0

    first = spot(*DOWN)
    assert first.code == 0, first.err
    own = {"instance", "spot-instances-request", "volume", "launch-template"}
    assert kinds(first.document["ended"]) == own
    assert len(account.groups(sandbox)) == 1
    assert [one["State"]["Name"] for one in account.instances(sandbox)] == ["running"]

    assert spot("down", "other", "--yes").code == 0
    assert account.left(sandbox) == []


def test_what_belongs_to_somebody_else_is_neither_seen_nor_touched(
    spot: Spot, sandbox: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sandbox.client("ec2")
    theirs = {
        "spotkeeper:managed": "true",
        "spotkeeper:name": "theirs",
        "spotkeeper:owner": "123456789012:user/somebody",
    }
    tagged = [{"Key": key, "Value": value} for key, value in theirs.items()]
    kept = account.launch_by_hand(sandbox, tagged)
    group_id = client.create_security_group(
        GroupName="theirs",
        Description="theirs",
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tagged}],
    )["GroupId"]

    assert spot("ls", "--region", "us-east-1", "--output", "json").items == []
    assert spot("down", "theirs", "--yes").code == 7
    assert spot("up", "theirs", *UP).code == 0
    another_computer(home, sandbox, monkeypatch)
    assert spot("down", "--all", "--yes").code == 0

    assert [one["InstanceId"] for one in account.instances(sandbox)] == [kept]
    assert [one["GroupId"] for one in account.groups(sandbox)] == [group_id]
    assert [one["State"] for one in account.requests(sandbox)].count("active") == 1
    assert len(account.volumes(sandbox)) == 1


def test_a_region_that_may_not_be_looked_into_is_told_and_is_nothing_left(
    spot: Spot, sandbox: Sandbox
) -> None:
    assert spot("up", "train", "--type", "g5.xlarge", "--yes").code == 0
    sandbox.control.fail("DescribeTags", "UnauthorizedOperation", region="eu-west-1", times=9)

    down = spot("down", "train", "--yes", "--output", "json")

    assert down.code == 0, down.err
    assert down.document["left"] == []
    assert any("not looked at: eu-west-1" in told for told in down.document["warnings"])
