"""Which pools fit a need, and the best of them: over rows, since there may be 100,000."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import nsmallest
from math import inf, isfinite
from typing import NamedTuple

from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.money import plain
from spotkeeper.model.need import Need
from spotkeeper.model.odds import UNKNOWN, RegionOdds, Work
from spotkeeper.model.offer import Refusal, SortBy
from spotkeeper.model.price_table import PriceTable, Row
from spotkeeper.ranking.rules import first_refusal, type_rules

MAX_USD_PER_HOUR = 100_000.0
NO_PRICE = "its price is no price"
NOT_KNOWN = "EC2 does not describe the type"


class Chosen(NamedTuple):
    """A pool that fits. Sorts by what was asked for, then by price, type and zone."""

    order: float
    usd_per_hour: float
    instance_type: str
    zone_name: str
    region: str
    row: Row


@dataclass(frozen=True)
class Facts:
    """What is known of the pools besides their price.

    ``on_demand`` is dollars per hour by region and type; needed to sort by saving only.
    """

    hardware: Mapping[str, InstanceType]
    odds: Mapping[str, RegionOdds] = field(default_factory=dict)
    on_demand: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    work: Work = field(default_factory=Work)


@dataclass(frozen=True)
class Shortlist:
    """The best pools, and how many fell to which rule."""

    chosen: Sequence[Chosen]
    found: int
    refused_by_reason: Mapping[str, int]
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """The need, the order, and how many pools are shown; ``explain`` keeps every refusal."""

    need: Need
    by: SortBy = SortBy.VALUE
    limit: int | None = None
    explain: bool = False


def shortlist(tables: Iterable[PriceTable], facts: Facts, wanted: Wanted) -> Shortlist:
    """Sift the pools of all regions and order what is left; the same market, the same order."""
    sieve = _Sieve(facts, wanted)
    for table in tables:
        sieve.pour(table)
    limit = len(sieve.kept) if wanted.limit is None else wanted.limit
    best = nsmallest(limit, sieve.kept) if limit < len(sieve.kept) else sorted(sieve.kept)
    counts = dict(sieve.counts.most_common())
    return Shortlist(best, len(sieve.kept), counts, tuple(sieve.refused))


class _Sieve:
    """Rows in, chosen pools and refusals out."""

    def __init__(self, facts: Facts, wanted: Wanted) -> None:
        self.kept: list[Chosen] = []
        self.counts: Counter[str] = Counter()
        self.refused: list[Refusal] = []
        self._facts = facts
        self._wanted = wanted
        self._verdicts = _Verdicts(facts.hardware, wanted.need)
        limit = wanted.need.max_usd_per_hour
        self._limit = inf if limit is None else float(limit)
        self._too_dear = f"over your limit of ${plain(limit or Decimal(0))}/h"
        self._zones = frozenset(wanted.need.zones)

    def pour(self, table: PriceTable) -> None:
        """All rows of a region."""
        order_of = self._order(table.region)
        judge = self._judge(self._facts.odds.get(table.region, UNKNOWN))
        verdicts, limit, zones = self._verdicts, self._limit, self._zones
        for row in table.rows:
            name, _, usd_text, _, zone, zone_id = row
            usd = _usd(usd_text)
            if reason := verdicts[name]:
                self._refuse(row, reason)
            elif zones and zone not in zones and zone_id not in zones:
                self._refuse(row, "zone not asked for")
            elif not usd:
                self._refuse(row, NO_PRICE)
            elif usd > limit:
                self._refuse(row, self._too_dear)
            elif judge and (reason := judge(name, zone)):
                self._refuse(row, reason)
            else:
                order = order_of(usd, name, zone)
                self.kept.append(Chosen(order, usd, name, zone, table.region, row))

    def _refuse(self, row: Row, reason: str) -> None:
        self.counts[reason] += 1
        if self._wanted.explain:
            self.refused.append(Refusal(f"{row[0]}@{row[4]}", reason))

    def _judge(self, odds: RegionOdds) -> Callable[[str, str], str] | None:
        """The rules about risk; none when there is nothing to say."""
        limit = self._wanted.need.max_interruption_percent
        if limit is None and not odds.cooling:
            return None

        def judge(name: str, zone: str) -> str:
            band = odds.bands.get(name)
            if limit is not None and (band is None or band.percent_max > limit):
                return f"interrupted more often than {limit} %" if band else UNKNOWN_RATE
            return odds.cooling.get((name, zone), "")

        return judge

    def _order(self, region: str) -> Callable[[float, str, str], float]:
        """What makes a pool come first in this region; lower is better."""
        odds = self._facts.odds.get(region, UNKNOWN)
        match self._wanted.by:
            case SortBy.PRICE:
                return lambda usd, _name, _zone: usd
            case SortBy.SAVING:
                listed = self._facts.on_demand.get(region, {})
                return lambda usd, name, _zone: _share(usd, listed.get(name))
            case SortBy.RISK:
                return lambda _usd, name, zone: _or_last(odds.hazard(name, zone))
            case SortBy.VALUE:
                return self._value(odds)

    def _value(self, odds: RegionOdds) -> Callable[[float, str, str], float]:
        """Expected dollars per useful hour; the pool's price where nothing at all is known."""
        lost, own, hazards = self._facts.work.lost_hours, odds.own, odds.hazards
        otherwise = odds.otherwise or 0.0
        if not own:
            return lambda usd, name, _zone: usd * (1 + hazards.get(name, otherwise) * lost)

        def value(usd: float, name: str, zone: str) -> float:
            hazard = own.get((name, zone), hazards.get(name, otherwise))
            return usd * (1 + hazard * lost)

        return value


UNKNOWN_RATE = "how often it is interrupted is not known"


class _Verdicts(dict[str, str]):
    """Type name to the rule of the hardware it falls to, "" for none; each judged once."""

    def __init__(self, hardware: Mapping[str, InstanceType], need: Need) -> None:
        super().__init__()
        self._hardware = hardware
        self._rules = type_rules(need)

    def __missing__(self, name: str) -> str:
        row = self._hardware.get(name)
        self[name] = verdict = NOT_KNOWN if row is None else first_refusal(row, self._rules)
        return verdict


def _usd(text: str) -> float:
    """The price; 0 for what is none."""
    try:
        usd = float(text)
    except ValueError:
        return 0.0
    return usd if isfinite(usd) and 0 < usd < MAX_USD_PER_HOUR else 0.0


def _share(usd: float, on_demand: Decimal | None) -> float:
    return usd / float(on_demand) if on_demand else inf


def _or_last(hazard: float | None) -> float:
    return inf if hazard is None else hazard
