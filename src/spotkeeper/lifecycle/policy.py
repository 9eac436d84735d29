"""Least-privilege IAM policies as documents and as a stack of CloudFormation. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spotkeeper.errors import BadInput
from spotkeeper.lifecycle.grants import (
    EVERYDAY,
    GUARD,
    GUARD_ROLE,
    GUARD_TRUST,
    PARTS,
    SCHEDULER_SERVICE,
    Grant,
)
from spotkeeper.model.tags import Caller, home_region

#: What a managed policy may hold, without its white space (IAM quotas, "IAM and STS character
#: limits").
MAX_CHARACTERS = 6144

#: Whoever attaches a policy that was printed without a login puts their own in place of these.
NOBODY = Caller("ACCOUNT", "arn:aws:iam::ACCOUNT:user/NAME")
SOME_REGION = "REGION"
ALL_REGIONS = ("*",)

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Grantee:
    """Who is allowed something, and how far.

    ``regions``            names, or ``*`` for all of them.
    ``types``, ``exclude`` globs of the types that may be launched; no ``types`` are all.
    ``guard_role``         ARN of the role in whose name the Scheduler ends machines.
    ``role``               that machines may be given, and its instance profile of the same name.
    """

    caller: Caller
    regions: tuple[str, ...]
    guard_role: str
    types: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    role: str = "ROLE"


def document(part: str, grantee: Grantee) -> Document:
    """The policy that a command needs, or another part of what spotkeeper needs.

    Its ARNs name the regions. Where these are too many for one policy a condition keeps launches
    to them, and what is ours may be ended in every region.

    Raises:
        BadInput: there is no such part, or the types are more than a policy can hold.
    """
    if part == GUARD_TRUST:
        return _whole([_trust(grantee.caller)])
    if part not in PARTS:
        raise BadInput(
            f"There is no policy of {part!r}", next_step=f"Use {', '.join((*PARTS, GUARD_TRUST))}."
        )
    merged: dict[str, list[Grant]] = {}
    for grant in PARTS[part]:
        merged.setdefault(grant.sid, []).append(grant)
    for regions in (grantee.regions, ALL_REGIONS):
        filled = _FilledStatement(grantee, regions)
        found = _whole([filled.statement(grants) for grants in merged.values()])
        if len("".join(str(found).split())) <= MAX_CHARACTERS:
            return found
    raise BadInput(
        f"A policy that names {len(grantee.types)} types has more than the {MAX_CHARACTERS} "
        "characters that IAM takes",
        next_step="Name them by a glob, as in --type 'g5.*'.",
    )


#: What stands in a stack for what CloudFormation fills in.
OF_THE_STACK = Caller("${AWS::AccountId}", "arn:aws:iam::ACCOUNT:${Principal}")
ROLE_OF_THE_STACK = "${GuardRole.Arn}"

#: Part → the policies and whether the role of the guard are made for it.
_STACKS = {
    EVERYDAY: ((EVERYDAY, GUARD), True),
    GUARD: ((GUARD,), True),
    **dict.fromkeys((GUARD_ROLE, GUARD_TRUST), ((), True)),
}


def stack(part: str, grantee: Grantee) -> Document:
    """The same as a template of CloudFormation; everything that the guard needs with the everyday
    set.

    Raises:
        BadInput: as ``document``.
    """
    caller = grantee.caller
    inside = replace(OF_THE_STACK, partition=caller.partition)
    filled = replace(grantee, caller=inside, guard_role=ROLE_OF_THE_STACK)
    policies, has_role = _STACKS.get(part, ((part,), False))
    made: dict[str, Document] = {
        f"{name.title()}Policy".replace("-", ""): _managed_policy(name, filled)
        for name in policies
    }
    principal: dict[str, str] = {
        "Type": "String",
        "Description": "Who is allowed, as the ARN ends that `aws sts get-caller-identity` tells:"
        " user/NAME or assumed-role/ROLE/SESSION",
    }
    if caller != NOBODY:
        principal["Default"] = caller.owner.partition(":")[2]
    parameters = {"Principal": principal}
    if has_role:
        made["GuardRole"] = _guard_role(filled)
        name = grantee.guard_role.rpartition("/")[2]
        parameters["GuardRoleName"] = {"Type": "String", "Default": name}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "What one user of spotkeeper may do, and the role of the guard",
        "Parameters": parameters,
        "Resources": made,
        "Outputs": {name: {"Value": {"Ref": name}} for name in made},
    }


def _managed_policy(part: str, grantee: Grantee) -> Document:
    told = {"Description": f"spotkeeper: {part}", "PolicyDocument": document(part, grantee)}
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": _substituted(told)}


def _guard_role(grantee: Grantee) -> Document:
    ends = {"PolicyName": "end-machines", "PolicyDocument": document(GUARD_ROLE, grantee)}
    told = {"AssumeRolePolicyDocument": document(GUARD_TRUST, grantee), "Policies": [ends]}
    named = {"RoleName": {"Ref": "GuardRoleName"}, **_substituted(told)}
    return {"Type": "AWS::IAM::Role", "Properties": named}


def _substituted(value: Any) -> Any:
    """The value with ``Fn::Sub`` around every text that CloudFormation is to fill in."""
    match value:
        case str():
            ours = value.replace("${aws:", "${!aws:")  # those are IAM's to fill in
            return {"Fn::Sub": ours} if "${" in value else value
        case list():
            return [_substituted(each) for each in value]
        case dict():
            return {key: _substituted(each) for key, each in value.items()}
        case _:
            return value


class _FilledStatement:
    """Grants with account, regions and partition filled in; ``regions`` are those of the ARNs."""

    def __init__(self, grantee: Grantee, regions: tuple[str, ...]) -> None:
        caller = grantee.caller
        self._beginning = f"arn:{caller.partition}:"
        self._account, self._role = caller.account, grantee.role
        self._regions = regions
        self._home = "*" if regions == ALL_REGIONS else home_region(caller.partition)
        self._words: Mapping[str, str | Sequence[str]] = {
            "{owner}": caller.owner,
            "{requested}": () if regions == grantee.regions else grantee.regions,
            "{types}": grantee.types,
            "{exclude}": grantee.exclude,
            "{guard_role}": grantee.guard_role,
        }

    def statement(self, grants: Sequence[Grant]) -> Document:
        """One statement for grants that differ in their actions at most."""
        first = grants[0]
        conditions = self._conditions(first)
        return {
            "Sid": first.sid,
            "Effect": "Allow",
            "Action": _unique(action for grant in grants for action in grant.actions),
            "Resource": self._arns(first.resources) or "*",
            **({"Condition": conditions} if conditions else {}),
        }

    def _arns(self, resources: Iterable[str]) -> list[str]:
        return _unique(self._arn(each, region) for each in resources for region in self._regions)

    def _arn(self, resource: str, region: str) -> str:
        if resource in self._words:
            return str(self._words[resource])
        filled = resource.format(
            region=region, home=self._home, account=self._account, role=self._role
        )
        return self._beginning + filled

    def _conditions(self, grant: Grant) -> Mapping[str, Mapping[str, object]]:
        """Without those whose words are empty."""
        filled = {
            operator: {key: found for key, value in keys.items() if (found := self._value(value))}
            for operator, keys in grant.conditions.items()
        }
        return {operator: keys for operator, keys in filled.items() if keys}

    def _value(self, value: str | Sequence[str]) -> str | list[str]:
        found = self._words.get(value, value) if isinstance(value, str) else value
        return found if isinstance(found, str) else list(found)


def _trust(caller: Caller) -> Document:
    """The Scheduler of the account, for schedules of our group (EventBridge Scheduler user guide,
    "Confused deputy prevention")."""
    group = f"arn:{caller.partition}:scheduler:*:{caller.account}:schedule-group/spotkeeper"
    return {
        "Sid": "Scheduler",
        "Effect": "Allow",
        "Principal": {"Service": SCHEDULER_SERVICE},
        "Action": ["sts:AssumeRole"],
        "Condition": {
            "StringEquals": {"aws:SourceAccount": caller.account},
            "ArnLike": {"aws:SourceArn": group},
        },
    }


def _whole(statements: list[Document]) -> Document:
    return {"Version": "2012-10-17", "Statement": statements}


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
