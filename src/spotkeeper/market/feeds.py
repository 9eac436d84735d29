"""What the market must be told by the outside world."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.offer import Dated, SpotPrice


class CatalogFeed(Protocol):
    """Which instance types a region has, with their hardware."""

    def instance_types(self, region: str, globs: Sequence[str]) -> Dated[Collection[InstanceType]]:
        """Types of the region whose name matches a glob; all of them for no globs.

        Raises:
            BadInput: a name without wildcards is no instance type at all.
        """


class PriceFeed(Protocol):
    """Current Spot prices and their history."""

    def current_prices(self, region: str, types: Collection[str]) -> Collection[SpotPrice]:
        """The price now of every pool of the named types in a region."""

    def price_history(
        self, region: str, instance_type: str, zone_name: str, since: datetime
    ) -> Sequence[SpotPrice]:
        """Price changes of one pool, oldest first, from the one in effect at ``since`` on."""


class OnDemandFeed(Protocol):
    """On-Demand list prices (Linux, shared tenancy)."""

    def on_demand_prices(
        self, region: str, types: Collection[str]
    ) -> Dated[Mapping[str, Decimal]]:
        """Dollars per hour by type; a type without a known price is left out."""
