"""What disks cost, by Pricing GetProducts."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

from spotkeeper.aws.feeds import charged_usd, products
from spotkeeper.aws.memory import AnswerMemory
from spotkeeper.aws.session import AwsSession
from spotkeeper.model.offer import Dated
from spotkeeper.timings import STORAGE_PRICES_AGE

#: Disks of a region itself, not those of its Local Zones and Outposts.
PRODUCT = {"productFamily": "Storage", "locationType": "AWS Region"}

#: GiB-months, in the words of the Price List.
UNIT = "GB-Mo"

#: Beyond this no price of a GiB is meant.
MOST_USD = Decimal(1000)


class StoragePrices:
    """Prices of EBS volumes, remembered for a day: one call for a region.

    Snapshots are left out. EC2 charges for the blocks that no other snapshot has, and does not
    list how many those are (EBS User Guide, "How snapshots work").
    """

    def __init__(
        self, session: AwsSession, memory: AnswerMemory, now: Callable[[], datetime]
    ) -> None:
        self._aws = session
        self._memory = memory
        self._now = now

    def storage_prices(self, region: str) -> Dated[Mapping[str, Decimal]]:
        """Dollars per GiB-month by volume type; a type without one clear price is left out."""
        kept = self._memory.get("storage", region, younger_than=STORAGE_PRICES_AGE)
        if kept is None:
            usd = {name: str(price) for name, price in self._ask(region).items()}
            kept = {"at": self._now().isoformat(), "usd": usd}
            self._memory.put("storage", region, kept)
        prices = {name: Decimal(usd) for name, usd in kept["usd"].items()}
        return Dated(prices, datetime.fromisoformat(kept["at"]))

    def _ask(self, region: str) -> dict[str, Decimal]:
        listed = products(self._aws, region, {**PRODUCT, "regionCode": region})
        found: dict[str, set[Decimal]] = {}
        for name, usd in filter(None, map(_monthly_price, listed)):
            found.setdefault(name, set()).add(usd)
        return {name: usd.pop() for name, usd in found.items() if len(usd) == 1}


def _monthly_price(product: str) -> tuple[str, Decimal] | None:
    """Volume type and price of one product; ``None`` for what is not whole."""
    try:
        document = json.loads(product)
        name = document["product"]["attributes"]["volumeApiName"]
        prices = {usd for usd in charged_usd(document, UNIT) if usd < MOST_USD}
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation):
        return None
    return (name, prices.pop()) if isinstance(name, str) and len(prices) == 1 else None
