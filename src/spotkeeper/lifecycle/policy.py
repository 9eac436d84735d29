"""Least-privilege IAM policies, one per command. Pure.

Which actions know resources and conditions: AWS.md 10. The actions are those of the calls that the
command makes; a test compares them with the calls that were seen.
"""

from collections.abc import Mapping, Sequence

from spotkeeper.errors import BadInput
from spotkeeper.lifecycle.guard import DEFAULT_ROLE
from spotkeeper.model.tags import TAG_MANAGED, Caller, home_region

MARKET = (
    "ec2:DescribeRegions",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeSpotPriceHistory",
    "pricing:GetProducts",
)
#: What ``find --score`` and ``find --quota`` ask beyond that; they do without, and say so.
SCORE = ("ec2:GetSpotPlacementScores",)
QUOTA = (
    "servicequotas:GetServiceQuota",
    "servicequotas:GetAWSDefaultServiceQuota",
    "ec2:DescribeInstances",
    "ec2:DescribeSpotInstanceRequests",
)
LOOK = (
    "ec2:DescribeRegions",
    "ec2:DescribeTags",
    "ec2:DescribeInstances",
    "ec2:DescribeSpotInstanceRequests",
)
LOOK_PRICED = (*LOOK, "ec2:DescribeSpotPriceHistory", "pricing:GetProducts")
#: Of a stopped machine, whose disks still cost.
LOOK_AT_DISKS = (*LOOK_PRICED, "ec2:DescribeVolumes")
LOOK_BEFORE_LAUNCH = (
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeVolumes",
    "ec2:DescribeLaunchTemplates",
)
GIVE_BACK = (
    "ec2:CancelSpotInstanceRequests",
    "ec2:TerminateInstances",
    "ec2:DeleteVolume",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteKeyPair",
)
MADE_BY_A_LAUNCH = ("instance", "volume", "network-interface", "spot-instances-request")
CREATING_ACTIONS = ("RunInstances", "CreateSecurityGroup", "ImportKeyPair")
DOCTOR = (
    "ec2:DescribeRegions",
    "ec2:DescribeSubnets",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceTypes",
    "iam:GetRole",
    *QUOTA,
)

GUARD_SCHEDULES = (
    "scheduler:CreateSchedule",
    "scheduler:GetSchedule",
    "scheduler:UpdateSchedule",
    "scheduler:DeleteSchedule",
)
#: What ``sweep`` reads and ends beyond what a launch makes.
SURVEY = (
    "ec2:DescribeRegions",
    "ec2:DescribeTags",
    "ec2:DescribeSpotInstanceRequests",
    "ec2:DescribeInstances",
    "ec2:DescribeVolumes",
    "ec2:DescribeSnapshots",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeKeyPairs",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeFleets",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSpotPriceHistory",
    "pricing:GetProducts",
    "scheduler:ListSchedules",
)
SWEEP = (
    *GIVE_BACK,
    "ec2:DeleteSnapshot",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteFleets",
)
SWEPT_SCHEDULES = ("scheduler:GetSchedule", "scheduler:DeleteSchedule")

SCHEDULER_SERVICE = "scheduler.amazonaws.com"
ENDED_BY_THE_GUARD = ("spot-instances-request", "instance")

Statement = Mapping[str, object]


def document(command: str, *, caller: Caller, region: str) -> Mapping[str, object]:
    """The policy that one command needs.

    Raises:
        BadInput: no such command.
    """
    statements = _Statements(caller, region)
    makers = {**_COMMANDS, **_PARTS}
    if command not in makers:
        raise BadInput(
            f"There is no policy for {command!r}", next_step=f"Use one of {', '.join(_COMMANDS)}."
        )
    return {"Version": "2012-10-17", "Statement": list(makers[command](statements))}


class _Statements:
    """The building blocks, with account, region and partition filled in."""

    def __init__(self, caller: Caller, region: str) -> None:
        self._caller = caller
        self._region = region

    def market(self) -> Sequence[Statement]:
        return (_read("Market", MARKET),)

    def find(self) -> Sequence[Statement]:
        return (*self.market(), _read("FindScore", SCORE), _read("FindQuota", QUOTA))

    def look(self) -> Sequence[Statement]:
        return (_read("MachineReader", LOOK_PRICED),)

    def show(self) -> Sequence[Statement]:
        return (_read("MachineReader", LOOK_AT_DISKS),)

    def up(self) -> Sequence[Statement]:
        return (
            _read("MachineReader", (*MARKET, *LOOK[1:], *LOOK_BEFORE_LAUNCH)),
            *self._launch(),
            {
                "Sid": "MakeTagged",
                "Effect": "Allow",
                "Action": ["ec2:CreateSecurityGroup", "ec2:ImportKeyPair"],
                "Resource": [self._arn(kind) for kind in ("security-group", "key-pair", "vpc")],
            },
            *self._claim(),
            self._release(),
            self._ours("OpenSsh", ("ec2:AuthorizeSecurityGroupIngress",)),
            self._ours("GiveBackWhatFailed", GIVE_BACK),
            {
                "Sid": "SpotRole",
                "Effect": "Allow",
                "Action": "iam:CreateServiceLinkedRole",
                "Resource": "*",
                "Condition": {"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}},
            },
        )

    def down(self) -> Sequence[Statement]:
        reads = (*LOOK_AT_DISKS, "ec2:DescribeLaunchTemplates")
        return (_read("MachineReader", reads), self._ours("Teardown", GIVE_BACK), self._release())

    def sweep(self) -> Sequence[Statement]:
        schedules = f"{self._arn_of('scheduler', self._region)}:schedule/spotkeeper/*"
        return (
            _read("RegionInventory", SURVEY),
            self._ours("Sweep", SWEEP),
            self._release(),
            _allowed("SweepSchedules", SWEPT_SCHEDULES, schedules),
        )

    def stop(self) -> Sequence[Statement]:
        return (*self.show(), self._ours("Stop", ("ec2:StopInstances",)))

    def start(self) -> Sequence[Statement]:
        reads = (*LOOK_PRICED, "ec2:DescribeInstanceStatus")
        actions = ("ec2:StartInstances", "ec2:CreateTags")
        return (_read("MachineReader", reads), self._ours("Start", actions))

    def extend(self) -> Sequence[Statement]:
        return (_read("MachineReader", LOOK_PRICED), self._ours("Move", ("ec2:CreateTags",)))

    def guard(self) -> Sequence[Statement]:
        scheduler = self._arn_of("scheduler", self._region)
        role = self._arn_of("iam", "")
        return (
            _allowed("GuardSchedules", GUARD_SCHEDULES, f"{scheduler}:schedule/spotkeeper/*"),
            _allowed(
                "GuardGroup",
                ("scheduler:CreateScheduleGroup",),
                f"{scheduler}:schedule-group/spotkeeper",
            ),
            _read("GuardList", ("scheduler:ListSchedules",)),
            {
                **_allowed("GuardRole", ("iam:PassRole",), f"{role}:role/{DEFAULT_ROLE}"),
                "Condition": {"StringEquals": {"iam:PassedToService": SCHEDULER_SERVICE}},
            },
            self._ours("GuardOfNewInstance", ("ec2:CreateTags",)),
        )

    def guard_role(self) -> Sequence[Statement]:
        machines = self._arn_of("ec2", "*")
        return (
            {
                "Sid": "EndMachines",
                "Effect": "Allow",
                "Action": ["ec2:CancelSpotInstanceRequests", "ec2:TerminateInstances"],
                "Resource": [f"{machines}:{kind}/*" for kind in ENDED_BY_THE_GUARD],
                "Condition": {"StringEquals": {f"aws:ResourceTag/{TAG_MANAGED}": "true"}},
            },
        )

    def guard_trust(self) -> Sequence[Statement]:
        account = self._caller.account
        return (
            {
                "Sid": "Scheduler",
                "Effect": "Allow",
                "Principal": {"Service": SCHEDULER_SERVICE},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            },
        )

    def doctor(self) -> Sequence[Statement]:
        return (
            _read("MachineReader", DOCTOR),
            *self._launch(),  # asked with DryRun
        )

    def _launch(self) -> Sequence[Statement]:
        used = ("subnet", "security-group", "network-interface", "key-pair")
        regional = f"arn:{self._caller.partition}:ec2:{self._region}:"
        return (
            {
                "Sid": "PublicImages",
                "Effect": "Allow",
                "Action": "ssm:GetParameter",
                "Resource": f"arn:{self._caller.partition}:ssm:{self._region}"
                "::parameter/aws/service/*",
            },
            {
                "Sid": "LaunchTagged",
                "Effect": "Allow",
                "Action": "ec2:RunInstances",
                "Resource": [self._arn(kind) for kind in MADE_BY_A_LAUNCH],
                "Condition": {"StringEquals": {f"aws:RequestTag/{TAG_MANAGED}": "true"}},
            },
            {
                "Sid": "LaunchInputs",
                "Effect": "Allow",
                "Action": "ec2:RunInstances",
                "Resource": [
                    f"{regional}:image/*",
                    f"{regional}:snapshot/*",
                    *(self._arn(kind) for kind in used),
                ],
            },
            {
                "Sid": "TagOnCreate",
                "Effect": "Allow",
                "Action": "ec2:CreateTags",
                "Resource": self._arn("*"),
                "Condition": {"StringEquals": {"ec2:CreateAction": list(CREATING_ACTIONS)}},
            },
        )

    def _claim(self) -> Sequence[Statement]:
        """A name is claimed in the region that all computers know, or where it is launched."""
        return (
            {
                "Sid": "ClaimTagged",
                "Effect": "Allow",
                "Action": "ec2:CreateLaunchTemplate",
                "Resource": self._templates(),
                "Condition": {"StringEquals": {f"aws:RequestTag/{TAG_MANAGED}": "true"}},
            },
            {
                "Sid": "TagClaim",
                "Effect": "Allow",
                "Action": "ec2:CreateTags",
                "Resource": self._templates(),
                "Condition": {"StringEquals": {"ec2:CreateAction": "CreateLaunchTemplate"}},
            },
        )

    def _release(self) -> Statement:
        return {
            "Sid": "ReleaseClaim",
            "Effect": "Allow",
            "Action": "ec2:DeleteLaunchTemplate",
            "Resource": self._templates(),
            "Condition": {"StringEquals": {f"aws:ResourceTag/{TAG_MANAGED}": "true"}},
        }

    def _templates(self) -> list[str]:
        places = dict.fromkeys((home_region(self._caller.partition), self._region))
        return [self._arn("launch-template", place) for place in places]

    def _arn(self, kind: str, region: str = "") -> str:
        caller = self._caller
        return f"arn:{caller.partition}:ec2:{region or self._region}:{caller.account}:{kind}/*"

    def _arn_of(self, service: str, region: str) -> str:
        return f"arn:{self._caller.partition}:{service}:{region}:{self._caller.account}"

    def _ours(self, sid: str, actions: Sequence[str]) -> Statement:
        return {
            "Sid": sid,
            "Effect": "Allow",
            "Action": list(actions),
            "Resource": self._arn("*"),
            "Condition": {"StringEquals": {f"aws:ResourceTag/{TAG_MANAGED}": "true"}},
        }


_COMMANDS = {
    "find": _Statements.find,
    "prices": _Statements.market,
    "up": _Statements.up,
    "ls": _Statements.look,
    "show": _Statements.show,
    "ssh": _Statements.look,
    "stop": _Statements.stop,
    "start": _Statements.start,
    "down": _Statements.down,
    "extend": _Statements.extend,
    "doctor": _Statements.doctor,
    "sweep": _Statements.sweep,
}

COMMANDS = tuple(_COMMANDS)

#: What ``--guard scheduler`` needs besides the policy of a command: the caller's permissions, and
#: the role in whose name the Scheduler ends machines, with whom it trusts.
GUARD, GUARD_ROLE, GUARD_TRUST = "guard", "guard-role", "guard-trust"
_PARTS = {
    GUARD: _Statements.guard,
    GUARD_ROLE: _Statements.guard_role,
    GUARD_TRUST: _Statements.guard_trust,
}


def actions(policy: Mapping[str, object]) -> frozenset[str]:
    """Every action that a policy allows."""
    found: set[str] = set()
    statements = policy["Statement"]
    if not isinstance(statements, list):
        return frozenset()
    for statement in statements:
        named = statement["Action"]
        found |= {named} if isinstance(named, str) else set(named)
    return frozenset(found)


def _allowed(sid: str, allowed: Sequence[str], resource: str) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": list(allowed), "Resource": resource}


def _read(sid: str, allowed: Sequence[str]) -> Statement:
    """Reads that IAM cannot narrow to resources."""
    unique = list(dict.fromkeys(allowed))
    return {"Sid": sid, "Effect": "Allow", "Action": unique, "Resource": "*"}
