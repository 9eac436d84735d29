"""Everything the sandbox knows beside moto's own objects: one value, kept by the snapshot.

moto builds a new response object for every call, so the world is reached through ``world()``.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

from moto.ec2.models import ec2_backends

from spotkeeper.sandbox import catalogue
from spotkeeper.sandbox.capacity import Capacity
from spotkeeper.sandbox.clock import Clock
from spotkeeper.sandbox.faults import Fault
from spotkeeper.sandbox.market import Change, Market
from spotkeeper.sandbox.options import Account, Scenario
from spotkeeper.sandbox.pools import Pool

CALLS_KEPT = 10_000


class Call(NamedTuple):
    """One AWS call that arrived."""

    operation: str
    region: str


class Launch(NamedTuple):
    """What a client token stands for: the request it came with and the reservation it made."""

    fingerprint: str
    reservation_id: str


@dataclass
class World:
    """One simulated account, its market and its clock."""

    scenario: Scenario = "calm"
    seed: int = 1
    account: Account = "default"
    clock: Clock = field(default_factory=Clock)
    capacity: Capacity = field(default_factory=Capacity)
    forced_prices: dict[Pool, tuple[Change, ...]] = field(default_factory=dict)
    quotas: dict[tuple[str, str], float] = field(default_factory=dict)
    launches: dict[tuple[str, str], Launch] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))
    settled_at: datetime | None = None

    @property
    def now(self) -> datetime:
        """Sandbox time, UTC."""
        return self.clock.now()

    @property
    def market(self) -> Market:
        """The prices of this seed, with what was forced on them."""
        return Market(self.seed, self.scenario, catalogue.on_demand, self.forced_prices)

    def spot_price(self, pool: Pool) -> int:
        """Micro-dollars per hour, now."""
        return self.market.price(pool, int(self.now.timestamp()))

    def force_price(self, pool: Pool, micros: int) -> None:
        """From now on the pool costs this much."""
        change = Change(int(self.now.timestamp()), micros)
        earlier = self.forced_prices.get(pool, ())
        # A new mapping: prices are read without a lock.
        self.forced_prices = {**self.forced_prices, pool: (*earlier, change)}


class _Current:
    """The world of this process."""

    world = World()


def world() -> World:
    """The world of this process."""
    return _Current.world


def replace_world(fresh: World) -> None:
    """Start over, or restore."""
    _Current.world = fresh


def region_backends() -> dict[str, Any]:
    """moto's EC2 state of every region that was touched."""
    return dict(ec2_backends[catalogue.ACCOUNT_ID].items())


def spot_requests() -> list[Any]:
    """Every Spot request of every region, in order of creation."""
    per_region = (backend.spot_instance_requests for backend in region_backends().values())
    return list(chain.from_iterable(list(requests.values()) for requests in per_region))
