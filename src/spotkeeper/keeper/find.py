"""From a need to a ranking: look at the market, sift and order it, dress what is shown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

from spotkeeper.errors import BadInput, NoCredentials, NoOffers
from spotkeeper.keeper import facts, public_market, regions
from spotkeeper.keeper.edges import Edges
from spotkeeper.keeper.facts import Risk
from spotkeeper.keeper.offers import MarketView, OfferBuilder
from spotkeeper.market.feeds import Progress
from spotkeeper.market.market import MarketSnapshot, unlisted
from spotkeeper.model.instance_type import Arch
from spotkeeper.model.money import rate
from spotkeeper.model.need import Need
from spotkeeper.model.offer import GroupBy, Ranking, SortBy
from spotkeeper.model.pool import types_by_region
from spotkeeper.ranking.ranking import Chosen, Facts, Shortlist, Wanted, best_by_type, shortlist
from spotkeeper.ranking.rules import (
    GPUS_UNKNOWN,
    contradiction,
    first_refusal,
    globs,
    matches,
    refuse_contradictions,
    refuse_unknown_gpu,
    type_rules,
)

#: More offers than anybody walks through; each one costs a question or two about its facts.
ENOUGH = 200

WHOLE = 100  # percent


class Limit(NamedTuple):
    """An option that narrows a need, and the order in which what it refused is looked at."""

    word: str
    flag: str
    by: SortBy


LIMITS = (
    Limit("max_spot_usd_per_hour", "max-hourly", SortBy.PRICE),
    Limit("max_interruption_percent", "max-interruption", SortBy.RISK),
)


@dataclass(frozen=True, slots=True)
class FindOptions:
    """How the market is to be shown, by the words of ``find``.

    ``by``     gives a type and region one offer, by its best pool, or each pool one; ``limit`` is
               of offers.
    ``why``    keeps every refusal, and says why the first is the first.
    ``score``  asks EC2 for placement scores; new questions are limited to about ten a day.
    ``quota``  asks for the Spot quotas of what is shown; without it they are known where they were
               asked for a moment ago.
    """

    sort: SortBy = SortBy.VALUE
    by: GroupBy = GroupBy.TYPE
    limit: int = ENOUGH
    why: bool = False
    progress: Progress | None = None
    score: bool = False
    quota: bool = False


def options_of(words: Mapping[str, Any]) -> FindOptions:
    """The same, out of all words of a verb.

    Raises:
        BadInput: there is no such order or group, or nothing is to be shown.
    """
    said = {word: words[word] for word in FindOptions.__slots__ if word in words}
    for word, choice in (("sort", SortBy), ("by", GroupBy)):
        if word in said and said[word] not in set(choice):
            step = f"Use {', '.join(choice)}."
            raise BadInput(f"find: {word} cannot be {said[word]!r}", next_step=step)
        if word in said:
            said[word] = choice(said[word])
    limit = said.get("limit", ENOUGH)
    if limit < 1:
        raise BadInput(f"find: limit cannot be {limit}", next_step="Use 1 or more.")
    return FindOptions(**said)


class Find:
    """Finds offers over the edges."""

    def __init__(self, edges: Edges) -> None:
        self._edges = edges
        self._market = edges.market

    def find(self, need: Need, options: FindOptions) -> Ranking:
        """Rank the pools that fit a need, over all regions that it names.

        Without credentials the public feeds answer, and the first warning says so.

        Raises:
            BadInput: options exclude each other, or a name is none.
        """
        try:
            view = self._view(need, options)
        except NoCredentials as refused:
            view = public_market.look(self._edges, need, refused)
            ranking = self._ranking(need, options, view)
            if not ranking.offers and GPUS_UNKNOWN in ranking.refused_by_reason:
                raise public_market.refuse_to_guess(refused) from None
            return ranking
        refuse_unknown_gpu(need, view.snapshot.hardware.value)
        usual = _usual(need)
        ranking = self._ranking(usual, options, view)
        undescribed = view.snapshot.hardware.problem
        if undescribed and not ranking.offers and GPUS_UNKNOWN in ranking.refused_by_reason:
            raise undescribed
        if usual is need or not ranking.offers:
            return ranking if usual is need else self._ranking(need, options, view)
        left_out = ranking.refused_by_reason.get(f"architecture is not {usual.arch}", 0)
        told = (
            f"pools of arm64 are left out ({left_out}): x86 packages do not run there; see --arch"
        )
        return replace(ranking, warnings=(*ranking.warnings, told)) if left_out else ranking

    def types(self, need: Need) -> tuple[str, ...]:
        """The types that fit a need, whatever they cost; a glob for a family that fits as a whole.

        Raises:
            NoOffers: none does.
            SpotkeeperError: nobody tells what types there are.
        """
        look = replace(need, types=(), zones=())
        try:
            view, refused = self._view(look, FindOptions()), None
            refuse_unknown_gpu(need, view.snapshot.hardware.value)
        except NoCredentials as nobody:
            view, refused = public_market.look(self._edges, look, nobody), nobody
        known = view.snapshot.hardware.value
        rules = type_rules(need)
        fitting = {
            row.name
            for row in known.values()
            if (not need.types or matches(row.name, need.types)) and not first_refusal(row, rules)
        }
        if not fitting:
            raise (
                public_market.refuse_to_guess(refused)
                if refused
                else NoOffers(
                    "No type has all that is needed",
                    next_step="Run `spot find --why` with the same options.",
                )
            )
        return globs(fitting, known)

    def _view(self, need: Need, options: FindOptions) -> MarketView:
        searched = regions.searched(need.regions, self._edges)
        refuse_contradictions(need, searched)
        snapshot = self._market.look(searched, need.types, told=options.progress)
        return MarketView(searched, public_market.sized(self._edges, snapshot))

    def _ranking(self, need: Need, options: FindOptions, view: MarketView) -> Ranking:
        snapshot = view.snapshot
        risk = facts.known_risk(self._edges, view.regions, self._edges.work)
        if options.score and not view.is_public:
            risk = self._scored(need, options, view, risk)
        wanted = Wanted(need, options.sort, options.limit, options.why)
        look = best_by_type if options.by is GroupBy.TYPE else shortlist
        found = look(snapshot.tables, self._facts(view, risk, options.sort), wanted)
        builder = self._builder(found.chosen, options, view, risk)
        told = (*view.notes, *snapshot.problems, *risk.warnings, *builder.quotas.warnings)
        told += unlisted(builder.listed)
        first = found.chosen[:1] if options.why else ()
        return Ranking(
            offers=tuple(
                builder.offer(each, found.zones.get((each.instance_type, each.region), ()))
                for each in found.chosen
            ),
            refused=(*snapshot.missing, *found.refused),
            warnings=(*told, *self._conflicts(need, found, view, risk)),
            found=found.found,
            refused_by_reason=_counts(found, snapshot),
            why=next((builder.explanation(each, options.sort) for each in first), None),
            made_at=risk.known.now,
            interrupted=snapshot.interrupted,
        )

    def _scored(self, need: Need, options: FindOptions, view: MarketView, risk: Risk) -> Risk:
        """The risk with placement scores of the types that rank best without them."""
        tables, hardware = view.snapshot.tables, view.snapshot.hardware.value
        everything = Wanted(need, options.sort)
        found = shortlist(tables, self._facts(view, risk, options.sort), everything)
        names = dict.fromkeys(each.instance_type for each in found.chosen)
        ranked = [hardware[name] for name in names]
        return facts.scored(self._edges, risk, tables, ranked)

    def _facts(self, view: MarketView, risk: Risk, by: SortBy) -> Facts:
        """What the ranking is told; On-Demand prices of everything only where it needs them."""
        listed: Mapping[str, Mapping[str, Decimal]] = {}
        if by is SortBy.SAVING and view.is_public:
            listed = _implied(view, risk)
        elif by is SortBy.SAVING:
            types = {table.region: table.types for table in view.snapshot.tables}
            dated = self._market.on_demand(types)
            listed = {region: prices.value for region, prices in dated.items()}
        return Facts(view.snapshot.hardware.value, risk.risk_by_region, listed, self._edges.work)

    def _builder(
        self, chosen: Sequence[Chosen], options: FindOptions, view: MarketView, risk: Risk
    ) -> OfferBuilder:
        if view.is_public:
            return OfferBuilder(view, risk, {})
        hardware = view.snapshot.hardware.value
        shown = dict.fromkeys((each.instance_type, each.region) for each in chosen)
        pairs = [(hardware[name], region) for name, region in shown]
        quotas = facts.looked_up(self._edges.quotas, pairs, ask=options.quota)
        return OfferBuilder(view, risk, self._market.on_demand(types_by_region(chosen)), quotas)

    def _conflicts(
        self, need: Need, found: Shortlist, view: MarketView, risk: Risk
    ) -> tuple[str, ...]:
        """Why nothing at all was found, where options exclude each other."""
        snapshot = view.snapshot
        if found.found or view.is_public:
            return ()
        sold = {name for table in snapshot.tables for name in table.types}
        types = [row for name, row in snapshot.hardware.value.items() if name in sold]
        told = contradiction(need, snapshot.tables, types)
        if told:
            return (told,)
        offers = (self._without(limit, need, view, risk) for limit in LIMITS)
        return tuple(filter(None, offers))

    def _without(self, limit: Limit, need: Need, view: MarketView, risk: Risk) -> str:
        """What the need would find first without one of its limits; "" without such a limit."""
        unlimited: dict[str, Any] = {limit.word: None}
        wider = replace(need, **unlimited)
        if wider == need:
            return ""
        wanted = Wanted(_usual(wider), limit.by, 1)
        found = shortlist(view.snapshot.tables, self._facts(view, risk, limit.by), wanted)
        if not found.chosen:
            return ""
        offer = OfferBuilder(view, risk, {}).offer(found.chosen[0])
        price, band = rate(offer.spot_usd_per_hour), offer.interruption_band
        often = f", interrupted {band}" if band else ""
        return f"without --{limit.flag} the first is {offer.pool} for {price}{often}"


def _usual(need: Need) -> Need:
    """The need as it is meant: who asks for a GPU, and names neither model, type nor architecture,
    has packages for x86."""
    is_named = need.arch or need.gpu or need.types
    is_meant = (need.gpus or need.gpu_memory_gb) and not is_named
    return replace(need, arch=Arch.X86_64) if is_meant else need


def _implied(view: MarketView, risk: Risk) -> dict[str, dict[str, Decimal]]:
    """On-Demand prices as the advisor's savings have them: good for an order by saving only."""
    prices: dict[str, dict[str, Decimal]] = {}
    for table in view.snapshot.tables:
        advised = risk.known.advisor.regions.get(table.region, {})
        for name, _, usd, *_ in table.rows:
            advice = advised.get(name)
            if advice and advice.saving_percent < WHOLE:
                share = Decimal(WHOLE - advice.saving_percent) / WHOLE
                prices.setdefault(table.region, {})[name] = Decimal(usd) / share
    return prices


def _counts(found: Shortlist, snapshot: MarketSnapshot) -> dict[str, int]:
    """How many fell to which rule, the strictest first."""
    counts = Counter(found.refused_by_reason)
    counts.update(refusal.reason for refusal in snapshot.missing)
    return dict(counts.most_common())
