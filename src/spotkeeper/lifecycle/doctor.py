"""Check what a launch needs, one line each, with the fix."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from spotkeeper.errors import NoCredentials, NoOffers, RegionNotEnabled, SpotkeeperError
from spotkeeper.lifecycle.launch_request import check_way_in
from spotkeeper.lifecycle.ports import Account, Cloud, Image, Subnet
from spotkeeper.lifecycle.prerequisites import endpoint_in, no_default_vpc, notes_of_role
from spotkeeper.model.connect import WAYS, Connect
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.quota import quota_family
from spotkeeper.model.record import Record, Result

SPOT_ROLE_PATH = "aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"

#: What Spot's role must be granted of a key of the account's own (EC2 User Guide, "Grant access to
#: customer managed keys for use with encrypted AMIs and EBS snapshots").
GRANTED = (
    "Encrypt",
    "Decrypt",
    "ReEncryptFrom",
    "ReEncryptTo",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "DescribeKey",
    "CreateGrant",
)


class CheckStatus(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, repr=False)
class Check(Result):
    """One line of the doctor."""

    name: str
    verdict: CheckStatus
    told: str
    fix: str = ""

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "told": self.told,
            "fix": self.fix or None,
        }


@dataclass(frozen=True, slots=True)
class Examined:
    """The launch that is looked at, beyond its types; all as for ``LaunchRequest``."""

    image: str
    connect: Connect = Connect.PUBLIC
    role: str = ""
    subnet_id: str | None = None


class Doctor:
    """Runs the checks against one region; a check that fails never hides the next one."""

    def __init__(
        self,
        *,
        cloud: Cloud,
        account: Account,
        region: str,
        hardware: Callable[[], Collection[InstanceType]],
        key_told: Callable[[], str],
        require: Callable[[Connect], None],
    ) -> None:
        self._cloud = cloud
        self._account = account
        self._region = region
        self._hardware = hardware
        self._key_told = key_told
        self._require = require

    def examine(self, asked: Examined) -> tuple[Check, ...]:
        """All checks, in the order in which a launch would meet them; of way and role only where
        they are not the usual ones."""
        credentials = self._try("credentials", self._credentials)
        if credentials.verdict is CheckStatus.BROKEN:
            return (credentials,)
        region = self._region_enabled()
        if region.verdict is CheckStatus.BROKEN:
            return (credentials, region)
        types = self._hardware()
        some = next(iter(types), None)
        if some is None:
            raise NoOffers(f"None of the types is offered in {self._region}")
        return (
            credentials,
            region,
            self._try("network", lambda: self._network(asked.subnet_id)),
            self._try("image", lambda: self._image(asked.image, some).name or asked.image),
            self._try("key", self._key_told),
            self._try("permission to launch", lambda: self._may_launch(asked, some)),
            self._spot_role(),
            *self._of_the_machine(asked),
            self._disk_key(),
            *(self._quota(found) for found in types),
        )

    def _try(self, name: str, look: Callable[[], str]) -> Check:
        try:
            return Check(name, CheckStatus.OK, look())
        except SpotkeeperError as problem:
            return Check(name, CheckStatus.BROKEN, problem.message, problem.next_step)

    def _credentials(self) -> str:
        caller = self._cloud.caller()
        if not caller.account:
            raise NoCredentials("STS did not say who is calling")
        return f"account {caller.account}, {caller.owner.partition(':')[2]}"

    def _region_enabled(self) -> Check:
        """Where nobody tells which regions are enabled, the other checks show it."""
        try:
            enabled = self._cloud.regions()
        except SpotkeeperError as problem:
            return Check("region", CheckStatus.WARNING, problem.message, problem.next_step)
        if self._region in enabled:
            told = f"{self._region} is one of {len(enabled)} enabled regions"
            return Check("region", CheckStatus.OK, told)
        closed = RegionNotEnabled(f"{self._region} is not enabled for this account")
        return Check("region", CheckStatus.BROKEN, closed.message, closed.next_step)

    def _subnets(self, subnet_id: str | None) -> tuple[Subnet, ...]:
        subnets = self._cloud.subnets(self._region, subnet_id)
        if not subnets:
            raise no_default_vpc(self._region)
        return subnets

    def _network(self, subnet_id: str | None) -> str:
        subnets = self._subnets(subnet_id)
        if subnet_id:
            return f"{subnet_id} of {subnets[0].vpc_id} in {subnets[0].zone.name}"
        return f"default VPC {subnets[0].vpc_id} with subnets in {len(subnets)} zones"

    def _image(self, image: str, found: InstanceType) -> Image:
        return self._cloud.image(self._region, image, found.arch)

    def _may_launch(self, asked: Examined, found: InstanceType) -> str:
        self._account.may_launch(
            self._region,
            self._image(asked.image, found),
            found.name,
            owner=self._cloud.caller().owner,
            subnet_id=asked.subnet_id,
            role=asked.role,
        )
        return "EC2 would allow RunInstances (DryRun)"

    def _of_the_machine(self, asked: Examined) -> Iterator[Check]:
        if asked.role:
            yield self._role(asked.role, asked.connect)
        if asked.connect is not Connect.PUBLIC:
            yield self._try("connect", lambda: self._way(asked))

    def _role(self, profile: str, connect: Connect) -> Check:
        notes: list[str] = []

        def look() -> str:
            check_way_in(Connect.PUBLIC, profile)
            notes.extend(notes_of_role(profile, connect, self._account))
            return "; ".join(notes) or f"the instance profile {profile} has a role"

        found = self._try("role of the machine", look)
        return replace(found, verdict=CheckStatus.WARNING) if notes else found

    def _way(self, asked: Examined) -> str:
        connect = asked.connect
        check_way_in(connect, asked.role)
        self._require(connect)
        programs = " and ".join(program for program, _ in WAYS[connect].programs)
        if connect is not Connect.ENDPOINT:
            return f"{connect}: {programs} are here"
        vpc_id = self._subnets(asked.subnet_id)[0].vpc_id
        endpoint = endpoint_in(self._cloud, self._region, vpc_id)
        return f"{connect}: {endpoint.id} in {vpc_id}, and {programs} is here"

    def _spot_role(self) -> Check:
        try:
            exists = self._account.spot_role_exists()
        except SpotkeeperError as problem:
            return Check("Spot role", CheckStatus.WARNING, problem.message, problem.next_step)
        if exists:
            return Check("Spot role", CheckStatus.OK, "AWSServiceRoleForEC2Spot exists")
        return Check(
            "Spot role",
            CheckStatus.WARNING,
            "AWSServiceRoleForEC2Spot does not exist yet",
            "Create it once: aws iam create-service-linked-role --aws-service-name "
            "spot.amazonaws.com",
        )

    def _disk_key(self) -> Check:
        """Whether the region's default key for disks lets a machine come up."""
        name = "disk key"
        try:
            key, caller = self._account.disk_key(self._region), self._cloud.caller()
        except SpotkeeperError as problem:
            return Check(name, CheckStatus.WARNING, problem.message, problem.next_step)
        if key.is_aws_managed:
            return Check(name, CheckStatus.OK, f"{key.id}, AWS's own")
        if key.state != "Enabled":
            other = f"aws ec2 reset-ebs-default-kms-key-id --region {self._region}"
            fix = f"Enable it, or go back to AWS's own key: {other}"
            return Check(name, CheckStatus.BROKEN, f"{key.id} is {key.state}", fix)
        if key.spot_role_granted:
            return Check(name, CheckStatus.OK, f"{key.id}, granted to Spot's role")
        role = f"arn:{caller.partition}:iam::{caller.account}:role/{SPOT_ROLE_PATH}"
        fix = (
            f"aws kms create-grant --region {self._region} --key-id {key.id} "
            f"--grantee-principal {role} --operations {' '.join(GRANTED)}"
        )
        told = f"{key.id} has no grant for Spot's role: machines may end with Client.InternalError"
        return Check(name, CheckStatus.WARNING, told, f"Grant it: {fix}")

    def _quota(self, found: InstanceType) -> Check:
        family = quota_family(found.name)
        name = f"quota for {found.name}"
        if family is None:
            return Check(name, CheckStatus.WARNING, "its quota family is not known")
        try:
            limit = self._account.spot_quota_vcpus(self._region, family.code)
            used = self._account.spot_vcpus_in_use(self._region, family)
        except SpotkeeperError as problem:
            return Check(name, CheckStatus.WARNING, problem.message, problem.next_step)
        if limit is None:
            return Check(name, CheckStatus.WARNING, f"{family.name} cannot be read")
        told = f"{used} of {limit:g} vCPUs used, it needs {found.vcpus} ({family.name})"
        if limit - used >= found.vcpus:
            return Check(name, CheckStatus.OK, told)
        return Check(
            name,
            CheckStatus.BROKEN,
            told,
            "Ask for more: aws service-quotas request-service-quota-increase --service-code ec2 "
            f"--quota-code {family.code} --desired-value {max(found.vcpus, 8)} "
            f"--region {self._region}",
        )
