"""From a chosen pool to an offer: all that is known of it, each fact with source and age."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from spotkeeper.keeper.facts import Quotas, Risk
from spotkeeper.market.market import MarketSnapshot, OnDemand, listed_usd_per_hour
from spotkeeper.model.offer import SHOWN, Explanation, Offer, SortBy, Source
from spotkeeper.model.price_table import spot_price
from spotkeeper.model.risk import UNKNOWN, RegionRisk, Work
from spotkeeper.ranking.ranking import Chosen

EC2_PRICES = "ec2:DescribeSpotPriceHistory"
EC2_TYPES = "ec2:DescribeInstanceTypes"
PRICE_LIST = "pricing:GetProducts"
PUBLIC_PRICES = "aws-public-spot-prices"
ADVISOR = "spot-advisor"
SCORES = "ec2:GetSpotPlacementScores"
QUOTAS = "service-quotas:GetServiceQuota"
JOURNAL = "journal"


class MarketView(NamedTuple):
    """Prices and hardware of the regions that are searched.

    ``is_public``  no account was asked: one price for a region, and nothing of the account.
    ``notes``      what must be said of where the facts come from.
    """

    regions: tuple[str, ...]
    snapshot: MarketSnapshot
    is_public: bool = False
    notes: tuple[str, ...] = ()

    @property
    def prices_origin(self) -> str:
        """Who told the prices."""
        return PUBLIC_PRICES if self.is_public else EC2_PRICES


@dataclass(frozen=True)
class OfferBuilder:
    """All that is known of the pools that are shown."""

    view: MarketView
    risk: Risk
    listed: OnDemand
    quotas: Quotas = field(default_factory=Quotas)

    @cached_property
    def _priced_at(self) -> Mapping[str, datetime]:
        """When each region told its prices."""
        return {table.region: table.as_of for table in self.view.snapshot.tables}

    def offer(self, chosen: Chosen, zones: Sequence[str] = ()) -> Offer:
        """A pool as an offer, which stands for its type in these ``zones``."""
        name, zone, region = chosen.instance_type, chosen.zone_name, chosen.region
        region_risk = self.risk.risk_by_region.get(region, UNKNOWN)
        price = spot_price(chosen.row, region)
        band, quota = region_risk.bands.get(name), self.quotas.of(name, region)
        return Offer(
            hardware=self.view.snapshot.hardware.value[name],
            price=price,
            on_demand_usd_per_hour=listed_usd_per_hour(self.listed, price.pool),
            sources=tuple(self._sources(chosen, region_risk)),
            interruption_band=band.label if band else None,
            interruption_percent_max=band.percent_max if band else None,
            placement_score=region_risk.score(name, zone),
            expected_usd_per_useful_hour=_expected(
                price.usd_per_hour, region_risk.hazard(name, zone), self.risk.known.work
            ),
            cooling=region_risk.cooling.get((name, zone), ""),
            quota_free_vcpus=quota.value.free_vcpus if quota else None,
            advised_saving_percent=self._advised_saving(name, region),
            zones=() if self.view.is_public else tuple(zones or (zone,)),
        )

    def explanation(self, chosen: Chosen, by: SortBy) -> Explanation:
        """Why a pool stands where it stands."""
        pool = (chosen.instance_type, chosen.zone_name)
        steps = self.risk.maker.steps(chosen.region, pool)
        return Explanation(self.offer(chosen), self.risk.known.work, steps, by.value)

    def _advised_saving(self, name: str, region: str) -> Decimal | None:
        """The advisor's saving, where nobody can tell the On-Demand price."""
        if not self.view.is_public:
            return None
        advice = self.risk.known.advisor.regions.get(region, {}).get(name)
        return None if advice is None else Decimal(advice.saving_percent)

    def _sources(self, chosen: Chosen, region_risk: RegionRisk) -> list[Source]:
        name, zone, region = chosen.instance_type, chosen.zone_name, chosen.region
        view, risk = self.view, self.risk
        listed, quota = self.listed.get(region), self.quotas.of(name, region)
        hardware = view.snapshot.hardware
        partial = hardware.value[name].partial
        types = ADVISOR if partial else EC2_TYPES
        priced_at = listed.as_of if listed and not listed.problem else None
        learnt = (name, zone) in risk.known.experiences
        facts = (
            ("spot_usd_per_hour", view.prices_origin, self._priced_at[region]),
            ("hardware", types, risk.advised_at if partial else hardware.as_of),
            ("on_demand_usd_per_hour", PRICE_LIST, priced_at),
            ("saving_percent", ADVISOR, risk.advised_at if view.is_public else None),
            ("interruption_band", ADVISOR, risk.advised_at if name in region_risk.bands else None),
            ("placement_score", SCORES, risk.scored_at if region_risk.score(name, zone) else None),
            ("quota_free_vcpus", QUOTAS, quota.as_of if quota else None),
            ("own_experience", JOURNAL, risk.known.now if learnt else None),
        )
        return [Source(fact, who, at) for fact, who, at in facts if at is not None]


def _expected(usd_per_hour: Decimal, hazard: float | None, work: Work) -> Decimal | None:
    """Dollars for an hour of work that is kept; unknown where the risk is."""
    if hazard is None:
        return None
    exact = usd_per_hour * (1 + Decimal(hazard) * Decimal(work.lost_hours))
    return exact.quantize(SHOWN)
