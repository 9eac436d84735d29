"""Spot requests of others: which look forgotten, and what is told of them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.clock import FIRST_DAY as NOW

from spotkeeper.lifecycle.ports import UnmanagedRequest
from spotkeeper.lifecycle.sweep import forgotten
from spotkeeper.model.resource import Resource, ResourceId, ResourceKind
from spotkeeper.model.spot_request import RequestState, SpotRequest
from spotkeeper.timings import MUCH_YOUNGER

HOUR = timedelta(hours=1)
REQUEST = SpotRequest(
    "sir-1",
    "eu-west-1",
    RequestState.ACTIVE,
    "fulfilled",
    NOW,
    persistent=True,
    interruption_behavior="terminate",
    created_at=NOW - 3 * HOUR,
    instance_id="i-1",
)
FIRST = Resource(ResourceId(ResourceKind.INSTANCE, "i-1", "eu-west-1"), {}, NOW - 3 * HOUR)
LATER = replace(FIRST, born=NOW)
MUCH_LATER = replace(FIRST, born=REQUEST.created_at + MUCH_YOUNGER)


@pytest.mark.parametrize(
    ("request_", "instance", "told"),
    [
        (REQUEST, LATER, "launched its instance anew"),
        (REQUEST, MUCH_LATER, "launched its instance anew"),
        (
            replace(REQUEST, state=RequestState.OPEN, status_code="instance-terminated-by-user"),
            None,
            "will launch another one",
        ),
        (
            replace(REQUEST, state=RequestState.OPEN, status_code="instance-terminated-by-price"),
            None,
            "will launch another one",
        ),
        (
            replace(
                REQUEST,
                state=RequestState.CANCELLED,
                status_code="request-canceled-and-instance-running",
                persistent=False,
            ),
            FIRST,
            "its instance still runs",
        ),
    ],
)
def test_what_looks_forgotten_is_told_with_the_command_that_ends_it(
    request_: SpotRequest, instance: Resource | None, told: str
) -> None:
    found = forgotten(UnmanagedRequest(request_, instance))
    assert found is not None
    assert found.resource_id == ResourceId(ResourceKind.REQUEST, "sir-1", "eu-west-1")
    assert (found.born, found.instance) == (request_.created_at, instance)
    assert told in found.reason
    assert found.command.startswith("aws ec2 cancel-spot-instance-requests --region eu-west-1")
    assert ("terminate-instances --region eu-west-1 --instance-ids i-1" in found.command) is (
        instance is not None
    )


@pytest.mark.parametrize(
    ("request_", "instance"),
    [
        (REQUEST, FIRST),
        (REQUEST, None),
        (replace(REQUEST, persistent=False), LATER),
        (replace(REQUEST, state=RequestState.OPEN, status_code="capacity-not-available"), None),
        (
            replace(
                REQUEST,
                state=RequestState.CANCELLED,
                status_code="request-canceled-and-instance-running",
            ),
            None,
        ),
    ],
)
def test_what_looks_wanted_or_is_over_is_not_told(
    request_: SpotRequest, instance: Resource | None
) -> None:
    assert forgotten(UnmanagedRequest(request_, instance)) is None
