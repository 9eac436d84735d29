"""AWS's Price List, by Pricing GetProducts: what machines cost On-Demand, and disks."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from spotkeeper.aws.memory import Remembering
from spotkeeper.aws.session import AwsSession
from spotkeeper.model.offer import Dated
from spotkeeper.timings import ON_DEMAND_AGE, STORAGE_PRICES_AGE

#: Up to this many types the Price List is asked type by type, beyond it for the whole region.
FEW_TYPES = 8

#: Linux, shared tenancy, no licence on top: what Spot Linux/UNIX is compared with ("On-Demand
#: prices" in docs/reference/aws.md).
MACHINES = {
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
    "operation": "RunInstances",
}

#: Disks of a region itself, not those of its Local Zones and Outposts.
DISKS = {"productFamily": "Storage", "locationType": "AWS Region"}

#: GiB-months, in the words of the Price List.
UNIT = "GB-Mo"

#: Beyond this no price of a GiB is meant.
MOST_USD = Decimal(1000)


class PriceList(Remembering):
    """On-Demand prices by Pricing GetProducts, remembered for a day."""

    def on_demand_prices(
        self, region: str, types: Collection[str]
    ) -> Dated[Mapping[str, Decimal]]:
        """Dollars per hour by type; a type without a known price is left out."""
        now = self._now()
        fresh = self._fresh(region, now)
        missing = sorted(set(types) - set(fresh))
        if missing and not self._aws.offline:
            answers: dict[str, str | None] = dict.fromkeys(missing)
            for wanted in self._questions(region, missing):
                answers |= {name: str(usd) for name, usd in self._ask(region, wanted).items()}
            fresh |= {name: (usd, now) for name, usd in answers.items()}
            document = {name: [usd, at.isoformat()] for name, (usd, at) in fresh.items()}
            self._memory.put("on-demand", region, document)
        asked = {name: fresh[name] for name in types if name in fresh}
        prices = {name: Decimal(usd) for name, (usd, _) in asked.items() if usd}
        return Dated(prices, min((at for _, at in asked.values()), default=now))

    def _fresh(self, region: str, now: datetime) -> dict[str, tuple[str | None, datetime]]:
        """What is remembered of a region, each price with its own age."""
        kept = self._memory.get("on-demand", region, younger_than=ON_DEMAND_AGE) or {}
        dated = {name: (usd, datetime.fromisoformat(at)) for name, (usd, at) in kept.items()}
        good = timedelta.max if self._aws.offline else ON_DEMAND_AGE
        return {name: price for name, price in dated.items() if now - price[1] < good}

    @staticmethod
    def _questions(region: str, missing: Sequence[str]) -> list[dict[str, str]]:
        base = {**MACHINES, "regionCode": region}
        if len(missing) > FEW_TYPES:
            return [base]
        return [{**base, "instanceType": name} for name in missing]

    def _ask(self, region: str, wanted: Mapping[str, str]) -> dict[str, Decimal]:
        found = products(self._aws, region, wanted)
        return dict(pair for product in found if (pair := _hourly_price(product)))


class StoragePrices(Remembering):
    """Prices of EBS volumes, remembered for a day: one call for a region.

    Snapshots are left out. EC2 charges for the blocks that no other snapshot has, and does not
    list how many those are (EBS User Guide, "How snapshots work").
    """

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
        listed = products(self._aws, region, {**DISKS, "regionCode": region})
        found: dict[str, set[Decimal]] = {}
        for name, usd in filter(None, map(_monthly_price, listed)):
            found.setdefault(name, set()).add(usd)
        return {name: usd.pop() for name, usd in found.items() if len(usd) == 1}


def products(aws: AwsSession, region: str, wanted: Mapping[str, str]) -> list[str]:
    """EC2's products in the Price List with these attributes, each a JSON string of its own."""
    return aws.pages(
        "GetProducts",
        aws.pricing_region(region),
        service="pricing",
        key="PriceList",
        ServiceCode="AmazonEC2",
        Filters=[
            {"Type": "TERM_MATCH", "Field": field, "Value": value}
            for field, value in wanted.items()
        ],
    )


def _monthly_price(product: str) -> tuple[str, Decimal] | None:
    """Volume type and price of one product, where that is clear."""
    name, charged = _charged_usd(product, "volumeApiName", UNIT)
    prices = {usd for usd in charged if usd < MOST_USD}
    return (name, prices.pop()) if len(prices) == 1 else None


def _hourly_price(product: str) -> tuple[str, Decimal] | None:
    """Instance type and price of one product."""
    name, charged = _charged_usd(product, "instanceType", "Hrs")
    return (name, charged[0]) if charged else None


def _charged_usd(product: str, attribute: str, unit: str) -> tuple[str, list[Decimal]]:
    """What a product costs On-Demand by a unit, where it costs anything and is told as a whole."""
    try:
        document = json.loads(product)
        name = document["product"]["attributes"][attribute]
        prices = [
            Decimal(dimension["pricePerUnit"]["USD"])
            for term in document["terms"]["OnDemand"].values()
            for dimension in term["priceDimensions"].values()
            if dimension.get("unit") == unit
        ]
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation):
        return "", []
    usd = [price for price in prices if price.is_finite() and price > 0]
    return (name, usd) if isinstance(name, str) else ("", [])
