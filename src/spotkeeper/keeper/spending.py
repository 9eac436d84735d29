"""What a machine has cost until now."""

from collections.abc import Sequence
from decimal import Decimal

from spotkeeper.costs.report import spot_usd
from spotkeeper.costs.usage import Interval
from spotkeeper.market.feeds import PriceFeed


def spent_usd(stretches: Sequence[Interval], prices: PriceFeed) -> Decimal:
    """Compute of all stretches, each at the price that was valid then.

    Raises:
        SpotkeeperError: the history of a price cannot be read.
    """
    return sum((_of_one(each, prices) for each in stretches), Decimal(0))


def _of_one(one: Interval, prices: PriceFeed) -> Decimal:
    history = prices.price_history(one.region, one.instance_type, one.zone_name, one.begin)
    return spot_usd(one, history)
