"""Offers, pools and rankings: what they say of themselves."""

from decimal import Decimal

from tests.unit.model.make import offer, pool


def test_a_pool_is_spelled_type_at_zone() -> None:
    assert str(pool("g5.xlarge", "us-east-1a")) == "g5.xlarge@us-east-1a"
    assert pool(zone="eu-west-1c").region == "eu-west-1"


def test_an_offer_says_what_it_saves() -> None:
    assert offer("0.25", on_demand="1").saving_percent == Decimal("75.00")
    assert offer("2", on_demand="1").saving_percent == Decimal("-100.00")


def test_unknown_is_none_and_never_a_guess() -> None:
    found = offer(on_demand=None)
    assert found.saving_percent is None
    assert found.interruption_band is None
    assert found.placement_score is None
    assert found.expected_usd_per_useful_hour is None
