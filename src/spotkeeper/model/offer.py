"""A pool with what is known about it, and the ranking of many."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from spotkeeper.errors import SpotkeeperError
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.money import saving_percent
from spotkeeper.model.pool import Pool
from spotkeeper.model.record import Record, Result, ResultList, moment, number
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

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Dated(Generic[T]):
    """Facts, and when the oldest of them was learnt; with ``problem``, why there are no others."""

    value: T
    as_of: datetime
    problem: SpotkeeperError | None = None


class Source(NamedTuple):
    """Where a fact comes from and how old it is."""

    fact: str
    origin: str
    as_of: datetime


def sources_told(sources: Iterable[Source]) -> list[Record]:
    """Where each fact comes from, and of when it is."""
    return [{"fact": e.fact, "origin": e.origin, "as_of": moment(e.as_of)} for e in sources]


@dataclass(frozen=True, slots=True, repr=False)
class Offer(Result):
    """A pool at its current price. Unknown is ``None``, never a guess.

    ``placement_score``         of a request that may use several types, this one among them.
    ``cooling``                 why the pool comes last though it fits; "" when it does not.
    ``zones``                   where the type fits in the region, the best first, if this pool
                                stands for it; else its own zone. None where nobody tells zones.
    ``quota_free_vcpus``        what the account's Spot quota for the family leaves in the region.
    ``advised_saving_percent``  the Spot Advisor's saving over last month, for where the On-Demand
                                price is not known.
    """

    _headline = ("instance_type", "region", "zone", "spot_usd_per_hour", "saving_percent")

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
    zones: tuple[str, ...] = ()

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

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        hardware, zone, gpus = self.hardware, self.pool.zone, self.hardware.gpus
        known = not hardware.partial
        return {
            "region": zone.region,
            "zone": None if zone.is_whole_region else zone.name,
            "zone_id": zone.id,
            "zones": list(self.zones) or None,
            "instance_type": hardware.name,
            "platform": self.pool.platform,
            "vcpus": hardware.vcpus,
            "memory_gib": hardware.memory_gib,
            "gpu_name": gpus.name if gpus else None,
            "gpu_count": hardware.gpu_count if known else None,
            "gpu_share": gpus.share if gpus else None,
            "gpu_memory_gb": (gpus.memory_gb_each or None) if gpus else None,
            "gpu_memory_gib": (gpus.memory_gib_each or None) if gpus else None,
            "arch": hardware.arch if known else None,
            "spot_usd_per_hour": number(self.spot_usd_per_hour),
            "on_demand_usd_per_hour": number(self.on_demand_usd_per_hour),
            "saving_percent": number(self.saving_percent),
            "interruption_band": self.interruption_band,
            "interruption_percent_max": self.interruption_percent_max,
            "placement_score": self.placement_score,
            "expected_usd_per_useful_hour": number(self.expected_usd_per_useful_hour),
            "price_time": moment(self.price.since),
            "usd_per_gpu_hour": number(self.usd_per_gpu_hour),
            "usd_per_vcpu_hour": number(self.usd_per_vcpu_hour),
            "quota_free_vcpus": self.quota_free_vcpus,
            "quota_fits": self.fits,
            "cooling": self.cooling or None,
            "sources": sources_told(self.sources),
        }


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Result):
    """Why an offer stands where it stands: its price, its risk, and what an interruption costs.

    ``steps`` is ``None`` where nothing is known of the risk.
    """

    offer: Offer
    work: Work
    steps: HazardSteps | None = None
    sorted_by: str = "value"

    def to_dict(self) -> Record:
        """Why it is the first: every number of the formula."""
        work, steps, own = self.work, self.steps, None
        if steps and (steps.hours or steps.interruptions):
            own = {"interruptions": steps.interruptions, "hours": steps.hours}
        hazard = steps.final if steps else None
        usd = float(self.offer.spot_usd_per_hour)
        return {
            "pool": str(self.offer.pool),
            "sorted_by": str(self.sorted_by),
            "spot_usd_per_hour": usd,
            "on_demand_usd_per_hour": number(self.offer.on_demand_usd_per_hour),
            "saving_percent": number(self.offer.saving_percent),
            "interruptions_per_hour": hazard,
            "band": steps.band.label if steps and steps.band else None,
            "band_interruptions_per_hour": steps.by_band if steps else None,
            "placement_score": steps.score if steps else None,
            "score_factor": _ratio(steps.by_score, steps.by_band) if steps else None,
            "own_experience": own,
            "own_factor": _ratio(steps.final, steps.by_score) if steps else None,
            "restart_hours": work.restart / HOUR,
            "checkpoint_hours": work.checkpoint / HOUR,
            "run_hours": work.run / HOUR,
            "lost_hours_per_interruption": work.lost_hours,
            "ranked_by_usd_per_hour": usd * (1 + (hazard or 0) * work.lost_hours),
        }


@dataclass(frozen=True, slots=True, repr=False)
class Refusal(Result):
    """A pool, or a whole type of a region (``g5.xlarge@us-east-1``), and the rule it fell to."""

    pool: str
    reason: str

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        return {"pool": self.pool, "reason": self.reason}


class SortBy(StrEnum):
    """What makes one offer better than another."""

    VALUE = "value"
    PRICE = "price"
    SAVING = "saving"
    RISK = "risk"


class GroupBy(StrEnum):
    """What has one offer: a type in a region, by its best pool, or a pool."""

    TYPE = "type"
    ZONE = "zone"


@dataclass(frozen=True, slots=True, repr=False)
class Ranking(ResultList[Offer]):
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

    def _items(self) -> tuple[Offer, ...]:
        return self.offers

    def _beside(self) -> Record:
        refused = [refusal.to_dict() for refusal in self.refused]
        return {"refused": refused, "why": self.why.to_dict() if self.why else None}


def _ratio(after: float, before: float) -> float | None:
    return after / before if before else None
