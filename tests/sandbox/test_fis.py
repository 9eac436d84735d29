"""Interruptions by Fault Injection Service, as AWS lets one rehearse them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.sandbox.everything import IMAGE
from tests.sandbox.front_door import Door

from ec2_sandbox.history import HappeningKind
from ec2_sandbox.server import history_file
from ec2_sandbox.world import world

ROLE = "arn:aws:iam::123456789012:role/fis"
TAGS = {"team": "vision"}


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def launch(door: Door, number: int) -> list[str]:
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    launched = door.client("ec2").run_instances(
        ImageId=IMAGE,
        InstanceType="m5.large",
        MinCount=number,
        MaxCount=number,
        InstanceMarketOptions={"MarketType": "spot"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )["Instances"]
    return [one["InstanceId"] for one in launched]


def start(door: Door, before: str = "PT2M", **target: Any) -> Any:
    fis = door.client("fis")
    of = {"resourceType": "aws:ec2:spot-instance", "selectionMode": "ALL", **target}
    action = {
        "actionId": "aws:ec2:send-spot-instance-interruptions",
        "parameters": {"durationBeforeInterruption": before},
        "targets": {"SpotInstances": "some"},
    }
    made = fis.create_experiment_template(
        description="d",
        stopConditions=[{"source": "none"}],
        targets={"some": of},
        actions={"interrupt": action},
        roleArn=ROLE,
    )["experimentTemplate"]["id"]
    return fis.start_experiment(experimentTemplateId=made)["experiment"]


def told(door: Door, kind: HappeningKind) -> list[str]:
    return [h.subject for h in history_file.read(door.home, world().history) if h.kind is kind]


def states(door: Door) -> dict[str, str]:
    found = door.client("ec2").describe_instances()["Reservations"]
    return {one["InstanceId"]: one["State"]["Name"] for r in found for one in r["Instances"]}


@pytest.mark.soak
def test_an_experiment_gives_a_notice_and_interrupts_two_minutes_later(door: Door) -> None:
    one, other = launch(door, 2)
    arn = f"arn:aws:ec2:us-east-1:123456789012:instance/{one}"
    started = start(door, resourceArns=[arn])
    assert door.client("fis").get_experiment(id=started["id"])["experiment"]["id"] == started["id"]
    assert told(door, HappeningKind.NOTICE) == told(door, HappeningKind.REBALANCE) == [one]
    door.advance(timedelta(minutes=2, seconds=5))
    assert states(door) == {one: "terminated", other: "running"}


def test_a_longer_wait_has_its_recommendation_first(door: Door) -> None:
    launch(door, 3)
    start(door, "PT7M", resourceTags=TAGS, selectionMode="COUNT(2)")
    assert len(told(door, HappeningKind.REBALANCE)) == 2
    door.advance(timedelta(minutes=4, seconds=50))
    assert told(door, HappeningKind.NOTICE) == []
    door.advance(timedelta(seconds=20))
    assert len(told(door, HappeningKind.NOTICE)) == 2
    door.advance(timedelta(minutes=2))
    assert sorted(states(door).values()) == ["running", "terminated", "terminated"]


@pytest.mark.parametrize(
    ("before", "target"),
    [
        ("PT1M", {"resourceTags": TAGS}),
        ("PT16M", {"resourceTags": TAGS}),
        ("soon", {"resourceTags": TAGS}),
        ("PT2M", {"resourceTags": {"team": "other"}}),
        ("PT2M", {"resourceTags": TAGS, "selectionMode": "SOME"}),
        ("PT2M", {"resourceTags": TAGS, "resourceType": "aws:ec2:instance"}),
    ],
)
@pytest.mark.one_in(3)
def test_what_cannot_be_meant_starts_nothing(
    door: Door, before: str, target: dict[str, Any]
) -> None:
    launch(door, 1)
    with pytest.raises(ClientError, match="ValidationException"):
        start(door, before, **target)
    assert door.client("fis").list_experiments()["experiments"] == []
    assert told(door, HappeningKind.REBALANCE) == []
