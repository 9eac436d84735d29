"""What EventBridge Scheduler is asked, and what its refusals become."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from tests.unit.aws.recorder import Answer, RecordingSession

from spotkeeper.aws.schedules import EventBridgeSchedules, body, parsed
from spotkeeper.errors import GuardRoleMissing, Refused
from spotkeeper.model.schedule import GuardCall, Schedule

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/spotkeeper-guard"
AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
CANCEL = Schedule(
    REGION, "dev-0123456789ab-cancel", AT, GuardCall.CANCEL, "sir-1", ROLE, "123456789012:user/me"
)
TERMINATE = replace(
    CANCEL, name="dev-0123456789ab-terminate", call=GuardCall.TERMINATE, target="i-1"
)


def refusal(code: str, told: str = "no") -> Refused:
    return Refused(told, aws_code=code)


def office(**answers: list[Answer]) -> tuple[RecordingSession, EventBridgeSchedules]:
    session = RecordingSession(**answers)
    return session, EventBridgeSchedules(session)  # type: ignore[arg-type]


def kept(schedule: Schedule, **changed: Any) -> dict[str, Any]:
    """What GetSchedule answers."""
    return {**body(schedule, "aws"), "State": "ENABLED", **changed}


def test_a_schedule_cancels_or_ends_by_a_universal_target_at_a_moment_in_utc() -> None:
    session, schedules = office()
    schedules.arm(CANCEL)
    schedules.arm(TERMINATE)
    cancel, terminate = session.bodies("CreateSchedule")
    assert cancel["ScheduleExpression"] == "at(2026-11-24T08:00:00)"
    assert cancel["ScheduleExpressionTimezone"] == "UTC"
    assert cancel["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert cancel["ActionAfterCompletion"] == "DELETE"
    assert cancel["GroupName"] == "spotkeeper"
    assert cancel["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:ec2:cancelSpotInstanceRequests"
    assert json.loads(cancel["Target"]["Input"]) == {"SpotInstanceRequestIds": ["sir-1"]}
    assert terminate["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances"
    assert json.loads(terminate["Target"]["Input"]) == {"InstanceIds": ["i-1"]}
    assert {one["Target"]["RoleArn"] for one in (cancel, terminate)} == {ROLE}


def test_the_client_token_is_that_of_the_content() -> None:
    token = body(CANCEL, "aws")["ClientToken"]
    assert body(CANCEL, "aws")["ClientToken"] == token
    assert body(replace(CANCEL, at=AT + timedelta(hours=1)), "aws")["ClientToken"] != token


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    elsewhere = replace(CANCEL, at=AT.astimezone(timezone(timedelta(hours=5))))
    assert body(elsewhere, "aws")["ScheduleExpression"] == "at(2026-11-24T08:00:00)"


def test_an_existing_schedule_is_replaced_in_every_field() -> None:
    session, schedules = office(CreateSchedule=[refusal("ConflictException")])
    schedules.arm(CANCEL)
    assert session.bodies("UpdateSchedule") == session.bodies("CreateSchedule")


def test_the_group_is_made_where_it_is_missing_and_by_another_at_the_same_moment() -> None:
    session, schedules = office(
        CreateSchedule=[refusal("ResourceNotFoundException"), {}],
        CreateScheduleGroup=[refusal("ConflictException")],
    )
    schedules.arm(CANCEL)
    operations = [name for name, _ in session.calls]
    assert operations == ["CreateSchedule", "CreateScheduleGroup", "CreateSchedule"]


def test_a_role_that_cannot_be_taken_on_is_told_with_the_way_to_make_it() -> None:
    told = "The execution role you provide must allow the Scheduler to assume the role."
    _, schedules = office(CreateSchedule=[refusal("ValidationException", told)])
    with pytest.raises(GuardRoleMissing) as caught:
        schedules.arm(CANCEL)
    assert "spot policy guard --trust" in caught.value.next_step
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("code", ["ValidationException", "ServiceQuotaExceededException"])
def test_any_other_refusal_stays_what_it_is(code: str) -> None:
    _, schedules = office(CreateSchedule=[refusal(code)], GetSchedule=[refusal(code)])
    with pytest.raises(Refused) as armed:
        schedules.arm(CANCEL)
    with pytest.raises(Refused) as found:
        schedules.find(REGION, CANCEL.name)
    assert (armed.value.aws_code, found.value.aws_code) == (code, code)


def test_what_is_gone_is_gone() -> None:
    gone = refusal("ResourceNotFoundException")
    _, schedules = office(GetSchedule=[gone], DeleteSchedule=[gone], ListSchedules=[gone])
    schedules.disarm(REGION, CANCEL.name)
    assert schedules.find(REGION, CANCEL.name) is None
    assert schedules.listed(REGION) == ()


def test_a_refused_deletion_is_not_taken_for_gone() -> None:
    _, schedules = office(DeleteSchedule=[refusal("ConflictException")])
    with pytest.raises(Refused):
        schedules.disarm(REGION, CANCEL.name)


@pytest.mark.parametrize("schedule", [CANCEL, TERMINATE])
def test_what_was_made_is_read_back_the_same(schedule: Schedule) -> None:
    assert parsed(kept(schedule, CreationDate=AT), REGION) == schedule


@pytest.mark.parametrize(
    "changed",
    [
        {"State": "DISABLED"},
        {"Description": "somebody else's"},
        {"Description": None},
        {"ScheduleExpression": "rate(1 hour)"},
        {"Target": {"Arn": "arn:aws:sqs:us-east-1:1:queue", "RoleArn": ROLE}},
        {"Target": {**kept(CANCEL)["Target"], "Input": "{}"}},
        {"Target": {**kept(CANCEL)["Target"], "Input": '{"SpotInstanceRequestIds": []}'}},
        {"Target": {**kept(CANCEL)["Target"], "Input": "not JSON"}},
    ],
)
def test_what_we_would_not_have_made_is_none_of_ours(changed: dict[str, Any]) -> None:
    assert parsed(kept(CANCEL, **changed), REGION) is None
