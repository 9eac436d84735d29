"""What the market must be told by the outside world."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.offer import Dated, SpotPrice
from spotkeeper.model.price_table import PriceTable

#: Regions answered, regions asked, prices read.
Progress = Callable[[int, int, int], None]


class CatalogFeed(Protocol):
    """The hardware of instance types."""

    def instance_types(self, region: str, globs: Sequence[str]) -> Dated[Collection[InstanceType]]:
        """Types of the region whose name matches a glob; all of them for no globs.

        Raises:
            BadInput: a name without wildcards is no instance type at all.
        """

    def hardware(self, seen: Mapping[str, Collection[str]]) -> Dated[Mapping[str, InstanceType]]:
        """The types that were seen on sale, by name; ``seen`` is by region. What a type is made of
        is the same everywhere, so a type is asked for once, in a region that has it."""

    def refuse_unknown(self, globs: Sequence[str]) -> None:
        """Check names that nobody sells.

        Raises:
            BadInput: a name without wildcards is no instance type at all; with the nearest.
        """


class PriceFeed(Protocol):
    """Current Spot prices and their history."""

    def scan(
        self, regions: Sequence[str], globs: Sequence[str], told: Progress | None = None
    ) -> Sequence[PriceTable]:
        """The price now of every pool whose type matches a glob (all for none), by region.

        A region that fails is answered with its problem, never dropped.
        """

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
