"""The Spot request object: what DescribeSpotInstanceRequests shows, moved by the state table."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from moto.ec2.models.core import TaggedEC2Resource
from moto.moto_api._internal import mock_random

from ec2_sandbox import catalogue
from ec2_sandbox.faults import take
from ec2_sandbox.history import HappeningKind as Told
from ec2_sandbox.market.money import short_usd, usd
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.protocol.refusal import EC2Error, price_too_low, refuse
from ec2_sandbox.services.service_quotas import quotas
from ec2_sandbox.spot_requests import machines
from ec2_sandbox.spot_requests.due_events import due_event, is_advised, next_look, view_of
from ec2_sandbox.spot_requests.launchers import OrderLauncher
from ec2_sandbox.spot_requests.machines import EC2, USER, Reason
from ec2_sandbox.spot_requests.placing import launch_group_of
from ec2_sandbox.spot_requests.request_states import (
    CAUSES,
    MESSAGES,
    Effect,
    Move,
    Refusal,
    RequestEvent,
    RequestKind,
    Situation,
)
from ec2_sandbox.spot_requests.request_table import outcome
from ec2_sandbox.spot_requests.spot_terms import SpotTerms
from ec2_sandbox.world import spot_requests, world

NOTICE = timedelta(minutes=2)  # UserGuide/spot-instance-termination-notices.html
RELAUNCH_DELAY = timedelta(seconds=30)  # long enough to be seen, short enough to be met
REMEMBERED = timedelta(hours=4)  # after cancellation (DescribeSpotInstanceRequests)

# How long the passing situations last, in seconds: shortest, longest. A fair guess.
PASSES: Mapping[Situation, tuple[int, int]] = {
    Situation.EVALUATING: (2, 5),
    Situation.PLACING: (1, 3),
    Situation.STARTING: (1, 3),
}

# These count against no quota.
HOLDS_NOTHING = {
    Situation.ENDED,
    Situation.STOPPED_BY_USER,
    Situation.STOPPED_BY_EC2,
    Situation.CANCELLED_STOPPED,
}

#: A fault with this name makes the next fulfilment of an open request fail as system-error.
FULFILMENT = "FulfillSpotInstanceRequest"


class SpotRequest(TaggedEC2Resource):  # type: ignore[misc]
    """One request and the instance it holds. Attribute names are those moto's serializer picks.

    ``cause``         why its instance is or was interrupted: no-capacity, by-price, ...
    ``rebalance_at``  when EC2 recommended to leave, since the instance was last started.
    """

    product_description = "Linux/UNIX"
    situation = Situation.ENDED
    state = status_code = ""

    def __init__(
        self, backend: Any, pool: Pool, terms: SpotTerms, *, launcher: OrderLauncher
    ) -> None:
        self.ec2_backend = backend
        self.id = f"sir-{mock_random.get_random_hex(8)}"
        self.pool = pool
        self.terms = terms
        self.launcher = launcher
        self.instance: Any = None
        self.fault: dict[str, str] | None = None
        self.create_time = self.relaunch_at = self.entered_at = world().now
        self.pass_ends: datetime | None = None
        self.notice_ends: datetime | None = None
        self.notice_action = "terminate"
        self.rebalance_at: datetime | None = None
        self.started = world().second
        self.cause = "no-capacity"
        backend.spot_instance_requests[self.id] = self

    def submit(self) -> None:
        """Begin to be evaluated, as RequestSpotInstances does."""
        self._enter(Situation.EVALUATING)
        self._show("open", "pending-evaluation")
        world().plan(self)

    def grant(self, instance: Any, reason: Reason = USER) -> None:
        """Hold an instance from the first moment, as RunInstances does."""
        self._enter(Situation.EVALUATING)
        self._hold(instance)
        self.happen(RequestEvent.GRANT, reason)

    def check(self, event: RequestEvent) -> Move | None:
        """What the event would do; EC2's error when it is refused."""
        found = outcome(self.terms.kind, self.situation, event)
        if isinstance(found, Refusal):
            text = found.message.format(instance=self.instance_id, request=self.id)
            raise refuse(found.code, text)
        return found

    def happen(self, event: RequestEvent, reason: Reason = USER) -> None:
        """Let an event take its course, or refuse it."""
        if move := self.check(event):
            self._move(move, event, reason)

    def _move(self, move: Move, event: RequestEvent, reason: Reason) -> None:
        if event is RequestEvent.LAUNCH:
            self._hold(self.launcher.launch(self.pool))
        self._before(move, event)
        self._enter(move.then)
        self._show(move.state, move.code.format(cause=self.cause), self._said(event))
        machines.carry_out(move.effect, self.instance, reason)
        world().plan(self)
        if move.effect is Effect.NOTICE:
            self._give_notice()

    def _before(self, move: Move, event: RequestEvent) -> None:
        """The times that follow from a move."""
        now = world().now
        if move.effect is Effect.NOTICE:
            self.cause = CAUSES[event]
            self.notice_ends = now + self._notice()
            self.notice_action = self.terms.interruption_behavior
        elif move.then not in {Situation.NOTICED, Situation.CANCELLED_NOTICED}:
            self.notice_ends = None
        if move.then is Situation.WAITING and move.effect is not Effect.NONE:
            self.relaunch_at = now + RELAUNCH_DELAY
        if move.effect in {Effect.LAUNCH, Effect.START}:
            self.started, self.rebalance_at = world().second, None

    def _enter(self, situation: Situation) -> None:
        """Be there from now on, for as long as such a situation passes, and be counted."""
        change = (situation not in HOLDS_NOTHING) - (self.situation not in HOLDS_NOTHING)
        if change:
            vcpus = change * catalogue.vcpus(self.pool.instance_type)
            quota = quotas.quota_of(self.pool.instance_type)
            quotas.count(world(), quota, self.pool.region, vcpus)
        self.situation, self.entered_at = situation, world().now
        lasts = PASSES.get(situation)
        self.pass_ends = (
            world().now + world().dwell(*lasts, self.id, world().second) if lasts else None
        )

    def _show(self, state: str, code: str, message: str | None = None) -> None:
        """Set what the user sees, and since when; what it says already is not told again."""
        self.message = message or MESSAGES[code]
        if (state, code) == (self.state, self.status_code):
            return
        self.state = state
        self.status_code = code
        self.changed_at = world().now
        facts = {
            "state": state,
            "code": code,
            "pool": str(self.pool),
            "instance": self.instance_id or "",
        }
        world().tell(Told.REQUEST, self.id, self.pool.region, facts)

    def _said(self, event: RequestEvent) -> str | None:
        """The sentences that name numbers or things; None for the usual one."""
        if event is RequestEvent.BAD and self.fault:
            return f"{MESSAGES['bad-parameters']} {self.fault['Message']}"
        if event is RequestEvent.OUTBID and self.instance is None:
            price = world().spot_price(self.pool)
            return str(price_too_low(short_usd(self.terms.max_price), short_usd(price)).message)
        return None

    def _give_notice(self) -> None:
        """Tell the instance, and whoever is interrupted together with it."""
        if self.cause == CAUSES[RequestEvent.RECLAIM]:
            self.advise()
        self._tell_notice()
        if self.cause == CAUSES[RequestEvent.RECLAIM] and (
            dry := world().capacity.aftermath(world().now)
        ):
            world().droughts[self.pool] = dry
            look_again_at(self.pool)
        for other in launch_group_of(self):
            other.happen(RequestEvent.GROUP_ENDS)

    def announce_end(self) -> datetime:
        """A notice from who ends the instance when it runs out; the request stays as it is."""
        if self.notice_ends is None:
            self.notice_ends, self.notice_action = world().now + NOTICE, "terminate"
            self._tell_notice()
        return self.notice_ends

    def _tell_notice(self) -> None:
        facts = {
            "action": self.notice_action,
            "at": self.notice_ends.isoformat() if self.notice_ends else "",
            "pool": str(self.pool),
        }
        world().tell(Told.NOTICE, str(self.instance_id), self.pool.region, facts)

    def advise(self) -> None:
        """The rebalance recommendation comes before the notice or with it, once."""
        if self.rebalance_at is None:
            self.rebalance_at = world().now
            facts = {"pool": str(self.pool)}
            world().tell(Told.REBALANCE, str(self.instance_id), self.pool.region, facts)

    # On the agenda

    @property
    def agenda_key(self) -> str:
        """Its id."""
        return self.id

    def next_due(self, now: datetime) -> datetime | None:
        """When something happens to it by itself."""
        if self.situation is Situation.ENDED:
            listed = self.id in self.ec2_backend.spot_instance_requests
            return self.entered_at + REMEMBERED if listed else None
        if is_advised(self) or due_event(view_of(self)):
            return now
        return next_look(self, now)

    def fall_due(self) -> None:
        """Let happen what is due; what EC2 lists no longer is forgotten."""
        if self.situation is Situation.ENDED:
            self.ec2_backend.spot_instance_requests.pop(self.id, None)
            self.ec2_backend.tags.pop(self.id, None)
            return
        if is_advised(self):
            self.advise()
        view = view_of(self)
        if event := due_event(view):
            self.pool = view.pool
            self._fulfil(event)

    def _fulfil(self, event: RequestEvent) -> None:
        """A launch can fail: what it would be made from is gone, or EC2 itself fails."""
        if event is RequestEvent.LAUNCH and self._take_fault():
            event = RequestEvent.FAULT
        try:
            if event in {RequestEvent.BAD, RequestEvent.LAUNCH}:
                self.launcher.check()
            self.happen(event, EC2)
        except EC2Error as problem:
            self.fault = {"Code": problem.code, "Message": problem.message}
            self.happen(RequestEvent.BAD)

    def _take_fault(self) -> bool:
        fault, rest = take(world().faults, FULFILMENT, self.pool.region)
        world().faults[:] = rest
        return fault is not None

    def _hold(self, instance: Any) -> None:
        """The instance that this request pays for from now on."""
        instance.lifecycle = "spot"
        instance.spot_instance_request_id = self.id
        instance.spot_request = self
        self.instance = instance

    def _notice(self) -> timedelta:
        """Hibernation begins at once (UserGuide/hibernate-spot-instances.html)."""
        return timedelta() if self.terms.interruption_behavior == "hibernate" else NOTICE

    @property
    def lot(self) -> float:
        """Its luck against others in its pool, from 0 to 1: drawn anew for every start."""
        return world().fraction(self.instance_id, self.started)

    # What EC2 shows, by its names

    spot_instance_request_id = property(attrgetter("id"))
    instance_interruption_behavior = property(attrgetter("terms.interruption_behavior"))
    valid_from = property(attrgetter("terms.valid_from"))
    valid_until = property(attrgetter("terms.valid_until"))
    launch_group = property(attrgetter("terms.launch_group"))
    availability_zone_group = property(attrgetter("terms.zone_group"))

    @property
    def status(self) -> dict[str, Any]:
        """Code, EC2's sentence for it, and since when."""
        return {"Code": self.status_code, "Message": self.message, "UpdateTime": self.changed_at}

    @property
    def spot_price(self) -> str:
        """The maximum price, dollars per hour."""
        return usd(self.terms.max_price)

    @property
    def type(self) -> str:
        """EC2's word for the kind."""
        return "one-time" if self.terms.kind is RequestKind.ONCE else "persistent"

    @property
    def instance_id(self) -> str | None:
        """The instance it holds, or held last."""
        return self.instance.id if self.instance else None

    @property
    def launched_availability_zone(self) -> str | None:
        """The zone, once there is an instance."""
        return self.pool.zone if self.instance else None

    @property
    def launched_availability_zone_id(self) -> str | None:
        """The same by its id."""
        return catalogue.zone_ids(self.pool.region).get(self.launched_availability_zone or "")

    @property
    def launch_specification(self) -> dict[str, Any]:
        """What was asked for, as far as EC2 shows it."""
        return self.launcher.described(self.instance)


def request_of(instance: Any) -> SpotRequest | None:
    """The request that holds the instance; None for On-Demand, and for what was replaced."""
    request: SpotRequest | None = getattr(instance, "spot_request", None)
    return request if request and request.instance is instance else None


def look_again_at(pool: Pool) -> None:
    """The pool's price or capacity was changed: whoever is in it, or waits for it, is affected."""
    for request in spot_requests():
        if request.pool == pool or pool in request.launcher.pools:
            world().plan(request)
