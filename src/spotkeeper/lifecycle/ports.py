"""What the lifecycle needs of the outside world, and the values that cross the border."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from spotkeeper.errors import SpotkeeperError
from spotkeeper.model.connect import Connect, ConnectEndpoint, Route
from spotkeeper.model.disk import Disk
from spotkeeper.model.journal_entry import Entry
from spotkeeper.model.launch import ClaimNonce, LaunchToken
from spotkeeper.model.machine import Instance, Kind, Volume
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool
from spotkeeper.model.quota import QuotaFamily
from spotkeeper.model.resource import Resource, ResourceId, ResourceKind, TaggedResource
from spotkeeper.model.schedule import Schedule
from spotkeeper.model.spot_request import SpotRequest
from spotkeeper.model.tags import Caller


class OnInterruption(StrEnum):
    """``InstanceInterruptionBehavior`` of the EC2 model."""

    STOP = "stop"
    HIBERNATE = "hibernate"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class Subnet:
    """A place in the network, in one zone."""

    id: str
    vpc_id: str
    zone: Zone


@dataclass(frozen=True, slots=True)
class SshGroup:
    """A security group of ours; ``cidrs`` are those that our own rules let reach port 22."""

    id: str
    cidrs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """A machine image; ``login`` is the user its makers created, ``further_disks`` are those that
    a launch makes besides the root, ``boot_mode`` is the only one it can, "" for any; nobody but
    its owner knows whether cloud-init is in one that is ``of_stranger``; one that is ``billed_as``
    something costs more than plain Linux."""

    id: str
    region: str
    arch: str
    root_device: str
    root_gib: int
    login: str
    name: str = ""
    further_disks: tuple[Disk, ...] = ()
    boot_mode: str = ""
    of_stranger: bool = False
    billed_as: str = ""


@dataclass(frozen=True, slots=True)
class LaunchOrder:
    """Everything RunInstances is told. ``token`` makes a repeat harmless."""

    pool: Pool
    image: Image
    kind: Kind
    on_interruption: OnInterruption
    subnet_id: str
    group_ids: tuple[str, ...]  # empty only in a dry run
    key_name: str  # empty only in a dry run
    disk_gib: int
    user_data: str | bytes
    token: LaunchToken
    tags: Mapping[str, str] = field(default_factory=dict)
    max_price_usd_per_hour: Decimal | None = None
    valid_until: datetime | None = None
    role: str = ""  # an instance profile's name; empty for none
    connect: Connect = Connect.PUBLIC


@dataclass(frozen=True, slots=True)
class Observation:
    """What EC2 lists of ours in one region at one moment."""

    region: str
    instances: tuple[Instance, ...] = ()
    requests: tuple[SpotRequest, ...] = ()
    problem: SpotkeeperError | None = None  # why requests could not be listed


@dataclass(frozen=True, slots=True)
class UnmanagedRequest:
    """A Spot request that is not ours, with its instance while that lives."""

    request: SpotRequest
    instance: Resource | None = None


@dataclass(frozen=True, slots=True)
class RegionInventory:
    """Everything in a region that ``sweep`` may have to do with."""

    region: str
    resources: tuple[Resource, ...] = ()
    unmanaged: tuple[UnmanagedRequest, ...] = ()


class Cloud(Protocol):
    """EC2 and its neighbours. Every method may raise a ``SpotkeeperError``."""

    def caller(self) -> Caller:
        """Who is logged in."""

    def regions(self) -> tuple[str, ...]:
        """The regions enabled for the account."""

    def subnets(self, region: str, subnet_id: str | None = None) -> tuple[Subnet, ...]:
        """The named subnet, or the default one of every zone; empty without a default VPC."""

    def connect_endpoint(self, region: str, vpc_id: str) -> ConnectEndpoint | None:
        """The EC2 Instance Connect Endpoint of a VPC, where there is one."""

    def image(self, region: str, image: str, arch: str) -> Image:
        """Resolve an alias (``ubuntu``) or an image id for an architecture."""

    def tagged_resources(self, region: str) -> tuple[TaggedResource, ...]:
        """Everything in the region that carries a tag of ours, whoever the owner."""

    def observe(self, region: str, owner: str, name: str | None = None) -> Observation:
        """Instances and requests of the owner, of one name or of all."""

    def volumes(self, region: str, owner: str, name: str | None) -> tuple[Volume, ...]:
        """Volumes of the owner that exist, of one name or of all."""

    def create_group(self, region: str, name: str, *, vpc_id: str, tags: Mapping[str, str]) -> str:
        """Create a security group, or find the one of that name; its id."""

    def open_ssh(self, region: str, group_id: str, source: str) -> None:
        """Let an address, or whatever is in a group, reach port 22; no error when it may."""

    def close_ssh(self, region: str, group_id: str, cidr: str) -> None:
        """Take a rule that ``open_ssh`` made out again; no error when there is none."""

    def ssh_groups(
        self, region: str, owner: str, group_ids: Collection[str]
    ) -> tuple[SshGroup, ...]:
        """Those of the groups that we made for the owner."""

    def import_key(
        self, region: str, name: str, *, public_key: str, tags: Mapping[str, str]
    ) -> None:
        """Make a public key known under a name; no error when it already is."""

    def run(self, order: LaunchOrder) -> Instance:
        """Launch one Spot instance; with the same token the same instance."""

    def ask(self, order: LaunchOrder) -> None:
        """Ask EC2 whether the order would be allowed (DryRun); changes nothing."""

    def instance(self, region: str, instance_id: str) -> Instance:
        """One instance as it is now."""

    def cancel(self, region: str, request_ids: Collection[str]) -> frozenset[str]:
        """Cancel requests; cancelled already is fine. Gives those that EC2 does not know (yet)."""

    def terminate(self, region: str, instance_ids: Collection[str]) -> None:
        """Terminate instances; those unknown or terminated already are fine."""

    def stop(self, region: str, instance_id: str) -> None:
        """Stop one instance."""

    def start(self, region: str, instance_id: str) -> None:
        """Start one stopped instance."""

    def retag(self, region: str, ids: Collection[str], tags: Mapping[str, str]) -> None:
        """Change tags of existing things."""

    def delete_volume(self, region: str, volume_id: str) -> None:
        """Delete a volume; gone already is fine."""

    def delete_group(self, region: str, group_id: str) -> None:
        """Delete a security group; gone already is fine.

        Raises:
            InUse: something still uses it.
        """

    def delete_key(self, region: str, key_id: str) -> None:
        """Delete a key pair; gone already is fine."""


class Schedules(Protocol):
    """The guard outside of the machine. Every method may raise a ``SpotkeeperError``."""

    def arm(self, schedule: Schedule) -> None:
        """Create a schedule, or replace the one of that name in every field."""

    def find(self, region: str, name: str) -> Schedule | None:
        """The schedule as AWS keeps it; ``None`` when there is none, or none of ours."""

    def disarm(self, region: str, name: str) -> None:
        """Delete a schedule; gone already is fine."""

    def listed(self, region: str, prefix: str = "") -> tuple[Schedule, ...]:
        """The schedules of ours, whoever the owner, whose names begin so."""


class Inventory(Protocol):
    """All kinds of things that exist. Every method may raise a ``SpotkeeperError``."""

    def region_inventory(self, region: str, owner: str) -> RegionInventory:
        """What the owner has in a region, and the Spot requests of others."""

    def end(self, resource_id: ResourceId) -> None:
        """Cancel, terminate or delete one thing; gone already is fine.

        Raises:
            InUse: something still uses it.
        """


@dataclass(frozen=True, slots=True)
class Claim:
    """What keeps others from launching a name: a launch template, whose name EC2 gives only once.

    ``nonce`` stands for the launch that made it, ``since`` is EC2's time of its creation.
    """

    id: str
    region: str
    nonce: ClaimNonce
    since: datetime

    @property
    def resource_id(self) -> ResourceId:
        """The claim as something of ours on AWS."""
        return ResourceId(ResourceKind.TEMPLATE, self.id, self.region)


class NameClaims(Protocol):
    """Claims of names. Every method may raise a ``SpotkeeperError``."""

    def home(self) -> str:
        """The one region in which all computers of the account claim names."""

    def claim(self, region: str, title: str, *, token: str, tags: Mapping[str, str]) -> Claim:
        """Claim a title; with the same token the same claim.

        Raises:
            NameTaken: somebody holds it, whether EC2 lists the claim yet or not.
        """

    def holder(self, region: str, title: str) -> Claim | None:
        """The claim of a title, as far as EC2 lists it."""

    def release(self, region: str, claim_id: str) -> bool:
        """Delete a claim; ``False`` where EC2 does not know it (yet, or any more)."""


@dataclass(frozen=True, slots=True)
class DiskKey:
    """The key that a region's disks are encrypted with, unless another is named.

    AWS's own needs nothing. One of the account's must be in ``state`` Enabled (``KeyState`` of
    the KMS model), and ``spot_role_granted`` says whether Spot's role has a grant for it.
    """

    id: str
    is_aws_managed: bool = True
    state: str = "Enabled"
    spot_role_granted: bool = True


class Account(Protocol):
    """What is asked of the account that EC2's calls do not tell."""

    def role_of_profile(self, profile: str) -> str:
        """The role that an instance profile gives to a machine.

        Raises:
            BadInput: there is no such profile, or no role in it.
        """

    def policies_of_role(self, role: str) -> frozenset[str]:
        """The names of the managed policies of a role."""

    def disk_key(self, region: str) -> DiskKey:
        """The region's default key for EBS."""

    def spot_role_exists(self) -> bool:
        """Whether the service-linked role AWSServiceRoleForEC2Spot exists."""

    def spot_quota_vcpus(self, region: str, code: str) -> float | None:
        """A Spot quota in vCPUs; ``None`` when it cannot be read."""

    def spot_vcpus_in_use(self, region: str, family: QuotaFamily) -> int:
        """vCPUs of running Spot instances and open requests that count against a quota."""

    def may_launch(
        self,
        region: str,
        image: Image,
        instance_type: str,
        *,
        owner: str,
        subnet_id: str | None = None,
        role: str = "",
    ) -> None:
        """Ask EC2 with DryRun whether the caller may launch; raises when not."""


class Journal(Protocol):
    """Our memory on this computer: one append-only record per name.

    Every method raises ``StoreProblem`` where this computer refuses.
    """

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Keep other processes of this computer from changing the machine meanwhile.

        Raises:
            Busy: one of them does so now.
        """

    def append(self, name: str, entry: Entry) -> None:
        """Write an entry and make it durable before returning."""

    def read(self, name: str) -> Sequence[Entry]:
        """All entries of a name, oldest first; ``Damaged`` for what cannot be read any more."""

    def names(self) -> tuple[str, ...]:
        """Every name with a record."""


class Clock(Protocol):
    """Time, as the cloud we talk to sees it."""

    def now(self) -> datetime:
        """The time, aware UTC."""

    def sleep(self, length: timedelta) -> None:
        """Wait."""


class Reach(Protocol):
    """Whether a machine can be logged in to."""

    def require(self, connect: Connect) -> None:
        """Make sure that this computer has what a way needs.

        Raises:
            NotFound: a program is missing, or too old.
        """

    def answers(self, instance: Instance) -> bool:
        """Whether its ssh server accepts connections."""

    def route(self, instance: Instance) -> Route:
        """How to get there, if ``instance.has_way_in``."""


class Talk(Protocol):
    """What is said while something takes time."""

    def say(self, text: str) -> None:
        """A step was taken."""

    def waiting(self, text: str, elapsed: timedelta, detail: str = "") -> None:
        """Still waiting for something; ``detail`` is for who watches."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that launching and ending talk to."""

    cloud: Cloud
    names: NameClaims
    schedules: Schedules
    journal: Journal
    clock: Clock
    talk: Talk
