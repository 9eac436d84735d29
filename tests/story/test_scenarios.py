"""The scenarios of the sandbox, as a user meets them."""

from datetime import timedelta

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot
from tests.story.living import at_ec2s_pace, calls, lives

UP = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
LS = ("ls", "--region", "us-east-1", "--output", "json")
DOWN = ("down", "train", "--yes", "--output", "json")

SOAK = pytest.mark.soak
MARKETS = [pytest.param("living", marks=SOAK), "storm", pytest.param("reclaim-soon", marks=SOAK)]
G_AND_VT, STANDARD = "L-3819A6DF", "L-34B43A08"


@pytest.mark.parametrize("scenario", MARKETS)
@pytest.mark.soak
def test_whatever_the_market_does_in_a_day_nothing_is_left_after_down(
    sandbox: Sandbox, spot: Spot, scenario: str
) -> None:
    at_ec2s_pace(sandbox, scenario=scenario)
    up = spot(*UP)
    assert up.code == 0, up.err
    for _ in range(6):
        sandbox.control.advance(timedelta(hours=4, minutes=1))
        [seen] = spot(*LS).items
        assert seen["instance_id"] == up.items[0]["instance_id"]

    down = spot(*DOWN)

    assert down.code == 0, down.err
    assert account.left(sandbox) == []
    sandbox.control.advance(timedelta(days=1))
    assert account.left(sandbox) == []
    assert lives(sandbox) == [up.items[0]["instance_id"]]


@pytest.mark.parametrize("scenario", [pytest.param("living", marks=SOAK), "storm"])
@pytest.mark.soak
def test_a_dry_pool_is_named_with_ec2s_reason_and_the_next_one_taken(
    sandbox: Sandbox, spot: Spot, scenario: str
) -> None:
    at_ec2s_pace(sandbox, scenario=scenario)
    offers = spot("find", "--type", "g5.xlarge", "--by", "zone", "--output", "json").items
    first, *others = [f"{each['instance_type']}@{each['zone']}" for each in offers]
    sandbox.control.drain(first)
    for pool in others:
        sandbox.control.refill(pool)

    up = spot(*UP)

    assert up.code == 0, up.err
    assert f"g5.xlarge@{up.items[0]['zone']}" == others[0]
    [told] = [line for line in up.err.splitlines() if line.startswith(first)]
    assert "no Spot capacity available" in told
    assert "InsufficientInstanceCapacity" in told
    assert spot(*DOWN).code == 0
    assert account.left(sandbox) == []


@pytest.mark.soak
def test_in_a_drought_every_gpu_pool_is_tried_and_a_machine_without_gpu_is_not_hindered(
    sandbox: Sandbox, spot: Spot
) -> None:
    at_ec2s_pace(sandbox, scenario="drought")
    pools = account.pools(sandbox, "g5.xlarge")

    up = spot(*UP)

    assert up.code == 5
    assert up.error["kind"] == "no-capacity"
    assert all(pool in up.error["message"] for pool in pools)
    assert calls(sandbox, "RunInstances") == len(pools)
    assert account.left(sandbox) == []

    small = spot("up", "small", "--type", "m5.large", "--yes")
    assert small.code == 0, small.err
    assert spot("down", "small", "--yes").code == 0
    assert account.left(sandbox) == []


@pytest.mark.soak
def test_soon_reclaimed_a_machine_shows_its_notice_and_then_that_it_waits(
    sandbox: Sandbox, spot: Spot
) -> None:
    at_ec2s_pace(sandbox, scenario="reclaim-soon")
    assert spot(*UP).code == 0
    sandbox.control.advance(timedelta(minutes=5))

    page = spot("show", "train").out
    assert "EC2 will stop it within two minutes (notice 08:05)" in page
    assert "marked-for-stop" in page

    sandbox.control.advance(timedelta(minutes=3))
    [seen] = spot(*LS).items
    assert seen["request_status"] == "instance-stopped-no-capacity"
    assert "waiting for capacity" in seen["summary"]
    assert spot(*DOWN).code == 0
    assert account.left(sandbox) == []


@pytest.mark.soak
def test_a_new_account_is_stopped_by_its_quota_which_is_named(
    sandbox: Sandbox, spot: Spot
) -> None:
    at_ec2s_pace(sandbox, scenario="fresh-account")

    up = spot(*UP)

    assert up.code == 6
    assert (up.error["kind"], up.error["aws_code"]) == ("quota", "MaxSpotInstanceCountExceeded")
    assert "g5.xlarge needs 4 vCPUs" in up.error["message"]
    assert "All G and VT Spot Instance Requests" in up.error["message"]
    assert up.error["details"] == {"quota_code": G_AND_VT}
    assert "spot doctor" in up.error["next_step"]
    assert calls(sandbox, "RunInstances") == 1
    assert account.left(sandbox) == []

    doctor = spot("doctor", "--type", "g5.xlarge")
    assert "0 of 0 vCPUs used, it needs 4" in doctor.out
    assert G_AND_VT in doctor.out


@pytest.mark.soak
def test_what_a_new_account_may_have_it_gets_until_the_quota_is_used_up(
    sandbox: Sandbox, spot: Spot
) -> None:
    at_ec2s_pace(sandbox, scenario="fresh-account")
    assert spot("up", "first", "--type", "m5.xlarge", "--yes").code == 0

    second = spot("up", "second", "--type", "m5.large", "--yes", "--output", "json")

    assert second.code == 6
    assert STANDARD in second.error["message"]
    assert [each["name"] for each in spot(*LS).items] == ["first"]
    assert spot("down", "first", "--yes").code == 0
    third = spot("up", "third", "--type", "m5.large", "--yes")
    assert third.code == 0, third.err
    assert spot("down", "third", "--yes").code == 0
    assert account.left(sandbox) == []
