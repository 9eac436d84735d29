"""A fleet: what was asked for, what it has, and its life on the agenda.

States (FleetStateCode) and when they change are in the documentation strings of the EC2 API model;
``docs/sandbox/fleets.md`` says where AWS is silent and this is a reading.
"""

from datetime import datetime, timedelta
from typing import Any

from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import random_fleet_id

from ec2_sandbox.agenda import earliest
from ec2_sandbox.fleets import describing, filling, fleet_events, maintaining
from ec2_sandbox.fleets.allocation import Options, Share
from ec2_sandbox.fleets.attempts import Attempt, Failure, Member
from ec2_sandbox.fleets.candidates import LIFECYCLES, SPOT
from ec2_sandbox.fleets.fleet_events import FleetEvent, FleetHistory
from ec2_sandbox.fleets.fleet_requests import FleetRequest, FleetType
from ec2_sandbox.history import Happening, HappeningKind
from ec2_sandbox.protocol.refusal import EC2Error
from ec2_sandbox.world import world

# Seconds, shortest and longest. From CreateFleet to the first instance of a maintain fleet it took
# 13 and more on AWS; the others are our reading.
EVALUATION = (13, 30)
REACTION = (5, 20)  # from the end of all, a signal, or a pool that changed, to what follows
MODIFICATION = (5, 15)

# Until a fleet knows that an instance runs no more. Longer than a modification: a fleet of AWS,
# told to shrink at once after one of its instances had been ended, ended a second one.
LEARNING = (20, 45)

# "The EC2 Fleet will be deleted two days after its instances are terminated" (EventInformation).
LISTED_AFTER = timedelta(days=2)

DELETED = {"deleted", "deleted_running", "deleted_terminating"}
LOSSES = {"stopping", "stopped", "shutting-down", "terminated"}

# A Spot request's state to the sub-type that tells of it.
REQUEST_CHANGES = {"active": "active", "cancelled": "cancelled", "disabled": "disabled"}


class Fleet(TaggedEC2Resource):  # type: ignore[misc]
    """One fleet. ``members`` are the instances that are not gone yet, by id."""

    def __init__(self, backend: Any, request: FleetRequest) -> None:
        self.ec2_backend = backend
        self.id = random_fleet_id()
        self.request = request
        self.made_from = request.fingerprint
        self.created_at = world().now
        self.state = "submitted"
        self.members: dict[str, Member] = {}
        self.history = FleetHistory()
        self.outstanding: list[tuple[str, Share]] = []
        self.failures: list[Failure] = []
        self.told: list[FleetEvent] = []
        self.tries = 0
        self.look_at: datetime | None = None
        self.over_since: datetime | None = None
        self.instant_answer: dict[str, Any] = {}
        self.add_tags(dict(request.tags.get("fleet", {})))
        world().fleets[self.id] = self

    @property
    def region(self) -> str:
        """Where it is."""
        return str(self.ec2_backend.region_name)

    @property
    def lacks_capacity(self) -> bool:
        """Whether it tries again, and would do so sooner if a pool changed."""
        return self.state == "active" and bool(self.failures) and not self.is_instant

    @property
    def is_instant(self) -> bool:
        """Whether it was filled within the call that made it."""
        return self.request.type is FleetType.INSTANT

    # Its life

    def submit(self) -> None:
        """Fill an instant fleet; let the others be evaluated."""
        if self.is_instant:
            self._show("active", "active")
            for lifecycle in LIFECYCLES:
                filling.fill(self, lifecycle, self.target(lifecycle))
            self.instant_answer = describing.instant_answer(self.members.values(), self.failures)
            return
        self._show("submitted", "submitted")
        begins = self.request.valid_from or self.created_at
        self._look(max(begins, self._after(EVALUATION)))

    def modify(self, request: FleetRequest) -> None:
        """Another target, template or policy."""
        self.request = request
        self.tries = 0
        self._show("modifying", "modify_in_progress")
        self._look(self._after(MODIFICATION))

    def delete(self, *, terminate: bool) -> None:
        """Launch nothing more, cancel the Spot requests, and end the instances or let them run."""
        self._wind_down("deleted_terminating" if terminate else "deleted_running")

    def _expire(self) -> None:
        self.tell(FleetEvent(fleet_events.STATE_CHANGE, "expired"))
        ends = self.request.ends_with_expiration
        self._wind_down("deleted_terminating" if ends else "deleted_running")

    def _wind_down(self, state: str) -> None:
        self._show(state, state)
        self.outstanding.clear()
        for member in list(self.members.values()):
            if state == "deleted_terminating":
                member.end()
            else:
                member.cancel_request()
        self._look(self._after(REACTION))

    # On the agenda

    @property
    def agenda_key(self) -> str:
        """Its id."""
        return str(self.id)

    def next_due(self, now: datetime) -> datetime | None:
        """When to look at it next."""
        if self.over_since:
            return self.over_since + LISTED_AFTER
        expires = self.request.valid_until if self._is_open() else None
        return earliest(self.look_at, expires)

    def fall_due(self) -> None:
        """Take the next step of its life."""
        if self.over_since:
            self._be_forgotten()
            return
        self.look_at = None
        self._end_those_due()
        self._step()
        ahead = [moment for one in self.members.values() for moment in one.moments_ahead]
        self.look_at = earliest(self.look_at, *ahead)

    def _step(self) -> None:
        self._part_with_the_gone()
        if self.state in DELETED:
            if not self.members:
                self.over_since = world().now
                self._show("deleted", "deleted")
            return
        if not self._is_open():
            return
        if self.request.valid_until and world().now >= self.request.valid_until:
            self._expire()
            return
        self._begin()
        self._work()

    def hear(self, happening: Happening) -> None:
        """Something happened to one of its instances, or to the Spot request of one."""
        member = self.members.get(happening.facts.get("instance") or happening.subject)
        if member is None:
            return
        if happening.kind is HappeningKind.REQUEST:
            self._hear_of_request(member, happening)
        elif happening.kind is HappeningKind.REBALANCE:
            member.at_risk = True
            self.look_soon()
        elif happening.facts.get("action") == "terminate":  # a notice: it runs for two minutes
            member.leaves_at = member.leaves_at or self._after(LEARNING)
            self._look_by(member.leaves_at)
        elif happening.facts.get("state") in LOSSES:
            self._lose(member)
        elif self._may_return():
            member.lost_at = None
            self.look_soon()

    def _lose(self, member: Member) -> None:
        member.lost_at = member.lost_at or self._after(LEARNING)
        self._look_by(member.lost_at)

    def look_soon(self) -> None:
        """Something changed that may matter to it."""
        self._look_by(self._after(REACTION))

    def _look_by(self, moment: datetime) -> None:
        if self.look_at is None or moment < self.look_at:
            self._look(moment)

    def _after(self, length: tuple[float, float]) -> datetime:
        return world().now + world().dwell(*length, self.id, world().second)

    def _look(self, moment: datetime) -> None:
        self.look_at = moment
        world().plan(self)

    def _may_return(self) -> bool:
        """Whether EC2 starts again what it stopped: the fleet may then be too large."""
        return self.request.interruption_behavior != "terminate"

    def _is_open(self) -> bool:
        return not self.is_instant and self.state not in DELETED

    def _begin(self) -> None:
        """What submitted or modified it is done."""
        if self.state == "submitted":
            self._show("active", "active")
            if self.request.type is FleetType.REQUEST:
                self.outstanding = filling.assigned(self)
        elif self.state == "modifying":
            self._show("active", "modify_succeeded")

    def _work(self) -> None:
        """Come as near to the target as the pools allow."""
        self.failures = []
        try:
            filling.work(self)
        except EC2Error as error:  # a template, or a subnet that it names, is gone
            self._tell_problems([fleet_events.broken(error)])
            self.look_at = earliest(self.look_at, world().now + maintaining.LAST_RETRY)
            return
        self._tell_problems(fleet_events.problems(self.failures))
        self.tries = self.tries + 1 if self.failures else 0
        again = maintaining.next_try(self.failures, self.tries, world().now)
        self.look_at = earliest(self.look_at, again)

    # Capacity

    def fulfilled(self, lifecycle: str | None = None) -> float:
        """Units that run, of one lifecycle or both."""
        return sum(m.weight for m in self.living(lifecycle))

    def held(self, lifecycle: str) -> float:
        """Units that count towards the target."""
        return sum(m.weight for m in self.living(lifecycle) if not m.is_leaving)

    def living(self, lifecycle: str | None = None) -> list[Member]:
        """Instances that are pending or running, as far as it knows."""
        alive = (member for member in self.members.values() if member.is_alive)
        return [member for member in alive if lifecycle in {None, member.lifecycle}]

    def target(self, lifecycle: str) -> int:
        """Units that it is to have of a lifecycle."""
        target = self.request.target
        return target.spot if lifecycle == SPOT else target.on_demand

    def options(self, lifecycle: str) -> Options:
        """SpotOptions or OnDemandOptions."""
        return self.request.spot if lifecycle == SPOT else self.request.on_demand

    def take(self, attempt: Attempt) -> None:
        """Make the instances of an attempt the fleet's, and keep what went wrong."""
        self.failures += attempt.failures
        for member in attempt.members:
            self.members[member.instance.id] = member
            if member.instance.state in LOSSES:  # it failed while it was launched
                self._lose(member)
            self.tell(fleet_events.launched(member.instance))
            if member.request_id:
                self._tell_request(member, "active")

    # What it tells

    def _end_those_due(self) -> None:
        for member in list(self.members.values()):
            if member.ends_at and member.ends_at <= world().now:
                member.end()

    def _part_with_the_gone(self) -> None:
        for member in self.members.values():
            if member.is_over and not member.is_mourned:
                member.is_mourned = True
                member.cancel_request()
                self.tell(fleet_events.gone(member.instance))
        self.members = {
            key: one
            for key, one in self.members.items()
            if not one.is_mourned or one.instance.state != "terminated"
        }

    def _hear_of_request(self, member: Member, happening: Happening) -> None:
        state = REQUEST_CHANGES.get(happening.facts.get("state", ""))
        if state and state != member.request_state:
            self._tell_request(member, state)

    def _tell_request(self, member: Member, state: str) -> None:
        before, member.request_state = member.request_state, state
        self.tell(fleet_events.request_changed(str(member.request_id), state, before))

    def _tell_problems(self, found: list[FleetEvent]) -> None:
        """Each problem once, until the fleet does not have it any more."""
        for event in found:
            if event not in self.told:
                self.tell(event)
        self.told = found

    def _show(self, state: str, sub_type: str) -> None:
        self.state = state
        if self.is_instant:
            world().tell(HappeningKind.FLEET, self.id, self.region, {"state": state})
        self.tell(FleetEvent(fleet_events.STATE_CHANGE, sub_type))

    def tell(self, event: FleetEvent) -> None:
        """Instant fleets emit no events: their answer said everything."""
        if not self.is_instant:
            self.history.add(event, fleet_id=self.id, region=self.region, state=self.state)

    def _be_forgotten(self) -> None:
        world().fleets.pop(self.id, None)
        self.ec2_backend.tags.pop(self.id, None)
        self.over_since = None
