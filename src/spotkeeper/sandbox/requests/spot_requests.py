"""The Spot request object: what DescribeSpotInstanceRequests shows, moved by the state table."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from moto.ec2.models.core import TaggedEC2Resource

from spotkeeper.sandbox.market.money import usd
from spotkeeper.sandbox.market.pools import Pool
from spotkeeper.sandbox.protocol.refusal import EC2Error, refuse
from spotkeeper.sandbox.requests import machines
from spotkeeper.sandbox.requests.due_events import due_event, next_look, view_of
from spotkeeper.sandbox.requests.request_states import (
    MESSAGES,
    Effect,
    Event,
    Kind,
    Move,
    Refusal,
    Situation,
    outcome,
)
from spotkeeper.sandbox.world import spot_requests, world

NOTICE = timedelta(minutes=2)  # UserGuide/spot-instance-termination-notices.html
RELAUNCH_DELAY = timedelta(seconds=30)  # long enough to be seen, short enough to be met
REMEMBERED = timedelta(hours=4)  # after cancellation (DescribeSpotInstanceRequests)


@dataclass(frozen=True)
class SpotTerms:
    """What InstanceMarketOptions asked for; the price in micro-dollars per hour."""

    kind: Kind
    interruption_behavior: str
    max_price: int
    valid_until: datetime | None


class SpotRequest(TaggedEC2Resource):  # type: ignore[misc]
    """One request and the instance it holds. Attribute names are those moto's serializer picks."""

    product_description = "Linux/UNIX"

    def __init__(
        self, backend: Any, pool: Pool, terms: SpotTerms, *, launcher: Callable[[Any], Any]
    ) -> None:
        self.ec2_backend = backend
        self.id = f"sir-{secrets.token_hex(4)}"
        self.pool = pool
        self.terms = terms
        self.launcher = launcher
        self.instance: Any = None
        self.situation = Situation.WAITING
        self.create_time = world().now
        self.notice_ends: datetime | None = None
        self.relaunch_at = world().now
        self.started = world().second
        self.cause = "no-capacity"
        self.show("open", "pending-evaluation")
        backend.spot_instance_requests[self.id] = self

    def show(self, state: str, code: str) -> None:
        """Set what the user sees, and when it changed."""
        self.state = state
        self.status_code = code
        self.changed_at = world().now

    @property
    def status(self) -> dict[str, Any]:
        """Code, EC2's sentence for it, and since when."""
        message = MESSAGES[self.status_code]
        return {"Code": self.status_code, "Message": message, "UpdateTime": self.changed_at}

    def check(self, event: Event) -> Move | None:
        """What the event would do; EC2's error when it is refused."""
        found = outcome(self.terms.kind, self.situation, event)
        if isinstance(found, Refusal):
            text = found.message.format(instance=self.instance_id, request=self.id)
            raise refuse(found.code, text)
        return found

    def happen(self, event: Event) -> None:
        """Let an event take its course, or refuse it."""
        if move := self.check(event):
            self._move(move, event)

    def give_up(self) -> None:
        """It can never be fulfilled (UserGuide/spot-instances-request-status-lifecycle.html)."""
        self.situation = Situation.ENDED
        self.show("failed", "bad-parameters")
        world().plan(self)

    def _move(self, move: Move, event: Event) -> None:
        if move.effect is Effect.LAUNCH:
            self._hold(self.launcher(self))
        machines.carry_out(move.effect, self.instance)
        if move.effect is Effect.NOTICE:
            self.cause = "by-price" if event is Event.OUTBID else "no-capacity"
            self.notice_ends = world().now + self._notice()
        elif move.then not in {Situation.NOTICED, Situation.CANCELLED_NOTICED}:
            self.notice_ends = None
        if move.then is Situation.WAITING and move.effect is not Effect.NONE:
            self.relaunch_at = world().now + RELAUNCH_DELAY
        if move.effect in {Effect.LAUNCH, Effect.START}:
            self.started = world().second
        self.situation = move.then
        self.show(move.state, move.code.format(cause=self.cause))
        world().plan(self)

    # On the agenda

    @property
    def agenda_key(self) -> str:
        """Its id."""
        return self.id

    def next_due(self, now: datetime) -> datetime | None:
        """When something happens to it by itself."""
        if self.situation is Situation.ENDED:
            listed = self.id in self.ec2_backend.spot_instance_requests
            return self.changed_at + REMEMBERED if listed else None
        return now if due_event(view_of(self)) else next_look(self, now)

    def fall_due(self) -> None:
        """Let happen what is due; what EC2 lists no longer is forgotten."""
        if self.situation is Situation.ENDED:
            if self.is_forgotten:
                self._be_forgotten()
            return
        if event := due_event(view_of(self)):
            try:
                self.happen(event)
            except EC2Error:  # what it would launch from is gone: its group, key or subnet
                self.give_up()

    def _be_forgotten(self) -> None:
        self.ec2_backend.spot_instance_requests.pop(self.id, None)
        self.ec2_backend.tags.pop(self.id, None)

    @property
    def lot(self) -> float:
        """Its luck against others in its pool, from 0 to 1: drawn anew for every start."""
        drawn = blake2b(f"{self.instance_id}|{self.started}".encode(), digest_size=4).digest()
        return int.from_bytes(drawn) / 2**32

    def _hold(self, instance: Any) -> None:
        """The instance that this request pays for from now on."""
        instance.lifecycle = "spot"
        instance.spot_instance_request_id = self.id
        self.instance = instance

    def _notice(self) -> timedelta:
        """Hibernation begins at once (UserGuide/hibernate-spot-instances.html)."""
        return timedelta() if self.terms.interruption_behavior == "hibernate" else NOTICE

    @property
    def is_forgotten(self) -> bool:
        """Whether AWS has dropped it from its list."""
        over = self.situation is Situation.ENDED
        return over and world().now - self.changed_at >= REMEMBERED

    @property
    def spot_instance_request_id(self) -> str:
        """EC2's name for ``id``."""
        return self.id

    @property
    def spot_price(self) -> str:
        """The maximum price, dollars per hour."""
        return usd(self.terms.max_price)

    @property
    def type(self) -> str:
        """EC2's word for the kind."""
        return "persistent" if self.terms.kind is Kind.BOX else "one-time"

    @property
    def instance_interruption_behavior(self) -> str:
        """stop, hibernate or terminate."""
        return self.terms.interruption_behavior

    @property
    def valid_until(self) -> datetime | None:
        """When the request ends by itself."""
        return self.terms.valid_until

    @property
    def instance_id(self) -> str | None:
        """The instance it holds, or held last."""
        return self.instance.id if self.instance else None

    @property
    def launched_availability_zone(self) -> str | None:
        """The zone, once there is an instance."""
        return self.pool.zone if self.instance else None

    @property
    def launch_specification(self) -> dict[str, Any]:
        """What was asked for, as far as EC2 shows it."""
        instance = self.instance
        return {
            "ImageId": instance.image_id,
            "InstanceType": self.pool.instance_type,
            "KeyName": instance.key_name,
            "Placement": {"AvailabilityZone": self.pool.zone},
            "SubnetId": instance.subnet_id,
            "EbsOptimized": instance.ebs_optimized,
            "Monitoring": {"Enabled": instance.monitored},
            "SecurityGroups": [
                {"GroupId": group.id, "GroupName": group.name}
                for group in instance.security_groups
            ],
        }


def held_by(instance_ids: list[str]) -> dict[str, SpotRequest]:
    """The requests that hold these instances, by instance id."""
    found = (r for r in spot_requests() if r.instance_id in instance_ids)
    return {request.instance_id: request for request in found}


def look_again_at(pool: Pool) -> None:
    """The pool's price or capacity was changed: whoever is in it, or waits for it, is affected."""
    for request in spot_requests():
        if request.pool == pool:
            world().plan(request)
