"""What the market must be told by the outside world."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from spotkeeper.errors import SpotkeeperError
from spotkeeper.market.advisor import Advisor
from spotkeeper.market.risk import Scored
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.offer import Dated, SpotPrice
from spotkeeper.model.price_table import PriceTable
from spotkeeper.model.quota import QuotaFamily, SpotQuota

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

    def remembered(self) -> Dated[Mapping[str, InstanceType]] | None:
        """The hardware that is known without a question, if any is."""

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

    def histories(
        self,
        regions: Sequence[str],
        globs: Sequence[str],
        since: datetime,
        told: Progress | None = None,
    ) -> Sequence[PriceTable]:
        """Every change of price of the pools whose type matches a glob, by region, from the one
        in effect at ``since`` on; a region that fails is answered with its problem."""

    def price_history(
        self, region: str, instance_type: str, zone_name: str, since: datetime
    ) -> Sequence[SpotPrice]:
        """Price changes of one pool, oldest first, from the one in effect at ``since`` on."""


class AdvisorFeed(Protocol):
    """How often EC2 interrupted each type last month."""

    def advice(self, regions: Collection[str] = ()) -> Dated[Advisor]:
        """What the feed says of the regions, of all of them for none.

        Raises:
            Unreachable: it cannot be had; the risk is unknown then.
        """

    def sizes(self) -> Mapping[str, InstanceType]:
        """What the feed says of the types: vCPUs and memory only.

        Raises:
            Unreachable: it cannot be had.
        """


class PublicPriceFeed(Protocol):
    """Spot prices for whoever has no account."""

    def prices(self) -> Dated[Mapping[str, Mapping[str, str]]]:
        """Dollars per hour by region and type: one price for all zones of a region.

        Raises:
            Unreachable: they cannot be had.
        """


class ScoreFeed(Protocol):
    """How likely a request for Spot capacity is to succeed."""

    def scores(self, ranked: Sequence[str], regions: Sequence[str]) -> Dated[Scored]:
        """The score of each zone for a request that may use some of the best of the types.

        Raises:
            SpotkeeperError: there is none to be had; the score is unknown then.
        """


class QuotaFeed(Protocol):
    """What the account's Spot quotas leave."""

    def spot_quota(
        self, region: str, family: QuotaFamily, *, ask: bool
    ) -> Dated[SpotQuota] | None:
        """The quota of a family in a region, as remembered, or asked for with ``ask``; ``None``
        when it is not known.

        Raises:
            SpotkeeperError: the account may not ask, or nobody answers.
        """


class OnDemandFeed(Protocol):
    """On-Demand list prices (Linux, shared tenancy)."""

    def on_demand_prices(
        self, region: str, types: Collection[str]
    ) -> Dated[Mapping[str, Decimal]]:
        """Dollars per hour by type; a type without a known price is left out."""


class StorageFeed(Protocol):
    """On-Demand list prices of disks, which Spot machines pay too."""

    def storage_prices(self, region: str) -> Dated[Mapping[str, Decimal]]:
        """Dollars per GiB-month by volume type; a type without a known price is left out."""


def usd_per_gib_month(storage: StorageFeed, region: str) -> Mapping[str, Decimal]:
    """Prices by volume type; empty where nobody tells."""
    try:
        return storage.storage_prices(region).value
    except SpotkeeperError:
        return {}
