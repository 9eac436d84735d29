"""A pool with what is known about it, and the ranking of many."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.money import saving_percent
from spotkeeper.model.pool import Pool
from spotkeeper.model.risk import HazardSteps, Work


@dataclass(frozen=True, slots=True)
class SpotPrice:
    """The price of a pool since a moment (a row of DescribeSpotPriceHistory is a change)."""

    pool: Pool
    usd_per_hour: Decimal
    since: datetime


#: Prices have EC2's own six decimals.
SHOWN = Decimal("0.000001")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dated(Generic[T]):
    """Facts, and when the oldest of them was learnt."""

    value: T
    as_of: datetime


class Source(NamedTuple):
    """Where a fact comes from and how old it is."""

    fact: str
    origin: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """A pool at its current price. Unknown is ``None``, never a guess.

    ``placement_score``         of a request that may use several types, this one among them.
    ``cooling``                 why the pool comes last though it fits; "" when it does not.
    ``quota_free_vcpus``        what the account's Spot quota for the family leaves in the region.
    ``advised_saving_percent``  the Spot Advisor's saving over last month, for where the On-Demand
                                price is not known.
    """

    hardware: InstanceType
    price: SpotPrice
    on_demand_usd_per_hour: Decimal | None
    sources: tuple[Source, ...] = ()
    interruption_band: str | None = None
    interruption_percent_max: int | None = None
    placement_score: int | None = None
    expected_usd_per_useful_hour: Decimal | None = None
    cooling: str = ""
    quota_free_vcpus: int | None = None
    advised_saving_percent: Decimal | None = None

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
        """Saving against On-Demand, when that price is known; else as the Spot Advisor has it."""
        if self.on_demand_usd_per_hour is None:
            return self.advised_saving_percent
        return saving_percent(self.spot_usd_per_hour, self.on_demand_usd_per_hour)

    @property
    def usd_per_vcpu_hour(self) -> Decimal:
        """The price of one vCPU."""
        return (self.spot_usd_per_hour / max(1, self.hardware.vcpus)).quantize(SHOWN)

    @property
    def usd_per_gpu_hour(self) -> Decimal | None:
        """The price of one whole GPU; where only a part of one is had, what the whole would be."""
        gpus = self.hardware.gpus
        if gpus is None:
            return None
        whole = Decimal(gpus.count or gpus.share or 1)
        return (self.spot_usd_per_hour / whole).quantize(SHOWN)

    @property
    def fits(self) -> int | None:
        """How many such machines the Spot quota still allows, when that is known."""
        free = self.quota_free_vcpus
        return None if free is None else free // max(1, self.hardware.vcpus)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an offer stands where it stands: its price, its risk, and what an interruption costs.

    ``steps`` is ``None`` where nothing is known of the risk.
    """

    offer: Offer
    work: Work
    steps: HazardSteps | None = None


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
    ``why``                the explanation of the first, where one was asked for.
    ``made_at``            when; the ages of the facts are counted from then.
    ``interrupted``        somebody did not want to wait for the regions that are missing.
    """

    offers: tuple[Offer, ...]
    refused: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    found: int = 0
    refused_by_reason: Mapping[str, int] = field(default_factory=dict)
    why: Explanation | None = None
    made_at: datetime | None = None
    interrupted: bool = False
