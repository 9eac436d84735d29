"""What is said of a maximum price."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from spotkeeper.cli import price_advice
from spotkeeper.market.series import PoolHistory, series
from spotkeeper.model.max_price import MaxPrice
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool

START = datetime(2026, 8, 25, tzinfo=UTC).timestamp()
DAY = 86_400.0


def pool(
    *steps: tuple[float, float], zone: str = "us-east-1a", listed: str | None = "1.0060"
) -> PoolHistory:
    """90 days of (day, dollars) steps."""
    times = [START + day * DAY for day, _ in steps]
    found = series(times, [usd for _, usd in steps], end=START + 90 * DAY)
    of = Pool("g5.xlarge", Zone("us-east-1", zone))
    return PoolHistory(of, found, len(times), Decimal(listed) if listed else None)


CALM = pool((0, 0.40), zone="us-east-1b")
BUSY = pool((0, 0.40), (12.125, 0.50), (12.395, 0.40))


def told(max_price: str, *pools: PoolHistory) -> list[str]:
    asked = MaxPrice.parse(max_price)
    return list(price_advice.asked(asked, [each.trial(asked) for each in pools]))


def test_without_a_maximum_price_none_is_recommended() -> None:
    said = price_advice.unasked([CALM, BUSY])

    assert said.startswith("At most $0.5000/h, 50 % of On-Demand. No maximum price is needed")


def test_an_unknown_on_demand_price_is_not_guessed() -> None:
    assert price_advice.unasked([pool((0, 0.4), listed=None)]).startswith("At most $0.4000/h. No ")


def test_the_number_and_the_recommendation() -> None:
    head, busy, calm, advice = told("0.45", BUSY, CALM)

    assert head == "With a maximum price of $0.4500/h:"
    assert busy == ("  us-east-1a would have been outbid 0.3 % of 90 days, first after 12d 3h")
    assert calm == "  us-east-1b would never have been outbid in 90 days"
    assert "once in 1 of 2 zones: set none" in advice
    assert "AWS says that a maximum price makes interruptions more frequent" in advice


def test_a_maximum_price_without_effect_is_to_be_left_out() -> None:
    assert "changed nothing: leave it out" in told("0.90", BUSY, CALM)[-1]


def test_zones_with_the_same_fate_share_a_line() -> None:
    _, line, _ = told("0.90", BUSY, CALM)

    assert line == "  us-east-1a, us-east-1b would never have been outbid in 90 days"


def test_a_relative_price_is_resolved_in_each_zone() -> None:
    dear = pool((0, 0.80), zone="us-east-1c")

    head, line, _ = told("spot+5%", CALM, dear)

    assert head == "With a maximum price of spot+5%:"
    assert "us-east-1b at $0.4200, us-east-1c at $0.8400" in line


def test_a_part_of_on_demand_is_said_in_dollars() -> None:
    assert told("od-50%", CALM)[0] == "With a maximum price of od-50%, $0.5030/h:"


def test_a_part_of_an_unknown_on_demand_price_is_unknown() -> None:
    lines = told("od", pool((0, 0.4), listed=None))

    assert lines == [
        "With a maximum price of od:",
        "  us-east-1a unknown, as its On-Demand price is",
    ]


def test_a_maximum_below_the_price_now_says_so() -> None:
    _, line, _ = told("0.30", CALM)

    assert line == (
        "  us-east-1b would have been outbid 100 % of 90 days, from its beginning; "
        "below the price now, $0.4000"
    )


@pytest.mark.parametrize(
    ("hours", "share"), [(0.5, "under 0.1 %"), (2.16, "0.1 %"), (216, "10 %"), (1080, "50 %")]
)
def test_shares_are_neither_nothing_nor_too_exact(hours: float, share: str) -> None:
    found = pool((0, 0.4), (10, 0.5), (10 + hours / 24, 0.4))

    assert f"outbid {share} of 90 days" in told("0.45", found)[1]
