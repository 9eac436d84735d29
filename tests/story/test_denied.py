"""With the permissions of a launch its machine is found and ended, whatever else is denied."""

from collections.abc import Iterator

import pytest
from tests.story import account
from tests.story.fault_matrix import DOWN, GUARDED, UP
from tests.story.fault_trials import Laboratory, Row, Step

pytestmark = pytest.mark.world("ends with calls denied", by="IAM's way to refuse")

HERE = "--region us-east-1"

#: What ends a box: nothing can stand in for these.
ACTS = {"ec2:CancelSpotInstanceRequests", "ec2:TerminateInstances"}

#: A machine of this computer, whose journal knows it, and one of another.
WAYS = {DOWN: (), f"{DOWN} {HERE}": (Laboratory.move,)}


@pytest.fixture
def denying(lab: Laboratory) -> Iterator[Laboratory]:
    lab.fresh()
    lab.proxy.denied = lambda action: action == "ec2:DescribeRegions"
    yield lab
    lab.proxy.denied = lambda _: False


@pytest.mark.soak
def test_every_verb_works_for_a_region_that_is_named(denying: Laboratory) -> None:
    lines = ("ls", "show train", "ssh train --print", "stop train", "start train", "sweep")
    for line in (UP, *lines, "extend train 2h", "doctor --type m5.large", DOWN):
        answer = denying.spot(f"{line} {HERE}")
        assert answer.code == 0, (line, answer)
    assert account.left(denying.sandbox) == []


@pytest.mark.soak
def test_without_a_name_all_regions_are_tried_and_the_closed_ones_told_in_one_line(
    denying: Laboratory,
) -> None:
    assert denying.spot(UP).code == 0
    denying.move()  # to a computer that does not know where it is

    answer = denying.spot(DOWN)

    assert answer.code == 0, answer
    assert account.left(denying.sandbox) == []
    told = answer.err.splitlines()
    assert sum("all regions were tried: DescribeRegions" in line for line in told) == 1
    [closed] = [line for line in told if "af-south-1" in line]
    assert "not looked at" in closed
    assert "us-gov-" not in answer.err


def calls(lab: Laboratory, line: str, *before: str | Step) -> set[str]:
    """What a command calls that ends well."""
    lab.fresh()
    lab.prepare(Row("", line, before))
    assert lab.spot(line).code == 0
    return set(lab.proxy.seen)


def machines_left(lab: Laboratory) -> list[str]:
    """What runs, and what may launch it anew."""
    ended = {"shutting-down", "terminated"}
    running = [one["InstanceId"] for one in account.instances(lab.sandbox)]
    states = [one["State"]["Name"] for one in account.instances(lab.sandbox)]
    requests = [one["State"] for one in account.requests(lab.sandbox)]
    alive = [one for one, state in zip(running, states, strict=True) if state not in ended]
    return alive + [state for state in requests if state in {"open", "active", "disabled"}]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.one_in(2)
def test_a_machine_ends_with_all_calls_denied_that_its_launch_did_not_make(
    lab: Laboratory, way: str
) -> None:
    """But for those that end it."""
    ended_without(lab, UP, way, not_of_the_launch(lab, UP, way))


@pytest.mark.soak
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("launch", [UP, f"{UP} --once", GUARDED], ids=["box", "once", "guarded"])
def test_a_machine_ends_with_any_call_denied_that_its_launch_did_not_make(
    lab: Laboratory, launch: str, way: str
) -> None:
    for action in sorted(not_of_the_launch(lab, launch, way)):
        ended_without(lab, launch, way, {action})


def not_of_the_launch(lab: Laboratory, launch: str, way: str) -> set[str]:
    """The calls of an end that the launch did not make, but for those that nothing stands for."""
    made = calls(lab, launch)
    others = calls(lab, way, launch, *WAYS[way]) - made - ACTS
    assert {"ec2:DescribeVolumes", "ec2:DescribeSpotInstanceRequests"} <= others
    return others


def ended_without(lab: Laboratory, launch: str, way: str, denied: set[str]) -> None:
    lab.fresh()
    lab.prepare(Row("", way, (launch, *WAYS[way])))
    lab.proxy.denied = denied.__contains__
    try:
        answer = lab.spot(way)
    finally:
        lab.proxy.denied = lambda _: False
    told = (denied, answer)
    assert machines_left(lab) == [], told
    assert answer.code in {0, 8}, told
    assert (answer.code == 8) >= ("ec2:DescribeVolumes" in denied), told
    assert answer.code == 8 or account.left(lab.sandbox) == [], told
    assert list(lab.leaks()) == [], told
