"""From a need to a ranking: look at the market, sift and order it, dress what is shown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from spotkeeper.keeper import regions
from spotkeeper.keeper.wiring import Edges
from spotkeeper.market.feeds import Progress
from spotkeeper.market.market import Sight
from spotkeeper.model.need import Need
from spotkeeper.model.odds import UNKNOWN, RegionOdds, Work
from spotkeeper.model.offer import Dated, Offer, Ranking, SortBy, Source
from spotkeeper.model.price_table import spot_price
from spotkeeper.ranking.ranking import Chosen, Facts, Shortlist, Wanted, shortlist

#: More offers than anybody walks through; each one costs a question or two about its facts.
ENOUGH = 200
SHOWN = Decimal("0.000001")  # EC2's own six decimals


@dataclass(frozen=True, slots=True)
class Inquiry:
    """How the market is to be shown."""

    by: SortBy = SortBy.VALUE
    limit: int = ENOUGH
    explain: bool = False
    told: Progress | None = None


class Finding:
    """Finds offers over the edges."""

    def __init__(self, edges: Edges) -> None:
        self._edges = edges
        self._market = edges.market
        self._work = Work()

    def find(self, need: Need, inquiry: Inquiry) -> Ranking:
        """Rank the pools that fit a need, over all regions that it names."""
        searched = regions.searched(need.regions, self._edges)
        sight = self._market.look(searched, need.types, told=inquiry.told)
        odds = self._odds(sight)
        facts = Facts(sight.hardware.value, odds, self._listed(sight, inquiry.by), self._work)
        wanted = Wanted(need, inquiry.by, inquiry.limit, inquiry.explain)
        found = shortlist(sight.tables, facts, wanted)
        return Ranking(
            offers=self._dressed(found, sight, odds),
            refused=(*sight.missing, *found.refused),
            warnings=sight.problems,
            found=found.found,
            refused_by_reason=_counts(found, sight),
        )

    def _odds(self, sight: Sight) -> Mapping[str, RegionOdds]:
        """What is known of the risk, by region."""
        return {}

    def _listed(self, sight: Sight, by: SortBy) -> Mapping[str, Mapping[str, Decimal]]:
        """On-Demand prices of everything, where the order needs them."""
        if by is not SortBy.SAVING:
            return {}
        types = {table.region: {row[0] for row in table.rows} for table in sight.tables}
        return {region: dated.value for region, dated in self._market.on_demand(types).items()}

    def _dressed(
        self, found: Shortlist, sight: Sight, odds: Mapping[str, RegionOdds]
    ) -> tuple[Offer, ...]:
        """The chosen pools with all that is known of them."""
        listed = self._market.on_demand(_types(found.chosen))
        times = {table.region: table.as_of for table in sight.tables}
        return tuple(
            self._offer(each, sight, listed[each.region], times[each.region], odds)
            for each in found.chosen
        )

    def _offer(
        self,
        chosen: Chosen,
        sight: Sight,
        listed: Dated[Mapping[str, Decimal]],
        as_of: datetime,
        odds: Mapping[str, RegionOdds],
    ) -> Offer:
        name, region = chosen.instance_type, odds.get(chosen.region, UNKNOWN)
        price = spot_price(chosen.row, chosen.region)
        band = region.bands.get(name)
        return Offer(
            hardware=sight.hardware.value[name],
            price=price,
            on_demand_usd_per_hour=listed.value.get(name),
            sources=(
                Source("spot_usd_per_hour", "ec2:DescribeSpotPriceHistory", as_of),
                Source("hardware", "ec2:DescribeInstanceTypes", sight.hardware.as_of),
                Source("on_demand_usd_per_hour", "pricing:GetProducts", listed.as_of),
            ),
            interruption_band=band.label if band else None,
            interruption_percent_max=band.percent_max if band else None,
            placement_score=region.scores.get(chosen.zone_name),
            expected_usd_per_useful_hour=_expected(
                price.usd_per_hour, region.hazard(name, chosen.zone_name), self._work
            ),
        )


def _types(chosen: Sequence[Chosen]) -> dict[str, set[str]]:
    """The types of the chosen pools, by region."""
    types: dict[str, set[str]] = {}
    for each in chosen:
        types.setdefault(each.region, set()).add(each.instance_type)
    return types


def _expected(usd_per_hour: Decimal, hazard: float | None, work: Work) -> Decimal | None:
    """Dollars for an hour of work that is kept; unknown where the risk is."""
    if hazard is None:
        return None
    exact = usd_per_hour * (1 + Decimal(hazard) * Decimal(work.lost_hours))
    return exact.quantize(SHOWN)


def _counts(found: Shortlist, sight: Sight) -> dict[str, int]:
    """How many fell to which rule, the strictest first."""
    counts = Counter(found.refused_by_reason)
    counts.update(refusal.reason for refusal in sight.missing)
    return dict(counts.most_common())
