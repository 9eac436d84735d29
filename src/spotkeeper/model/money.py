"""US dollars as ``Decimal``; rates are dollars per hour."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

HOURS_PER_DAY = Decimal(24)

#: A public address in use, the same in every region (https://aws.amazon.com/vpc/pricing/).
PUBLIC_IPV4_USD_PER_HOUR = Decimal("0.005")

#: Beyond this many zeros no amount is meant, and to print it would take for ever.
MAX_EXPONENT = 18

#: Below so many dollars an hour, so many places: six figures at the most.
PLACES = ((10, 4), (100, 3))
FEW_PLACES = 2
CENT = Decimal("0.01")

#: EC2 refuses a maximum price below this (SpotMarketOptions, ``MaxPrice``).
EC2_MINIMUM_MAX_PRICE = Decimal("0.001")


def parse_usd(text: str) -> Decimal:
    """Read a positive dollar amount such as ``0.50`` or ``$0.50``.

    Raises:
        ValueError: the text is not a finite number above zero, or one that is no amount of money.
    """
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a dollar amount") from None
    if not amount.is_finite() or amount <= 0 or abs(amount.adjusted()) > MAX_EXPONENT:
        raise ValueError(f"{text!r} is not a dollar amount above zero")
    return amount


def saving_percent(spot_usd_per_hour: Decimal, on_demand_usd_per_hour: Decimal) -> Decimal:
    """How much less Spot costs than On-Demand, in percent to two places; negative when dearer."""
    saving = (1 - spot_usd_per_hour / on_demand_usd_per_hour) * 100
    return saving.quantize(Decimal("0.01"), ROUND_HALF_UP)


def usd_per_day(usd_per_hour: Decimal) -> Decimal:
    """A day at this rate, to the cent."""
    return (usd_per_hour * HOURS_PER_DAY).quantize(Decimal("0.01"), ROUND_HALF_UP)


def plain(amount: Decimal) -> str:
    """The exact amount without an exponent and without trailing zeros, as EC2 wants prices."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(amount: Decimal | float, places: int) -> str:
    """An amount to so many places, without a sign."""
    return str(Decimal(str(amount)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def price(usd_per_hour: Decimal | float) -> str:
    """Dollars an hour to six figures at the most, without a sign."""
    places = next((places for below, places in PLACES if usd_per_hour < below), FEW_PLACES)
    return rounded(usd_per_hour, places)


def rate(usd_per_hour: Decimal | float) -> str:
    """Dollars an hour, as everywhere: ``$0.3167/h``."""
    return f"${price(usd_per_hour)}/h"


def total(usd: Decimal | float) -> str:
    """A sum, as everywhere: to the cent, below a cent to four places."""
    is_tiny = usd != 0 and -CENT < usd < CENT
    return f"${rounded(usd, 4 if is_tiny else FEW_PLACES)}"
