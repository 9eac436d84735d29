"""A mapping whose values are made when they are asked for."""

from spotkeeper.market.advisor import Derived


def test_it_equals_the_mapping_that_is_made_at_once() -> None:
    source = {"m5.large": 2, "g5.xlarge": 3}

    assert Derived(source, float) == {"m5.large": 2.0, "g5.xlarge": 3.0}
    assert Derived(source, float).get("c5.large") is None


def test_nothing_is_made_that_nobody_asks_for() -> None:
    made: list[int] = []

    derived = Derived({"m5.large": 2, "g5.xlarge": 3}, made.append)

    assert "g5.xlarge" in {*derived}
    assert len(derived) == len({"m5.large", "g5.xlarge"})
    assert made == []
