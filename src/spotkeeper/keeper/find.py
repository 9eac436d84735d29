"""From a need to a ranking: look at the market, sift and order it, dress what is shown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from spotkeeper.errors import NoCredentials
from spotkeeper.keeper import facts, public_market, regions
from spotkeeper.keeper.facts import Risk
from spotkeeper.keeper.offers import Dresser, Scene
from spotkeeper.keeper.wiring import Edges
from spotkeeper.market.feeds import Progress
from spotkeeper.market.market import Sight
from spotkeeper.model.need import Need
from spotkeeper.model.offer import Ranking, SortBy
from spotkeeper.ranking.ranking import Chosen, Facts, Shortlist, Wanted, shortlist
from spotkeeper.ranking.rules import (
    GPUS_UNKNOWN,
    contradiction,
    refuse_contradictions,
    refuse_unknown_gpu,
)

#: More offers than anybody walks through; each one costs a question or two about its facts.
ENOUGH = 200

WHOLE = 100  # percent


@dataclass(frozen=True, slots=True)
class Inquiry:
    """How the market is to be shown.

    ``explain``  keeps every refusal, and says why the first is the first.
    ``scores``   asks EC2 for placement scores; new questions are limited to about ten a day.
    ``quotas``   asks for the Spot quotas of what is shown; without it they are known where they
                 were asked for a moment ago.
    """

    by: SortBy = SortBy.VALUE
    limit: int = ENOUGH
    explain: bool = False
    told: Progress | None = None
    scores: bool = False
    quotas: bool = False


class Finding:
    """Finds offers over the edges."""

    def __init__(self, edges: Edges) -> None:
        self._edges = edges
        self._market = edges.market

    def find(self, need: Need, inquiry: Inquiry) -> Ranking:
        """Rank the pools that fit a need, over all regions that it names.

        Without credentials the public feeds answer, and the first warning says so.

        Raises:
            BadInput: options exclude each other, or a name is none.
        """
        try:
            scene = self._scene(need, inquiry)
        except NoCredentials as refused:
            scene = public_market.look(self._edges, need, refused)
            ranking = self._ranking(need, inquiry, scene)
            if not ranking.offers and GPUS_UNKNOWN in ranking.refused_by_reason:
                raise public_market.refuse_to_guess(refused) from None
            return ranking
        refuse_unknown_gpu(need, scene.sight.hardware.value)
        return self._ranking(need, inquiry, scene)

    def _scene(self, need: Need, inquiry: Inquiry) -> Scene:
        searched = regions.searched(need.regions, self._edges)
        refuse_contradictions(need, searched)
        sight = self._market.look(searched, need.types, told=inquiry.told)
        return Scene(searched, sight)

    def _ranking(self, need: Need, inquiry: Inquiry, scene: Scene) -> Ranking:
        sight = scene.sight
        risk = facts.known_risk(self._edges, scene.regions, self._edges.work)
        if inquiry.scores and not scene.is_public:
            risk = self._scored(need, inquiry, scene, risk)
        wanted = Wanted(need, inquiry.by, inquiry.limit, inquiry.explain)
        found = shortlist(sight.tables, self._facts(scene, risk, inquiry.by), wanted)
        dresser = self._dresser(found.chosen, inquiry, scene, risk)
        told = (*scene.notes, *sight.problems, *risk.warnings, *dresser.quotas.warnings)
        first = found.chosen[:1] if inquiry.explain else ()
        return Ranking(
            offers=tuple(dresser.offer(each) for each in found.chosen),
            refused=(*sight.missing, *found.refused),
            warnings=(*told, *self._conflicts(need, found, scene)),
            found=found.found,
            refused_by_reason=_counts(found, sight),
            why=next((dresser.explanation(each) for each in first), None),
            made_at=risk.known.now,
            interrupted=sight.interrupted,
        )

    def _scored(self, need: Need, inquiry: Inquiry, scene: Scene, risk: Risk) -> Risk:
        """The risk with placement scores of the types that rank best without them."""
        tables, hardware = scene.sight.tables, scene.sight.hardware.value
        everything = Wanted(need, inquiry.by)
        found = shortlist(tables, self._facts(scene, risk, inquiry.by), everything)
        names = dict.fromkeys(each.instance_type for each in found.chosen)
        ranked = [hardware[name] for name in names]
        return facts.scored(self._edges, risk, tables, ranked)

    def _facts(self, scene: Scene, risk: Risk, by: SortBy) -> Facts:
        """What the ranking is told; On-Demand prices of everything only where it needs them."""
        listed: Mapping[str, Mapping[str, Decimal]] = {}
        if by is SortBy.SAVING and scene.is_public:
            listed = _implied(scene, risk)
        elif by is SortBy.SAVING:
            types = {table.region: {row[0] for row in table.rows} for table in scene.sight.tables}
            dated = self._market.on_demand(types)
            listed = {region: prices.value for region, prices in dated.items()}
        return Facts(scene.sight.hardware.value, risk.odds, listed, self._edges.work)

    def _dresser(
        self, chosen: Sequence[Chosen], inquiry: Inquiry, scene: Scene, risk: Risk
    ) -> Dresser:
        if scene.is_public:
            return Dresser(scene, risk, {})
        hardware = scene.sight.hardware.value
        shown = dict.fromkeys((each.instance_type, each.region) for each in chosen)
        pairs = [(hardware[name], region) for name, region in shown]
        quotas = facts.looked_up(self._edges.quotas, pairs, ask=inquiry.quotas)
        return Dresser(scene, risk, self._market.on_demand(_types(chosen)), quotas)

    def _conflicts(self, need: Need, found: Shortlist, scene: Scene) -> tuple[str, ...]:
        """Why nothing at all was found, where options exclude each other."""
        sight = scene.sight
        if found.found or scene.is_public:
            return ()
        sold = {row[0] for table in sight.tables for row in table.rows}
        types = [row for name, row in sight.hardware.value.items() if name in sold]
        told = contradiction(need, sight.tables, types)
        return (told,) if told else ()


def _implied(scene: Scene, risk: Risk) -> dict[str, dict[str, Decimal]]:
    """On-Demand prices as the advisor's savings have them: good for an order by saving only."""
    prices: dict[str, dict[str, Decimal]] = {}
    for table in scene.sight.tables:
        advised = risk.known.advisor.regions.get(table.region, {})
        for name, _, usd, *_ in table.rows:
            advice = advised.get(name)
            if advice and advice.saving_percent < WHOLE:
                share = Decimal(WHOLE - advice.saving_percent) / WHOLE
                prices.setdefault(table.region, {})[name] = Decimal(usd) / share
    return prices


def _types(chosen: Sequence[Chosen]) -> dict[str, set[str]]:
    """The types of the chosen pools, by region."""
    types: dict[str, set[str]] = {}
    for each in chosen:
        types.setdefault(each.region, set()).add(each.instance_type)
    return types


def _counts(found: Shortlist, sight: Sight) -> dict[str, int]:
    """How many fell to which rule, the strictest first."""
    counts = Counter(found.refused_by_reason)
    counts.update(refusal.reason for refusal in sight.missing)
    return dict(counts.most_common())
