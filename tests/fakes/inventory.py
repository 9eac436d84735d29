"""The lifecycle's ``Inventory`` over EC2 in memory."""

from decimal import Decimal
from typing import TypeVar

from tests.fakes.cloud import FakeCloud
from tests.fakes.ec2 import Disk, Request, Server
from tests.fakes.resources import Group, KeyPair, Tagged
from tests.fakes.views import as_priced, listed_request

from spotkeeper.lifecycle.ports import RegionInventory, UnmanagedRequest
from spotkeeper.model.machine import ENDED, InstanceState
from spotkeeper.model.resource import Resource, ResourceId, ResourceKind
from spotkeeper.model.spot_request import CANCELLED_AND_RUNNING
from spotkeeper.model.tags import TAG_MANAGED, TAG_OWNER

T = TypeVar("T", Server, Disk, Request, Group, KeyPair, Tagged)

FREE = Decimal(0)


class FakeInventory:
    """Sees what a ``FakeCloud`` holds, and shares its fate, denials and delays."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud = cloud
        self.ec2 = cloud.ec2

    def region_inventory(self, region: str, owner: str) -> RegionInventory:
        self.cloud.arrives("region_inventory", (region,))
        wanted = {TAG_MANAGED: "true", TAG_OWNER: owner}
        servers = {each.id: self._server(each) for each in self._servers(region)}
        requests = self._listed(self.ec2.requests, region)
        ours = [
            *(_request(each) for each in requests if _exists(each, servers)),
            *servers.values(),
            *(_disk(each, self.ec2.servers) for each in self._listed(self.ec2.disks, region)),
            *(_group(each) for each in self._listed(self.ec2.groups, region)),
            *(_key(each) for each in self._listed(self.ec2.keys, region)),
            *(_thing(each) for each in self._listed(self.ec2.resource_ids, region)),
        ]
        unmanaged = [
            UnmanagedRequest(listed_request(each), servers.get(each.instance_id or ""))
            for each in requests
            if not wanted.items() <= each.tags.items()
            if each.cancellable or each.code == CANCELLED_AND_RUNNING
        ]
        self.cloud.fate.after("region_inventory")
        resources = tuple(each for each in ours if wanted.items() <= each.tags.items())
        return RegionInventory(region, resources, tuple(unmanaged))

    def end(self, resource_id: ResourceId) -> None:
        cloud, region = self.cloud, resource_id.region
        if resource_id.kind == ResourceKind.REQUEST:
            cloud.cancel(region, [resource_id.id])
        elif resource_id.kind == ResourceKind.INSTANCE:
            cloud.terminate(region, [resource_id.id])
        elif resource_id.kind == ResourceKind.VOLUME:
            cloud.delete_volume(region, resource_id.id)
        elif resource_id.kind == ResourceKind.GROUP:
            cloud.delete_group(region, resource_id.id)
        elif resource_id.kind == ResourceKind.KEY:
            cloud.delete_key(region, resource_id.id)
        else:
            cloud.arrives(f"end {resource_id.kind}", (region,))
            self.ec2.resource_ids.pop(resource_id.id, None)
            cloud.fate.after(f"end {resource_id.kind}")

    def _servers(self, region: str) -> list[Server]:
        return [each for each in self._listed(self.ec2.servers, region) if each.state not in ENDED]

    def _listed(self, resource_ids: dict[str, T], region: str) -> list[T]:
        return [
            each
            for each in resource_ids.values()
            if each.region == region and self.ec2.listed(each)
        ]

    def _server(self, server: Server) -> Resource:
        """An instance that was launched without tags has those of its request."""
        request = self.ec2.requests[server.request_id]
        tags = server.tags or (request.tags if self.ec2.listed(request) else {})
        charged = server.state in {InstanceState.PENDING, InstanceState.RUNNING}
        return Resource(
            ResourceId(ResourceKind.INSTANCE, server.id, server.region),
            dict(tags),
            server.born,
            server.state,
            holder=server.request_id,
            instance_type=server.order.pool.instance_type,
            zone_name=server.order.pool.zone.name,
            usd_per_hour=None if charged else FREE,
        )


def _exists(request: Request, servers: dict[str, Resource]) -> bool:
    return request.cancellable or (
        request.code == CANCELLED_AND_RUNNING and request.instance_id in servers
    )


def _request(of: Request) -> Resource:
    resource_id = ResourceId(ResourceKind.REQUEST, of.id, of.region)
    return Resource(
        resource_id, dict(of.tags), of.born, f"{of.state} {of.code}", usd_per_hour=FREE
    )


def _disk(of: Disk, servers: dict[str, Server]) -> Resource:
    holder = next((each.id for each in servers.values() if of.id in each.disk_ids and of.held), "")
    state = "in-use" if of.held else "available"
    resource_id = ResourceId(ResourceKind.VOLUME, of.id, of.region)
    return Resource(resource_id, dict(of.tags), of.born, state, holder=holder, disk=as_priced(of))


def _group(of: Group) -> Resource:
    """EC2 does not say when a group was made."""
    resource_id = ResourceId(ResourceKind.GROUP, of.id, of.region)
    return Resource(resource_id, dict(of.tags), usd_per_hour=FREE)


def _key(of: KeyPair) -> Resource:
    resource_id = ResourceId(ResourceKind.KEY, of.id, of.region)
    return Resource(resource_id, dict(of.tags), of.born, usd_per_hour=FREE)


def _thing(of: Tagged) -> Resource:
    cost = None if of.kind == ResourceKind.SNAPSHOT else FREE
    return Resource(
        ResourceId(of.kind, of.id, of.region), dict(of.tags), of.born, of.state, usd_per_hour=cost
    )
