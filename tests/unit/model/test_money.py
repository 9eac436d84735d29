"""Money: exact, bounded, and written as EC2 takes it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.model.money import parse_usd, plain, saving_percent, usd_per_day

PRICES = st.decimals("0.0001", "1000", places=4)
AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value="1e-12", max_value="1e9")


@pytest.mark.parametrize(
    ("instance_type", "on_demand", "spot", "percent"),
    [
        ("m4.2xlarge", "0.444", "0.1375", "69.03"),
        ("c4.2xlarge", "0.478", "0.128", "73.22"),
        ("g3.4xlarge", "1.21", "0.3726", "69.21"),
        ("g3.8xlarge", "2.42", "0.726", "70.00"),
        ("p2.xlarge", "0.972", "0.2916", "70.00"),
        ("p3.2xlarge", "3.305", "0.9915", "70.00"),
    ],
)
def test_the_article_saves_what_its_prices_say(
    instance_type: str, on_demand: str, spot: str, percent: str
) -> None:
    assert str(saving_percent(Decimal(spot), Decimal(on_demand))) == percent, instance_type


@given(spot=PRICES, on_demand=PRICES)
def test_a_saving_is_never_100_or_more(spot: Decimal, on_demand: Decimal) -> None:
    saving = saving_percent(spot, on_demand)
    assert saving <= 100
    assert saving.as_tuple().exponent == -2
    assert (saving >= 0) or spot > on_demand
    assert (saving <= 0) or spot < on_demand


@given(price=PRICES)
def test_the_same_price_saves_nothing(price: Decimal) -> None:
    assert saving_percent(price, price) == 0


@given(cheap=PRICES, dear=PRICES, on_demand=PRICES)
def test_cheaper_never_saves_less(cheap: Decimal, dear: Decimal, on_demand: Decimal) -> None:
    cheap, dear = sorted((cheap, dear))
    assert saving_percent(cheap, on_demand) >= saving_percent(dear, on_demand)


@given(amount=AMOUNTS)
def test_plain_reads_back_the_same_and_has_no_exponent(amount: Decimal) -> None:
    text = plain(amount)
    assert Decimal(text) == amount
    assert set(text) <= set("0123456789.")
    assert not text.endswith(".")
    assert "." not in text or not text.endswith("0")


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1E+3", "1000"), ("0.130000", "0.13"), ("100", "100"), ("1E-7", "0.0000001"), ("0.0", "0")],
)
def test_plain_is_what_a_person_would_write(amount: str, text: str) -> None:
    assert plain(Decimal(amount)) == text


@given(amount=AMOUNTS)
def test_an_amount_reads_back_as_written(amount: Decimal) -> None:
    assert parse_usd(f" {plain(amount)} ") == amount


@pytest.mark.parametrize("text", ["", " ", "abc", "1,5", "0", "-1", "nan", "sNaN", "inf"])
def test_what_is_no_amount_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(ValueError, match="is not a dollar amount") as caught:
        parse_usd(text)
    assert repr(text) in str(caught.value)


def test_a_day_is_24_hours_to_the_cent() -> None:
    assert str(usd_per_day(Decimal("0.4253"))) == "10.21"
    assert str(usd_per_day(Decimal("0.0001"))) == "0.00"
