"""Where DescribeRegions is denied, what was launched is found and ended all the same."""

from collections.abc import Iterator

import pytest
from tests.story import account
from tests.story.fault_matrix import DOWN, UP
from tests.story.fault_trials import Laboratory

HERE = "--region us-east-1"


@pytest.fixture
def denying(lab: Laboratory) -> Iterator[Laboratory]:
    lab.fresh()
    lab.proxy.denied = lambda action: action == "ec2:DescribeRegions"
    yield lab
    lab.proxy.denied = lambda _: False


def test_every_verb_works_for_a_region_that_is_named(denying: Laboratory) -> None:
    lines = ("ls", "show train", "ssh train --print", "stop train", "start train", "sweep")
    for line in (UP, *lines, "extend train 2h", "doctor --type m5.large", DOWN):
        answer = denying.spot(f"{line} {HERE}")
        assert answer.code == 0, (line, answer)
    assert account.left(denying.sandbox) == []


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
