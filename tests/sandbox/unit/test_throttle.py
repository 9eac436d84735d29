"""EC2's token buckets, with the numbers of its documentation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2_sandbox.throttle import Level, Limit, Throttle, draws

REGION = "us-east-1"


def burst(throttle: Throttle, operation: str, now: float, **parameters: str) -> int:
    """How many calls in a row are answered at one moment."""
    answered = 0
    while throttle.admits(draws(operation, REGION, parameters), now):
        answered += 1
    return answered


@pytest.mark.parametrize(
    ("operation", "parameters", "capacity", "per_second"),
    [
        ("DescribeRegions", {}, 100, 20),
        ("DescribeInstances", {}, 50, 10),
        ("DescribeInstances", {"Filter.1.Name": "instance-type"}, 100, 20),
        ("DescribeVolumes", {"MaxResults": "5"}, 100, 20),
        ("CreateSecurityGroup", {}, 50, 5),
        ("CancelSpotInstanceRequests", {}, 50, 5),
        ("RunInstances", {}, 5, 2),
        ("TerminateInstances", {"InstanceId.1": "i-1"}, 100, 5),
        ("CreateTags", {}, 100, 10),
    ],
)
def test_a_full_bucket_empties_and_fills_at_its_rate(
    operation: str, parameters: dict[str, str], capacity: int, per_second: int
) -> None:
    throttle = Throttle()
    assert burst(throttle, operation, 0, **parameters) == capacity
    assert burst(throttle, operation, 1, **parameters) == per_second
    assert burst(throttle, operation, 10_000, **parameters) == capacity


def test_every_action_and_region_has_buckets_of_its_own() -> None:
    throttle = Throttle()
    burst(throttle, "RunInstances", 0)
    assert throttle.admits(draws("StartInstances", REGION, {}), 0)
    assert throttle.admits(draws("RunInstances", "eu-west-1", {}), 0)


def test_instances_are_counted_too() -> None:
    throttle = Throttle()
    thousand = draws("RunInstances", REGION, {"MaxCount": "1000"})
    assert throttle.admits(thousand, 0)
    assert not throttle.admits(draws("RunInstances", REGION, {"MaxCount": "3"}), 1)
    assert throttle.admits(draws("RunInstances", REGION, {"MaxCount": "2"}), 1)


def test_a_refused_call_takes_nothing() -> None:
    throttle = Throttle()
    for _ in range(20):
        assert not throttle.admits(draws("RunInstances", REGION, {"MaxCount": "1001"}), 0)
    assert burst(throttle, "RunInstances", 0) == 5


def test_named_instances_are_the_resources_of_a_stop() -> None:
    named = {"InstanceId.1": "i-1", "InstanceId.2": "i-2", "Force": "true"}
    assert [draw.tokens for draw in draws("StopInstances", REGION, named)] == [1, 2]


@given(st.floats(0, 100), st.floats(0, 10**6), st.floats(0, 10**6), st.integers(1, 100))
def test_a_bucket_never_holds_more_than_it_can(
    tokens: float, at: float, now: float, capacity: int
) -> None:
    limit = Limit(capacity, 2)
    held = Level(min(tokens, capacity), at).later(limit, now)
    assert min(tokens, capacity) <= held <= capacity
