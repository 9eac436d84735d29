"""EventBridge Scheduler: schedules that fire on the sandbox's clock and call EC2."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import QUIET, Sandbox
from tests.sandbox.launching import BEGINS, BOX, IMAGE, launch_one

from ec2_sandbox.client import daemon

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ROLE = "arn:aws:iam::123456789012:role/scheduler"


class Office:
    """The clients, and what is asked of them in most tests."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.ec2, self.scheduler = sandbox.client("ec2"), sandbox.client("scheduler")

    def launch(self, **chosen: Any) -> dict[str, Any]:
        """One instance."""
        return launch_one(self.sandbox, **chosen)

    def state(self, instance_id: str) -> str:
        """Of an instance."""
        found = self.ec2.describe_instances(InstanceIds=[instance_id])
        return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])

    def at(self, when: timedelta) -> str:
        """The expression for so long from now."""
        return f"at({self.sandbox.control.now() + when:%Y-%m-%dT%H:%M:%S})"

    def plan(self, action: str, given: Any, *, name: str = "plan", **chosen: Any) -> None:
        """A schedule that calls EC2 in an hour, unless chosen otherwise."""
        self.scheduler.create_schedule(**self.order(action, given, name=name, **chosen))

    def order(self, action: str, given: Any, *, name: str = "plan", **chosen: Any) -> Any:
        """The parameters of CreateSchedule."""
        target = {
            "Arn": f"arn:aws:scheduler:::aws-sdk:ec2:{action}",
            "RoleArn": ROLE,
            "Input": json.dumps(given),
            **chosen.pop("target", {}),
        }
        defaults = {"FlexibleTimeWindow": {"Mode": "OFF"}, "ScheduleExpression": self.at(HOUR)}
        return {"Name": name, "Target": target, **defaults, **chosen}

    def outcomes(self) -> list[str]:
        """What became of the calls, from the history."""
        told = self.sandbox.control.events(kind="schedule")
        return [one["facts"]["outcome"] for one in told]


@pytest.fixture
def office(sandbox: Sandbox) -> Office:
    sandbox.reset(speed=0, begins=BEGINS)
    return Office(sandbox)


def refused(office: Office, **chosen: Any) -> str:
    with pytest.raises(ClientError) as caught:
        office.plan("terminateInstances", {"InstanceIds": ["i-1"]}, **chosen)
    return str(caught.value.response["Error"]["Code"])


# Firing


def test_a_schedule_ends_an_instance_at_its_time(office: Office) -> None:
    instance_id = office.launch()["InstanceId"]
    office.plan("terminateInstances", {"InstanceIds": [instance_id]})
    office.sandbox.control.advance(HOUR - MINUTE)
    assert office.state(instance_id) == "running"
    office.sandbox.control.advance(2 * MINUTE)
    assert office.state(instance_id) == "terminated"
    assert office.outcomes() == ["done"]


def test_it_fires_at_its_own_moment_however_far_the_clock_jumps(office: Office) -> None:
    instance_id = office.launch()["InstanceId"]
    office.plan(
        "stopInstances",
        {"InstanceIds": [instance_id]},
        ScheduleExpression="at(2026-01-05T09:30:00)",
        ScheduleExpressionTimezone="Europe/Berlin",
    )
    office.sandbox.control.advance(20 * HOUR)
    found = office.ec2.describe_instances(InstanceIds=[instance_id])
    instance = found["Reservations"][0]["Instances"][0]
    assert "2026-01-05 08:30:00" in instance["StateTransitionReason"]


def test_cancel_then_terminate_leaves_nothing_of_a_box(office: Office) -> None:
    box = office.launch(InstanceMarketOptions=BOX)
    request_id, instance_id = box["SpotInstanceRequestId"], box["InstanceId"]
    office.plan(
        "cancelSpotInstanceRequests", {"SpotInstanceRequestIds": [request_id]}, name="cancel"
    )
    office.plan(
        "terminateInstances",
        {"InstanceIds": [instance_id]},
        name="end",
        ScheduleExpression=office.at(HOUR + 2 * MINUTE),
    )
    office.sandbox.control.advance(2 * HOUR)
    listed = office.ec2.describe_instances(
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    )
    assert listed["Reservations"] == []
    shown = office.ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[request_id])
    assert shown["SpotInstanceRequests"][0]["State"] == "cancelled"


def test_a_machine_is_stopped_in_the_evening_and_started_in_the_morning(office: Office) -> None:
    instance_id = office.launch()["InstanceId"]
    given = {"InstanceIds": [instance_id]}
    office.plan("stopInstances", given, name="stop", ScheduleExpression="cron(0 20 * * ? *)")
    office.plan("startInstances", given, name="start", ScheduleExpression="cron(0 7 * * ? *)")
    seen = []
    for _ in range(4):
        office.sandbox.control.advance(12 * HOUR)
        seen.append(office.state(instance_id))
    assert seen == ["running", "stopped", "running", "stopped"]


def test_a_rate_fires_again_and_again(office: Office) -> None:
    instance_id = office.launch()["InstanceId"]
    given = {"Resources": [instance_id], "Tags": [{"Key": "seen", "Value": "yes"}]}
    office.plan("createTags", given, ScheduleExpression="rate(2 hours)")
    office.sandbox.control.advance(7 * HOUR)
    assert office.outcomes() == ["done"] * 4


def test_a_rate_ends_with_its_end_date(office: Office) -> None:
    instance_id = office.launch()["InstanceId"]
    given = {"Resources": [instance_id], "Tags": [{"Key": "seen", "Value": "yes"}]}
    start = office.sandbox.control.now()
    office.plan(
        "createTags",
        given,
        ScheduleExpression="rate(1 hour)",
        StartDate=start + HOUR,
        EndDate=start + 3 * HOUR,
        ActionAfterCompletion="DELETE",
    )
    office.sandbox.control.advance(10 * HOUR)
    assert office.outcomes() == ["done"] * 3
    assert office.scheduler.list_schedules()["Schedules"] == []


def test_what_is_called_is_any_action_of_ec2(office: Office) -> None:
    office.plan("createVolume", {"AvailabilityZone": "us-east-1a", "Size": 5})
    office.sandbox.control.advance(2 * HOUR)
    assert [volume["Size"] for volume in office.ec2.describe_volumes()["Volumes"]] == [5]


def test_a_machine_can_be_launched_by_a_schedule_once(office: Office) -> None:
    given = {
        "ImageId": IMAGE,
        "InstanceType": "t3.micro",
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": "only-one",
        "InstanceMarketOptions": {
            "MarketType": "spot",
            "SpotOptions": {
                "SpotInstanceType": "persistent",
                "InstanceInterruptionBehavior": "stop",
                "ValidUntil": "2026-02-01T12:00:00+01:00",
            },
        },
    }
    office.plan("runInstances", given, ScheduleExpression="rate(1 hour)")
    office.sandbox.control.advance(3 * HOUR)
    assert set(office.outcomes()) == {"done"}
    (request,) = office.ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
    assert request["State"] == "active"
    assert request["ValidUntil"] == datetime(2026, 2, 1, 11, tzinfo=UTC)


def test_a_dry_run_by_schedule_changes_nothing(office: Office) -> None:
    given = {"AvailabilityZone": "us-east-1a", "Size": 5, "DryRun": True}
    office.plan("createVolume", given, target={"RetryPolicy": {"MaximumRetryAttempts": 0}})
    office.sandbox.control.advance(2 * HOUR)
    assert office.ec2.describe_volumes()["Volumes"] == []
    assert office.outcomes() == ["DryRunOperation, dropped"]


def test_a_queue_can_be_the_target(office: Office) -> None:
    sqs = office.sandbox.client("sqs")
    url = sqs.create_queue(QueueName="alarm")["QueueUrl"]
    target = {"Arn": "arn:aws:sqs:us-east-1:123456789012:alarm", "Input": "wake up"}
    office.plan("", {}, target=target)
    office.sandbox.control.advance(2 * HOUR)
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == "wake up"


# What becomes of a schedule


def test_after_its_only_run_it_stays_unless_it_is_to_be_deleted(office: Office) -> None:
    given = {"InstanceIds": [office.launch()["InstanceId"]]}
    office.plan("stopInstances", given, name="stays")
    office.plan("stopInstances", given, name="goes", ActionAfterCompletion="DELETE")
    office.sandbox.control.advance(2 * HOUR)
    listed = office.scheduler.list_schedules()["Schedules"]
    assert [one["Name"] for one in listed] == ["stays"]
    office.sandbox.control.advance(24 * HOUR)
    assert office.outcomes() == ["done", "done"]


def test_a_deleted_schedule_does_not_fire(office: Office) -> None:
    instance_id = office.launch()["InstanceId"]
    office.plan("terminateInstances", {"InstanceIds": [instance_id]})
    office.scheduler.delete_schedule(Name="plan")
    office.sandbox.control.advance(2 * HOUR)
    assert office.state(instance_id) == "running"


def test_a_deleted_group_takes_its_schedules_along(office: Office) -> None:
    instance_id = office.launch()["InstanceId"]
    office.scheduler.create_schedule_group(Name="boxes")
    office.plan("terminateInstances", {"InstanceIds": [instance_id]}, GroupName="boxes")
    office.scheduler.delete_schedule_group(Name="boxes")
    office.sandbox.control.advance(2 * HOUR)
    assert office.state(instance_id) == "running"


def test_a_disabled_schedule_does_not_fire(office: Office) -> None:
    instance_id = office.launch()["InstanceId"]
    office.plan("terminateInstances", {"InstanceIds": [instance_id]}, State="DISABLED")
    office.sandbox.control.advance(2 * HOUR)
    assert office.state(instance_id) == "running"


def test_an_update_moves_it_and_replaces_every_field(office: Office) -> None:
    instance_id = office.launch()["InstanceId"]
    given = {"InstanceIds": [instance_id]}
    office.plan("terminateInstances", given, ActionAfterCompletion="DELETE", Description="old")
    later = office.order("terminateInstances", given, ScheduleExpression=office.at(3 * HOUR))
    office.scheduler.update_schedule(**later)
    shown = office.scheduler.get_schedule(Name="plan")
    assert (shown.get("Description"), shown.get("ActionAfterCompletion")) == (None, None)
    office.sandbox.control.advance(2 * HOUR)
    assert office.state(instance_id) == "running"
    office.sandbox.control.advance(HOUR + MINUTE)
    assert office.state(instance_id) == "terminated"


def test_the_same_client_token_again_is_the_same_schedule(office: Office) -> None:
    order = office.order("terminateInstances", {"InstanceIds": ["i-1"]}, ClientToken="once")
    first = office.scheduler.create_schedule(**order)
    assert office.scheduler.create_schedule(**order)["ScheduleArn"] == first["ScheduleArn"]
    order["ClientToken"] = "twice"
    with pytest.raises(office.scheduler.exceptions.ConflictException):
        office.scheduler.create_schedule(**order)


# Failures


def test_a_failed_call_is_repeated(office: Office) -> None:
    instance_id = office.launch()["InstanceId"]
    office.plan("terminateInstances", {"InstanceIds": [instance_id]})
    office.sandbox.control.fail("TerminateInstances", "InternalError", times=2)
    office.sandbox.control.advance(2 * HOUR)
    assert office.outcomes() == ["InternalError, to be tried again"] * 2 + ["done"]
    assert office.state(instance_id) == "terminated"


def test_a_call_that_keeps_failing_is_dropped(office: Office) -> None:
    given = {"InstanceIds": ["i-0123456789abcdef0"]}
    office.plan("terminateInstances", given, ActionAfterCompletion="DELETE")
    office.sandbox.control.advance(24 * HOUR)
    code = "InvalidInstanceID.NotFound"
    assert office.outcomes() == [f"{code}, to be tried again"] * 4 + [f"{code}, dropped"]
    assert office.scheduler.list_schedules()["Schedules"] == []


def test_the_retry_policy_is_kept(office: Office) -> None:
    given = {"InstanceIds": ["i-0123456789abcdef0"]}
    policy = {"RetryPolicy": {"MaximumRetryAttempts": 0}}
    office.plan("terminateInstances", given, name="never", target=policy)
    policy = {"RetryPolicy": {"MaximumEventAgeInSeconds": 100, "MaximumRetryAttempts": 9}}
    office.plan("terminateInstances", given, name="soon", target=policy)
    office.sandbox.control.advance(24 * HOUR)
    assert [outcome.split(", ")[1] for outcome in office.outcomes()] == [
        "dropped",
        "to be tried again",
        "dropped",
    ]


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:scheduler:::aws-sdk:ec2:makeCoffee",
        "arn:aws:scheduler:::aws-sdk:s3:deleteBucket",
        "arn:aws:lambda:us-east-1:123456789012:function:f",
    ],
)
def test_a_target_that_the_sandbox_does_not_know_is_told(office: Office, arn: str) -> None:
    office.plan("", {}, target={"Arn": arn})
    office.sandbox.control.advance(2 * HOUR)
    assert office.outcomes() == ["unsupported target, dropped"]


# What is refused


@pytest.mark.parametrize(
    "chosen",
    [
        {"ScheduleExpression": "at(2026-01-04T23:59:00)"},
        {"ScheduleExpression": "at(soon)"},
        {"ScheduleExpression": "rate(5 fortnights)"},
        {"ScheduleExpressionTimezone": "Mars/Olympus"},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}},
        {"target": {"Input": "no json"}},
        {"name": "bad name"},
    ],
    ids=["past", "no time", "no unit", "zone", "window", "input", "name"],
)
def test_what_aws_would_not_take_is_refused(office: Office, chosen: dict[str, Any]) -> None:
    assert refused(office, **chosen) == "ValidationException"
    assert office.scheduler.list_schedules()["Schedules"] == []


def test_a_group_that_does_not_exist_is_not_found(office: Office) -> None:
    assert refused(office, GroupName="nowhere") == "ResourceNotFoundException"


# Restart


@pytest.mark.soak
def test_a_schedule_survives_a_restart(tmp_path: Path) -> None:
    home = tmp_path / "home"
    try:
        office = Office(Sandbox(daemon.start(home, options=QUIET)))
        instance_id = office.launch()["InstanceId"]
        office.plan("terminateInstances", {"InstanceIds": [instance_id]})
        daemon.stop(home)
        again = Office(Sandbox(daemon.start(home)))
        again.sandbox.control.advance(HOUR + MINUTE)
        assert again.state(instance_id) == "terminated"
        created = again.scheduler.get_schedule(Name="plan")["CreationDate"]
        assert abs(created - datetime.now(UTC)) < HOUR
    finally:
        daemon.stop(home)
