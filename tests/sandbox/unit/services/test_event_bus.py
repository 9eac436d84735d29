"""What happens as EventBridge events, and what a rule's target gets of them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ec2_sandbox.history import Happening, HappeningKind
from ec2_sandbox.services.events.event_bus import Message, envelope, message_of
from ec2_sandbox.services.events.event_targets import at_path, body_for

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
INSTANCE_ARN = "arn:aws:ec2:us-east-1:123456789012:instance/i-1"
FLEET_ARN = "arn:aws:ec2:us-east-1:123456789012:fleet/fleet-1"


def told(kind: HappeningKind, subject: str = "i-1", **facts: str) -> Message | None:
    return message_of(Happening(NOON, kind, subject, "us-east-1", facts))


def test_an_interruption_names_the_zone_and_no_account() -> None:
    assert told(
        HappeningKind.NOTICE, action="stop", at="...", pool="g5.xlarge@us-east-1b"
    ) == Message(
        "aws.ec2",
        "EC2 Spot Instance Interruption Warning",
        "arn:aws:ec2:us-east-1b:instance/i-1",
        {"instance-id": "i-1", "instance-action": "stop"},
    )


def test_a_rebalance_recommendation_names_the_instance() -> None:
    assert told(HappeningKind.REBALANCE, pool="g5.xlarge@us-east-1b") == Message(
        "aws.ec2",
        "EC2 Instance Rebalance Recommendation",
        INSTANCE_ARN,
        {"instance-id": "i-1"},
    )


def test_a_state_change_tells_the_state() -> None:
    assert told(HappeningKind.INSTANCE, state="stopping") == Message(
        "aws.ec2",
        "EC2 Instance State-change Notification",
        INSTANCE_ARN,
        {"instance-id": "i-1", "state": "stopping"},
    )


def test_a_fulfilled_request_names_itself_and_its_instance() -> None:
    message = told(
        HappeningKind.REQUEST, "sir-1", state="active", code="fulfilled", instance="i-1"
    )
    assert message == Message(
        "aws.ec2",
        "EC2 Spot Instance Request Fulfillment",
        INSTANCE_ARN,
        {"spot-instance-request-id": "sir-1", "instance-id": "i-1"},
    )


@pytest.mark.parametrize("code", ["capacity-not-available", "marked-for-stop", "price-too-low"])
def test_other_states_of_a_request_are_no_event(code: str) -> None:
    assert told(HappeningKind.REQUEST, "sir-1", state="open", code=code, instance="i-1") is None


@pytest.mark.parametrize(
    ("event", "detail_type"),
    [
        ("state-change", "EC2 Fleet State Change"),
        ("spot-request-change", "EC2 Fleet Spot Instance Request Change"),
        ("instance-change", "EC2 Fleet Instance Change"),
        ("information", "EC2 Fleet Information"),
        ("error", "EC2 Fleet Error"),
    ],
)
def test_a_fleet_has_five_kinds_of_events(event: str, detail_type: str) -> None:
    facts = {"event": event, "sub_type": "launched", "instance": "i-1", "description": "{}"}
    assert told(HappeningKind.FLEET, "fleet-1", **facts) == Message(
        "aws.ec2fleet",
        detail_type,
        FLEET_ARN,
        {"instance-id": "i-1", "description": "{}", "sub-type": "launched"},
    )


@pytest.mark.parametrize(
    "kind",
    [
        HappeningKind.VOLUME,
        HappeningKind.MARKET,
        HappeningKind.QUOTA,
        HappeningKind.SCHEDULE,
        HappeningKind.FLEET,
    ],
)
def test_what_aws_does_not_announce_is_no_event(kind: HappeningKind) -> None:
    assert told(kind, state="created") is None


def enveloped(number: int = 1, seed: int = 1) -> dict[str, Any]:
    happening = Happening(NOON, HappeningKind.INSTANCE, "i-1", "us-east-1", {"state": "running"})
    message = message_of(happening)
    assert message
    return envelope(happening, message, number=number, seed=seed)


def test_the_envelope_is_that_of_eventbridge() -> None:
    event = enveloped()
    identity = event.pop("id")
    assert event == {
        "version": "0",
        "detail-type": "EC2 Instance State-change Notification",
        "source": "aws.ec2",
        "account": "123456789012",
        "time": "2026-01-05T12:00:00Z",
        "region": "us-east-1",
        "resources": [INSTANCE_ARN],
        "detail": {"instance-id": "i-1", "state": "running"},
    }
    assert len(identity) == 36


def test_the_same_happening_has_the_same_id_and_another_another() -> None:
    assert enveloped()["id"] == enveloped()["id"]
    assert len({enveloped(n, seed)["id"] for n in range(5) for seed in range(5)}) == 25


def test_a_target_gets_the_event_a_constant_or_a_part() -> None:
    event = enveloped()
    assert json.loads(body_for({}, event)) == event
    assert body_for({"Input": '{"fixed": true}'}, event) == '{"fixed": true}'
    assert body_for({"InputPath": "$.detail"}, event) == json.dumps(event["detail"])
    assert body_for({"InputPath": "$.detail.instance-id"}, event) == '"i-1"'


def test_a_template_is_filled_in_with_and_without_quotes() -> None:
    transformer = {
        "InputPathsMap": {"id": "$.detail.instance-id", "to": "$.detail", "no": "$.nothing"},
        "InputTemplate": '{"text": "<id> is <no>here", "id": <id>, "all": <to>}',
    }
    assert json.loads(body_for({"InputTransformer": transformer}, enveloped())) == {
        "text": "i-1 is here",
        "id": "i-1",
        "all": {"instance-id": "i-1", "state": "running"},
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", {"a": [{"b": 1}]}),
        ("$.a[0].b", 1),
        ("$.a[1].b", None),
        ("$.x.y", None),
        ("$.a[0].b.c", None),
    ],
)
def test_a_path_leads_to_its_value_or_to_nothing(path: str, value: Any) -> None:
    assert at_path({"a": [{"b": 1}]}, path) == value
