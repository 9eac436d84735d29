"""A machine: an instance, the request behind it, and what we know of it by its tags."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from spotkeeper.model.connect import Connect
from spotkeeper.model.disk import Disk
from spotkeeper.model.launch import LaunchToken
from spotkeeper.model.spot_request import (
    BEING_FULFILLED,
    FULFILLED,
    LIVING_CODES,
    TAKEN_AT_NOTICE,
    SpotRequest,
)
from spotkeeper.model.tags import (
    TAG_DEADLINE,
    TAG_KIND,
    TAG_LAUNCH,
    TAG_USER,
    connect_of,
    is_login,
    parse_tag_time,
    tagged_name,
)
from spotkeeper.timings import GUARD_SLACK


class InstanceState(StrEnum):
    """``InstanceStateName`` of the EC2 model."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    STOPPING = "stopping"
    STOPPED = "stopped"


ENDED = frozenset({InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED})

#: States that pass by themselves into one from which the instance can be stopped or started.
PASSING = frozenset({InstanceState.PENDING, InstanceState.STOPPING})

#: What an instance does, in a user's words.
DOING: Mapping[InstanceState, str] = {
    InstanceState.PENDING: "starting",
    InstanceState.RUNNING: "running",
    InstanceState.STOPPING: "stopping",
    InstanceState.STOPPED: "stopped",
    InstanceState.SHUTTING_DOWN: "shutting down",
    InstanceState.TERMINATED: "ended",
}

#: ``StateReason`` of an instance that EC2 stops or ends to take its capacity back.
TAKEN_BACK = ("Server.SpotInstanceShutdown", "Server.SpotInstanceTermination")
#: ``StateReason`` of an instance that somebody stopped or ended, or that powered itself off.
ON_PURPOSE = ("Client.UserInitiated", "Client.InstanceInitiated")
BY_EC2 = ("Client.", "Server.")
RELAUNCHED = "; its request launches another one"


class Kind(StrEnum):
    """Kept across interruptions, or gone with the first one."""

    BOX = "box"
    ONCE = "once"


@dataclass(frozen=True, slots=True)
class Instance:
    """An EC2 instance as EC2 describes it; ``role`` is the name of its instance profile."""

    id: str
    region: str
    zone_name: str
    instance_type: str
    state: InstanceState
    launched_at: datetime
    lifecycle: str | None = None
    request_id: str | None = None
    public_ip: str | None = None
    image_id: str | None = None
    key_name: str | None = None
    role: str = ""
    state_reason: str = ""
    state_message: str = ""
    volume_ids: tuple[str, ...] = ()
    group_ids: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether it costs nothing any more and never will."""
        return self.state in ENDED

    @property
    def connect(self) -> Connect:
        """How it is reached."""
        return connect_of(self.tags)

    @property
    def has_way_in(self) -> bool:
        """Whether it can be reached now, or soon."""
        if self.connect is Connect.PUBLIC:
            return self.public_ip is not None and not self.ended
        return self.state is InstanceState.RUNNING

    @property
    def passing(self) -> bool:
        """Whether it is on its way to running or stopped, and can be turned around only there."""
        return self.state in PASSING

    @property
    def taken_back(self) -> bool:
        """Whether EC2 interrupted it; its request tells so a moment later."""
        return self.state is not InstanceState.RUNNING and self.state_reason in TAKEN_BACK

    @property
    def doing(self) -> str:
        """Its state in a user's words, and whether EC2 brought it there on its own."""
        leaves = self.state in {InstanceState.STOPPING, InstanceState.SHUTTING_DOWN}
        taken = leaves and self.taken_back
        failed = f" by EC2: {self.failure}" if self.failure else ""
        return DOING[self.state] + (", interrupted by EC2" if taken else failed)

    @property
    def reason(self) -> str:
        """Why EC2 stopped or ended it, in its code and words; empty where it does not say."""
        code, words = self.state_reason, self.state_message
        if not code or code in words:
            return words
        return f"{code}: {words}" if words else code

    @property
    def failure(self) -> str:
        """Why EC2 stopped or ended it, where that was no interruption and nobody wanted it."""
        halted = self.state not in {InstanceState.PENDING, InstanceState.RUNNING}
        known = (*TAKEN_BACK, *ON_PURPOSE)
        failed = self.state_reason.startswith(BY_EC2) and not self.state_reason.startswith(known)
        return self.reason if halted and failed else ""


@dataclass(frozen=True, slots=True)
class Volume:
    """An EBS volume; it costs money whether or not an instance runs."""

    id: str
    region: str
    state: str
    disk: Disk
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Machine:
    """An instance with its request; either may be missing, never both."""

    instance: Instance | None
    request: SpotRequest | None

    @property
    def tags(self) -> Mapping[str, str]:
        """The instance's tags, the request's where there is no instance."""
        if self.instance and self.instance.tags:
            return self.instance.tags
        return self.request.tags if self.request else {}

    @property
    def name(self) -> str:
        """The name given at launch."""
        return tagged_name(self.tags)

    @property
    def launch(self) -> LaunchToken:
        """The token of the launch that made it."""
        return LaunchToken(self.tags.get(TAG_LAUNCH, ""))

    @property
    def kind(self) -> Kind:
        """Box or once, from the tag, else from the request."""
        if self.tags.get(TAG_KIND) in set(Kind):
            return Kind(self.tags[TAG_KIND])
        return Kind.BOX if self.request and self.request.persistent else Kind.ONCE

    @property
    def login(self) -> str:
        """The user name of the image."""
        user = self.tags.get(TAG_USER, "")
        return user if is_login(user) else "ec2-user"

    @property
    def deadline(self) -> datetime | None:
        """When the guard ends it; ``None`` for never."""
        return parse_tag_time(self.tags.get(TAG_DEADLINE))

    @property
    def region(self) -> str:
        """Where it is."""
        resource_id = self.instance or self.request
        return resource_id.region if resource_id else ""

    @property
    def zone_name(self) -> str | None:
        """Its zone; unknown for an unfulfilled request without one."""
        if self.instance:
            return self.instance.zone_name
        return self.request.zone_name if self.request else None

    @property
    def instance_type(self) -> str | None:
        """Its instance type."""
        if self.instance:
            return self.instance.instance_type
        return self.request.instance_type if self.request else None

    @property
    def state(self) -> str | None:
        """EC2's instance state; ``None`` where no instance exists."""
        return self.instance.state.value if self.instance else None

    @property
    def alive(self) -> bool:
        """Whether it costs, or may come to cost, money for compute."""
        running = self.instance is not None and not self.instance.ended
        return running or (self.request is not None and self.request.cancellable)

    @property
    def present(self) -> bool:
        """Whether it is there for the user: alive, or still shutting down."""
        leaving = self.state == InstanceState.SHUTTING_DOWN
        return self.alive or leaving

    def summary(self) -> str:
        """State and status in words a user understands."""
        if self.request is None:
            return self.instance.doing if self.instance else "unknown"
        if self.instance is None:
            return self.request.words
        if self.instance.state in {InstanceState.PENDING, InstanceState.RUNNING}:
            return _of_running(self.instance, self.request)
        told, deadline = _of_halted(self.instance, self.request), self.deadline
        if deadline and timedelta(0) <= self.request.status_since - deadline <= GUARD_SLACK:
            told = told.replace(" by you ", " at its deadline ")
        return told


def pair(instances: Iterable[Instance], requests: Iterable[SpotRequest]) -> tuple[Machine, ...]:
    """Join instances and requests into machines, each thing exactly once, ordered by name.

    A persistent request may have had several instances; it goes with the one it names, else with
    the youngest that has not ended.
    """
    by_request: dict[str | None, list[Instance]] = {}
    for instance in instances:
        by_request.setdefault(instance.request_id, []).append(instance)
    machines = []
    for request in {request.id: request for request in requests}.values():
        launched = by_request.get(request.id, [])
        current = max(launched, key=lambda each: _claim(each, request), default=None)
        machines.append(Machine(current, request))
        if current is not None:
            launched.remove(current)
    machines += [Machine(alone, None) for rest in by_request.values() for alone in rest]
    return tuple(sorted(machines, key=lambda machine: (machine.name, machine.region)))


def _of_running(instance: Instance, request: SpotRequest) -> str:
    """What is said of an instance that starts or runs: the request's news count, if they are."""
    code = request.status_code
    if code in TAKEN_AT_NOTICE:
        return request.words_for("marked-for-termination")
    if code in BEING_FULFILLED and instance.state is InstanceState.PENDING:
        return f"{instance.doing}: {request.words}"
    known = instance.state is InstanceState.PENDING and code not in LIVING_CODES
    return instance.doing if known or code in {FULFILLED, *BEING_FULFILLED} else request.words


def _of_halted(instance: Instance, request: SpotRequest) -> str:
    """What is said of an instance that stops, stands or ends."""
    leaves = instance.state in {InstanceState.STOPPING, InstanceState.SHUTTING_DOWN}
    silent = leaves or request.status_code in LIVING_CODES
    told = instance.doing if silent or instance.failure else request.words
    return told + RELAUNCHED * request.relaunches


def _claim(instance: Instance, request: SpotRequest) -> tuple[bool, bool, datetime]:
    """How strong the claim of an instance is to be the one that a request stands for."""
    return instance.id == request.instance_id, not instance.ended, instance.launched_at
