"""The lifecycle's ``Cloud`` over EC2. Every call that changes something is made here."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from spotkeeper.aws import shapes
from spotkeeper.aws.images import ALIASES, FACTS, TRUSTED_OWNERS, image_of
from spotkeeper.aws.memory import AnswerMemory
from spotkeeper.aws.regions import enabled_regions
from spotkeeper.aws.session import AwsSession
from spotkeeper.errors import (
    BadInput,
    NotFound,
    Refused,
    ResourceGone,
    SpotkeeperError,
    Unreachable,
)
from spotkeeper.lifecycle.ports import Image, LaunchOrder, Observation, SshGroup, Subnet
from spotkeeper.model.connect import ConnectEndpoint
from spotkeeper.model.machine import Instance, Volume
from spotkeeper.model.place import Zone
from spotkeeper.model.resource import ResourceId, ResourceKind, TaggedResource
from spotkeeper.model.spot_request import SpotRequest
from spotkeeper.model.tags import TAG_PREFIX, Caller
from spotkeeper.timings import IMAGE_AGE, SUBNET_AGE

#: EC2's answer to a DryRun that would have been allowed.
DRY_RUN_ALLOWED = "DryRunOperation"


class Ec2Cloud:
    """Speaks to EC2, STS and SSM through one session."""

    def __init__(self, session: AwsSession, memory: AnswerMemory) -> None:
        self._aws = session
        self._memory = memory
        self._caller: Caller | None = None
        self._newest: dict[tuple[str, str], str] = {}  # image ids by region and SSM parameter

    def caller(self) -> Caller:
        """Who is logged in, asked once."""
        if self._caller is None:
            region = self._aws.home_region()
            told = self._aws.call("GetCallerIdentity", region, service="sts")
            self._caller = Caller(told["Account"], told["Arn"], self._aws.partition(region))
        return self._caller

    def regions(self) -> tuple[str, ...]:
        """The regions enabled for the account, remembered for a day."""
        return enabled_regions(self._aws, self._memory)

    def subnets(self, region: str, subnet_id: str | None = None) -> tuple[Subnet, ...]:
        """The named subnet, or the default one of every zone; empty without a default VPC."""
        key = f"{self.caller().account} {region}"
        described = (
            None if subnet_id else self._memory.get("subnets", key, younger_than=SUBNET_AGE)
        )
        if not described:
            asked: dict[str, Any] = (
                {"SubnetIds": [subnet_id]}
                if subnet_id
                else {"Filters": [{"Name": "default-for-az", "Values": ["true"]}]}
            )
            fields = ("SubnetId", "VpcId", "AvailabilityZone", "AvailabilityZoneId")
            found = self._aws.pages("DescribeSubnets", region, key="Subnets", **asked)
            described = [{field: row.get(field) for field in fields} for row in found]
            if not subnet_id:
                self._memory.put("subnets", key, described)
        return tuple(
            Subnet(
                row["SubnetId"],
                row["VpcId"],
                Zone(region, row["AvailabilityZone"], row["AvailabilityZoneId"]),
            )
            for row in described
        )

    def connect_endpoint(self, region: str, vpc_id: str) -> ConnectEndpoint | None:
        """The EC2 Instance Connect Endpoint of a VPC that is there to be used."""
        filters = [
            {"Name": "vpc-id", "Values": [vpc_id]},
            {"Name": "state", "Values": ["create-complete"]},
        ]
        key = "InstanceConnectEndpoints"
        found = self._aws.pages(f"Describe{key}", region, key=key, Filters=filters)
        return shapes.connect_endpoint(found[0]) if found else None

    def image(self, region: str, image: str, arch: str) -> Image:
        """Resolve an alias or an image id.

        Raises:
            BadInput: no such alias, or the image is made for another architecture.
            NotFound: EC2 does not list the image for this caller.
        """
        alias = ALIASES.get(image)
        if alias is not None:
            newest = self._newest_image(region, alias.parameters[arch])
            described = self._described_image(region, newest, trusted=True)
        elif image.startswith("ami-"):
            described = self._described_image(region, image, trusted=False)
        else:
            raise BadInput(
                f"{image!r} is neither an image id nor an alias",
                next_step=f"Use ami-..., {', '.join(ALIASES)}.",
            )
        found = image_of(described, region, alias.login if alias else None)
        if found.arch != arch:
            raise BadInput(
                f"Image {found.id} is made for {found.arch}, the machine is {arch}",
                next_step=f"Add --arch {found.arch}, or take another image.",
                region=region,
            )
        return found

    def tagged_resources(self, region: str) -> tuple[TaggedResource, ...]:
        """Everything that carries a tag of ours: one call for all kinds of things."""
        rows = self._aws.pages(
            "DescribeTags",
            region,
            key="Tags",
            Filters=[{"Name": "key", "Values": [f"{TAG_PREFIX}*"]}],
        )
        grouped: dict[ResourceId, dict[str, str]] = {}
        for row in rows:
            resource_id = ResourceId(row["ResourceType"], row["ResourceId"], region)
            grouped.setdefault(resource_id, {})[row["Key"]] = row["Value"]
        return tuple(TaggedResource(resource_id, tags) for resource_id, tags in grouped.items())

    def observe(self, region: str, owner: str, name: str | None = None) -> Observation:
        """Instances and requests by tag, and instances that only our requests know of."""
        filters = shapes.tag_filters(owner, name)
        spot_requests, problem = self._spot_requests(region, filters)
        instances = self._instances(region, filters)
        known = {instance.id for instance in instances}
        forgotten_requests = [
            r.id for r in spot_requests if r.instance_id and r.instance_id not in known
        ]
        if forgotten_requests:
            by_request = [{"Name": "spot-instance-request-id", "Values": forgotten_requests}]
            instances += self._instances(region, by_request)
        return Observation(region, instances, spot_requests, problem)

    def _spot_requests(
        self, region: str, filters: list[shapes.Body]
    ) -> tuple[tuple[SpotRequest, ...], SpotkeeperError | None]:
        """The requests, or why they may not be listed: instances tell what is to be ended."""
        operation, key = "DescribeSpotInstanceRequests", "SpotInstanceRequests"
        try:
            rows = self._aws.pages(operation, region, key=key, Filters=filters)
        except SpotkeeperError as refusal:
            return (), refusal
        return tuple(shapes.spot_request(row, region) for row in rows), None

    def volumes(self, region: str, owner: str, name: str | None) -> tuple[Volume, ...]:
        """Volumes of the owner that exist, of one name or of all."""
        filters = shapes.tag_filters(owner, name)
        found = self._aws.pages("DescribeVolumes", region, key="Volumes", Filters=filters)
        return tuple(shapes.volume(row, region) for row in found)

    def create_group(self, region: str, name: str, *, vpc_id: str, tags: Mapping[str, str]) -> str:
        """Create a security group; one of that name is ours, from a call whose answer was lost."""
        try:
            answer = self._aws.call(
                "CreateSecurityGroup",
                region,
                GroupName=name,
                Description=shapes.GROUP_DESCRIPTION,
                VpcId=vpc_id,
                TagSpecifications=shapes.tag_specifications(tags, ResourceKind.GROUP),
            )
        except Refused as refusal:
            if refusal.aws_code != "InvalidGroup.Duplicate":
                raise
            filters = [
                {"Name": "group-name", "Values": [name]},
                {"Name": "vpc-id", "Values": [vpc_id]},
            ]
            found = self._aws.pages(
                "DescribeSecurityGroups", region, key="SecurityGroups", Filters=filters
            )
            if not found:
                raise Unreachable(
                    f"The group {name} in {region} exists, but EC2 does not list it yet",
                    next_step="Repeat the command in a minute.",
                    region=region,
                ) from refusal
            return str(found[0]["GroupId"])
        return str(answer["GroupId"])

    def open_ssh(self, region: str, group_id: str, source: str) -> None:
        """Let an address, or whatever is in a group, reach port 22; no error when it may."""
        rule: shapes.Body = {"GroupId": group_id, "IpPermissions": shapes.ssh_rule(source)}
        _unless(
            "InvalidPermission.Duplicate",
            lambda: self._aws.call("AuthorizeSecurityGroupIngress", region, **rule),
        )

    def close_ssh(self, region: str, group_id: str, cidr: str) -> None:
        """Take a rule that ``open_ssh`` made out again; no error when there is none."""
        rule: shapes.Body = {"GroupId": group_id, "IpPermissions": shapes.ssh_rule(cidr)}
        _unless(
            "InvalidPermission.NotFound",
            lambda: self._aws.call("RevokeSecurityGroupIngress", region, **rule),
        )

    def ssh_groups(
        self, region: str, owner: str, group_ids: Collection[str]
    ) -> tuple[SshGroup, ...]:
        """Those of the groups that we made for the owner."""
        filters = [*shapes.tag_filters(owner, None), {"Name": "group-id", "Values": [*group_ids]}]
        found = self._aws.pages(
            "DescribeSecurityGroups", region, key="SecurityGroups", Filters=filters
        )
        return tuple(map(shapes.ssh_group, found))

    def import_key(
        self, region: str, name: str, *, public_key: str, tags: Mapping[str, str]
    ) -> None:
        """Make a public key known; the name is made from the key, so a duplicate is the same."""
        _unless(
            "InvalidKeyPair.Duplicate",
            lambda: self._aws.call(
                "ImportKeyPair",
                region,
                KeyName=name,
                PublicKeyMaterial=public_key.encode(),
                TagSpecifications=shapes.tag_specifications(tags, ResourceKind.KEY),
            ),
        )

    def run(self, order: LaunchOrder) -> Instance:
        """Launch one Spot instance; with the same token the same instance."""
        region = order.pool.region
        try:
            answer = self._aws.call("RunInstances", region, **shapes.run_instances(order))
        except SpotkeeperError as refusal:
            self._forget_what_is_gone(order, refusal)
            raise
        return shapes.instance(answer["Instances"][0], region)

    def ask(self, order: LaunchOrder) -> None:
        """Ask EC2 whether the order would be allowed; changes nothing."""
        body = shapes.run_instances(order)
        try:
            _unless(
                DRY_RUN_ALLOWED,
                lambda: self._aws.call("RunInstances", order.pool.region, **body, DryRun=True),
            )
        except SpotkeeperError as refusal:
            self._forget_what_is_gone(order, refusal)
            raise

    def instance(self, region: str, instance_id: str) -> Instance:
        """One instance as it is now.

        Raises:
            NotFound: EC2 does not list it (yet).
        """
        found = self._instances(region, [{"Name": "instance-id", "Values": [instance_id]}])
        if not found:
            raise NotFound(f"EC2 does not list {instance_id} in {region}", region=region)
        return found[0]

    def cancel(self, region: str, request_ids: Collection[str]) -> frozenset[str]:
        """Cancel requests, one by one where one of them is unknown to EC2; gives the unknown."""
        operation = "CancelSpotInstanceRequests"
        return self._each(operation, region, "SpotInstanceRequestIds", request_ids)

    def terminate(self, region: str, instance_ids: Collection[str]) -> None:
        """Terminate instances, one by one where one of them is unknown to EC2."""
        self._each("TerminateInstances", region, "InstanceIds", instance_ids)

    def stop(self, region: str, instance_id: str) -> None:
        """Stop one instance."""
        self._aws.call("StopInstances", region, InstanceIds=[instance_id])

    def start(self, region: str, instance_id: str) -> None:
        """Start one stopped instance."""
        self._aws.call("StartInstances", region, InstanceIds=[instance_id])

    def retag(self, region: str, ids: Collection[str], tags: Mapping[str, str]) -> None:
        """Change tags of existing things."""
        self._aws.call("CreateTags", region, Resources=list(ids), Tags=shapes.tag_list(tags))

    def delete_volume(self, region: str, volume_id: str) -> None:
        """Delete a volume; gone already is fine."""
        _unless(
            "InvalidVolume.NotFound",
            lambda: self._aws.call("DeleteVolume", region, VolumeId=volume_id),
        )

    def delete_group(self, region: str, group_id: str) -> None:
        """Delete a security group; gone already is fine."""
        try:
            self._aws.call("DeleteSecurityGroup", region, GroupId=group_id)
        except ResourceGone:
            return

    def delete_key(self, region: str, key_id: str) -> None:
        """Delete a key pair by its id; gone already is fine."""
        try:
            self._aws.call("DeleteKeyPair", region, KeyPairId=key_id)
        except ResourceGone:
            return

    def _forget_what_is_gone(self, order: LaunchOrder, refusal: SpotkeeperError) -> None:
        """Drop what was remembered of a subnet, or an image, that EC2 does not know any more."""
        region, account = order.pool.region, self.caller().account
        if isinstance(refusal, ResourceGone):
            self._memory.drop("subnets", f"{account} {region}")
        if (refusal.aws_code or "").startswith("InvalidAMIID."):
            self._memory.drop("image", f"{account} {region} {order.image.id}")

    def _instances(self, region: str, filters: list[shapes.Body]) -> tuple[Instance, ...]:
        reservations = self._aws.pages(
            "DescribeInstances", region, key="Reservations", Filters=filters
        )
        return tuple(
            shapes.instance(row, region)
            for reservation in reservations
            for row in reservation["Instances"]
        )

    def _newest_image(self, region: str, parameter: str) -> str:
        if (region, parameter) not in self._newest:
            answer = self._aws.call("GetParameter", region, service="ssm", Name=parameter)
            self._newest[region, parameter] = answer["Parameter"]["Value"]
        return self._newest[region, parameter]

    def _described_image(self, region: str, image_id: str, *, trusted: bool) -> dict[str, Any]:
        key = f"{self.caller().account} {region} {image_id}"
        known = self._memory.get("image", key, younger_than=IMAGE_AGE)
        if known is not None and set(FACTS) <= known.keys():
            return dict(known)
        owners: shapes.Body = {} if trusted else {"Owners": list(TRUSTED_OWNERS)}
        try:
            answer = self._aws.call("DescribeImages", region, ImageIds=[image_id], **owners)
        except NotFound as refusal:
            raise _no_image(region, image_id, refusal.aws_code) from refusal
        found = answer["Images"]
        if not found:
            raise _no_image(region, image_id)
        described = {field: found[0].get(field) for field in FACTS}
        if described["State"] == "available":  # what is pending is another one in a minute
            self._memory.put("image", key, described)
        return described

    def _each(self, operation: str, region: str, key: str, ids: Collection[str]) -> frozenset[str]:
        """Gives the ids that EC2 does not know."""
        asked: shapes.Body = {key: list(ids)}
        try:
            self._aws.call(operation, region, **asked)
        except NotFound:
            if len(ids) == 1:
                return frozenset(ids)
            apart = (self._each(operation, region, key, [each]) for each in ids)
            return frozenset().union(*apart)
        return frozenset()


def _unless(code: str, call: Callable[[], object]) -> None:
    """Make a call whose refusal with this code means that what was wanted is so already."""
    try:
        call()
    except SpotkeeperError as refusal:
        if refusal.aws_code != code:
            raise


def _no_image(region: str, image_id: str, aws_code: str | None = None) -> NotFound:
    return NotFound(
        f"Image {image_id} is not in {region}, or belongs neither to you nor to Amazon",
        next_step="Copy it to your account and region, or use an alias such as ubuntu.",
        region=region,
        aws_code=aws_code,
    )
