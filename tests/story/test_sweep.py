"""`spot sweep`: what nobody wants is found by its tags, told with its price, and ended."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.computer import another_computer
from tests.story.conftest import Spot
from tests.story.living import at_ec2s_pace, lives
from tests.story.test_kill import killed

UP = ("up", "train", "--type", "g5.xlarge", "--yes")
LIST = ("sweep", "--output", "json")
APPLY = ("sweep", "--apply", "--output", "json")
WINDOW = timedelta(minutes=11)
HOME = account.REGION


def kinds(rows: list[dict[str, Any]]) -> set[str]:
    return {row["kind"] for row in rows}


def tagged(sandbox: Sandbox, region: str = HOME) -> list[str]:
    """Everything in a region that carries a tag of spotkeeper's, as DescribeTags lists it."""
    rows = sandbox.client("ec2", region).describe_tags(
        Filters=[{"Name": "key", "Values": ["spotkeeper:*"]}]
    )["Tags"]
    return sorted({f"{row['ResourceType']} {row['ResourceId']}" for row in rows})


def by_hand(sandbox: Sandbox, machine: dict[str, Any]) -> None:
    """Everything else that may carry our tags: a snapshot, an interface and a fleet."""
    ec2 = sandbox.client("ec2")
    tags = [{"Key": key, "Value": value} for key, value in machine["tags"].items()]

    def of(kind: str) -> dict[str, Any]:
        return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]}

    ec2.create_snapshot(VolumeId=machine["volume_ids"][0], **of("snapshot"))
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    ec2.create_network_interface(SubnetId=subnet, **of("network-interface"))
    data = {"ImageId": account.amazon_image(sandbox), "InstanceType": "m5.large"}
    ec2.create_launch_template(
        LaunchTemplateName="worker", LaunchTemplateData=data, **of("launch-template")
    )
    template = {"LaunchTemplateName": "worker", "Version": "$Latest"}
    capacity = {"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "spot"}
    ec2.create_fleet(
        LaunchTemplateConfigs=[{"LaunchTemplateSpecification": template}],
        TargetCapacitySpecification=capacity,
        Type="maintain",
        **of("fleet"),
    )


def test_a_machine_of_this_computer_is_kept_and_named(
    spot: Spot, sandbox: Sandbox, machine: dict[str, Any]
) -> None:
    sandbox.control.advance(WINDOW)
    listed = spot(*LIST)
    assert listed.code == 0, listed.err
    assert (listed.document["ended"], listed.document["left"]) == ([], [])
    kept = listed.document["kept"]
    assert machine["instance_id"] in {row["id"] for row in kept}
    assert {row["name"] for row in kept} == {"train", None}
    assert spot(*APPLY).document["ended"] == []
    assert spot("show", "train", "--output", "json").items[0]["state"] == "running"


def test_after_the_loss_of_all_local_state_everything_of_every_kind_is_found_and_ended(
    spot: Spot,
    sandbox: Sandbox,
    home: Path,
    machine: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert spot("up", "far", "--type", "t3.micro", "--region", "eu-west-1", "--yes").code == 0
    by_hand(sandbox, machine)
    another_computer(home, sandbox, monkeypatch)
    sandbox.control.advance(WINDOW)
    there = tagged(sandbox)

    listed = spot(*LIST)
    assert listed.code == 8
    assert kinds(listed.document["left"]) == {
        "spot-instances-request",
        "instance",
        "volume",
        "snapshot",
        "security-group",
        "key-pair",
        "launch-template",
        "fleet",
        "network-interface",
    }
    assert {row["region"] for row in listed.document["left"]} == {"us-east-1", "eu-west-1"}
    [box] = [row for row in listed.document["left"] if row["id"] == machine["instance_id"]]
    assert box["usd_per_hour"] > 0.1
    assert box["age_seconds"] >= WINDOW.total_seconds()
    assert "forgotten here" in box["reason"]
    assert "--apply" in listed.error["next_step"]
    assert tagged(sandbox) == there

    first = spot(*APPLY)
    again = first if first.code == 0 else spot(*APPLY)
    assert again.code == 0, again.err
    assert account.left(sandbox, HOME, "eu-west-1") == []
    assert sandbox.client("ec2").describe_launch_templates()["LaunchTemplates"] == []
    assert spot(*LIST).document["kept"] == []


@pytest.mark.soak
def test_at_ec2s_pace_two_passes_are_enough_and_nothing_is_born_afterwards(
    spot: Spot, sandbox: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_ec2s_pace(sandbox, visibility=120)
    killed(home, "after RunInstances 1", *UP)
    another_computer(home, sandbox, monkeypatch)

    first = spot(*APPLY)
    sandbox.control.advance(WINDOW)
    second = spot(*APPLY)

    assert second.code == 0, (first.out, second.out, second.err)
    assert account.left(sandbox) == []
    sandbox.control.advance(timedelta(hours=1))
    assert account.left(sandbox) == []
    assert len(lives(sandbox)) == 1


@pytest.mark.soak
def test_what_is_young_and_unknown_here_is_spared_with_the_time_to_look_again(
    spot: Spot,
    sandbox: Sandbox,
    home: Path,
    machine: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    another_computer(home, sandbox, monkeypatch)
    before = tagged(sandbox)
    swept = spot(*APPLY)
    assert swept.code == 8
    assert swept.document["ended"] == []
    [box] = [row for row in swept.document["left"] if row["kind"] == "instance"]
    assert re.search(r"look again after \d\d:\d\d:\d\d UTC", box["reason"])
    assert tagged(sandbox) == before


def test_what_belongs_to_others_or_carries_no_tag_is_the_same_before_and_after(
    spot: Spot, sandbox: Sandbox, machine: dict[str, Any]
) -> None:
    ec2 = sandbox.client("ec2")
    theirs = [
        {"Key": "spotkeeper:managed", "Value": "true"},
        {"Key": "spotkeeper:name", "Value": "train"},
        {"Key": "spotkeeper:owner", "Value": "123456789012:user/you"},
    ]
    for tags in (theirs, [{"Key": "Name", "Value": "train"}]):
        account.launch_by_hand(sandbox, tags)
    ec2.create_security_group(GroupName="mine", Description="untagged")
    sandbox.control.advance(timedelta(hours=25))
    mine = {machine["instance_id"], machine["request_id"], *machine["volume_ids"]}
    before = [each for each in account.left(sandbox) if each not in mine]

    assert spot(*APPLY).code == 0

    ours = {each["id"] for each in spot(*LIST).document["left"]}
    assert ours == set()
    after = account.left(sandbox)
    prerequisites = ("sg-", "key-", "lt-")  # mine too: they went with the machine
    assert [each for each in before if not each.startswith(prerequisites)] == after
    assert len(ec2.describe_security_groups(GroupNames=["mine"])["SecurityGroups"]) == 1


@pytest.mark.soak
def test_after_a_clean_down_nothing_is_left_to_tell(spot: Spot, machine: dict[str, Any]) -> None:
    assert spot("down", "train", "--yes").code == 0
    listed = spot(*LIST)
    assert (listed.code, listed.document["left"]) == (0, [])


def test_a_machine_is_unwanted_after_its_deadline_and_ended(
    spot: Spot, sandbox: Sandbox, machine: dict[str, Any]
) -> None:
    sandbox.control.advance(timedelta(hours=25))
    [box] = [row for row in spot(*LIST).document["left"] if row["kind"] == "instance"]
    assert "deadline passed" in box["reason"]
    assert spot(*APPLY).code == 0
    assert account.left(sandbox) == []
    assert spot("ls", "--region", HOME, "--output", "json").document["warnings"][1:] == []


def test_a_region_that_does_not_answer_is_named_and_the_others_are_swept(
    spot: Spot, sandbox: Sandbox, machine: dict[str, Any]
) -> None:
    sandbox.control.advance(timedelta(hours=25))
    sandbox.control.fail("DescribeTags", "InternalError", region="us-west-2", times=99)
    swept = spot(*APPLY)
    assert swept.code == 8
    assert [(row["kind"], row["id"]) for row in swept.document["left"]] == [
        ("region", "us-west-2")
    ]
    assert account.left(sandbox) == []


def test_a_region_that_is_closed_to_the_caller_is_only_told_of(
    spot: Spot, sandbox: Sandbox, machine: dict[str, Any]
) -> None:
    sandbox.control.fail("DescribeTags", "UnauthorizedOperation", region="us-west-2", times=9)
    swept = spot(*LIST)
    assert swept.code == 0, swept.err
    assert any("not looked at: us-west-2" in told for told in swept.document["warnings"])


FORGOTTEN = {
    "MarketType": "spot",
    "SpotOptions": {
        "SpotInstanceType": "persistent",
        "InstanceInterruptionBehavior": "stop",
    },
}


def forgotten_request(sandbox: Sandbox) -> dict[str, Any]:
    """A persistent Spot instance that somebody launched with another tool."""
    launched: dict[str, Any] = sandbox.client("ec2").run_instances(
        ImageId=account.amazon_image(sandbox),
        InstanceType="m5.large",
        MinCount=1,
        MaxCount=1,
        InstanceMarketOptions=FORGOTTEN,
    )["Instances"][0]
    return launched


def test_a_request_of_somebody_else_that_keeps_relaunching_is_told_and_not_touched(
    spot: Spot, sandbox: Sandbox
) -> None:
    instance = forgotten_request(sandbox)
    assert spot(*LIST).document["others"] == []
    sandbox.control.advance(timedelta(hours=2))
    sandbox.client("ec2").terminate_instances(InstanceIds=[instance["InstanceId"]])
    sandbox.control.advance(timedelta(minutes=3))
    [reborn] = account.instances(sandbox)

    swept = spot(*APPLY)

    assert swept.code == 0, swept.err
    [other] = swept.document["others"]
    assert other["id"] == instance["SpotInstanceRequestId"]
    assert other["instance_id"] == reborn["InstanceId"]
    assert other["usd_per_hour"] > 0
    assert other["id"] in other["command"]
    assert reborn["InstanceId"] in other["command"]
    assert [each["InstanceId"] for each in account.instances(sandbox)] == [reborn["InstanceId"]]


def test_a_cancelled_request_of_somebody_else_whose_instance_runs_is_told(
    spot: Spot, sandbox: Sandbox
) -> None:
    instance = forgotten_request(sandbox)
    sandbox.client("ec2").cancel_spot_instance_requests(
        SpotInstanceRequestIds=[instance["SpotInstanceRequestId"]]
    )
    told = spot("sweep")
    assert told.code == 0
    assert "its instance still runs" in told.out
    assert f"--instance-ids {instance['InstanceId']}" in told.out


@pytest.mark.parametrize(
    "point",
    [
        "after TerminateInstances 1",
        pytest.param("after CancelSpotInstanceRequests 1", marks=pytest.mark.soak),
        pytest.param("after DeleteVolume 1", marks=pytest.mark.soak),
        pytest.param("before DeleteLaunchTemplate 1", marks=pytest.mark.soak),
    ],
)
@pytest.mark.soak
def test_a_sweep_that_was_killed_half_way_can_be_repeated(
    spot: Spot, sandbox: Sandbox, home: Path, machine: dict[str, Any], point: str
) -> None:
    sandbox.control.advance(timedelta(hours=25))
    killed(home, point, "sweep", "--apply")
    again = spot(*APPLY)
    assert again.code == 0, again.out + again.err
    assert account.left(sandbox) == []
    assert len(lives(sandbox)) == 1


@pytest.mark.soak
def test_a_person_reads_what_is_unwanted_why_and_what_it_costs(
    spot: Spot,
    sandbox: Sandbox,
    home: Path,
    machine: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    another_computer(home, sandbox, monkeypatch)
    sandbox.control.advance(WINDOW)
    told = spot("sweep")
    assert told.code == 8
    assert re.search(r"instance i-\w+ +us-east-1 +11m.* 0\.2716 +launched elsewhere", told.out)
    assert "Left: $0.2826/h, $6.78/day." in told.out
    assert "7 things are left. Run `spot sweep --apply`" in told.err
    done = spot("sweep", "--apply")
    assert done.code == 0
    assert done.out.endswith("Nothing is left.\n")
