"""Least-privilege IAM policies, one per command. Pure.

Which actions know resources and conditions: AWS.md 10. The actions are those of the calls that the
command makes; a test compares them with the calls that were seen.
"""

from collections.abc import Mapping, Sequence

from spotkeeper.errors import BadInput
from spotkeeper.model.naming import TAG_MANAGED, Caller

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
LOOK_BEFORE_LAUNCH = (
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeVolumes",
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
    "ec2:DescribeSubnets",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceTypes",
    "iam:GetRole",
    "servicequotas:GetServiceQuota",
    "servicequotas:GetAWSDefaultServiceQuota",
)

Statement = Mapping[str, object]


def document(command: str, *, caller: Caller, region: str) -> Mapping[str, object]:
    """The policy that one command needs.

    Raises:
        BadInput: no such command.
    """
    statements = _Statements(caller, region)
    if command not in _COMMANDS:
        raise BadInput(
            f"There is no policy for {command!r}", next_step=f"Use one of {', '.join(_COMMANDS)}."
        )
    return {"Version": "2012-10-17", "Statement": list(_COMMANDS[command](statements))}


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
        return (_read("Look", LOOK_PRICED),)

    def up(self) -> Sequence[Statement]:
        return (
            _read("Look", (*MARKET, *LOOK[1:], *LOOK_BEFORE_LAUNCH)),
            *self._launch(),
            {
                "Sid": "MakeTagged",
                "Effect": "Allow",
                "Action": ["ec2:CreateSecurityGroup", "ec2:ImportKeyPair"],
                "Resource": [self._arn(kind) for kind in ("security-group", "key-pair", "vpc")],
            },
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
        reads = (*LOOK_PRICED, "ec2:DescribeVolumes")
        return (_read("Look", reads), self._ours("GiveBack", GIVE_BACK))

    def stop(self) -> Sequence[Statement]:
        reads = (*LOOK_PRICED, "ec2:DescribeInstanceStatus")
        return (_read("Look", reads), self._ours("Stop", ("ec2:StopInstances",)))

    def start(self) -> Sequence[Statement]:
        reads = (*LOOK_PRICED, "ec2:DescribeInstanceStatus")
        actions = ("ec2:StartInstances", "ec2:CreateTags")
        return (_read("Look", reads), self._ours("Start", actions))

    def doctor(self) -> Sequence[Statement]:
        return (
            _read("Look", (*LOOK, *DOCTOR)),
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

    def _arn(self, kind: str) -> str:
        caller = self._caller
        return f"arn:{caller.partition}:ec2:{self._region}:{caller.account}:{kind}/*"

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
    "show": _Statements.look,
    "ssh": _Statements.look,
    "stop": _Statements.stop,
    "start": _Statements.start,
    "down": _Statements.down,
    "doctor": _Statements.doctor,
}

COMMANDS = tuple(_COMMANDS)


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


def _read(sid: str, allowed: Sequence[str]) -> Statement:
    """Reads that IAM cannot narrow to resources."""
    unique = list(dict.fromkeys(allowed))
    return {"Sid": sid, "Effect": "Allow", "Action": unique, "Resource": "*"}
