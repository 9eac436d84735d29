"""What a machine has cost until now."""

from collections.abc import Sequence
from decimal import Decimal

from spotkeeper.costs.usage import Interval, spot_usd
from spotkeeper.market.feeds import PriceFeed
from spotkeeper.model.offer import SpotPrice


def spent_usd(stretches: Sequence[Interval], prices: PriceFeed) -> Decimal:
    """Compute of all stretches, each at the price that was valid then.

    Raises:
        SpotkeeperError: the history of a price cannot be read.
    """
    return sum((spot_usd(each, prices_of(each, prices)) for each in stretches), Decimal(0))


def prices_of(stretch: Interval, prices: PriceFeed) -> Sequence[SpotPrice]:
    """The prices of a stretch's pool since it began; empty where nobody knows any.

    Raises:
        SpotkeeperError: they cannot be read.
    """
    return prices.price_history(
        stretch.region, stretch.instance_type, stretch.zone_name, stretch.begin
    )
