"""The lifecycle's ``Estate`` over EC2: everything that exists, whatever its kind.

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
from spotkeeper.lifecycle.ports import (
    Cloud,
    Foreign,
    Possession,
    Survey,
    Thing,
    ThingKind,
)
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
class Listing:
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


LISTINGS: Mapping[str, Listing] = {
    ThingKind.VOLUME: Listing(
        "DescribeVolumes",
        "Volumes",
        "VolumeId",
        "CreateTime",
        "State",
        holder=_volume_holder,
        usd_per_hour=None,
    ),
    ThingKind.SNAPSHOT: Listing(
        "DescribeSnapshots", "Snapshots", "SnapshotId", "StartTime", "State", usd_per_hour=None
    ),
    ThingKind.GROUP: Listing("DescribeSecurityGroups", "SecurityGroups", "GroupId"),
    ThingKind.KEY: Listing("DescribeKeyPairs", "KeyPairs", "KeyPairId", "CreateTime"),
    ThingKind.TEMPLATE: Listing(
        "DescribeLaunchTemplates", "LaunchTemplates", "LaunchTemplateId", "CreateTime"
    ),
    ThingKind.INTERFACE: Listing(
        "DescribeNetworkInterfaces",
        "NetworkInterfaces",
        "NetworkInterfaceId",
        state="Status",
        tags="TagSet",
        holder=_interface_holder,
    ),
}
FLEETS = Listing("DescribeFleets", "Fleets", "FleetId", "CreateTime", "FleetState")

#: DescribeKeyPairs answers everything at once.
UNPAGED = frozenset({"DescribeKeyPairs"})


@dataclass(frozen=True, slots=True)
class Ending:
    """The call that deletes a kind of things, and what EC2 says when there is none."""

    operation: str
    parameter: str
    gone: str


ENDINGS: Mapping[str, Ending] = {
    ThingKind.SNAPSHOT: Ending("DeleteSnapshot", "SnapshotId", "InvalidSnapshot.NotFound"),
    ThingKind.INTERFACE: Ending(
        "DeleteNetworkInterface", "NetworkInterfaceId", "InvalidNetworkInterfaceID.NotFound"
    ),
    ThingKind.TEMPLATE: Ending(
        "DeleteLaunchTemplate", "LaunchTemplateId", "InvalidLaunchTemplateId.NotFound"
    ),
}


class Ec2Estate:
    """Speaks to EC2 through one session; what a launch makes is ended by the ``Cloud``."""

    def __init__(self, session: AwsSession, cloud: Cloud) -> None:
        self._aws = session
        self._cloud = cloud

    def survey(self, region: str, owner: str) -> Survey:
        """What carries our tag and the owner's id and still exists, and the requests of others."""
        wanted = {TAG_MANAGED: "true", TAG_OWNER: owner}
        listed = self._cloud.holdings(region)
        ours = [each.thing for each in listed if wanted.items() <= each.tags.items()]
        kinds = {thing.kind for thing in ours}
        requests = self._requests(region)
        instances = self._instances(
            region, requests, by_tag=ThingKind.INSTANCE in kinds, of=wanted
        )
        mine = {each.id for each in requests if wanted.items() <= each.tags.items()}
        found = [
            *(_request(each) for each in requests if each.id in mine and _exists(each, instances)),
            *(_owned(each, mine, requests) for each in instances.values()),
            *self._fleets(region, [thing.id for thing in ours if thing.kind == ThingKind.FLEET]),
        ]
        for kind in LISTINGS:
            if kind in kinds:
                found += self._listed(region, kind, wanted)
        possessions = tuple(each for each in found if wanted.items() <= each.tags.items())
        foreign = (
            Foreign(each, instances.get(each.instance_id or ""))
            for each in requests
            if each.id not in mine
        )
        return Survey(region, possessions, tuple(foreign))

    def end(self, thing: Thing) -> None:
        """Cancel, terminate or delete one thing; gone already is fine."""
        cloud, region = self._cloud, thing.region
        by_cloud: Mapping[str, Callable[[], object]] = {
            ThingKind.REQUEST: lambda: cloud.cancel(region, [thing.id]),
            ThingKind.INSTANCE: lambda: cloud.terminate(region, [thing.id]),
            ThingKind.VOLUME: lambda: cloud.delete_volume(region, thing.id),
            ThingKind.GROUP: lambda: cloud.delete_group(region, thing.id),
            ThingKind.KEY: lambda: cloud.delete_key(region, thing.id),
            ThingKind.FLEET: lambda: self._end_fleet(thing),
        }
        if thing.kind in by_cloud:
            by_cloud[thing.kind]()
            return
        ending = ENDINGS[thing.kind]
        asked: Body = {ending.parameter: thing.id}
        try:
            self._aws.call(ending.operation, region, **asked)
        except (Refused, NotFound) as refusal:
            if refusal.aws_code != ending.gone:
                raise

    def _end_fleet(self, thing: Thing) -> None:
        """With its instances: without the fleet nothing of ours would know of them."""
        answer = self._aws.call(
            "DeleteFleets", thing.region, FleetIds=[thing.id], TerminateInstances=True
        )
        for failed in answer.get("UnsuccessfulFleetDeletions", ()):
            code, told = failed["Error"].get("Code", ""), failed["Error"].get("Message", "")
            if code not in FLEET_IS_GONE:
                raise Refused(
                    f"DeleteFleets in {thing.region}: {told} ({code})",
                    region=thing.region,
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
    ) -> dict[str, Possession]:
        """Living instances of ours, and those of the requests, by id."""
        living = {"Name": "instance-state-name", "Values": list(LIVING)}
        by_request = [each.id for each in requests if each.instance_id]
        questions = [[living, *_tagged(of)]] if by_tag else []
        for begin in range(0, len(by_request), MAX_FILTER_VALUES):
            some = by_request[begin : begin + MAX_FILTER_VALUES]
            questions.append([living, {"Name": "spot-instance-request-id", "Values": some}])
        found: dict[str, Possession] = {}
        for filters in questions:
            pages = self._aws.pages(
                "DescribeInstances", region, key="Reservations", Filters=filters
            )
            rows = (row for reservation in pages for row in reservation["Instances"])
            found |= {row["InstanceId"]: _instance(row, region) for row in rows}
        return found

    def _fleets(self, region: str, ids: Collection[str]) -> list[Possession]:
        """One by one: instant fleets are only described by their id (EC2 API, DescribeFleets)."""
        found = []
        for fleet_id in ids:
            try:
                answer = self._aws.call("DescribeFleets", region, FleetIds=[fleet_id])
            except (Refused, NotFound) as refusal:
                if refusal.aws_code != "InvalidFleetId.NotFound":
                    raise
                continue
            rows = (_described(row, FLEETS, ThingKind.FLEET, region) for row in answer["Fleets"])
            found += [each for each in rows if each.state not in GONE]
        return found

    def _listed(self, region: str, kind: str, wanted: Mapping[str, str]) -> list[Possession]:
        how = LISTINGS[kind]
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


def _exists(request: SpotRequest, instances: Mapping[str, Possession]) -> bool:
    """A cancelled request is something only through the instance that it left running."""
    return request.cancellable or request.instance_id in instances


def _request(request: SpotRequest) -> Possession:
    thing = Thing(ThingKind.REQUEST, request.id, request.region)
    state = f"{request.state} {request.status_code}"
    return Possession(thing, request.tags, request.created_at, state, usd_per_hour=FREE)


def _owned(
    instance: Possession, mine: Collection[str], requests: Iterable[SpotRequest]
) -> Possession:
    """An instance; with its request's tags where the request is ours and launched it without."""
    if TAG_OWNER in instance.tags or instance.holder not in mine:
        return instance
    tags = next(each.tags for each in requests if each.id == instance.holder)
    return replace(instance, tags=tags)


def _instance(described: Shape, region: str) -> Possession:
    """An instance with the request that holds it.

    Its LaunchTime moves with every start, what was attached at its birth does not.
    """
    blocks = (each.get("Ebs", {}) for each in described.get("BlockDeviceMappings", ()))
    cards = (each.get("Attachment", {}) for each in described.get("NetworkInterfaces", ()))
    attached = (each.get("AttachTime") for each in (*blocks, *cards))
    born: list[datetime] = [described["LaunchTime"], *(at for at in attached if at)]
    state = described["State"]["Name"]
    return Possession(
        Thing(ThingKind.INSTANCE, described["InstanceId"], region),
        shapes.tags(described.get("Tags")),
        min(born),
        state,
        holder=described.get("SpotInstanceRequestId", ""),
        instance_type=described["InstanceType"],
        zone_name=described["Placement"]["AvailabilityZone"],
        usd_per_hour=None if state in CHARGED else FREE,
    )


def _described(described: Shape, how: Listing, kind: str, region: str) -> Possession:
    return Possession(
        Thing(kind, described[how.id], region),
        shapes.tags(described.get(how.tags)),
        described.get(how.born),
        str(described.get(how.state, "")),
        holder=how.holder(described),
        disk=shapes.disk(described) if kind == ThingKind.VOLUME else None,
        usd_per_hour=how.usd_per_hour,
    )
