"""`spot up` when a pool, a zone or a region has no room."""

from datetime import timedelta

import pytest
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


@pytest.mark.soak
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

    down = spot("down", "train", "--yes", "--output", "json")
    assert down.code == 0, down.err
    assert account.left(sandbox, HERE, THERE) == []


@pytest.mark.world("situations, at the command line", by="users' reports")
@pytest.mark.soak
def test_a_quota_rules_out_its_family_in_its_region_and_nothing_else(
    spot: Spot, sandbox: Sandbox
) -> None:
    gpus = ("--type", "g5.xlarge", "--type", "g4dn.xlarge")
    sandbox.control.quota("L-3819A6DF", 0, HERE)
    for name, more, place in (
        ("train", ("--type", "m5.large"), HERE),
        ("other", ("--region", THERE), THERE),
    ):
        before = len(sandbox.control.calls())
        line = ("up", name, *gpus, "--region", HERE, *more, "--yes", "--output", "json")

        up = spot(*line)

        assert up.code == 0, up.err
        assert up.items[0]["region"] == place
        calls = sandbox.control.calls()[before:]
        refused = calls.count(("RunInstances", HERE)) - (place == HERE)
        assert refused <= 1


@pytest.mark.world("situations, at the command line", by="users' reports")
def test_a_quota_is_named_when_nothing_is_left(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.control.quota("L-3819A6DF", 0)

    up = spot("up", "train", "--type", "g*.xlarge", "--yes", "--output", "json")

    assert up.code == 6
    assert up.error["aws_code"] == "MaxSpotInstanceCountExceeded"
    assert up.error["details"] == {"quota_code": "L-3819A6DF"}
    assert "All G and VT Spot Instance Requests" in up.error["message"]
    assert "apacity" not in up.error["message"]
    assert "spot doctor" in up.error["next_step"]
    assert up.error["region"] == HERE
    assert sandbox.control.calls().count(("RunInstances", HERE)) == 1
    assert account.left(sandbox) == []


WHAT_IS_WRONG = (
    ("Unsupported", "ED25519 key pairs are not supported with Windows AMIs.", 1, "--key"),
    ("OptInRequired", "to use this AWS Marketplace product you need to accept terms: https://x.y",
     4, "accept the terms"),
    ("PendingVerification", "Your account is currently being verified.", 4, "Wait until"),
    ("Blocked", "This account is currently blocked.", 4, "AWS Support"),
    ("AuthFailure", "Not authorized for images: [ami-1]", 7, "--image"),
    ("InvalidParameterCombination", "The specified instance type is not eligible for Free Tier",
     4, "Upgrade the account"),
    ("UnauthorizedOperation", "Not with an explicit deny in an identity-based policy. Encoded "
     f"authorization failure message: {'x' * 900}", 4, "whoever keeps the policy"),
)  # fmt: skip


@pytest.mark.world("situations, at the command line", by="users' reports")
@pytest.mark.parametrize(("code", "words", "exit_code", "advice"), WHAT_IS_WRONG)
@pytest.mark.one_in(7)
def test_what_no_other_pool_changes_costs_one_call_and_is_told_once(
    *, spot: Spot, sandbox: Sandbox, code: str, words: str, exit_code: int, advice: str
) -> None:
    sandbox.control.fail("RunInstances", code, message=words, times=99)
    types = ("--type", "g5.xlarge", "--type", "g5.2xlarge", "--type", "m5.large")

    up = spot("up", "train", *types, "--region", HERE, "--region", THERE, "--image", "ubuntu",
              "--yes", "--output", "json")  # fmt: skip

    assert up.code == exit_code
    assert sum(call == "RunInstances" for call, _ in sandbox.control.calls()) == 1
    assert advice in up.error["next_step"]
    told = up.error["message"] + up.error["next_step"]
    assert "apacity" not in told
    assert "Enable the region" not in told
    assert "--debug" not in told
    assert len(told) < 500
    assert account.left(sandbox, HERE, THERE) == []


@pytest.mark.world("situations, at the command line", by="users' reports")
def test_a_configuration_that_is_not_supported_costs_one_call_per_type_and_region(
    spot: Spot, sandbox: Sandbox
) -> None:
    words = "The requested configuration is currently not supported."
    sandbox.control.fail("RunInstances", "Unsupported", message=words, times=99)

    up = spot("up", "train", "--type", "g5.xlarge", "--type", "m5.large", "--region", HERE,
              "--region", THERE, "--yes", "--output", "json")  # fmt: skip

    assert up.code == 1
    assert up.error["message"].count(words) == 1
    assert "apacity" not in up.error["message"]
    assert sum(call == "RunInstances" for call, _ in sandbox.control.calls()) == 4


@pytest.mark.world("situations, at the command line", by="users' reports")
def test_a_region_that_an_organisation_closes_is_passed_over(spot: Spot, sandbox: Sandbox) -> None:
    words = "Not authorized with an explicit deny in a service control policy."
    need = ("--type", "g5.xlarge", "--region", HERE, "--region", THERE)
    first = spot("find", *need, "--limit", "1", "--output", "json").items[0]["region"]
    sandbox.control.fail(
        "RunInstances", "UnauthorizedOperation", message=words, region=first, times=99
    )

    up = spot("up", "train", *need, "--yes", "--output", "json")

    assert up.code == 0, up.err
    assert up.items[0]["region"] == (THERE if first == HERE else HERE)
    assert words in up.err


def test_a_type_that_a_zone_does_not_offer_costs_one_try(spot: Spot, sandbox: Sandbox) -> None:
    words = "Your requested instance type is not supported in your requested Availability Zone."
    sandbox.control.fail("RunInstances", "Unsupported", message=words)

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


@pytest.mark.soak
def test_a_name_can_be_used_again_at_once(spot: Spot, sandbox: Sandbox) -> None:
    line = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
    first = spot(*line)
    assert spot("down", "train", "--yes").code == 0

    second = spot(*line)

    assert second.code == 0, second.err
    assert second.items[0]["instance_id"] != first.items[0]["instance_id"]


def _without_subnets(sandbox: Sandbox, region: str, *zones: str) -> None:
    client = sandbox.client("ec2", region)
    for subnet in client.describe_subnets()["Subnets"]:
        if not zones or subnet["AvailabilityZone"] in zones:
            client.delete_subnet(SubnetId=subnet["SubnetId"])


@pytest.mark.world("situations, at the command line", by="users' reports")
def test_a_zone_without_a_subnet_is_never_promised_remembered_or_not(
    spot: Spot, sandbox: Sandbox
) -> None:
    need = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
    assert spot(*need, "--dry-run").code == 0  # from now on its subnet is remembered
    _without_subnets(sandbox, HERE, "us-east-1c")

    dry, up = spot(*need, "--dry-run"), spot(*need)

    assert (dry.code, up.code) == (0, 0), (dry.err, up.err)
    assert up.items[0]["zone"] == "us-east-1d"
    planned = spot("up", "other", *need[2:], "--dry-run")
    assert planned.items[0]["offer"]["zone"] == "us-east-1d"
    assert "no subnet to use in us-east-1c" in planned.err


@pytest.mark.world("situations, at the command line", by="users' reports")
def test_a_region_that_lacks_what_a_launch_needs_leaves_the_others(
    spot: Spot, sandbox: Sandbox
) -> None:
    need = ("--type", "g5.xlarge", "--region", HERE, "--region", THERE, "--yes")
    first = spot("find", *need[:-1], "--limit", "1", "--output", "json").items[0]["region"]
    other = THERE if first == HERE else HERE
    _without_subnets(sandbox, first)

    up = spot("up", "train", *need, "--output", "json")

    assert up.code == 0, up.err
    assert up.items[0]["region"] == other
    assert f"no default VPC with subnets in {first}" in up.err
    _without_subnets(sandbox, other)
    nowhere = spot("up", "else", *need, "--output", "json")
    assert nowhere.code == 1
    assert "no default VPC" in nowhere.error["message"]


@pytest.mark.world("situations, at the command line", by="users' reports")
@pytest.mark.soak
def test_a_refusal_for_certain_takes_no_longer_for_a_name_that_lived_before(
    spot: Spot, sandbox: Sandbox
) -> None:
    line = ("up", "train", "--type", "g5.xlarge", "--yes")
    assert spot(*line).code == 0
    assert spot("down", "train", "--yes").code == 0
    sandbox.control.advance(timedelta(days=2))
    sandbox.control.fail("RunInstances", "MaxSpotInstanceCountExceeded", times=99)
    begun = sandbox.control.now()

    up = spot(*line)

    assert up.code == 6
    assert sandbox.control.now() - begun < timedelta(minutes=1)


@pytest.mark.world("situations, at the command line", by="users' reports")
def test_an_image_that_is_gone_is_told_and_looked_at_anew(spot: Spot, sandbox: Sandbox) -> None:
    image = account.usual_image(sandbox)["ImageId"]
    line = ("up", "train", "--type", "g5.xlarge", "--image", image, "--yes", "--output", "json")
    assert spot(*line, "--dry-run").code == 0  # from now on it is remembered
    sandbox.control.fail("RunInstances", "InvalidAMIID.NotFound", message=f"{image} is gone")

    up = spot(*line)

    assert up.code == 7
    assert "--image" in up.error["next_step"]
    asked = sandbox.control.calls().count(("DescribeImages", HERE))
    assert spot(*line).code == 0
    assert sandbox.control.calls().count(("DescribeImages", HERE)) > asked


def test_an_image_passes_over_types_that_cannot_boot_it_and_says_what_it_must_have(
    spot: Spot, sandbox: Sandbox
) -> None:
    ec2 = sandbox.client("ec2", HERE)
    volume = ec2.create_volume(AvailabilityZone=f"{HERE}a", Size=8)["VolumeId"]
    disk = {"SnapshotId": ec2.create_snapshot(VolumeId=volume)["SnapshotId"]}
    mine = ec2.register_image(
        Name="mine",
        Architecture="x86_64",
        BootMode="uefi",
        VirtualizationType="hvm",
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": disk}],
    )["ImageId"]
    need = ("--type", "p2.xlarge", "--type", "g5.xlarge", "--region", HERE)

    up = spot("up", "train", *need, "--image", mine, "--dry-run")

    assert f"Image {mine} boots by uefi only, p2.xlarge by legacy-bios" in up.err
    assert f"{mine} must have cloud-init" in up.err
    assert "pool       g5.xlarge" in up.err


@pytest.mark.world("situations, at the command line", by="users' reports")
@pytest.mark.soak
def test_an_image_that_one_region_lacks_leaves_the_others(spot: Spot, sandbox: Sandbox) -> None:
    need = ("--type", "g5.xlarge", "--region", HERE, "--region", THERE)
    first = spot("find", *need, "--limit", "1", "--output", "json").items[0]["region"]
    sandbox.control.fail("GetParameter", "ParameterNotFound", region=first, times=99)

    up = spot("up", "train", *need, "--yes", "--output", "json")

    assert up.code == 0, up.err
    assert up.items[0]["region"] != first
    assert f"passed over: GetParameter in {first}" in up.err
