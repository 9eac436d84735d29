"""The lifecycle's ``Cloud`` over EC2 in memory. Refuses what EC2 refuses."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from tests.fakes import geography, rules
from tests.fakes.clock import FakeClock
from tests.fakes.ec2 import (
    BOOT,
    STOP,
    TERMINATED_LISTED,
    Disk,
    Ec2,
    Listed,
    Request,
    Server,
)
from tests.fakes.fate import Fate
from tests.fakes.resources import Group, KeyPair, Tagged
from tests.fakes.views import described, listed_request, tagged, volume

from spotkeeper.errors import (
    BadInput,
    InUse,
    NoConnection,
    NotFound,
    PermissionDenied,
    SpotkeeperError,
)
from spotkeeper.lifecycle.ports import Clock, Image, LaunchOrder, Observation, SshGroup, Subnet
from spotkeeper.model.connect import ConnectEndpoint
from spotkeeper.model.machine import ENDED, Instance, InstanceState, Volume
from spotkeeper.model.pool import Pool
from spotkeeper.model.resource import ResourceKind, TaggedResource
from spotkeeper.model.spot_request import RequestState
from spotkeeper.model.tags import TAG_NAME, TAG_OWNER, TAG_PREFIX, Caller

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", Server, Disk, Request, Group, KeyPair, Tagged)

#: How long a call takes.
LATENCY = timedelta(seconds=0.5)


def answered(
    method: Callable[Concatenate["FakeCloud", P], R],
) -> Callable[Concatenate["FakeCloud", P], R]:
    """A call over the network: it takes time, may be denied, and its answer may be lost."""
    call = method.__name__

    @wraps(method)
    def through(self: "FakeCloud", /, *args: P.args, **kwargs: P.kwargs) -> R:
        self.arrives(call, args)
        try:
            return method(self, *args, **kwargs)
        finally:  # a refusal is an answer too
            self.fate.after(call)

    return through


class FakeCloud:
    """``FakeCloud(dry=[pool("g5.xlarge@us-east-1a")])``: say what the world is like, then use it.

    ``denied`` names calls that the caller may not make, ``silent`` regions that do not answer,
    ``visibility`` how long a new thing is missing from every list, ``untagged`` the kinds of
    things whose tags a launch forgets, ``forgets_tokens`` an EC2 without idempotency.
    """

    def __init__(  # noqa: PLR0913 - one parameter per fact of the world
        self,
        *,
        clock: Clock | None = None,
        dry: Iterable[Pool] = (),
        visibility: timedelta = timedelta(0),
        untagged: Iterable[ResourceKind] = (),
        denied: Iterable[str] = (),
        silent: Iterable[str] = (),
        forgets_tokens: bool = False,
        fate: Fate | None = None,
    ) -> None:
        self.clock: Clock = clock or FakeClock()
        self.ec2 = Ec2(self.clock, dry=dry, visibility=visibility, untagged=untagged)
        self.denied = set(denied)
        self.silent = set(silent)
        self.forgets_tokens = forgets_tokens
        self.fate = fate or Fate()
        self.known_as = geography.CALLER
        self.open_regions = tuple(sorted(geography.ZONES))
        self.no_network: set[str] = set()
        self.endpoints: dict[str, ConnectEndpoint] = {}  # by VPC
        self.refusals: dict[str, SpotkeeperError] = {}
        self.on_demand_instead = False
        self._launches: dict[tuple[str, str], tuple[LaunchOrder, str]] = {}

    @property
    def calls(self) -> list[str]:
        """Every call so far."""
        return self.fate.seen

    def arrives(self, call: str, args: tuple[object, ...]) -> None:
        """A call reaches EC2, or does not."""
        self.fate.before(call)
        self.clock.sleep(LATENCY)
        self.ec2.catch_up()
        region = args[0] if args and isinstance(args[0], str) else ""
        if region in self.silent:
            raise NoConnection(f"{call} in {region}: no answer", region=region)
        if call in self.denied:
            raise PermissionDenied(
                f"{call}: You are not authorized (UnauthorizedOperation)",
                aws_code="UnauthorizedOperation",
            )
        if call in self.refusals:
            raise self.refusals[call]

    @answered
    def caller(self) -> Caller:
        return self.known_as

    @answered
    def regions(self) -> tuple[str, ...]:
        return self.open_regions

    @answered
    def subnets(self, region: str, subnet_id: str | None = None) -> tuple[Subnet, ...]:
        found = () if region in self.no_network else geography.subnets_of(region)
        if subnet_id is None:
            return found
        named = tuple(subnet for subnet in found if subnet.id == subnet_id)
        if not named:
            raise rules.gone("InvalidSubnetID.NotFound", subnet_id)
        return named

    @answered
    def connect_endpoint(self, region: str, vpc_id: str) -> ConnectEndpoint | None:
        return self.endpoints.get(vpc_id)

    @answered
    def image(self, region: str, image: str, arch: str) -> Image:
        alias = f"ami-{image}-{arch}"
        image_id = alias if alias in geography.PICTURES else image
        if not image_id.startswith("ami-"):
            raise BadInput(f"{image!r} is neither an image id nor an alias")
        if image_id not in geography.PICTURES:
            raise NotFound(f"{image_id} does not exist", aws_code="InvalidAMIID.NotFound")
        found = geography.image(region, image_id)
        if found.arch != arch:
            raise BadInput(f"Image {image_id} is made for {found.arch}, the machine is {arch}")
        return found

    @answered
    def tagged_resources(self, region: str) -> tuple[TaggedResource, ...]:
        kinds: Mapping[ResourceKind, Sequence[Listed]] = {
            ResourceKind.INSTANCE: self._servers(region),
            ResourceKind.REQUEST: self._in(region, self.ec2.requests.values()),
            ResourceKind.VOLUME: self._in(region, self.ec2.disks.values()),
            ResourceKind.GROUP: self._in(region, self.ec2.groups.values()),
            ResourceKind.KEY: self._in(region, self.ec2.keys.values()),
        }
        pairs = [
            (kind, resource_id)
            for kind, resource_ids in kinds.items()
            for resource_id in resource_ids
        ]
        pairs += [
            (ResourceKind(t.kind), t) for t in self._in(region, self.ec2.resource_ids.values())
        ]
        return tuple(
            tagged(kind, resource_id)
            for kind, resource_id in pairs
            if any(key.startswith(TAG_PREFIX) for key in resource_id.tags)
        )

    @answered
    def observe(self, region: str, owner: str, name: str | None = None) -> Observation:
        wanted = {TAG_OWNER: owner} | ({TAG_NAME: name} if name is not None else {})
        requests = [
            request
            for request in self._in(region, self.ec2.requests.values())
            if wanted.items() <= request.tags.items()
        ]
        held = {request.instance_id for request in requests}
        servers = [
            server
            for server in self._servers(region)
            if wanted.items() <= server.tags.items() or server.id in held
        ]
        if "requests" in self.denied:
            refusal = PermissionDenied("requests: You are not authorized (UnauthorizedOperation)")
            mine = [each for each in servers if wanted.items() <= each.tags.items()]
            return Observation(region, tuple(map(described, mine)), (), refusal)
        return Observation(
            region, tuple(map(described, servers)), tuple(map(listed_request, requests))
        )

    @answered
    def volumes(self, region: str, owner: str, name: str | None) -> tuple[Volume, ...]:
        wanted = {TAG_OWNER: owner} | ({TAG_NAME: name} if name is not None else {})
        disks = self._in(region, self.ec2.disks.values())
        return tuple(volume(disk) for disk in disks if wanted.items() <= disk.tags.items())

    @answered
    def create_group(self, region: str, name: str, *, vpc_id: str, tags: Mapping[str, str]) -> str:
        for group in self.ec2.groups.values():
            if (group.region, group.name, group.vpc_id) == (region, name, vpc_id):
                return group.id
        return self.ec2.new_group(region, name, vpc_id=vpc_id, tags=tags).id

    @answered
    def open_ssh(self, region: str, group_id: str, source: str) -> None:
        self._sources(region, group_id).add(source)

    @answered
    def close_ssh(self, region: str, group_id: str, cidr: str) -> None:
        self._sources(region, group_id).discard(cidr)

    def _sources(self, region: str, group_id: str) -> set[str]:
        group = self.ec2.groups.get(group_id)
        if group is None or group.region != region:
            raise rules.gone("InvalidGroup.NotFound", group_id)
        return group.cidrs

    @answered
    def ssh_groups(
        self, region: str, owner: str, group_ids: Collection[str]
    ) -> tuple[SshGroup, ...]:
        return tuple(
            SshGroup(group.id, tuple(each for each in group.cidrs if "/" in each))
            for group in self._in(region, self.ec2.groups.values())
            if group.id in group_ids and group.tags.get(TAG_OWNER) == owner
        )

    @answered
    def import_key(
        self, region: str, name: str, *, public_key: str, tags: Mapping[str, str]
    ) -> None:
        if not public_key.startswith("ssh-"):
            raise BadInput("Key is not in valid OpenSSH format", aws_code="InvalidKey.Format")
        if name not in {key.name for key in self.ec2.keys.values() if key.region == region}:
            self.ec2.new_key(region, name, tags=tags)

    def run(self, order: LaunchOrder) -> Instance:
        self.arrives("run", (order.pool.region,))
        try:
            server = self._launched_before(order) or self._launched(order)
        finally:
            self.fate.after("run")
        return described(server, lifecycle=None if self.on_demand_instead else "spot")

    def ask(self, order: LaunchOrder) -> None:
        self.arrives("ask", (order.pool.region,))
        rules.check_order(self.ec2, order)
        self.fate.after("ask")

    @answered
    def instance(self, region: str, instance_id: str) -> Instance:
        return described(self._required(region, instance_id))

    @answered
    def cancel(self, region: str, request_ids: Collection[str]) -> frozenset[str]:
        unknown = set(request_ids)
        for request_id in request_ids:
            request = self.ec2.requests.get(request_id)
            if request and request.region == region and self.ec2.listed(request):
                self.ec2.cancel(request)
                unknown.discard(request_id)
        return frozenset(unknown)

    @answered
    def terminate(self, region: str, instance_ids: Collection[str]) -> None:
        for instance_id in instance_ids:
            self.ec2.note_terminate(instance_id)
            server = self._known(region, instance_id)
            if server is not None:
                self.ec2.terminate(server)

    @answered
    def stop(self, region: str, instance_id: str) -> None:
        server = self._required(region, instance_id)
        request = self.ec2.requests[server.request_id]
        if not request.persistent:
            raise rules.refused("UnsupportedOperation", "a one-time request cannot be stopped")
        if request.state is RequestState.CANCELLED:
            raise rules.refused("IncorrectSpotRequestState", "the request is cancelled")
        if server.state in ENDED:
            raise rules.refused("IncorrectInstanceState", "the instance is terminated")
        if server.state is not InstanceState.STOPPED:
            now = self.clock.now()
            server.become(InstanceState.STOPPING, InstanceState.STOPPED, now + STOP)
            request.notice_ends = None
            request.show(RequestState.DISABLED, "instance-stopped-by-user", now)

    @answered
    def start(self, region: str, instance_id: str) -> None:
        server = self._required(region, instance_id)
        request = self.ec2.requests[server.request_id]
        if server.state in ENDED:
            raise rules.refused("IncorrectInstanceState", "the instance is terminated")
        if server.state is not InstanceState.STOPPED:
            return
        if request.code != "instance-stopped-by-user":
            raise rules.refused("IncorrectSpotRequestState", "only EC2 may start it")
        rules.check_room(self.ec2, server.order)
        now = self.clock.now()
        server.launched_at = now
        server.become(InstanceState.PENDING, InstanceState.RUNNING, now + BOOT)
        request.show(RequestState.ACTIVE, "fulfilled", now)

    @answered
    def retag(self, region: str, ids: Collection[str], tags: Mapping[str, str]) -> None:
        everything: Mapping[str, Listed] = {
            **self.ec2.servers,
            **self.ec2.requests,
            **self.ec2.disks,
        }
        for each in ids:
            if each not in everything:
                raise NotFound(f"{each} does not exist", aws_code="InvalidID")
            everything[each].tags.update(tags)

    @answered
    def delete_volume(self, region: str, volume_id: str) -> None:
        disk = self.ec2.disks.get(volume_id)
        if disk is None or disk.region != region:
            return
        if disk.held:
            raise InUse(f"{volume_id} is attached", aws_code="VolumeInUse")
        del self.ec2.disks[volume_id]

    @answered
    def delete_group(self, region: str, group_id: str) -> None:
        if self.ec2.users_of(group_id):
            raise InUse(f"{group_id} has a dependent object", aws_code="DependencyViolation")
        self.ec2.groups.pop(group_id, None)

    @answered
    def delete_key(self, region: str, key_id: str) -> None:
        self.ec2.keys.pop(key_id, None)

    def _servers(self, region: str) -> list[Server]:
        now = self.clock.now()
        return [
            server
            for server in self._in(region, self.ec2.servers.values())
            if server.ended_at is None or now - server.ended_at < TERMINATED_LISTED
        ]

    def _in(self, region: str, resource_ids: Iterable[T]) -> list[T]:
        return [each for each in resource_ids if each.region == region and self.ec2.listed(each)]

    def _known(self, region: str, instance_id: str) -> Server | None:
        found = [server for server in self._servers(region) if server.id == instance_id]
        return found[0] if found else None

    def _required(self, region: str, instance_id: str) -> Server:
        server = self._known(region, instance_id)
        if server is None:
            raise NotFound(
                f"The instance ID '{instance_id}' does not exist",
                region=region,
                aws_code="InvalidInstanceID.NotFound",
            )
        return server

    def _launched(self, order: LaunchOrder) -> Server:
        rules.check_order(self.ec2, order)
        rules.check_room(self.ec2, order)
        server = self.ec2.launch(order)
        self._launches[order.pool.region, order.token] = (order, server.id)
        return server

    def _launched_before(self, order: LaunchOrder) -> Server | None:
        launch = self._launches.get((order.pool.region, order.token))
        if launch is None or self.forgets_tokens:
            return None
        before, instance_id = launch
        if before != order:
            raise rules.stale("IdempotentParameterMismatch")
        server = self.ec2.servers[instance_id]
        if server.state is InstanceState.TERMINATED:
            raise rules.stale("IdempotentInstanceTerminated")
        return server
