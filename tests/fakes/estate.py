"""The lifecycle's ``Estate`` over EC2 in memory."""

from decimal import Decimal
from typing import TypeVar

from tests.fakes.cloud import FakeCloud
from tests.fakes.ec2 import Disk, Request, Server
from tests.fakes.things import Group, KeyPair, Tagged
from tests.fakes.views import as_priced, listed_request

from spotkeeper.lifecycle.ports import Foreign, Possession, Survey, Thing, ThingKind
from spotkeeper.model.machine import ENDED, InstanceState
from spotkeeper.model.spot_request import CANCELLED_AND_RUNNING
from spotkeeper.model.tags import TAG_MANAGED, TAG_OWNER

T = TypeVar("T", Server, Disk, Request, Group, KeyPair, Tagged)

FREE = Decimal(0)


class FakeEstate:
    """Sees what a ``FakeCloud`` holds, and shares its fate, denials and delays."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud = cloud
        self.ec2 = cloud.ec2

    def survey(self, region: str, owner: str) -> Survey:
        self.cloud.arrives("survey", (region,))
        wanted = {TAG_MANAGED: "true", TAG_OWNER: owner}
        servers = {each.id: self._server(each) for each in self._servers(region)}
        requests = self._listed(self.ec2.requests, region)
        ours = [
            *(_request(each) for each in requests if _exists(each, servers)),
            *servers.values(),
            *(_disk(each, self.ec2.servers) for each in self._listed(self.ec2.disks, region)),
            *(_group(each) for each in self._listed(self.ec2.groups, region)),
            *(_key(each) for each in self._listed(self.ec2.keys, region)),
            *(_thing(each) for each in self._listed(self.ec2.things, region)),
        ]
        foreign = [
            Foreign(listed_request(each), servers.get(each.instance_id or ""))
            for each in requests
            if not wanted.items() <= each.tags.items()
            if each.cancellable or each.code == CANCELLED_AND_RUNNING
        ]
        self.cloud.fate.after("survey")
        possessions = tuple(each for each in ours if wanted.items() <= each.tags.items())
        return Survey(region, possessions, tuple(foreign))

    def end(self, thing: Thing) -> None:
        cloud, region = self.cloud, thing.region
        if thing.kind == ThingKind.REQUEST:
            cloud.cancel(region, [thing.id])
        elif thing.kind == ThingKind.INSTANCE:
            cloud.terminate(region, [thing.id])
        elif thing.kind == ThingKind.VOLUME:
            cloud.delete_volume(region, thing.id)
        elif thing.kind == ThingKind.GROUP:
            cloud.delete_group(region, thing.id)
        elif thing.kind == ThingKind.KEY:
            cloud.delete_key(region, thing.id)
        else:
            cloud.arrives(f"end {thing.kind}", (region,))
            self.ec2.things.pop(thing.id, None)
            cloud.fate.after(f"end {thing.kind}")

    def _servers(self, region: str) -> list[Server]:
        return [each for each in self._listed(self.ec2.servers, region) if each.state not in ENDED]

    def _listed(self, things: dict[str, T], region: str) -> list[T]:
        return [
            each for each in things.values() if each.region == region and self.ec2.listed(each)
        ]

    def _server(self, server: Server) -> Possession:
        """An instance that was launched without tags has those of its request."""
        request = self.ec2.requests[server.request_id]
        tags = server.tags or (request.tags if self.ec2.listed(request) else {})
        charged = server.state in {InstanceState.PENDING, InstanceState.RUNNING}
        return Possession(
            Thing(ThingKind.INSTANCE, server.id, server.region),
            dict(tags),
            server.born,
            server.state,
            holder=server.request_id,
            instance_type=server.order.pool.instance_type,
            zone_name=server.order.pool.zone.name,
            usd_per_hour=None if charged else FREE,
        )


def _exists(request: Request, servers: dict[str, Possession]) -> bool:
    return request.cancellable or (
        request.code == CANCELLED_AND_RUNNING and request.instance_id in servers
    )


def _request(of: Request) -> Possession:
    thing = Thing(ThingKind.REQUEST, of.id, of.region)
    return Possession(thing, dict(of.tags), of.born, f"{of.state} {of.code}", usd_per_hour=FREE)


def _disk(of: Disk, servers: dict[str, Server]) -> Possession:
    holder = next((each.id for each in servers.values() if of.id in each.disk_ids and of.held), "")
    state = "in-use" if of.held else "available"
    thing = Thing(ThingKind.VOLUME, of.id, of.region)
    return Possession(thing, dict(of.tags), of.born, state, holder=holder, disk=as_priced(of))


def _group(of: Group) -> Possession:
    """EC2 does not say when a group was made."""
    thing = Thing(ThingKind.GROUP, of.id, of.region)
    return Possession(thing, dict(of.tags), usd_per_hour=FREE)


def _key(of: KeyPair) -> Possession:
    thing = Thing(ThingKind.KEY, of.id, of.region)
    return Possession(thing, dict(of.tags), of.born, usd_per_hour=FREE)


def _thing(of: Tagged) -> Possession:
    cost = None if of.kind == ThingKind.SNAPSHOT else FREE
    return Possession(
        Thing(of.kind, of.id, of.region), dict(of.tags), of.born, of.state, usd_per_hour=cost
    )
