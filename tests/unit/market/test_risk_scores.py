"""Which questions about placement are worth one of the few that EC2 allows."""

import pytest
from tests.unit.model.make import hardware

from spotkeeper.market.risk import AMONG, comparable, groups

ARM = {"archs": ("arm64",)}


def test_the_types_of_one_architecture_are_asked_together_best_first() -> None:
    ranked = [hardware("g5.xlarge"), hardware("g5g.xlarge", **ARM), hardware("g4dn.xlarge")]
    assert comparable(ranked) == ("g5.xlarge", "g4dn.xlarge")
    assert comparable(reversed(ranked)) == ("g4dn.xlarge", "g5.xlarge")


@pytest.mark.parametrize(
    ("one", "other"),
    [("c5.large", "c5d.large"), ("m6gd.large", "m6g.large"), ("r5dn.large", "r5n.large")],
)
def test_a_type_and_its_variant_with_disks_are_one(one: str, other: str) -> None:
    assert comparable([hardware(one), hardware(other)]) == (one,)


def test_other_types_are_not_mixed_up() -> None:
    names = ("g4dn.xlarge", "g4ad.xlarge", "m5.large", "m5n.large", "d3.xlarge", "dl1.24xlarge")
    assert comparable(map(hardware, names)) == names


def test_no_more_than_the_best_are_looked_at() -> None:
    assert len(comparable(hardware(f"m{n}.large") for n in range(1, 50))) == AMONG


def test_regions_are_asked_for_in_tens_and_always_in_the_same() -> None:
    names = [f"us-east-{number}" for number in range(1, 24)]
    asked = groups(names)
    assert [len(each) for each in asked] == [10, 10, 3]
    assert asked == groups([*reversed(names), names[0]])
