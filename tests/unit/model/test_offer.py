"""Offers, pools and rankings: what they say of themselves."""

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.unit.model.make import A10G, hardware, offer, pool


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


def test_the_price_of_a_gpu_is_that_of_a_whole_one() -> None:
    four = hardware("g5.12xlarge", gpus=replace(A10G, count=4), vcpus=48)
    part = hardware("g6f.large", gpus=replace(A10G, count=0, share=0.125))
    assert offer("4", row=four).usd_per_gpu_hour == 1
    assert offer("4", row=four).usd_per_vcpu_hour == Decimal("0.083333")
    assert offer("0.1", row=part).usd_per_gpu_hour == Decimal("0.8")
    assert offer("4", row=hardware(gpus=None)).usd_per_gpu_hour is None


@pytest.mark.parametrize(("free", "fits"), [(None, None), (0, 0), (3, 0), (4, 1), (96, 24)])
def test_a_quota_says_how_many_fit(free: int | None, fits: int | None) -> None:
    assert replace(offer(), quota_free_vcpus=free).fits == fits


def test_the_advised_saving_stands_in_for_an_unknown_on_demand_price() -> None:
    advised = replace(offer("0.4", on_demand=None), advised_saving_percent=Decimal(64))
    assert advised.saving_percent == 64
    assert replace(advised, on_demand_usd_per_hour=Decimal(1)).saving_percent == 60
