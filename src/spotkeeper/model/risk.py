"""How likely EC2 is to take a pool back, as far as anything is known."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

#: A pool within one region: instance type and zone name.
TypeInZone = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Band:
    """How often a type was interrupted in a region, as the Spot Advisor says it.

    ``percent_max`` is the upper end in percent of running capacity over a month.
    """

    label: str
    percent_max: int


@dataclass(frozen=True, slots=True)
class RegionRisk:
    """What is known of the risk in one region; what is missing is unknown.

    ``bands``     by instance type.
    ``hazards``   interruptions per hour, by type; ``otherwise`` for types that are not in it.
    ``own``       interruptions per hour by pool, where our own experience or a placement score
                  says something else than the type's hazard.
    ``scores``    placement score by zone name, from 1 to 10; it holds for a request that may use
                  all of the ``scored`` types.
    ``cooling``   pools that had no room a moment ago, with the reason: they come last.
    """

    bands: Mapping[str, Band] = field(default_factory=dict)
    hazards: Mapping[str, float] = field(default_factory=dict)
    otherwise: float | None = None
    own: Mapping[TypeInZone, float] = field(default_factory=dict)
    scores: Mapping[str, int] = field(default_factory=dict)
    scored: Collection[str] = ()
    cooling: Mapping[TypeInZone, str] = field(default_factory=dict)

    def hazard(self, instance_type: str, zone_name: str) -> float | None:
        """Interruptions per hour of a pool; ``None`` where nothing is known."""
        return self.own.get((instance_type, zone_name), self.hazards.get(instance_type))

    def score(self, instance_type: str, zone_name: str) -> int | None:
        """The placement score that counts for a pool."""
        return self.scores.get(zone_name) if instance_type in self.scored else None


@dataclass(frozen=True, slots=True)
class HazardSteps:
    """How the interruptions per hour of one pool came about, one step after another.

    ``by_band``   as its band says; where the type has none, as the worst that was said of any.
    ``by_score``  the same after the placement score.
    ``final``     the same after our own ``interruptions`` in ``hours``, both faded with their age.
    """

    band: Band | None
    by_band: float
    score: int | None
    by_score: float
    interruptions: float
    hours: float
    final: float


@dataclass(frozen=True, slots=True)
class Work:
    """What an interruption costs the user: stated defaults, or from the configuration.

    ``restart``     until the work goes on: launch, boot, load the checkpoint.
    ``checkpoint``  between two checkpoints; half of it is lost on average.
    ``run``         how long a machine is wanted: young machines are interrupted more often.
    """

    restart: timedelta = timedelta(minutes=10)
    checkpoint: timedelta = timedelta(minutes=30)
    run: timedelta = timedelta(hours=24)

    @property
    def lost_hours(self) -> float:
        """Hours of work that one interruption costs on average."""
        return (self.restart + self.checkpoint / 2) / timedelta(hours=1)


UNKNOWN = RegionRisk()
