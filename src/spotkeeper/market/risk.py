"""From what is known of a pool to interruptions per hour. Pure; every assumption is stated here.

Nobody publishes hazards. The Spot Advisor says in five bands how often capacity was reclaimed over
a month; the rest is a model: read the numbers as an order of pools, not as a forecast.

band    its middle is taken as the chance that a run of one day is interrupted; the last band,
        open at the top, counts as its lower end and half of what is left.
age     young instances are taken first: the chance of an hour falls with age as in ``AGE_CURVE``,
        so a short run has more interruptions per hour than a long one.
score   a placement score of 5 changes nothing; each 2.5 points halve or double the hazard.
own     what happened to us in the pool counts like observations of a rate (gamma-Poisson): the
        prior is the hazard above with the weight of ``PRIOR_HOURS``, each interruption counts
        with its age, fading by half in ``EXPERIENCE_HALF_LIFE``.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from spotkeeper.market.advisor import Advisor, Derived
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.risk import Band, HazardSteps, RegionRisk, TypeInZone, Work
from spotkeeper.timings import COOL_DOWN, EXPERIENCE_HALF_LIFE

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

#: Chance of an interruption per hour by age, relative to the first hour: (until hours, chance).
AGE_CURVE = ((1, 1.0), (3, 0.3), (6, 0.17), (12, 0.1), (48, 0.05), (math.inf, 0.02))

NEUTRAL_SCORE = 5
POINTS_PER_DOUBLING = 2.5
PRIOR_HOURS = 24.0


class Experience(NamedTuple):
    """What happened to our machines in one pool.

    ``interrupted_at``  when EC2 took one back.
    ``dry_at``          when EC2 had no room for one.
    ``hours``           how long our machines ran in it, faded like the interruptions.
    """

    interrupted_at: tuple[datetime, ...] = ()
    dry_at: tuple[datetime, ...] = ()
    hours: float = 0.0


Experiences = Mapping[TypeInZone, Experience]


def chance_of_a_day(band: Band, below: int) -> float:
    """The chance that a run of one day is interrupted; ``below`` is the next lower band's end."""
    return min(0.95, (below + band.percent_max) / 200)


def mean_of_run(run: timedelta) -> float:
    """The age curve averaged over a run, relative to the first hour."""
    hours = max(run / HOUR, 1 / 60)
    total, begin = 0.0, 0.0
    for end, chance in AGE_CURVE:
        total += chance * max(0.0, min(end, hours) - begin)
        begin = end
    return total / hours


def hazards_of_bands(bands: Sequence[Band], run: timedelta) -> dict[Band, float]:
    """Interruptions per hour over a run, by band."""
    ordered = sorted(set(bands), key=lambda band: band.percent_max)
    ends = [0, *(band.percent_max for band in ordered)]
    shorter = mean_of_run(run) / mean_of_run(DAY)
    return {
        band: -math.log(1 - chance_of_a_day(band, below)) / 24 * shorter
        for band, below in zip(ordered, ends, strict=False)
    }


def of_score(hazard: float, score: int | None) -> float:
    """The hazard as a placement score makes it."""
    if score is None:
        return hazard
    return float(hazard * 2 ** ((NEUTRAL_SCORE - score) / POINTS_PER_DOUBLING))


def of_experience(hazard: float, seen: Experience, now: datetime) -> float:
    """The hazard as our own machines have met it."""
    prior = PRIOR_HOURS / (PRIOR_HOURS + seen.hours)
    return hazard * prior + taken_in(seen, now) / (PRIOR_HOURS + seen.hours)


def taken_in(seen: Experience, now: datetime) -> float:
    """Interruptions in a pool, each counted as much as its age leaves of it."""
    return sum(faded(now - at) for at in seen.interrupted_at)


def faded(age: timedelta) -> float:
    """How much an observation still counts."""
    return float(0.5 ** (max(age, timedelta(0)) / EXPERIENCE_HALF_LIFE))


def faded_hours(begin: datetime, end: datetime, now: datetime) -> float:
    """A stretch of time in hours, each moment of it faded with its age."""
    half_life_hours = EXPERIENCE_HALF_LIFE / HOUR
    return half_life_hours / math.log(2) * (faded(now - end) - faded(now - begin))


def cooling(seen: Experience, now: datetime) -> str:
    """Why a pool is not tried just now; "" when nothing speaks against it."""
    latest = max(seen.dry_at, default=None)
    if latest is None or now - latest >= COOL_DOWN:
        return ""
    ago = int((now - latest) / timedelta(minutes=1))
    return f"no room {ago} min ago"


@dataclass(frozen=True, slots=True)
class Scores:
    """Placement scores by zone name, which hold for a request that may use all these types."""

    types: frozenset[str] = frozenset()
    by_zone: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known besides prices; what is missing is unknown."""

    advisor: Advisor
    now: datetime
    work: Work = field(default_factory=Work)
    experiences: Experiences = field(default_factory=dict)
    scores: Mapping[str, Scores] = field(default_factory=dict)  # by region


class RiskEstimator:
    """Makes the odds of one region after another."""

    def __init__(self, known: Known) -> None:
        self._known = known
        by_band = hazards_of_bands(known.advisor.ranges, known.work.run)
        # By label, since a text remembers its hash.
        self._by_label = {band.label: hazard for band, hazard in by_band.items()}

    def region_risk(self, region: str) -> RegionRisk:
        """The odds in one region."""
        bands = self._known.advisor.bands(region)
        hazards = Derived(bands, lambda band: self._by_label[band.label])
        otherwise = max(self._by_label.values()) if hazards else None
        scores = self._known.scores.get(region, Scores())
        here = {p: e for p, e in self._known.experiences.items() if p[1].startswith(region)}
        scored = ((name, zone) for name in scores.types for zone in scores.by_zone)
        found = RegionRisk(bands, hazards, otherwise)
        steps = {pool: self._steps(found, scores, pool) for pool in {*here, *scored}}
        return replace(
            found,
            own={pool: each.final for pool, each in steps.items() if each},
            scores=scores.by_zone,
            scored=scores.types,
            cooling={p: why for p, e in here.items() if (why := cooling(e, self._known.now))},
        )

    def steps(self, region: str, pool: TypeInZone) -> HazardSteps | None:
        """How the hazard of one pool came about; ``None`` where nothing is known of it."""
        scores = self._known.scores.get(region, Scores())
        return self._steps(self.region_risk(region), scores, pool)

    def _steps(
        self, region_risk: RegionRisk, scores: Scores, pool: TypeInZone
    ) -> HazardSteps | None:
        name, zone_name = pool
        by_band = region_risk.hazards.get(name, region_risk.otherwise)
        if by_band is None:
            return None
        known, seen = self._known, self._known.experiences.get(pool, Experience())
        score = scores.by_zone.get(zone_name) if name in scores.types else None
        by_score = of_score(by_band, score)
        return HazardSteps(
            band=region_risk.bands.get(name),
            by_band=by_band,
            score=score,
            by_score=by_score,
            interruptions=taken_in(seen, known.now),
            hours=seen.hours,
            final=of_experience(by_score, seen, known.now),
        )


class Stretch(Protocol):
    """A stretch of time during which a machine ran in one pool."""

    @property
    def zone_name(self) -> str:
        """Where."""

    @property
    def instance_type(self) -> str:
        """On what."""

    @property
    def begin(self) -> datetime:
        """From when."""

    @property
    def end(self) -> datetime:
        """Until when."""

    @property
    def interrupted(self) -> bool:
        """Whether EC2 ended it."""


def experiences(
    stretches: Iterable[Stretch], refused: Iterable[tuple[TypeInZone, datetime]], now: datetime
) -> Experiences:
    """All that happened, by pool."""
    hours: dict[TypeInZone, float] = defaultdict(float)
    interrupted: dict[TypeInZone, list[datetime]] = defaultdict(list)
    dry: dict[TypeInZone, list[datetime]] = defaultdict(list)
    for one in stretches:
        pool = (one.instance_type, one.zone_name)
        if all(pool) and one.end <= now:
            hours[pool] += faded_hours(one.begin, one.end, now)
            interrupted[pool] += [one.end] if one.interrupted else []
    for pool, at in refused:
        dry[pool] += [at] if at <= now else []
    return {
        pool: Experience(tuple(interrupted[pool]), tuple(dry[pool]), hours[pool])
        for pool in {*hours, *dry}
    }


ENOUGH_TYPES = 3
#: A request with more types scores better everywhere, and so tells less about each.
MOST_TYPES = 5
#: An earlier question is as good as a new one while its types are among so many of the best.
AMONG = 10
MOST_REGIONS = 10

VARIANT = r"(?P<series>[a-z]+\d+[a-z]*?)d(?P<rest>[a-z]*[-.].+)"


@dataclass(frozen=True, slots=True)
class Scored:
    """Placement scores by zone id, and the types of the request that they are about."""

    types: frozenset[str] = frozenset()
    by_zone_id: Mapping[str, int] = field(default_factory=dict)


def comparable(ranked: Iterable[InstanceType]) -> tuple[str, ...]:
    """The best types that one request could use, best first: all of the best one's architecture.

    Fewer than three when the need admits no more.
    """
    names: dict[str, str] = {}
    arch = ""
    for row in ranked:
        arch = arch or row.arch
        if row.arch == arch:
            names.setdefault(_without_disks(row.name), row.name)
        if len(names) == AMONG:
            break
    return tuple(names.values())


def groups(regions: Sequence[str]) -> list[tuple[str, ...]]:
    """The regions in questions of at most ten; the same regions make the same questions."""
    ordered = sorted(set(regions))
    return [
        tuple(ordered[begin : begin + MOST_REGIONS])
        for begin in range(0, len(ordered), MOST_REGIONS)
    ]


def _without_disks(name: str) -> str:
    """g5d.xlarge as g5.xlarge: the same machine with local disks is a variant, not another."""
    found = re.fullmatch(VARIANT, name)
    return f"{found['series']}{found['rest']}" if found else name
