"""What disks cost; a price that cannot be read is unknown, and never an error."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from spotkeeper.errors import SpotkeeperError
from spotkeeper.market.feeds import StorageFeed
from spotkeeper.model.disk import Disk, DiskCost


def usd_per_gib_month(storage: StorageFeed, region: str) -> Mapping[str, Decimal]:
    """Prices by volume type; empty where nobody tells."""
    try:
        return storage.storage_prices(region).value
    except SpotkeeperError:
        return {}


def together(disks: Sequence[Disk], prices: Mapping[str, Decimal]) -> DiskCost | None:
    """What some disks of one region cost; ``None`` where one is unknown, or there is none."""
    costs = [disk.cost(prices) for disk in disks]
    known = [cost.usd_per_month for cost in costs if cost is not None]
    return DiskCost(sum(known, Decimal(0))) if known and len(known) == len(costs) else None
