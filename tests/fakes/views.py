"""EC2 in memory as the lifecycle sees it: the same values that aws/shapes.py makes."""

from tests.fakes.ec2 import Disk, Listed, Request, Server

from spotkeeper.model import disk as model
from spotkeeper.model.connect import Connect
from spotkeeper.model.machine import ENDED, Instance, InstanceState, Volume
from spotkeeper.model.resource import ResourceId, ResourceKind, TaggedResource
from spotkeeper.model.spot_request import SpotRequest


def described(server: Server, *, lifecycle: str | None = "spot") -> Instance:
    """A row of DescribeInstances."""
    return Instance(
        id=server.id,
        region=server.region,
        zone_name=server.order.pool.zone.name,
        instance_type=server.order.pool.instance_type,
        state=server.state,
        launched_at=server.launched_at,
        lifecycle=lifecycle,
        request_id=server.request_id,
        public_ip=server.address
        if server.state is InstanceState.RUNNING and server.order.connect is Connect.PUBLIC
        else None,
        image_id=server.order.image.id,
        key_name=server.order.key_name,
        state_reason=server.reason,
        state_message=server.reason_words,
        volume_ids=() if server.state in ENDED else server.disk_ids,
        group_ids=() if server.state in ENDED else server.order.group_ids,
        tags=dict(server.tags),
    )


def listed_request(request: Request) -> SpotRequest:
    """A row of DescribeSpotInstanceRequests."""
    order = request.order
    return SpotRequest(
        id=request.id,
        region=request.region,
        state=request.state,
        status_code=request.code,
        status_since=request.since,
        persistent=request.persistent,
        interruption_behavior=str(order.on_interruption),
        created_at=request.born,
        instance_id=request.instance_id,
        instance_type=order.pool.instance_type,
        zone_name=order.pool.zone.name,
        valid_until=order.valid_until,
        max_price_usd_per_hour=order.max_price_usd_per_hour,
        tags=dict(request.tags),
    )


def as_priced(disk: Disk) -> model.Disk:
    """What a launch makes: gp3 at its usual speed."""
    return model.Disk(model.USUAL_TYPE, disk.size_gib)


def volume(disk: Disk) -> Volume:
    """A row of DescribeVolumes."""
    state = "in-use" if disk.held else "available"
    return Volume(disk.id, disk.region, state, as_priced(disk), dict(disk.tags))


def tagged(kind: ResourceKind, resource_id: Listed) -> TaggedResource:
    """The rows of DescribeTags for one thing."""
    return TaggedResource(
        ResourceId(kind, resource_id.id, resource_id.region), dict(resource_id.tags)
    )
