"""Which pools have room, when, and whom EC2 takes it back from.

Pure: a function of (seed, scenario, pool, second) and of the droughts that were forced on pools.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from spotkeeper.sandbox.market.pools import Pool
from spotkeeper.sandbox.options import Scenario

PLENTY = 1_000  # instances


@dataclass(frozen=True)
class Drought:
    """A pool without room for new instances from ``begins`` until ``ends`` (None: refilled).

    ``reclaims`` also takes the instances that run in it, each with its notice.
    """

    begins: datetime
    ends: datetime | None
    reclaims: bool

    def lasts_at(self, second: int) -> bool:
        """Whether the pool is dry then."""
        return second >= int(self.begins.timestamp()) and (
            self.ends is None or second < int(self.ends.timestamp())
        )


@dataclass(frozen=True)
class Capacity:
    """The capacity of all pools of one seed. Times are whole seconds since 1970."""

    seed: int
    scenario: Scenario
    droughts: Mapping[Pool, Drought] = field(default_factory=dict)

    def room(self, pool: Pool, second: int) -> int:
        """How many more instances the pool takes."""
        return 0 if self.is_dry(pool, second) else PLENTY

    def is_dry(self, pool: Pool, second: int) -> bool:
        """Whether EC2 refuses every launch and start in the pool."""
        drought = self.droughts.get(pool)
        return drought is not None and drought.lasts_at(second)

    def reclaims(self, pool: Pool, *, started: int, lot: float, second: int) -> bool:
        """Whether EC2 takes an instance back; ``lot`` is its luck in the pool, from 0 to 1."""
        return self.is_dry(pool, second) and self.droughts[pool].reclaims

    def next_reclaim(
        self, pool: Pool, *, started: int, lot: float, after: int, until: int
    ) -> int | None:
        """The first second in (after, until] at which ``reclaims`` becomes true."""
        return None

    def next_turn(self, pool: Pool, after: int, until: int) -> int | None:
        """The first second in (after, until] at which ``is_dry`` changes."""
        drought = self.droughts.get(pool)
        if drought is None or drought.ends is None:
            return None
        end = int(drought.ends.timestamp())
        return end if after < end <= until else None

    def advises(self, pool: Pool, *, started: int, lot: float, second: int) -> bool:
        """Whether EC2 recommends to leave: the instance is at elevated risk."""
        return self.reclaims(pool, started=started, lot=lot, second=second)
