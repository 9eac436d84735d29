"""What each command needs of AWS, as the statements of an IAM policy before it is known for whom.

The actions are those of the calls that a command makes; a test compares them with the calls that
were seen. Which actions know which resources and condition keys says AWS's Service Authorization
Reference; another test joins every statement with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from spotkeeper.model.connect import Connect
from spotkeeper.model.tags import TAG_MANAGED, TAG_OWNER

SCHEDULER_SERVICE = "scheduler.amazonaws.com"
EC2_SERVICES = ("ec2.amazonaws.com", "ec2.amazonaws.com.cn")

Conditions = Mapping[str, Mapping[str, str | Sequence[str]]]


def _tags(key: str) -> Mapping[str, str]:
    return {f"{key}/{TAG_MANAGED}": "true", f"{key}/{TAG_OWNER}": "{owner}"}


#: On what is there already, and in a call that makes something: our tag and the owner's.
OURS: Conditions = {"StringEquals": _tags("aws:ResourceTag")}
MADE: Conditions = {"StringEquals": _tags("aws:RequestTag")}


@dataclass(frozen=True, slots=True)
class Grant:
    """A statement before it is known for whom; grants with the same ``sid`` become one.

    ``resources`` are ARNs after their partition. ``{region}``, ``{home}`` (where names are
    claimed), ``{account}`` and ``{role}`` are filled in, in ``conditions`` the names in braces as
    well.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ()
    conditions: Conditions = field(default_factory=dict)


def _read(*actions: str) -> Grant:
    """Reads that IAM cannot narrow to resources."""
    return Grant("Read", actions)


def _ec2(*kinds: str) -> tuple[str, ...]:
    return tuple(f"ec2:{{region}}:{{account}}:{kind}/*" for kind in kinds)


#: Everything of EC2's but images and snapshots, whose ARNs have no account.
ANY_KIND = _ec2("*")
SNAPSHOTS = ("ec2:{region}::snapshot/*",)
CLAIMS = ("ec2:{home}:{account}:launch-template/*", *_ec2("launch-template"))
SCHEDULES = ("scheduler:{region}:{account}:schedule/spotkeeper/*",)
SPOT_ROLE = ("iam::{account}:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot",)

MARKET = _read(
    "ec2:DescribeRegions",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeSpotPriceHistory",
    "pricing:GetProducts",
)
#: What ``find --score`` and ``find --quota`` ask beyond that; they do without, and say so.
SCORE = _read("ec2:GetSpotPlacementScores")
QUOTA = _read(
    "servicequotas:GetServiceQuota",
    "servicequotas:GetAWSDefaultServiceQuota",
    "ec2:DescribeInstances",
    "ec2:DescribeSpotInstanceRequests",
)
LOOK = _read(
    "ec2:DescribeRegions",
    "ec2:DescribeTags",
    "ec2:DescribeInstances",
    "ec2:DescribeSpotInstanceRequests",
)
LOOK_PRICED = (LOOK, _read("ec2:DescribeSpotPriceHistory", "pricing:GetProducts"))
#: Of a stopped machine, whose disks still cost.
DISKS = _read("ec2:DescribeVolumes")
CLAIM = _read("ec2:DescribeLaunchTemplates")
PLACES = _read("ec2:DescribeSubnets", "ec2:DescribeImages")
#: What ``sweep`` reads beyond that, of kinds that no launch makes too.
SURVEY = _read(
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSnapshots",
    "ec2:DescribeKeyPairs",
    "ec2:DescribeFleets",
    "ec2:DescribeNetworkInterfaces",
)
LIST_SCHEDULES = _read("scheduler:ListSchedules")


def _power(action: str) -> Grant:
    return Grant("Power", (action,), _ec2("instance"), OURS)


PUBLIC_IMAGES = Grant(
    "PublicImages", ("ssm:GetParameter",), ("ssm:{region}::parameter/aws/service/*",)
)
LAUNCH = (
    Grant(
        "LaunchSpot",
        ("ec2:RunInstances",),
        _ec2("instance"),
        {
            "StringEquals": {
                **MADE["StringEquals"],
                "ec2:InstanceMarketType": "spot",
                "aws:RequestedRegion": "{requested}",
            },
            "StringLike": {"ec2:InstanceType": "{types}"},
            "StringNotLike": {"ec2:InstanceType": "{exclude}"},
        },
    ),
    Grant(
        "LaunchTagged",
        ("ec2:RunInstances",),
        _ec2("volume", "network-interface", "spot-instances-request"),
        MADE,
    ),
    Grant(
        "LaunchInputs",
        ("ec2:RunInstances",),
        ("ec2:{region}::image/*", *SNAPSHOTS, *_ec2("subnet", "security-group", "key-pair")),
    ),
    Grant(
        "TagOnCreate",
        ("ec2:CreateTags",),
        (*ANY_KIND, CLAIMS[0]),
        {
            "StringEquals": {
                **MADE["StringEquals"],
                "ec2:CreateAction": (
                    "RunInstances",
                    "CreateSecurityGroup",
                    "ImportKeyPair",
                    "CreateLaunchTemplate",
                ),
            }
        },
    ),
)
GROUPS = _read("ec2:DescribeSecurityGroups")
OPEN_SSH = Grant("OpenSsh", ("ec2:AuthorizeSecurityGroupIngress",), _ec2("security-group"), OURS)
#: Lets the caller's present address in, and former ones no more.
OWN_ADDRESS = (
    GROUPS,
    OPEN_SSH,
    Grant("CloseSsh", ("ec2:RevokeSecurityGroupIngress",), _ec2("security-group"), OURS),
)
PREREQUISITES = (
    GROUPS,
    Grant(
        "MakeTagged",
        ("ec2:CreateSecurityGroup", "ec2:ImportKeyPair"),
        _ec2("security-group", "key-pair"),
        MADE,
    ),
    Grant("MakeInVpc", ("ec2:CreateSecurityGroup",), _ec2("vpc")),
    OPEN_SSH,
    Grant("ClaimName", ("ec2:CreateLaunchTemplate",), CLAIMS, MADE),
    Grant(
        "MakeSpotRole",
        ("iam:CreateServiceLinkedRole",),
        SPOT_ROLE,
        {"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}},
    ),
)
GIVE_BACK = Grant(
    "GiveBack",
    (
        "ec2:CancelSpotInstanceRequests",
        "ec2:TerminateInstances",
        "ec2:DeleteVolume",
        "ec2:DeleteSecurityGroup",
        "ec2:DeleteKeyPair",
        "ec2:DeleteLaunchTemplate",
    ),
    (*ANY_KIND, CLAIMS[0]),
    OURS,
)
#: What ends a name, and what settles one that was ended: the same.
END = (DISKS, CLAIM, GIVE_BACK)
RETAG = Grant("Retag", ("ec2:CreateTags",), _ec2("instance", "spot-instances-request"), OURS)

_UP = (MARKET, LOOK, PLACES, PUBLIC_IMAGES, *LAUNCH, *PREREQUISITES, *END)
_START = (*LOOK_PRICED, _power("ec2:StartInstances"), RETAG, *OWN_ADDRESS)
_REACH = (*LOOK_PRICED, *OWN_ADDRESS)

#: Command → what its calls need.
COMMANDS: Mapping[str, Sequence[Grant]] = {
    "find": (MARKET, SCORE, QUOTA),
    "prices": (MARKET,),
    "up": _UP,
    "run": (*_UP, *_START),
    "logs": (LOOK,),
    "cancel": (LOOK, RETAG),
    "ls": (*LOOK_PRICED, *END),
    "show": (*LOOK_PRICED, DISKS),
    "costs": LOOK_PRICED,
    "ssh": _REACH,
    "push": _REACH,
    "pull": _REACH,
    "forward": _REACH,
    "stop": (*LOOK_PRICED, DISKS, _power("ec2:StopInstances")),
    "start": _START,
    "down": (*LOOK_PRICED, *END, _power("ec2:StopInstances")),  # a box that nobody may delete
    "extend": (*LOOK_PRICED, RETAG),
    "doctor": (
        _read("ec2:DescribeRegions", "ec2:DescribeInstanceTypes"),
        PLACES,
        QUOTA,
        Grant("SpotRole", ("iam:GetRole",), SPOT_ROLE),
        _read("ec2:GetEbsDefaultKmsKeyId"),
        Grant("DiskKey", ("kms:DescribeKey", "kms:ListGrants"), ("kms:{region}:{account}:key/*",)),
        PUBLIC_IMAGES,
        *LAUNCH,  # asked with DryRun
    ),
    "sweep": (
        *LOOK_PRICED,
        SURVEY,
        *END,
        LIST_SCHEDULES,
        replace(GIVE_BACK, actions=("ec2:DeleteNetworkInterface", "ec2:DeleteFleets")),
        Grant("SweepSnapshots", ("ec2:DeleteSnapshot",), SNAPSHOTS, OURS),
        Grant("SweepSchedules", ("scheduler:GetSchedule", "scheduler:DeleteSchedule"), SCHEDULES),
    ),
}

#: All commands together.
EVERYDAY = "everyday"

#: What ``--role``, ``--connect endpoint`` and ``--connect ssm`` need besides.
INSTANCE_PROFILE, ENDPOINT, SSM = "instance-profile", str(Connect.ENDPOINT), str(Connect.SSM)

#: What ``--guard scheduler`` needs besides the policy of a command: the caller's permissions, and
#: the role in whose name the Scheduler ends machines, with whom it trusts.
GUARD, GUARD_ROLE, GUARD_TRUST = "guard", "role", "trust"

PARTS: Mapping[str, Sequence[Grant]] = {
    **COMMANDS,
    INSTANCE_PROFILE: (
        Grant(
            "LookAtProfile",
            ("iam:GetInstanceProfile",),
            ("iam::{account}:instance-profile/{role}",),
        ),
        Grant(
            "PassInstanceRole",
            ("iam:PassRole",),
            ("iam::{account}:role/{role}",),
            {"StringEquals": {"iam:PassedToService": EC2_SERVICES}},
        ),
        Grant("LookAtRole", ("iam:ListAttachedRolePolicies",), ("iam::{account}:role/{role}",)),
    ),
    # "Grant permissions to use EC2 Instance Connect Endpoint", EC2 User Guide
    ENDPOINT: (
        _read("ec2:DescribeInstanceConnectEndpoints", "ec2:DescribeInstances"),
        Grant(
            "OpenTunnel",
            ("ec2-instance-connect:OpenTunnel",),
            _ec2("instance-connect-endpoint"),
            {"NumericEquals": {"ec2-instance-connect:remotePort": "22"}},
        ),
    ),
    # "Sample IAM policies for Session Manager", Systems Manager User Guide
    SSM: (
        Grant(
            "StartSession",
            ("ssm:StartSession",),
            _ec2("instance"),
            {"StringEquals": _tags("ssm:resourceTag")},
        ),
        Grant(
            "SshSession", ("ssm:StartSession",), ("ssm:{region}:*:document/AWS-StartSSHSession",)
        ),
        Grant(
            "OwnSessions",
            ("ssm:ResumeSession", "ssm:TerminateSession"),
            ("ssm:{region}:{account}:session/${{aws:userid}}-*",),
        ),
    ),
    EVERYDAY: tuple(grant for grants in COMMANDS.values() for grant in grants),
    GUARD: (
        LIST_SCHEDULES,
        Grant(
            "GuardSchedules",
            (
                "scheduler:CreateSchedule",
                "scheduler:GetSchedule",
                "scheduler:UpdateSchedule",
                "scheduler:DeleteSchedule",
            ),
            SCHEDULES,
        ),
        Grant(
            "GuardGroup",
            ("scheduler:CreateScheduleGroup",),
            ("scheduler:{region}:{account}:schedule-group/spotkeeper",),
        ),
        Grant(
            "PassGuardRole",
            ("iam:PassRole",),
            ("{guard_role}",),
            {"StringEquals": {"iam:PassedToService": SCHEDULER_SERVICE}},
        ),
        Grant("GuardNewInstance", ("ec2:CreateTags",), _ec2("instance"), OURS),
    ),
    GUARD_ROLE: (
        Grant(
            "EndMachines",
            ("ec2:CancelSpotInstanceRequests", "ec2:TerminateInstances"),
            ("ec2:*:{account}:spot-instances-request/*", "ec2:*:{account}:instance/*"),
            OURS,
        ),
    ),
}
