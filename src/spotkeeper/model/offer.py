"""A pool with what is known about it, and the ranking of many."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.money import saving_percent
from spotkeeper.model.pool import Pool


@dataclass(frozen=True, slots=True)
class SpotPrice:
    """The price of a pool since a moment (a row of DescribeSpotPriceHistory is a change)."""

    pool: Pool
    usd_per_hour: Decimal
    since: datetime


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dated(Generic[T]):
    """Facts, and when the oldest of them was learnt."""

    value: T
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact comes from and how old it is."""

    fact: str
    origin: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """A pool at its current price. Unknown is ``None``, never a guess.

    The risk fields, and with them the dollars per hour of work kept, are unknown until a feed
    gives them.
    """

    hardware: InstanceType
    price: SpotPrice
    on_demand_usd_per_hour: Decimal | None
    sources: tuple[Source, ...] = ()
    interruption_band: str | None = None
    interruption_percent_max: int | None = None
    placement_score: int | None = None
    expected_usd_per_useful_hour: Decimal | None = None

    @property
    def pool(self) -> Pool:
        """What is offered."""
        return self.price.pool

    @property
    def spot_usd_per_hour(self) -> Decimal:
        """The price now."""
        return self.price.usd_per_hour

    @property
    def saving_percent(self) -> Decimal | None:
        """Saving against On-Demand, when that price is known."""
        if self.on_demand_usd_per_hour is None:
            return None
        return saving_percent(self.spot_usd_per_hour, self.on_demand_usd_per_hour)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A pool, or a whole type of a region (``g5.xlarge@us-east-1*``), and the rule it fell to."""

    pool: str
    reason: str


class SortBy(StrEnum):
    """What makes one offer better than another."""

    VALUE = "value"
    PRICE = "price"
    SAVING = "saving"
    RISK = "risk"


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best offers of a market, best first.

    ``found``              how many pools fit the need; ``offers`` are the best of them.
    ``refused_by_reason``  how many pools fell to which rule, the strictest rule first.
    ``refused``            each of those, where an explanation was asked for.
    """

    offers: tuple[Offer, ...]
    refused: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    found: int = 0
    refused_by_reason: Mapping[str, int] = field(default_factory=dict)
