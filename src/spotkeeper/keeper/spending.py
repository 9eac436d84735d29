"""What a machine has cost until now."""

from collections.abc import Sequence
from decimal import Decimal

from spotkeeper.costs.usage import Interval, on_demand_usd, spot_usd
from spotkeeper.market.feeds import PriceFeed
from spotkeeper.market.market import Market, listed_usd_per_hour
from spotkeeper.model.offer import SpotPrice
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool


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


def listed_usd(stretch: Interval, market: Market) -> Decimal | None:
    """What a stretch would have cost On-Demand; unknown where its price is."""
    listed = market.on_demand({stretch.region: {stretch.instance_type}})
    pool = Pool(stretch.instance_type, Zone(stretch.region, stretch.zone_name))
    usd_per_hour = listed_usd_per_hour(listed, pool)
    return None if usd_per_hour is None else on_demand_usd(stretch, usd_per_hour)
