"""One attempt at filling a fleet: pools in the strategy's order until there is enough."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from typing import Any

from ec2_sandbox.fleets.allocation import Candidate, Options, Share, narrowed, shares, units_in
from ec2_sandbox.fleets.candidates import Override
from ec2_sandbox.fleets.launching import Purchase, launch
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.protocol.refusal import EC2Error, no_spot_capacity, refuse
from ec2_sandbox.spot_requests import endings, machines
from ec2_sandbox.spot_requests.request_states import RequestEvent
from ec2_sandbox.spot_requests.spot_requests import request_of
from ec2_sandbox.world import world

ENDED = {"shutting-down", "terminated"}

Place = tuple[int, Pool]


@dataclass
class Member:
    """An instance of a fleet.

    ``shown``     LaunchTemplateAndOverrides as the fleet's answers show it.
    ``at_risk``   EC2 advised to leave it.
    ``leaves_at`` when it ceases to count towards the target: its replacement runs, EC2 takes it
                  back, or the target was lowered.
    ``ends_at``   when the fleet ends it.
    ``lost_at``   when the fleet knows that it runs no more.
    ``is_mourned``  the fleet told that it is gone.
    ``request_state``  that of its Spot request, as the fleet told it last.
    """

    instance: Any
    lifecycle: str
    candidate: Candidate
    shown: dict[str, Any]
    at_risk: bool = False
    leaves_at: datetime | None = None
    ends_at: datetime | None = None
    lost_at: datetime | None = None
    is_mourned: bool = False
    request_state: str = "submitted"

    @property
    def is_alive(self) -> bool:
        """Whether it is alive as far as the fleet knows."""
        return not _has_come(self.lost_at)

    @property
    def is_leaving(self) -> bool:
        """Whether it counts no more towards the target."""
        return _has_come(self.leaves_at)

    @property
    def is_over(self) -> bool:
        """Whether it is on its way out or gone, as far as the fleet knows."""
        return not self.is_alive and self.instance.state in ENDED

    @property
    def moments_ahead(self) -> list[datetime]:
        """When the fleet has to look at it."""
        moments = (self.leaves_at, self.ends_at, self.lost_at)
        return [moment for moment in moments if moment and moment > world().now]

    @property
    def weight(self) -> float:
        """Units of capacity."""
        return self.candidate.weight

    @property
    def request_id(self) -> str | None:
        """Its Spot request."""
        return getattr(self.instance, "spot_instance_request_id", None)

    def cancel_request(self) -> None:
        """Its Spot request launches nothing more."""
        if request := request_of(self.instance):
            request.happen(RequestEvent.CANCEL)

    def end(self) -> None:
        """Terminate it; a persistent request would launch anew, so it is cancelled first."""
        self.lost_at, self.ends_at = world().now, None
        self.cancel_request()
        endings.terminate_instance(self.instance, machines.FLEET)

    def end_soon(self) -> None:
        """End it: a Spot instance after a notice of two minutes (UserGuide/modify-ec2-fleet)."""
        self.leaves_at = world().now
        request = request_of(self.instance)
        if request and self.instance.state == "running":
            self.ends_at = request.announce_end()
        else:
            self.end()


def _has_come(moment: datetime | None) -> bool:
    return moment is not None and moment <= world().now


@dataclass(frozen=True)
class Failure:
    """A pool that did not give what was asked of it."""

    candidate: Candidate
    lifecycle: str
    shown: dict[str, Any]
    code: str
    message: str


@dataclass
class Attempt:
    """What all launches of one attempt share, and what came of them."""

    overrides: Sequence[Override]
    purchase: Purchase
    options: Options
    backend: Any
    members: list[Member] = field(default_factory=list)
    failed: dict[Place, tuple[Candidate, EC2Error]] = field(default_factory=dict)
    taken: Counter[Place] = field(default_factory=Counter)

    def fill(self, pools: Sequence[Candidate], units: float, budget: float = inf) -> None:
        """Launch ``units`` of capacity for at most ``budget`` micro-dollars per hour."""
        chosen = narrowed(pools, self.options, units)
        left = units
        if units_in(chosen) >= self.options.minimum:
            left = self._launch_all(chosen, units, budget)
        if units - left < self.options.minimum:
            self._take_back()
        if left > 0:
            self._explain(pools)

    def launch_share(self, share: Share) -> int:
        """Launch from one pool; returns how many instances there were."""
        candidate, override = share.candidate, self.overrides[share.candidate.override]
        got = launch(candidate, override, self.purchase, count=share.number, backend=self.backend)
        shown = override.shown(candidate.pool.instance_type)
        self.members += [
            Member(instance, self.purchase.lifecycle, candidate, shown)
            for instance in got.instances
        ]
        self.taken[candidate.place] += len(got.instances)
        if got.error:
            self.failed[candidate.place] = (candidate, got.error)
        return len(got.instances)

    @property
    def failures(self) -> list[Failure]:
        """The pools that gave nothing or too little, in the order in which they were tried."""
        return list(self._failures())

    def _failures(self) -> Iterator[Failure]:
        told = set()
        for candidate, error in self.failed.values():
            override = self.overrides[candidate.override]
            shown = override.shown(candidate.pool.instance_type)
            said = (candidate.override, candidate.pool.instance_type, error.code, error.message)
            if said not in told:  # an override without a zone stands for several pools
                told.add(said)
                yield Failure(
                    candidate, self.purchase.lifecycle, shown, error.code, str(error.message)
                )

    def _launch_all(self, pools: Sequence[Candidate], units: float, budget: float) -> float:
        while units > 0:
            plan = shares(
                self._left(pools),
                self.options,
                units=units,
                failed=len(self.failed),
                budget=budget,
            )
            if not plan:
                break
            for share in plan:
                if units <= 0:
                    break
                number = self.launch_share(share)
                units -= number * share.candidate.weight
                budget -= number * share.candidate.price
        return units

    def _left(self, pools: Iterable[Candidate]) -> Iterator[Candidate]:
        """Pools that may give more: not those that failed or gave all they had."""
        for one in pools:
            taken = self.taken[one.place]
            if one.place not in self.failed and not 0 < one.room <= taken:
                yield replace(one, room=one.room - taken)

    def _take_back(self) -> None:
        """Less than MinTargetCapacity: as if nothing had been launched."""
        for member in self.members:
            member.end()
        self.members.clear()
        self.taken.clear()

    def _explain(self, pools: Iterable[Candidate]) -> None:
        """Why the pools that were left out, or used up, give no more."""
        for one in pools:
            if one.place in self.failed:
                continue
            error = no_spot_capacity() if self.taken[one.place] else _not_tried()
            self.failed[one.place] = (one, error)


def _not_tried() -> EC2Error:
    """EC2's code for the pools that an attempt did not come to."""
    return refuse(
        "UnfulfillableCapacity",
        "Unable to fulfill capacity due to your request configuration. Please adjust your request "
        "and try again.",
    )
