"""EC2 in memory: what exists, and what EC2 does with it by itself as time passes.

The rules are those of docs/reference/aws.md; the sandbox has the same, over HTTP.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from tests.fakes import geography
from tests.fakes.resources import Group, KeyPair, Tagged, due

from spotkeeper.lifecycle.ports import Clock, LaunchOrder
from spotkeeper.model.machine import ENDED, InstanceState, Kind
from spotkeeper.model.pool import Pool
from spotkeeper.model.quota import quota_family
from spotkeeper.model.resource import ResourceKind
from spotkeeper.model.schedule import GuardCall, Schedule
from spotkeeper.model.spot_request import CANCELLABLE, RequestState
from spotkeeper.model.tags import TAG_CLAIM, TAG_NAME

BOOT = timedelta(seconds=10)
STOP = timedelta(seconds=10)
SHUTDOWN = timedelta(seconds=20)
RELAUNCH = timedelta(seconds=30)
NOTICE = timedelta(minutes=2)
DROUGHT = timedelta(minutes=10)
TERMINATED_LISTED = timedelta(hours=1)

#: Enough for two of the largest machine, unless the test says otherwise.
QUOTA_VCPUS = 16

#: What a request shows when EC2 wants its instance back, by whether it is persistent.
NOTICED = {
    True: (RequestState.ACTIVE, "marked-for-stop"),
    False: (RequestState.CLOSED, "instance-terminated-no-capacity"),
}
NOTICED_WHEN_CANCELLED = (RequestState.CANCELLED, "marked-for-termination")

_COSTS_COMPUTE = frozenset({InstanceState.PENDING, InstanceState.RUNNING})


@dataclass
class Server:
    """An instance; ``state`` becomes ``then`` at ``changes_at``."""

    id: str
    order: LaunchOrder
    born: datetime
    launched_at: datetime
    request_id: str
    tags: dict[str, str]
    address: str
    state: InstanceState = InstanceState.PENDING
    then: InstanceState | None = InstanceState.RUNNING
    changes_at: datetime | None = None
    disk_ids: tuple[str, ...] = ()
    reason: str = ""
    reason_words: str = ""
    ended_at: datetime | None = None

    @property
    def region(self) -> str:
        return self.order.pool.region

    @property
    def name(self) -> str:
        return self.order.tags.get(TAG_NAME, "")

    @property
    def claim(self) -> str:
        return self.order.tags.get(TAG_CLAIM, "")

    def become(self, now: InstanceState, then: InstanceState, at: datetime) -> None:
        """Begin a change that is over at a later moment."""
        self.state, self.then, self.changes_at = now, then, at


@dataclass
class Disk:
    """A volume; ``goes`` is DeleteOnTermination."""

    id: str
    region: str
    born: datetime
    size_gib: int
    goes: bool
    tags: dict[str, str]
    held: bool = True


@dataclass
class Request:
    """A Spot request."""

    id: str
    order: LaunchOrder
    born: datetime
    since: datetime
    tags: dict[str, str]
    state: RequestState = RequestState.ACTIVE
    code: str = "fulfilled"
    instance_id: str | None = None
    relaunch_at: datetime | None = None
    notice_ends: datetime | None = None

    @property
    def region(self) -> str:
        return self.order.pool.region

    @property
    def persistent(self) -> bool:
        return self.order.kind is Kind.BOX

    @property
    def cancellable(self) -> bool:
        return self.state in CANCELLABLE

    def show(self, state: RequestState, code: str, now: datetime) -> None:
        """What DescribeSpotInstanceRequests says from now on."""
        self.state, self.code, self.since = state, code, now


#: Whatever EC2 lists.
Listed = Server | Disk | Request | Group | KeyPair | Tagged


class Ec2:
    """One account. The attributes are the world; a test may declare or change any of them."""

    def __init__(
        self,
        clock: Clock,
        *,
        dry: Iterable[Pool] = (),
        visibility: timedelta = timedelta(0),
        untagged: Iterable[ResourceKind] = (),
    ) -> None:
        self.clock = clock
        self.dry: dict[Pool, datetime | None] = dict.fromkeys(dry)
        self.visibility = visibility
        self.late: dict[type[Listed], timedelta] = {}  # kinds that are listed later than the rest
        self.untagged = frozenset(untagged)
        self.doomed: dict[Pool, tuple[str, str]] = {}  # why nothing there ever comes up
        self.prices: dict[Pool, Decimal] = {}
        self.quotas: dict[str, float] = {}
        self.servers: dict[str, Server] = {}
        self.disks: dict[str, Disk] = {}
        self.requests: dict[str, Request] = {}
        self.groups: dict[str, Group] = {}
        self.keys: dict[str, KeyPair] = {}
        self.resource_ids: dict[str, Tagged] = {}  # all else that carries tags
        self.schedules: dict[tuple[str, str], Schedule] = {}  # by region and name
        self.first_terminates: dict[str, datetime] = {}  # by the claim of the launch
        self.most_at_once: Counter[str] = Counter()
        self._ids = 0

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def quota(self, code: str) -> float:
        """A Spot quota in vCPUs."""
        return self.quotas.get(code, QUOTA_VCPUS)

    def new_group(self, region: str, name: str, *, vpc_id: str, tags: Mapping[str, str]) -> Group:
        """A security group."""
        group = Group(self.new_id("sg"), region, name, vpc_id, self.now, dict(tags))
        self.groups[group.id] = group
        return group

    def new_key(self, region: str, name: str, *, tags: Mapping[str, str]) -> KeyPair:
        """An imported key."""
        key = KeyPair(self.new_id("key"), region, name, self.now, dict(tags))
        self.keys[key.id] = key
        return key

    def new_id(self, prefix: str) -> str:
        """An id that looks like EC2's."""
        self._ids += 1
        return f"{prefix}-{self._ids:017x}"

    def listed(self, resource_id: Listed) -> bool:
        """Whether EC2's lists have caught up with a thing; ids unlisted are unknown to calls."""
        return self.now - resource_id.born >= self.late.get(type(resource_id), self.visibility)

    def price(self, of: Pool) -> Decimal:
        """The Spot price now."""
        return self.prices.get(of, geography.everyday_price(of))

    def is_dry(self, of: Pool) -> bool:
        """Whether a pool has no room."""
        ends = self.dry.get(of)
        return of in self.dry and (ends is None or self.now < ends)

    def vcpus_in_use(self, region: str, code: str) -> int:
        """What counts against a quota: running instances and open requests."""
        return sum(
            geography.HARDWARE[request.order.pool.instance_type].vcpus
            for request in self.requests.values()
            if request.region == region
            and (family := quota_family(request.order.pool.instance_type)) is not None
            and family.code == code
            and (request.state is RequestState.OPEN or self._runs(request.instance_id))
        )

    def launch(self, order: LaunchOrder) -> Server:
        """A new request with its instance."""
        now = self.now
        tags = self.tags_for(ResourceKind.REQUEST, order.tags)
        request = Request(self.new_id("sir"), order, now, now, tags)
        self.requests[request.id] = request
        return self._new_server(request, now)

    def tags_for(self, kind: ResourceKind, tags: Mapping[str, str]) -> dict[str, str]:
        """The tags that a new thing gets; none where the world says they are forgotten."""
        return {} if kind in self.untagged else dict(tags)

    def terminate(self, server: Server, reason: str = "Client.UserInitiatedShutdown") -> None:
        """End an instance; an uncancelled persistent request launches another one."""
        if server.state in ENDED:
            return
        now = self.now
        server.become(InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED, now + SHUTDOWN)
        server.reason = reason
        request = self.requests[server.request_id]
        request.notice_ends = None
        if request.state is RequestState.CANCELLED:
            request.show(RequestState.CANCELLED, "instance-terminated-by-user", now)
        elif request.persistent:
            request.show(RequestState.OPEN, "instance-terminated-by-user", now)
            request.relaunch_at = now + RELAUNCH
        else:
            request.show(RequestState.CLOSED, "instance-terminated-by-user", now)

    def cancel(self, request: Request) -> None:
        """Cancel; what runs goes on running, what is stopped is ended by EC2."""
        before = request.state
        if before not in CANCELLABLE:
            return
        request.relaunch_at = None
        waits = before is RequestState.OPEN
        code = "canceled-before-fulfillment" if waits else "request-canceled-and-instance-running"
        request.show(RequestState.CANCELLED, code, self.now)
        if before is RequestState.DISABLED and request.instance_id in self.servers:
            self.terminate(self.servers[request.instance_id])

    def interrupt(self, name: str) -> None:
        """Give a running machine its notice; its pool is dry for a while."""
        for request in self.requests.values():
            if request.order.tags.get(TAG_NAME) == name and self._runs(request.instance_id):
                self.dry[request.order.pool] = self.now + DROUGHT
                request.notice_ends = self.now + NOTICE
                kept = request.state is not RequestState.CANCELLED
                noticed = NOTICED[request.persistent] if kept else NOTICED_WHEN_CANCELLED
                request.show(*noticed, self.now)

    def catch_up(self) -> None:
        """Do what fell due since the last call."""
        now = self.now
        self._fire()
        for server in list(self.servers.values()):
            if server.changes_at is not None and now >= server.changes_at:
                self._arrive(server)
        for request in list(self.requests.values()):
            self._expire(request)
            self._interrupt_now(request)
            self._relaunch(request)
        self._count()

    def users_of(self, group_id: str) -> list[Server]:
        """Instances that still hold a group."""
        return [
            server
            for server in self.servers.values()
            if group_id in server.order.group_ids and server.state is not InstanceState.TERMINATED
        ]

    def leftovers(self) -> list[str]:
        """What costs money, or is ours and nobody wants any more."""
        self.catch_up()
        return [
            *(s.id for s in self.servers.values() if s.state not in ENDED),
            *(r.id for r in self.requests.values() if r.cancellable),
            *self.disks,
            *self.groups,
            *self.keys,
            *self.resource_ids,
            *(name for _, name in self.schedules),
        ]

    def born_after_first_terminate(self) -> list[str]:
        """Instances that came to life although we were ending what their launch made already."""
        first = self.first_terminates
        return [s.id for s in self.servers.values() if s.born > first.get(s.claim, s.born)]

    def note_terminate(self, instance_id: str) -> None:
        """Somebody other than the user ends an instance: nothing may come of its launch now."""
        if server := self.servers.get(instance_id):
            self.first_terminates.setdefault(server.claim, self.now)

    def _fire(self) -> None:
        """Make the calls of the schedules that are due; each ends with its call."""
        for each in due(self.schedules.values(), self.now):
            del self.schedules[each.region, each.name]
            if each.call is GuardCall.CANCEL and each.target in self.requests:
                self.cancel(self.requests[each.target])
            elif each.call is GuardCall.TERMINATE and each.target in self.servers:
                self.note_terminate(each.target)
                self.terminate(self.servers[each.target])

    def _new_server(self, request: Request, born: datetime) -> Server:
        order = request.order
        disk = Disk(
            self.new_id("vol"),
            request.region,
            born,
            order.disk_gib,
            order.kind is Kind.ONCE,
            self.tags_for(ResourceKind.VOLUME, order.tags),
        )
        server = Server(
            self.new_id("i"),
            order,
            born,
            born,
            request.id,
            self.tags_for(ResourceKind.INSTANCE, order.tags),
            f"203.0.113.{len(self.servers) % 250 + 1}",
            changes_at=born + BOOT,
            disk_ids=(disk.id,),
        )
        self.disks[disk.id] = disk
        self.servers[server.id] = server
        request.instance_id, request.relaunch_at = server.id, None
        request.show(RequestState.ACTIVE, "fulfilled", born)
        self._count()
        return server

    def _doom(self, server: Server) -> None:
        """EC2 ends what it launched before it was up, and stops again what was started."""
        server.reason, server.reason_words = self.doomed[server.order.pool]
        if server.launched_at == server.born:
            self.terminate(server, server.reason)
            return
        server.state, server.then, server.changes_at = InstanceState.STOPPED, None, None
        request = self.requests[server.request_id]
        request.show(RequestState.DISABLED, "instance-stopped-by-user", self.now)

    def _arrive(self, server: Server) -> None:
        if server.then is InstanceState.RUNNING and server.order.pool in self.doomed:
            self._doom(server)
            return
        server.state, server.then = server.then or server.state, None
        server.changes_at, at = None, server.changes_at
        if server.state is not InstanceState.TERMINATED:
            return
        for disk in self._disks_of(server):
            if disk.goes:
                del self.disks[disk.id]
            disk.held = False
        server.disk_ids, server.ended_at = (), at

    def _expire(self, request: Request) -> None:
        """What is stopped by its user stays so, what EC2 stopped is ended."""
        until, before = request.order.valid_until, request.code
        if not (request.persistent and request.cancellable and until and self.now >= until):
            return
        if before == "instance-stopped-by-user":
            request.show(RequestState.CANCELLED, before, self.now)
            return
        self.cancel(request)
        if before.startswith("instance-stopped"):
            request.show(RequestState.CANCELLED, "instance-terminated-by-service", self.now)

    def _interrupt_now(self, request: Request) -> None:
        ends = request.notice_ends
        if ends is None or self.now < ends:
            return
        request.notice_ends = None
        server = self.servers[request.instance_id or ""]
        if server.state in ENDED:
            return
        if request.persistent and request.state is not RequestState.CANCELLED:
            server.become(InstanceState.STOPPED, InstanceState.STOPPED, ends)
            server.reason = "Server.SpotInstanceShutdown"
            request.show(RequestState.DISABLED, "instance-stopped-no-capacity", ends)
        else:
            server.become(InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED, ends + SHUTDOWN)
            server.reason = "Server.SpotInstanceTermination"
            request.show(request.state, "instance-terminated-no-capacity", ends)

    def _relaunch(self, request: Request) -> None:
        due = request.relaunch_at
        if due is not None and self.now >= due and not self.is_dry(request.order.pool):
            self._new_server(request, due)
        elif request.code == "instance-stopped-no-capacity" and not self.is_dry(
            request.order.pool
        ):
            server = self.servers[request.instance_id or ""]
            server.become(InstanceState.PENDING, InstanceState.RUNNING, self.now + BOOT)
            request.show(RequestState.ACTIVE, "fulfilled", self.now)

    def _runs(self, instance_id: str | None) -> bool:
        server = self.servers.get(instance_id or "")
        return server is not None and server.state in _COSTS_COMPUTE

    def _disks_of(self, server: Server) -> Iterator[Disk]:
        return (self.disks[each] for each in server.disk_ids if each in self.disks)

    def _count(self) -> None:
        running = [s.name for s in self.servers.values() if s.state in _COSTS_COMPUTE]
        if len(running) > 1:
            self.most_at_once |= Counter(running)
