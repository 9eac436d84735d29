"""`spot up` when a pool, a zone or a region has no room."""

from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot

HERE, THERE = "us-east-1", "us-west-2"


def test_a_dry_pool_is_skipped_for_the_next_cheapest(spot: Spot, sandbox: Sandbox) -> None:
    cheapest, second, *_ = account.pools(sandbox, "g5.xlarge")
    sandbox.control.drain(cheapest)

    up = spot("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")

    assert up.code == 0, up.err
    assert f"g5.xlarge@{up.items[0]['zone']}" == second
    assert cheapest in up.err
    assert "InsufficientInstanceCapacity" in up.err
    assert len(account.instances(sandbox)) == 1
    assert sandbox.control.calls().count(("RunInstances", HERE)) == 2


def test_when_every_pool_is_dry_nothing_is_left_and_each_pool_is_named(
    spot: Spot, sandbox: Sandbox
) -> None:
    pools = account.pools(sandbox, "g5.xlarge")
    for pool in pools:
        sandbox.control.drain(pool)

    up = spot("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")

    assert up.code == 5
    assert up.error["kind"] == "no-capacity"
    assert up.error["aws_code"] == "InsufficientInstanceCapacity"
    assert all(pool in up.error["message"] for pool in pools)
    assert "--region any" in up.error["next_step"]
    assert account.left(sandbox) == []
    assert spot("ls", "--region", HERE, "--output", "json").items == []


def test_when_a_region_is_dry_the_next_one_that_was_named_is_tried(
    spot: Spot, sandbox: Sandbox
) -> None:
    need = ("--type", "g5.xlarge", "--region", HERE, "--region", THERE)
    first = spot("find", *need, "--limit", "1", "--output", "json").items[0]["region"]
    other = THERE if first == HERE else HERE
    for pool in account.pools(sandbox, "g5.xlarge", first):
        sandbox.control.drain(pool)

    up = spot("up", "train", *need, "--yes", "--output", "json")

    assert up.code == 0, up.err
    assert up.items[0]["region"] == other
    assert account.instances(sandbox, first) == []
    [machine] = account.instances(sandbox, other)
    [group] = account.groups(sandbox, other)
    assert machine["SecurityGroups"][0]["GroupId"] == group["GroupId"]

    down = spot("down", "train", "--output", "json")
    assert down.code == 0, down.err
    assert account.left(sandbox, HERE, THERE) == []


def test_a_quota_stops_the_launch_at_the_first_pool(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.control.quota("L-3819A6DF", 0)

    up = spot("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")

    assert up.code == 6
    assert up.error["aws_code"] == "MaxSpotInstanceCountExceeded"
    assert "spot doctor" in up.error["next_step"]
    assert up.error["region"] == HERE
    assert sandbox.control.calls().count(("RunInstances", HERE)) == 1
    assert account.left(sandbox) == []


def test_a_type_that_a_zone_does_not_offer_costs_one_try(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.control.fail("RunInstances", "Unsupported", message="not in this zone")

    up = spot("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")

    assert up.code == 0, up.err
    assert len(account.instances(sandbox)) == 1


def test_a_launch_whose_answer_was_lost_is_one_machine(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.control.fail("RunInstances", "InternalError", http_status=0, after_effect=True)

    up = spot("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")

    assert up.code == 0, up.err
    assert "asking again" in up.err
    [machine] = account.instances(sandbox)
    assert machine["InstanceId"] == up.items[0]["instance_id"]


def test_a_group_whose_answer_was_lost_is_found_again(spot: Spot, sandbox: Sandbox) -> None:
    for operation in ("CreateSecurityGroup", "ImportKeyPair"):
        sandbox.control.fail(operation, "InternalError", http_status=503, after_effect=True)

    up = spot("up", "train", "--type", "g5.xlarge", "--yes")

    assert up.code == 0, up.err
    assert len(account.groups(sandbox)) == 1
    assert len(account.keys(sandbox)) == 1


def test_a_name_can_be_used_again_at_once(spot: Spot, sandbox: Sandbox) -> None:
    line = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
    first = spot(*line)
    assert spot("down", "train").code == 0

    second = spot(*line)

    assert second.code == 0, second.err
    assert second.items[0]["instance_id"] != first.items[0]["instance_id"]
