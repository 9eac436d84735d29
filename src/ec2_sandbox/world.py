"""Everything the sandbox knows beside moto's own objects: one value, kept by the snapshot.

moto builds a new response object for every call, so the world is reached through ``world()``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from moto.ec2.models import ec2_backends

from ec2_sandbox import catalogue
from ec2_sandbox.agenda import Agenda, Due
from ec2_sandbox.clock import Clock
from ec2_sandbox.faults import Fault
from ec2_sandbox.history import Happening, HappeningKind, History
from ec2_sandbox.market import replay
from ec2_sandbox.market.capacity import Capacity, Forced
from ec2_sandbox.market.chance import uniform
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.market.prices import Change, Market
from ec2_sandbox.market.replay import ReplayedMarket
from ec2_sandbox.options import SandboxOptions
from ec2_sandbox.protocol.client_tokens import Answered
from ec2_sandbox.run_history import RunHistory
from ec2_sandbox.services.service_quotas.quota_requests import QuotaRequest
from ec2_sandbox.throttle import Throttle


class Launch(NamedTuple):
    """What a client token stands for: the request it came with and the reservation it made."""

    fingerprint: str
    reservation_id: str


@dataclass
class World:
    """One simulated account, its market, its clock and what is going to happen."""

    options: SandboxOptions = field(default_factory=SandboxOptions)
    clock: Clock = field(default_factory=Clock)
    agenda: Agenda = field(default_factory=Agenda)
    history: History = field(default_factory=History)
    droughts: dict[Pool, Forced] = field(default_factory=dict)
    forced_prices: dict[Pool, tuple[Change, ...]] = field(default_factory=dict)
    quotas: dict[tuple[str, str], float] = field(default_factory=dict)
    quota_requests: dict[str, QuotaRequest] = field(default_factory=dict)
    vcpus: dict[tuple[str, str], int] = field(default_factory=dict)  # in use, by region and quota
    launches: dict[tuple[str, str], Launch] = field(default_factory=dict)
    answers: dict[tuple[str, str, str], Answered] = field(default_factory=dict)
    fleets: dict[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    score_configurations: dict[str, datetime] = field(default_factory=dict)  # first asked
    run_histories: dict[str, RunHistory] = field(default_factory=dict)
    latencies: dict[str, float] = field(default_factory=dict)  # real seconds by action; "": any
    throttle: Throttle | None = None

    @property
    def now(self) -> datetime:
        """Sandbox time, UTC."""
        return self.clock.now()

    @property
    def second(self) -> int:
        """Sandbox time in whole seconds since 1970, as the market counts it."""
        return int(self.now.timestamp())

    @property
    def market(self) -> Market:
        """The prices of this seed, with what is replayed and what was forced on them."""
        options = self.options
        series = self.replayed.series if options.replay else {}
        return Market(
            options.seed, options.scenario, catalogue.on_demand, self.forced_prices, series
        )

    @property
    def replayed(self) -> ReplayedMarket:
        """The price history that is replayed; it is read again by every process, never saved."""
        return _replayed(self.options.replay or "", int(self.clock.begins.timestamp()))

    @property
    def capacity(self) -> Capacity:
        """How much room the pools have, with what was forced on them."""
        options = self.options
        return Capacity(options.seed, options.scenario, self.droughts, catalogue.hardware)

    def spot_price(self, pool: Pool) -> int:
        """Micro-dollars per hour, now."""
        return self.market.price(pool, self.second)

    def force_price(self, pool: Pool, micros: int) -> None:
        """From now on the pool costs this much."""
        change = Change(self.second, micros)
        earlier = self.forced_prices.get(pool, ())
        # A new mapping: prices are read without a lock.
        self.forced_prices = {**self.forced_prices, pool: (*earlier, change)}

    def plan(self, thing: Due) -> None:
        """The thing changed: ask it anew when it is due."""
        self.agenda.plan(thing, self.now)

    def catch_up(self) -> None:
        """Let everything happen that is due by now."""
        self.agenda.catch_up(self.now, self.clock.at)

    def fraction(self, *facts: object) -> float:
        """Between 0 and 1; always the same for the same facts and seed."""
        return uniform(self.options.seed, *facts)

    def dwell(self, shortest: float, longest: float, *facts: object) -> timedelta:
        """How long a passing state lasts: from so many seconds to so many, at ``dwell`` 1."""
        seconds = shortest + (longest - shortest) * self.fraction(*facts)
        return timedelta(seconds=self.options.dwell * seconds)

    def finds(self, resource_id: str, created_at: datetime) -> bool:
        """Whether EC2 finds an id by now: eventually, some delay of its own after it was made.

        APIReference/query-api-troubleshooting.html#eventual-consistency. Only listings and calls
        by id are blind; the thing itself is there, runs and costs.
        """
        if not (longest := self.options.visibility):
            return True
        delay = timedelta(seconds=longest * self.fraction("visible", resource_id))
        return self.now >= created_at + delay

    def tell(
        self, kind: HappeningKind, subject: str, region: str, facts: Mapping[str, str]
    ) -> None:
        """Add what happened now to the history."""
        self.history.tell(Happening(self.now, kind, subject, region, facts))


class _Current:
    """The world of this process."""

    world = World()


def world() -> World:
    """The world of this process."""
    return _Current.world


def replace_world(fresh: World) -> None:
    """Start over, or restore."""
    _Current.world = fresh


def new_world(options: SandboxOptions) -> World:
    """A world of the first day."""
    step = timedelta(seconds=options.step)
    begins = options.first_moment or datetime.now(UTC)
    fresh = World(options=options, clock=Clock(begins, options.speed, step))
    if options.replay:
        _replayed.cache_clear()
        facts = {"replay": options.replay, **fresh.replayed.facts()}
        fresh.tell(HappeningKind.CONTROL, "market", "", facts)
    return fresh


@lru_cache(maxsize=1)
def _replayed(path: str, begins: int) -> ReplayedMarket:
    return replay.replayed_market(
        replay.load(path),
        begins=begins,
        is_pool=catalogue.is_spot_pool,
        on_demand=catalogue.on_demand,
    )


def region_backends() -> dict[str, Any]:
    """moto's EC2 state of every region that was touched."""
    return dict(ec2_backends[catalogue.ACCOUNT_ID].items())


def instances(*backends: Any) -> Iterator[Any]:
    """Every instance that EC2 lists, in order of creation: of these regions, or of all."""
    for backend in backends or region_backends().values():
        for reservation in backend.reservations.values():
            yield from reservation.instances


def spot_requests() -> list[Any]:
    """Every Spot request of every region, in order of creation."""
    per_region = (backend.spot_instance_requests for backend in region_backends().values())
    return list(chain.from_iterable(list(requests.values()) for requests in per_region))
