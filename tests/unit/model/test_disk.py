"""What a disk costs by its size."""

from decimal import Decimal

import pytest

from spotkeeper.model.disk import Disk, DiskCost

PRICES = {"gp3": Decimal("0.08"), "io2": Decimal("0.125")}


def test_a_disk_costs_its_size_by_the_month_and_a_share_of_that_by_the_hour() -> None:
    cost = Disk("gp3", 100).cost(PRICES)
    assert cost == DiskCost(Decimal(8))
    assert cost.usd_per_hour == Decimal("0.0109589041")


def test_a_year_of_hours_is_twelve_months() -> None:
    cost = DiskCost(Decimal(730))
    assert cost.usd_per_hour * 365 * 24 == 12 * cost.usd_per_month


UNCLEAR = [Disk("gp9", 100), Disk("", 100), Disk("io2", 100, by_size_alone=False)]


@pytest.mark.parametrize("disk", UNCLEAR)
def test_what_the_size_does_not_tell_is_unknown(disk: Disk) -> None:
    assert disk.cost(PRICES) is None
