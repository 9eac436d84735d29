"""What a machine stands on in a region: subnet, security group and key."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from spotkeeper.errors import BadInput, NoSubnet, Refused, Scope, SpotkeeperError
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.ports import Account, Cloud, Image, Subnet
from spotkeeper.model.connect import Connect, ConnectEndpoint
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.launch import short_hash
from spotkeeper.model.machine import Instance
from spotkeeper.model.resource import ResourceKind, TaggedResource
from spotkeeper.model.tags import (
    TAG_KEY,
    TAG_OWNER,
    TAG_VPC,
    connect_of,
    connect_tags,
    shared_tags,
)

EVERYWHERE = "0.0.0.0/0"

#: AWS's own, either of which lets a machine's agent talk to Systems Manager ("AWS managed policies
#: for AWS Systems Manager").
SSM_POLICIES = frozenset(
    {"AmazonSSMManagedInstanceCore", "AmazonSSMManagedEC2InstanceDefaultPolicy"}
)
KEY_PREFIX = "spotkeeper-"


@dataclass(frozen=True, slots=True)
class Prerequisites:
    """Where and with what a machine of a region is launched."""

    subnets: Mapping[str, Subnet]
    group_ids: tuple[str, ...]
    key_name: str

    def subnet_in(self, zone_name: str) -> Subnet:
        """The subnet of a zone.

        Raises:
            NoSubnet: there is none.
        """
        if zone_name not in self.subnets:
            raise no_subnet(zone_name)
        return self.subnets[zone_name]


class PrerequisiteMaker:
    """Makes the prerequisites of a region once, and again when EC2 says it is gone."""

    def __init__(
        self,
        cloud: Cloud,
        *,
        owner: str,
        launch_request: LaunchRequest,
        caller_cidr: Callable[[], str],
        public_key: str = "",
    ) -> None:
        self._cloud = cloud
        self._owner = owner
        self._launch_request = launch_request
        self._caller_cidr = caller_cidr
        self._public_key = public_key
        self._ready: dict[str, Prerequisites] = {}

    @property
    def brought(self) -> bool:
        """Whether the user names a part of them, which waiting then does not bring."""
        launch_request = self._launch_request
        return bool(
            launch_request.group_ids or launch_request.key_name or launch_request.subnet_id
        )

    def prerequisites(
        self, region: str, tagged_resources: tuple[TaggedResource, ...]
    ) -> Prerequisites:
        """The prerequisites of a region; what ``tagged_resources`` shows is not created again.

        Raises:
            Refused: there is no default VPC, and no subnet was named.
        """
        if region not in self._ready:
            self._ready[region] = self._prepare(region, tagged_resources)
        return self._ready[region]

    def forget(self, region: str) -> None:
        """Make the region's prerequisites anew next time."""
        self._ready.pop(region, None)

    def _prepare(self, region: str, tagged_resources: tuple[TaggedResource, ...]) -> Prerequisites:
        subnets = self._cloud.subnets(region, self._launch_request.subnet_id)
        if not subnets:
            raise no_default_vpc(region)
        mine = [tagged for tagged in tagged_resources if tagged.tags.get(TAG_OWNER) == self._owner]
        return Prerequisites(
            {subnet.zone.name: subnet for subnet in subnets},
            self._launch_request.group_ids or (self._group(region, subnets[0].vpc_id, mine),),
            self._launch_request.key_name or self._key(region, mine),
        )

    def _group(self, region: str, vpc_id: str, mine: list[TaggedResource]) -> str:
        connect = self._launch_request.connect
        way, sources = connect_tags(connect), self._sources(region, vpc_id)
        found = (
            tagged.resource_id.id
            for tagged in mine
            if tagged.resource_id.kind == ResourceKind.GROUP
            and (tagged.tags.get(TAG_VPC), connect_of(tagged.tags)) == (vpc_id, connect)
        )
        group_id = next(found, None) or self._cloud.create_group(
            region,
            "-".join(("spotkeeper", short_hash(self._owner), *way.values())),
            vpc_id=vpc_id,
            tags={**shared_tags(self._owner), TAG_VPC: vpc_id, **way},
        )
        for source in sources:
            self._cloud.open_ssh(region, group_id, source)
        return group_id

    def _sources(self, region: str, vpc_id: str) -> tuple[str, ...]:
        """Who may reach port 22: addresses, or what is in groups."""
        if self._launch_request.connect is Connect.SSM:
            return ()  # its agent calls out
        if self._launch_request.connect is Connect.ENDPOINT:
            endpoint = endpoint_in(self._cloud, region, vpc_id)
            return (self._caller_cidr(),) if endpoint.keeps_address else endpoint.group_ids
        return (EVERYWHERE if self._launch_request.open_to_world else self._caller_cidr(),)

    def _key(self, region: str, mine: list[TaggedResource]) -> str:
        name = key_name(self._owner, self._public_key)
        known = {h.tags.get(TAG_KEY) for h in mine if h.resource_id.kind == ResourceKind.KEY}
        if name not in known:
            self._cloud.import_key(
                region,
                name,
                public_key=self._public_key,
                tags={**shared_tags(self._owner), TAG_KEY: name},
            )
        return name


def admit(cloud: Cloud, instance: Instance, owner: str, caller_cidr: Callable[[], str]) -> None:
    """Let the caller's present address in to a machine, in place of former ones.

    A group that its user named or opened to the world is left alone, and one that lets no address
    in where none is needed. Former addresses go first:
    a group may be full of them. EC2 is told the address also where its list shows it, for a list
    may be of a moment ago.
    """
    for group in cloud.ssh_groups(instance.region, owner, instance.group_ids):
        needed = group.cidrs or instance.connect is Connect.PUBLIC
        if needed and EVERYWHERE not in group.cidrs:
            present = caller_cidr()
            for former in former_addresses(group.cidrs, present):
                cloud.close_ssh(instance.region, group.id, former)
            cloud.open_ssh(instance.region, group.id, present)


def former_addresses(cidrs: Iterable[str], present: str) -> tuple[str, ...]:
    """The single addresses among ``cidrs`` that are not the present one; networks stay."""
    single = (cidr for cidr in cidrs if cidr.endswith("/128" if ":" in cidr else "/32"))
    return tuple(cidr for cidr in single if cidr != present)


def key_name(owner: str, public_key: str) -> str:
    """The name under which EC2 knows a public key of an owner; another key is another name."""
    material = " ".join(public_key.split()[:2])  # the comment is not part of the key
    return f"{KEY_PREFIX}{short_hash(owner)}-{short_hash(material)}"


def boots_otherwise(image: Image, hardware: InstanceType) -> Refused | None:
    """Why a type cannot boot an image, if it cannot: its boot modes are known and do not have the
    image's ("Amazon EC2 instance boot modes", EC2 User Guide)."""
    if not image.boot_mode or image.boot_mode in (hardware.boot_modes or (image.boot_mode,)):
        return None
    return Refused(
        f"Image {image.id} boots by {image.boot_mode} only, {hardware.name} by "
        f"{', '.join(hardware.boot_modes)}",
        next_step="Allow other types, or take another --image.",
        region=image.region,
    )


def no_subnet(zone_name: str) -> NoSubnet:
    """The error for a zone without a subnet."""
    return NoSubnet(f"There is no subnet to use in {zone_name}")


def no_default_vpc(region: str) -> Refused:
    """The error for an account without a default VPC in a region."""
    return Refused(
        f"There is no default VPC with subnets in {region}",
        next_step=f"Create one with `aws ec2 create-default-vpc --region {region}`, or name a "
        "subnet with --subnet.",
        region=region,
    )


def endpoint_in(cloud: Cloud, region: str, vpc_id: str) -> ConnectEndpoint:
    """The EC2 Instance Connect Endpoint of a network.

    Raises:
        Refused: there is none.
    """
    if endpoint := cloud.connect_endpoint(region, vpc_id):
        return endpoint
    raise Refused(
        f"There is no EC2 Instance Connect Endpoint in {vpc_id} in {region}",
        next_step="Make one, which is free: aws ec2 create-instance-connect-endpoint "
        f"--region {region} --subnet-id SUBNET.",
        region=region,
        scope=Scope.REGION,
    )


def notes_of_role(profile: str, connect: Connect, account: Account) -> tuple[str, ...]:
    """What of a machine's role is not known, or not enough for the way in which it is reached.

    Raises:
        BadInput: there is no such instance profile, or no role in it.
    """
    if not profile:
        return ()
    try:
        role = account.role_of_profile(profile)
        if connect is not Connect.SSM or SSM_POLICIES & account.policies_of_role(role):
            return ()
    except BadInput:
        raise
    except SpotkeeperError as unknown:
        return (f"--role {profile} could not be looked at: {unknown.message}",)
    return (
        f"--connect ssm reaches only what may talk to Systems Manager, and {role} has none of "
        "AWS's policies for that: attach AmazonSSMManagedInstanceCore, unless one of your own "
        "allows it",
    )
