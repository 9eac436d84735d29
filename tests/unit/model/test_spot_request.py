"""EC2's request states and status codes."""

import pytest
from tests.unit.model.make import request

from spotkeeper.model.spot_request import (
    CANCELLABLE,
    INTERRUPTED_CODES,
    NOTICE_CODES,
    STATUS_WORDS,
    RequestState,
)

#: EC2 User Guide, "Spot request status", and the older codes that may still be read.
EC2_CODES = [
    "pending-evaluation",
    "bad-parameters",
    "capacity-not-available",
    "price-too-low",
    "not-scheduled-yet",
    "launch-group-constraint",
    "az-group-constraint",
    "placement-group-constraint",
    "constraint-not-fulfillable",
    "limit-exceeded",
    "schedule-expired",
    "canceled-before-fulfillment",
    "system-error",
    "pending-fulfillment",
    "fulfilled",
    "marked-for-stop",
    "marked-for-termination",
    "instance-stopped-by-user",
    "instance-terminated-no-capacity",
    "instance-terminated-by-price",
    "instance-terminated-launch-group-constraint",
    "instance-stopped-by-price",
    "instance-stopped-no-capacity",
    "instance-terminated-by-service",
    "instance-terminated-by-schedule",
    "instance-terminated-by-user",
    "spot-instance-terminated-by-user",
    "request-canceled-and-instance-running",
    "instance-terminated-by-experiment",
    "marked-for-stop-by-experiment",
    "instance-stopped-by-experiment",
    "capacity-oversubscribed",
    "instance-stopped-capacity-oversubscribed",
    "instance-terminated-capacity-oversubscribed",
]


@pytest.mark.parametrize("code", EC2_CODES)
def test_every_status_code_of_ec2_has_words(code: str) -> None:
    assert STATUS_WORDS[code]


def test_no_words_for_a_code_that_ec2_does_not_have() -> None:
    assert set(STATUS_WORDS) == set(EC2_CODES)


def test_open_active_and_disabled_requests_may_still_launch() -> None:
    assert {RequestState.OPEN, RequestState.ACTIVE, RequestState.DISABLED} == CANCELLABLE
    assert request(state=RequestState.DISABLED).cancellable
    assert not request(state=RequestState.CANCELLED).cancellable


def test_only_ec2_interrupts() -> None:
    assert "instance-stopped-no-capacity" in INTERRUPTED_CODES
    assert "instance-terminated-by-price" in INTERRUPTED_CODES
    assert not [code for code in INTERRUPTED_CODES if "user" in code or "experiment" in code]


def test_a_notice_is_not_yet_an_interruption() -> None:
    assert not NOTICE_CODES & INTERRUPTED_CODES
    assert set(STATUS_WORDS) > NOTICE_CODES
