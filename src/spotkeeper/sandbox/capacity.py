"""Which pools are dry, and until when. Pure but for the mapping it keeps."""

from dataclasses import dataclass, field
from datetime import datetime

from spotkeeper.sandbox.pools import Pool


@dataclass(frozen=True)
class Drought:
    """A pool without room for new instances until ``ends`` (None: until it is refilled).

    ``reclaims`` also takes the instances that run in it, each with its notice.
    """

    ends: datetime | None
    reclaims: bool

    def lasts_at(self, moment: datetime) -> bool:
        """Whether the pool is still dry."""
        return self.ends is None or moment < self.ends


@dataclass
class Capacity:
    """The droughts of all pools; a pool without one has room for everybody."""

    droughts: dict[Pool, Drought] = field(default_factory=dict)

    def is_dry(self, pool: Pool, moment: datetime) -> bool:
        """Whether EC2 refuses a launch or a start in the pool."""
        drought = self.droughts.get(pool)
        return drought is not None and drought.lasts_at(moment)

    def reclaims(self, pool: Pool, moment: datetime) -> bool:
        """Whether EC2 takes back what runs in the pool."""
        return self.is_dry(pool, moment) and self.droughts[pool].reclaims

    def drain(self, pool: Pool, drought: Drought) -> None:
        """Make a pool dry."""
        self.droughts[pool] = drought

    def refill(self, pool: Pool) -> None:
        """End a pool's drought."""
        self.droughts.pop(pool, None)

    def turning_points(self) -> list[datetime]:
        """When droughts end by themselves."""
        return [drought.ends for drought in self.droughts.values() if drought.ends]
