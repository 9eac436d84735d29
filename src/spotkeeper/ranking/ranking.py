"""Which pools fit a need, and the best of them: over rows, since there may be 100,000."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from heapq import nsmallest
from itertools import islice
from math import inf, nan
from types import MappingProxyType
from typing import NamedTuple

from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.money import rate
from spotkeeper.model.need import Need
from spotkeeper.model.offer import Refusal, SortBy
from spotkeeper.model.place import is_local
from spotkeeper.model.price_table import PriceTable, RawPrice, type_of, usd_of, zone_of
from spotkeeper.model.risk import UNKNOWN, RegionRisk, Work
from spotkeeper.ranking.rules import first_refusal, type_rules

MAX_USD_PER_HOUR = 100_000.0
NO_PRICE = "its price is no price"
NOT_KNOWN = "EC2 does not describe the type"
UNKNOWN_RATE = "how often it is interrupted is not known"

#: What is not known comes after what is; a pool that had no room a moment ago comes last of all.
#: Neither is refused: there may be no other.
UNKNOWN_COMES_LATE = 1e9
COOLING = inf

#: So many times more pools than are wanted are kept before they are thinned out.
CROWD = 8

#: A row, its dollars per hour, and the rule that its type falls to, "" for none.
Judged = tuple[RawPrice, float, str]

#: From dollars per hour, type and zone.
Order = Callable[[float, str, str], float]


class Chosen(NamedTuple):
    """A pool that fits. Sorts by what was asked for, then by price, type and zone."""

    order: float
    usd_per_hour: float
    instance_type: str
    zone_name: str
    region: str
    row: RawPrice


@dataclass(frozen=True)
class Facts:
    """What is known of the pools besides their price.

    ``on_demand`` is dollars per hour by region and type; needed to sort by saving only.
    """

    hardware: Mapping[str, InstanceType]
    risk_by_region: Mapping[str, RegionRisk] = field(default_factory=dict)
    on_demand: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    work: Work = field(default_factory=Work)


class Shortlist(NamedTuple):
    """The best pools, and how many fell to which rule.

    ``zones``  of each type and region that one pool stands for, those that fit, the best first.
    """

    chosen: Sequence[Chosen]
    found: int
    refused_by_reason: Mapping[str, int]
    refused: tuple[Refusal, ...] = ()
    zones: Mapping[tuple[str, str], Sequence[str]] = MappingProxyType({})


class Wanted(NamedTuple):
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
    counts = dict(sieve.counts.most_common())
    return Shortlist(sieve.best.taken(), sieve.best.offered, counts, tuple(sieve.refused))


def best_by_type(tables: Sequence[PriceTable], facts: Facts, wanted: Wanted) -> Shortlist:
    """The same with one pool for each type and region; the limit is one of types.

    So many pools are ranked that they are of enough types even if each stands there with all its
    zones; these are looked up for the types that are shown only.
    """
    most = max((len({*map(zone_of, table.rows)}) for table in tables), default=1)
    limit = wanted.limit
    ranked = shortlist(
        tables, facts, wanted._replace(limit=None if limit is None else limit * max(1, most))
    )
    firsts: dict[tuple[str, str], Chosen] = {}
    for each in ranked.chosen:
        firsts.setdefault((each.instance_type, each.region), each)
    shown = dict(islice(firsts.items(), limit))
    theirs = [
        replace(
            table, rows=[row for row in table.rows if (row.instance_type, table.region) in shown]
        )
        for table in tables
    ]
    zones: dict[tuple[str, str], list[str]] = {each: [] for each in shown}
    for each in shortlist(theirs, facts, Wanted(wanted.need, wanted.by)).chosen:
        zones[each.instance_type, each.region].append(each.zone_name)
    return ranked._replace(chosen=tuple(shown.values()), zones=zones)


class _Best:
    """The first of many pools; those that cannot be among them are only counted.

    ``worst``      the order of the last that can; pools after it need not be kept.
    ``worst_usd``  the same as a price: an hour of kept work never costs less than the hour.
    ``offered``    how many there were.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.worst = self.worst_usd = inf
        self.offered = 0
        self._limit = wanted.limit
        self._crowd = inf if wanted.limit is None else CROWD * wanted.limit + CROWD
        self._by_price = wanted.by in {SortBy.VALUE, SortBy.PRICE}
        self._kept: list[Chosen] = []

    def keep(self, pool: Chosen) -> None:
        """A pool that may be among the first."""
        self._kept.append(pool)
        if len(self._kept) >= self._crowd:
            self._kept = self.taken()
            self.worst = self._kept[-1].order if self._kept else -inf
            self.worst_usd = self.worst if self._by_price else inf

    def taken(self) -> list[Chosen]:
        """The first ones, in order."""
        if self._limit is None:
            return sorted(self._kept)
        return nsmallest(self._limit, self._kept)


class _Sieve:
    """Rows in, chosen pools and refusals out."""

    def __init__(self, facts: Facts, wanted: Wanted) -> None:
        self.best = _Best(wanted)
        self.counts: Counter[str] = Counter()
        self.refused: list[Refusal] = []
        self._facts = facts
        self._wanted = wanted
        self._verdicts = _Verdicts(facts.hardware, wanted.need)
        limit = wanted.need.max_spot_usd_per_hour
        self._limit = min(float(inf if limit is None else limit), MAX_USD_PER_HOUR)
        self._too_dear = f"over your limit of {rate(limit or Decimal(0))}"
        self._zones = frozenset(wanted.need.zones)

    def pour(self, table: PriceTable) -> None:
        """All rows of a region."""
        region_risk = self._facts.risk_by_region.get(table.region, UNKNOWN)
        order_of, judge = self._order(region_risk, table), self._judge(region_risk)
        limit, zones, best = self._limit, self._zones, self.best
        refused: list[tuple[RawPrice, str]] = []
        for row, usd, reason in self._questionable(table.rows, narrow=not (zones or judge)):
            if reason:
                refused.append((row, reason))
            elif zones and row.zone not in zones and row.zone_id not in zones:
                refused.append((row, "zone not asked for"))
            elif not 0 < usd <= limit:
                refused.append((row, self._too_dear if 0 < usd < MAX_USD_PER_HOUR else NO_PRICE))
            elif judge and (unsafe := judge(row.instance_type)):
                refused.append((row, unsafe))
            elif usd <= best.worst_usd:
                name, zone = row.instance_type, row.zone
                if (order := order_of(usd, name, zone)) <= best.worst:
                    best.keep(Chosen(order, usd, name, zone, table.region, row))
        best.offered += len(table.rows) - len(refused)
        self._note(refused)

    def _questionable(self, rows: Sequence[RawPrice], *, narrow: bool) -> Iterable[Judged]:
        """The rows that may be chosen or refused; where their type and price alone decide that,
        without the many that are merely dearer than the best."""
        verdicts = map(self._verdicts.__getitem__, map(type_of, rows))
        judged = zip(rows, _dollars(rows), verdicts, strict=True)
        if not narrow:
            return judged
        worst, limit = self.best.worst_usd, self._limit
        return [each for each in judged if each[2] or not worst < each[1] <= limit]

    def _note(self, refused: Sequence[tuple[RawPrice, str]]) -> None:
        self.counts.update([reason for _, reason in refused])
        if self._wanted.explain:
            self.refused += [
                Refusal(f"{row.instance_type}@{row.zone}", reason) for row, reason in refused
            ]

    def _judge(self, region_risk: RegionRisk) -> Callable[[str], str] | None:
        """The rule about the interruption rate, if there is one."""
        limit = self._wanted.need.max_interruption_percent
        if limit is None:
            return None

        def judge(name: str) -> str:
            band = region_risk.bands.get(name)
            if band is None:
                return UNKNOWN_RATE
            return f"interrupted more often than {limit} %" if band.percent_max > limit else ""

        return judge

    def _order(self, region_risk: RegionRisk, table: PriceTable) -> Order:
        """What makes a pool come first in this region; lower is better. Local Zones come last:
        who wants one names it."""
        order_of = self._order_if_warm(region_risk, table.region)
        cooling, region, is_named = region_risk.cooling, table.region, bool(self._zones)

        def order(usd: float, name: str, zone: str) -> float:
            is_last = (name, zone) in cooling or (is_local(zone, region) and not is_named)
            return COOLING if is_last else order_of(usd, name, zone)

        return order

    def _order_if_warm(self, region_risk: RegionRisk, region: str) -> Order:
        match self._wanted.by:
            case SortBy.PRICE:
                return lambda usd, _name, _zone: usd
            case SortBy.SAVING:
                listed = self._facts.on_demand.get(region, {})
                return lambda usd, name, _zone: _share(usd, listed.get(name))
            case SortBy.RISK:
                return lambda _usd, name, zone: _or_last(region_risk.hazard(name, zone))
            case SortBy.VALUE:
                return self._value(region_risk)

    def _value(self, region_risk: RegionRisk) -> Order:
        """Expected dollars per useful hour; the pool's price where nothing at all is known."""
        lost, own, hazards = self._facts.work.lost_hours, region_risk.own, region_risk.hazards
        otherwise = region_risk.otherwise or 0.0
        if not own:
            return lambda usd, name, _zone: usd * (1 + hazards.get(name, otherwise) * lost)

        def value(usd: float, name: str, zone: str) -> float:
            hazard = own.get((name, zone), hazards.get(name, otherwise))
            return usd * (1 + hazard * lost)

        return value


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


def _dollars(rows: Sequence[RawPrice]) -> list[float]:
    """The prices; NaN for what is none, and nothing compares with NaN."""
    try:
        return list(map(float, map(usd_of, rows)))
    except ValueError:
        return [_number(row.usd_per_hour) for row in rows]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return nan


def _share(usd: float, on_demand: Decimal | None) -> float:
    return usd / float(on_demand) if on_demand else UNKNOWN_COMES_LATE


def _or_last(hazard: float | None) -> float:
    return UNKNOWN_COMES_LATE if hazard is None else hazard
