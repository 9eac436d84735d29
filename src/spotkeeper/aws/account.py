"""What is asked of an account besides EC2's own calls."""

from spotkeeper.aws import shapes
from spotkeeper.aws.cloud import DRY_RUN_ALLOWED
from spotkeeper.aws.session import AwsSession
from spotkeeper.errors import BadInput, Refused, SpotkeeperError
from spotkeeper.lifecycle.ports import DiskKey, Image
from spotkeeper.model.quota import QuotaFamily, quota_family
from spotkeeper.model.tags import shared_tags

SPOT_ROLE = "AWSServiceRoleForEC2Spot"

#: What GetEbsDefaultKmsKeyId names where nobody has chosen another key.
AWS_DISK_KEY = "alias/aws/ebs"


class Ec2Account:
    """Role, quota and permission of the caller's account."""

    def __init__(self, session: AwsSession) -> None:
        self._aws = session

    def spot_role_exists(self) -> bool:
        """Whether the service-linked role of Spot exists, without which none is given."""
        try:
            self._aws.call("GetRole", self._aws.home_region(), service="iam", RoleName=SPOT_ROLE)
        except Refused as refusal:
            if refusal.aws_code != "NoSuchEntity":
                raise
            return False
        return True

    def role_of_profile(self, profile: str) -> str:
        """The role that an instance profile gives to a machine.

        Raises:
            BadInput: there is no such profile, or no role in it.
        """
        home = self._aws.home_region()
        step = (
            f"Put one in: aws iam add-role-to-instance-profile --instance-profile-name {profile} "
            "--role-name ROLE."
        )
        try:
            answer = self._aws.call(
                "GetInstanceProfile", home, service="iam", InstanceProfileName=profile
            )
        except Refused as refusal:
            if refusal.aws_code != "NoSuchEntity":
                raise
            raise BadInput(
                f"--role {profile}: the account has no instance profile of that name (a role is "
                "none yet)",
                next_step="Make it: aws iam create-instance-profile --instance-profile-name "
                f"{profile}. {step}",
                aws_code=refusal.aws_code,
            ) from refusal
        roles = answer["InstanceProfile"]["Roles"]
        if not roles:
            raise BadInput(f"--role {profile}: no role is in that profile", next_step=step)
        return str(roles[0]["RoleName"])

    def policies_of_role(self, role: str) -> frozenset[str]:
        """The names of the managed policies of a role."""
        home, key = self._aws.home_region(), "AttachedPolicies"
        found = self._aws.pages(
            "ListAttachedRolePolicies", home, service="iam", key=key, RoleName=role
        )
        return frozenset(each["PolicyName"] for each in found)

    def disk_key(self, region: str) -> DiskKey:
        """The region's default key for EBS; of the account's own, what Spot's role needs."""
        name = str(self._aws.call("GetEbsDefaultKmsKeyId", region)["KmsKeyId"])
        if name == AWS_DISK_KEY:
            return DiskKey(name)
        found = self._aws.call("DescribeKey", region, service="kms", KeyId=name)["KeyMetadata"]
        if found.get("KeyManager") == "AWS":
            return DiskKey(name)
        grants = self._aws.pages(
            "ListGrants", region, service="kms", key="Grants", KeyId=found["Arn"]
        )
        grantees = (str(grant.get("GranteePrincipal")) for grant in grants)
        granted = any(each.endswith(f"/{SPOT_ROLE}") for each in grantees)
        state = found.get("KeyState", "Enabled")
        return DiskKey(found["Arn"], False, state, granted)  # noqa: FBT003

    def spot_quota_vcpus(self, region: str, code: str) -> float | None:
        """A Spot quota in vCPUs: the account's own, else AWS's default."""
        for operation in ("GetServiceQuota", "GetAWSDefaultServiceQuota"):
            try:
                answer = self._aws.call(
                    operation, region, service="service-quotas", ServiceCode="ec2", QuotaCode=code
                )
            except SpotkeeperError as refusal:
                if refusal.aws_code != "NoSuchResourceException":
                    raise
            else:
                return float(answer["Quota"]["Value"])
        return None

    def spot_vcpus_in_use(self, region: str, family: QuotaFamily) -> int:
        """vCPUs of running Spot instances and open requests that count against a quota."""
        live = {"Name": "instance-state-name", "Values": ["pending", "running"]}
        spot = {"Name": "instance-lifecycle", "Values": ["spot"]}
        reservations = self._aws.pages(
            "DescribeInstances", region, key="Reservations", Filters=[live, spot]
        )
        running = [row for each in reservations for row in each["Instances"]]
        waiting = self._aws.pages(
            "DescribeSpotInstanceRequests",
            region,
            key="SpotInstanceRequests",
            Filters=[{"Name": "state", "Values": ["open"]}],
        )
        names = [row["InstanceType"] for row in running]
        names += [row.get("LaunchSpecification", {}).get("InstanceType", "") for row in waiting]
        counted = [name for name in names if name and quota_family(name) == family]
        vcpus = self._vcpus(region, set(counted))
        return sum(vcpus.get(name, 0) for name in counted)

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
        """Ask EC2 with DryRun; raises what EC2 would refuse with."""
        subnet: shapes.Body = {"SubnetId": subnet_id} if subnet_id else {}
        profile: shapes.Body = {"IamInstanceProfile": {"Name": role}} if role else {}
        try:
            self._aws.call(
                "RunInstances",
                region,
                DryRun=True,
                MinCount=1,
                MaxCount=1,
                ImageId=image.id,
                InstanceType=instance_type,
                InstanceMarketOptions={"MarketType": "spot"},
                TagSpecifications=shapes.tag_specifications(
                    shared_tags(owner), *shapes.TAGGED_AT_LAUNCH
                ),
                **subnet,
                **profile,
            )
        except Refused as refusal:
            if refusal.aws_code != DRY_RUN_ALLOWED:
                raise

    def _vcpus(self, region: str, names: set[str]) -> dict[str, int]:
        if not names:
            return {}
        rows = self._aws.pages(
            "DescribeInstanceTypes", region, key="InstanceTypes", InstanceTypes=sorted(names)
        )
        return {row["InstanceType"]: int(row["VCpuInfo"]["DefaultVCpus"]) for row in rows}
