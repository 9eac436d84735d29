"""The maximum price: four forms, exact, and never rounded up to a cent."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.model.max_price import MaxPrice

SPOT, ON_DEMAND = Decimal("0.4253"), Decimal("1.006")
PRICES = st.decimals("0.0001", "1000", places=6)
PERCENTS = st.decimals("0", "100", places=2)


@pytest.mark.parametrize(
    ("text", "usd"),
    [
        ("0.50", "0.50"),
        (" 0.5 ", "0.5"),
        ("spot", "0.4253"),
        ("spot+5%", "0.446565"),
        ("spot-10%", "0.38277"),
        ("od", "1.006"),
        ("OD", "1.006"),
        ("od-20%", "0.8048"),
        ("od+2.5%", "1.03115"),
    ],
)
def test_each_form_resolves_to_dollars(text: str, usd: str) -> None:
    assert MaxPrice.parse(text).resolve(SPOT, ON_DEMAND) == Decimal(usd)


@given(price=PRICES)
def test_five_percent_over_spot_is_exact(price: Decimal) -> None:
    limit = MaxPrice.parse("spot+5%").resolve(price, None)
    assert limit == price * Decimal("1.05")


@given(price=PRICES, percent=PERCENTS, sign=st.sampled_from("+-"))
def test_no_percentage_is_rounded(price: Decimal, percent: Decimal, sign: str) -> None:
    limit = MaxPrice.parse(f"od{sign}{percent}%").resolve(Decimal(9), price)
    assert limit is not None
    share = Fraction(percent) / 100 * (1 if sign == "+" else -1)
    assert Fraction(limit) == Fraction(price) * (1 + share)


def test_a_cheap_pool_is_not_overbid_by_a_cent() -> None:
    assert MaxPrice.parse("spot+5%").resolve(Decimal("0.0130"), None) == Decimal("0.013650")


def test_a_fixed_price_needs_no_market() -> None:
    assert MaxPrice.parse("0.5").resolve(SPOT, None) == Decimal("0.5")


def test_a_share_of_an_unknown_on_demand_price_is_unknown() -> None:
    assert MaxPrice.parse("od-20%").resolve(SPOT, None) is None


@pytest.mark.parametrize(
    "text",
    ["", "abc", "spot+5", "spot+%", "spot+-5%", "spot 5%", "5%", "od*2", "0", "-1", "nan", "inf"],
)
def test_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="dollar amount"):
        MaxPrice.parse(text)


def test_less_than_ec2_takes_is_refused_with_the_minimum() -> None:
    with pytest.raises(ValueError, match=r"below EC2's minimum of \$0\.0010/h"):
        MaxPrice.parse("0.0009")
    assert MaxPrice.parse("0.001").usd_per_hour == Decimal("0.001")
