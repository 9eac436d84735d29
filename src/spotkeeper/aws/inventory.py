"""The lifecycle's ``Inventory`` over EC2: everything that exists, whatever its kind.

Tags are asked for first, in one call for a region; only the kinds that they name are described.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from spotkeeper.aws import shapes
from spotkeeper.aws.session import AwsSession
from spotkeeper.aws.shapes import Body
from spotkeeper.errors import NotFound, Refused
from spotkeeper.lifecycle.ports import Cloud, RegionInventory, UnmanagedRequest
from spotkeeper.model.resource import Resource, ResourceId, ResourceKind
from spotkeeper.model.spot_request import CANCELLED_AND_RUNNING, SpotRequest
from spotkeeper.model.tags import TAG_MANAGED, TAG_OWNER

#: Things that cost nothing by themselves. What instances and volumes cost is asked elsewhere; what
#: of a snapshot is charged for EC2 does not list.
FREE = Decimal(0)

#: States of a request that may launch something, or whose instance may still run.
LIVELY = ("open", "active", "disabled", "cancelled")

#: States of an instance that has not ended.
LIVING = ("pending", "running", "stopping", "stopped")
CHARGED = frozenset({"pending", "running"})

#: States of other things that are gone, or on their way without us.
GONE = frozenset({"deleting", "deleted", "deleted_running", "deleted_terminating"})

#: EC2 takes this many values in one filter.
MAX_FILTER_VALUES = 200

#: ``DeleteFleetErrorCode`` of the EC2 model, for a fleet that is deleted already.
FLEET_IS_GONE = frozenset({"fleetIdDoesNotExist", "fleetNotInDeletableState"})

Shape = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ListCall:
    """How a kind of things is listed by its tags, and where its fields stand."""

    operation: str
    key: str
    id: str
    born: str = ""
    state: str = ""
    tags: str = "Tags"
    holder: Callable[[Shape], str] = lambda _: ""
    usd_per_hour: Decimal | None = FREE


def _volume_holder(described: Shape) -> str:
    return str(next((a["InstanceId"] for a in described.get("Attachments", ())), ""))


def _interface_holder(described: Shape) -> str:
    return str(described.get("Attachment", {}).get("InstanceId", ""))


LIST_CALLS: Mapping[str, ListCall] = {
    ResourceKind.VOLUME: ListCall(
        "DescribeVolumes",
        "Volumes",
        "VolumeId",
        "CreateTime",
        "State",
        holder=_volume_holder,
        usd_per_hour=None,
    ),
    ResourceKind.SNAPSHOT: ListCall(
        "DescribeSnapshots", "Snapshots", "SnapshotId", "StartTime", "State", usd_per_hour=None
    ),
    ResourceKind.GROUP: ListCall("DescribeSecurityGroups", "SecurityGroups", "GroupId"),
    ResourceKind.KEY: ListCall("DescribeKeyPairs", "KeyPairs", "KeyPairId", "CreateTime"),
    ResourceKind.TEMPLATE: ListCall(
        "DescribeLaunchTemplates", "LaunchTemplates", "LaunchTemplateId", "CreateTime"
    ),
    ResourceKind.INTERFACE: ListCall(
        "DescribeNetworkInterfaces",
        "NetworkInterfaces",
        "NetworkInterfaceId",
        state="Status",
        tags="TagSet",
        holder=_interface_holder,
    ),
}
FLEETS = ListCall("DescribeFleets", "Fleets", "FleetId", "CreateTime", "FleetState")

#: DescribeKeyPairs answers everything at once.
UNPAGED = frozenset({"DescribeKeyPairs"})


@dataclass(frozen=True, slots=True)
class DeleteCall:
    """The call that deletes a kind of things, and what EC2 says when there is none."""

    operation: str
    parameter: str
    gone: str


DELETE_CALLS: Mapping[str, DeleteCall] = {
    ResourceKind.SNAPSHOT: DeleteCall("DeleteSnapshot", "SnapshotId", "InvalidSnapshot.NotFound"),
    ResourceKind.INTERFACE: DeleteCall(
        "DeleteNetworkInterface", "NetworkInterfaceId", "InvalidNetworkInterfaceID.NotFound"
    ),
    ResourceKind.TEMPLATE: DeleteCall(
        "DeleteLaunchTemplate", "LaunchTemplateId", "InvalidLaunchTemplateId.NotFound"
    ),
}


class Ec2Inventory:
    """Speaks to EC2 through one session; what a launch makes is ended by the ``Cloud``."""

    def __init__(self, session: AwsSession, cloud: Cloud) -> None:
        self._aws = session
        self._cloud = cloud

    def region_inventory(self, region: str, owner: str) -> RegionInventory:
        """What carries our tag and the owner's id and still exists, and the requests of others."""
        wanted = {TAG_MANAGED: "true", TAG_OWNER: owner}
        listed = self._cloud.tagged_resources(region)
        ours = [each.resource_id for each in listed if wanted.items() <= each.tags.items()]
        kinds = {resource_id.kind for resource_id in ours}
        requests = self._requests(region)
        instances = self._instances(
            region, requests, by_tag=ResourceKind.INSTANCE in kinds, of=wanted
        )
        mine = {each.id for each in requests if wanted.items() <= each.tags.items()}
        found = [
            *(_request(each) for each in requests if each.id in mine and _exists(each, instances)),
            *(_owned(each, mine, requests) for each in instances.values()),
            *self._fleets(
                region,
                [resource_id.id for resource_id in ours if resource_id.kind == ResourceKind.FLEET],
            ),
        ]
        for kind in LIST_CALLS:
            if kind in kinds:
                found += self._listed(region, kind, wanted)
        resources = tuple(each for each in found if wanted.items() <= each.tags.items())
        unmanaged = (
            UnmanagedRequest(each, instances.get(each.instance_id or ""))
            for each in requests
            if each.id not in mine
        )
        return RegionInventory(region, resources, tuple(unmanaged))

    def end(self, resource_id: ResourceId) -> None:
        """Cancel, terminate or delete one thing; gone already is fine."""
        cloud, region = self._cloud, resource_id.region
        by_cloud: Mapping[str, Callable[[], object]] = {
            ResourceKind.REQUEST: lambda: cloud.cancel(region, [resource_id.id]),
            ResourceKind.INSTANCE: lambda: cloud.terminate(region, [resource_id.id]),
            ResourceKind.VOLUME: lambda: cloud.delete_volume(region, resource_id.id),
            ResourceKind.GROUP: lambda: cloud.delete_group(region, resource_id.id),
            ResourceKind.KEY: lambda: cloud.delete_key(region, resource_id.id),
            ResourceKind.FLEET: lambda: self._end_fleet(resource_id),
        }
        if resource_id.kind in by_cloud:
            by_cloud[resource_id.kind]()
            return
        call = DELETE_CALLS[resource_id.kind]
        asked: Body = {call.parameter: resource_id.id}
        try:
            self._aws.call(call.operation, region, **asked)
        except (Refused, NotFound) as refusal:
            if refusal.aws_code != call.gone:
                raise

    def _end_fleet(self, resource_id: ResourceId) -> None:
        """With its instances: without the fleet nothing of ours would know of them."""
        answer = self._aws.call(
            "DeleteFleets", resource_id.region, FleetIds=[resource_id.id], TerminateInstances=True
        )
        for failed in answer.get("UnsuccessfulFleetDeletions", ()):
            code, told = failed["Error"].get("Code", ""), failed["Error"].get("Message", "")
            if code not in FLEET_IS_GONE:
                raise Refused(
                    f"DeleteFleets in {resource_id.region}: {told} ({code})",
                    region=resource_id.region,
                    aws_code=code,
                )

    def _requests(self, region: str) -> list[SpotRequest]:
        """Every request of the account that may launch something, or whose instance may run."""
        rows = self._aws.pages(
            "DescribeSpotInstanceRequests",
            region,
            key="SpotInstanceRequests",
            Filters=[{"Name": "state", "Values": list(LIVELY)}],
        )
        found = (shapes.spot_request(row, region) for row in rows)
        return [each for each in found if _is_lively(each)]

    def _instances(
        self, region: str, requests: Iterable[SpotRequest], *, by_tag: bool, of: Mapping[str, str]
    ) -> dict[str, Resource]:
        """Living instances of ours, and those of the requests, by id."""
        living = {"Name": "instance-state-name", "Values": list(LIVING)}
        by_request = [each.id for each in requests if each.instance_id]
        questions = [[living, *_tagged(of)]] if by_tag else []
        for begin in range(0, len(by_request), MAX_FILTER_VALUES):
            some = by_request[begin : begin + MAX_FILTER_VALUES]
            questions.append([living, {"Name": "spot-instance-request-id", "Values": some}])
        found: dict[str, Resource] = {}
        for filters in questions:
            pages = self._aws.pages(
                "DescribeInstances", region, key="Reservations", Filters=filters
            )
            rows = (row for reservation in pages for row in reservation["Instances"])
            found |= {row["InstanceId"]: _instance(row, region) for row in rows}
        return found

    def _fleets(self, region: str, ids: Collection[str]) -> list[Resource]:
        """One by one: instant fleets are only described by their id (EC2 API, DescribeFleets)."""
        found = []
        for fleet_id in ids:
            try:
                answer = self._aws.call("DescribeFleets", region, FleetIds=[fleet_id])
            except (Refused, NotFound) as refusal:
                if refusal.aws_code != "InvalidFleetId.NotFound":
                    raise
                continue
            rows = (
                _described(row, FLEETS, ResourceKind.FLEET, region) for row in answer["Fleets"]
            )
            found += [each for each in rows if each.state not in GONE]
        return found

    def _listed(self, region: str, kind: str, wanted: Mapping[str, str]) -> list[Resource]:
        how = LIST_CALLS[kind]
        asked: Body = {"Filters": _tagged(wanted)}
        if how.operation in UNPAGED:
            rows = self._aws.call(how.operation, region, **asked).get(how.key, [])
        else:
            rows = self._aws.pages(how.operation, region, key=how.key, **asked)
        found = (_described(row, how, kind, region) for row in rows)
        return [each for each in found if each.state not in GONE]


def _tagged(wanted: Mapping[str, str]) -> list[Body]:
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in wanted.items()]


def _is_lively(request: SpotRequest) -> bool:
    return request.cancellable or request.status_code == CANCELLED_AND_RUNNING


def _exists(request: SpotRequest, instances: Mapping[str, Resource]) -> bool:
    """A cancelled request is something only through the instance that it left running."""
    return request.cancellable or request.instance_id in instances


def _request(request: SpotRequest) -> Resource:
    resource_id = ResourceId(ResourceKind.REQUEST, request.id, request.region)
    state = f"{request.state} {request.status_code}"
    return Resource(resource_id, request.tags, request.created_at, state, usd_per_hour=FREE)


def _owned(instance: Resource, mine: Collection[str], requests: Iterable[SpotRequest]) -> Resource:
    """An instance; with its request's tags where the request is ours and launched it without."""
    if TAG_OWNER in instance.tags or instance.holder not in mine:
        return instance
    tags = next(each.tags for each in requests if each.id == instance.holder)
    return replace(instance, tags=tags)


def _instance(described: Shape, region: str) -> Resource:
    """An instance with the request that holds it.

    Its LaunchTime moves with every start, what was attached at its birth does not.
    """
    blocks = (each.get("Ebs", {}) for each in described.get("BlockDeviceMappings", ()))
    cards = (each.get("Attachment", {}) for each in described.get("NetworkInterfaces", ()))
    attached = (each.get("AttachTime") for each in (*blocks, *cards))
    born: list[datetime] = [described["LaunchTime"], *(at for at in attached if at)]
    state = described["State"]["Name"]
    return Resource(
        ResourceId(ResourceKind.INSTANCE, described["InstanceId"], region),
        shapes.tags(described.get("Tags")),
        min(born),
        state,
        holder=described.get("SpotInstanceRequestId", ""),
        instance_type=described["InstanceType"],
        zone_name=described["Placement"]["AvailabilityZone"],
        usd_per_hour=None if state in CHARGED else FREE,
    )


def _described(described: Shape, how: ListCall, kind: str, region: str) -> Resource:
    return Resource(
        ResourceId(kind, described[how.id], region),
        shapes.tags(described.get(how.tags)),
        described.get(how.born),
        str(described.get(how.state, "")),
        holder=how.holder(described),
        disk=shapes.disk(described) if kind == ResourceKind.VOLUME else None,
        usd_per_hour=how.usd_per_hour,
    )
