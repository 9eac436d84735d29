"""What is known of the risk of pools: the Spot Advisor, our own machines, placement scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from spotkeeper.errors import SpotkeeperError, Unreachable
from spotkeeper.keeper.wiring import Edges
from spotkeeper.market import scores
from spotkeeper.market.advisor import Advisor
from spotkeeper.market.risk import Experiences, Known, OddsMaker, Scores
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.price_table import PriceTable
from spotkeeper.model.risk import RegionOdds, Work


@dataclass(frozen=True)
class Risk:
    """The odds of every region that is searched; the times are those of the facts behind them."""

    known: Known
    regions: Sequence[str]
    advised_at: datetime | None = None
    scored_at: datetime | None = None
    warnings: tuple[str, ...] = ()

    @property
    def maker(self) -> OddsMaker:
        """What makes odds of all that is known."""
        return OddsMaker(self.known)

    @cached_property
    def odds(self) -> Mapping[str, RegionOdds]:
        """The odds by region."""
        maker = self.maker
        return {region: maker.odds(region) for region in self.regions}


def known_risk(edges: Edges, regions: Sequence[str], work: Work) -> Risk:
    """All that is known without a question about single pools; without the Spot Advisor's feed,
    our own experience is left, and the warning says why."""
    now = edges.clock.now()
    experiences = _own(edges, now)
    try:
        advice = edges.advisor.advice(regions)
    except Unreachable as problem:
        told = f"interruption rates are not known: {problem.message}"
        return Risk(Known(Advisor(), now, work, experiences), regions, warnings=(told,))
    return Risk(Known(advice.value, now, work, experiences), regions, advice.as_of)


def _own(edges: Edges, now: datetime) -> Experiences:
    """What happened to our own machines."""
    if not edges.journal.names():
        return {}
    from spotkeeper.keeper.experience import learnt  # nothing to learn, nothing to import

    return learnt(edges.journal, now)


def scored(
    edges: Edges, risk: Risk, tables: Sequence[PriceTable], ranked: Sequence[InstanceType]
) -> Risk:
    """The risk with the placement scores of the best types; a question that fails is a warning."""
    names = scores.comparable(ranked)
    if len(names) < scores.ENOUGH_TYPES:
        return _warned(
            risk,
            f"placement scores are not known: only {len(names)} different types of one "
            f"architecture fit, and a score of fewer than {scores.ENOUGH_TYPES} says nothing",
        )
    zones = {table.region: {row[5]: row[4] for row in table.rows} for table in tables}
    found: dict[str, Scores] = {}
    oldest = risk.known.now
    for group in scores.groups([region for region, rows in zones.items() if rows]):
        try:
            answer = edges.scores.scores(names, group)
        except SpotkeeperError as problem:
            risk = _warned(risk, f"placement scores are not known: {problem.message}")
            break
        oldest = min(oldest, answer.as_of)
        for region in group:
            ids = zones[region].items()
            by_zone = {z: s for i, z in ids if (s := answer.value.by_zone_id.get(i)) is not None}
            found[region] = Scores(answer.value.types, by_zone)
    return replace(risk, known=replace(risk.known, scores=found), scored_at=oldest)


def _warned(risk: Risk, told: str) -> Risk:
    return replace(risk, warnings=(*risk.warnings, told))
