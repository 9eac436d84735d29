"""Every action, resource and condition key that is printed, joined with AWS's own reference."""

from typing import Any

import pytest
from tests.authorization import problems

from spotkeeper.lifecycle import policy
from spotkeeper.lifecycle.grants import GUARD_TRUST, PARTS
from spotkeeper.lifecycle.policy import ALL_REGIONS, NOBODY, SOME_REGION, Grantee
from spotkeeper.model.tags import Caller

ROLE = "arn:aws:iam::123456789012:role/spotkeeper-guard"
ME = Caller("123456789012", "arn:aws:iam::123456789012:user/me")
CHINESE = Caller("123456789012", "arn:aws-cn:iam::123456789012:assumed-role/dev/me", "aws-cn")
MANY = tuple(f"eu-west-{number}" for number in range(20))

GRANTEES = {
    "one region": Grantee(ME, ("eu-west-1",), ROLE),
    "two regions": Grantee(ME, ("us-east-1", "eu-west-1"), ROLE),
    "so many regions that no ARN names them": Grantee(ME, MANY, ROLE),
    "all regions": Grantee(ME, ALL_REGIONS, ROLE),
    "some types": Grantee(ME, ("eu-west-1",), ROLE, types=("g5.*",), exclude=("g5.48xlarge",)),
    "another partition": Grantee(CHINESE, ("cn-north-1",), ROLE.replace("aws", "aws-cn")),
    "nobody": Grantee(NOBODY, (SOME_REGION,), ROLE),
}


@pytest.mark.world("policies", by="AWS's Service Authorization Reference")
@pytest.mark.parametrize("grantee", GRANTEES.values(), ids=GRANTEES)
@pytest.mark.parametrize("part", [*PARTS, GUARD_TRUST])
def test_aws_knows_every_action_and_key_and_every_resource_can_be_reached(
    part: str, grantee: Grantee
) -> None:
    assert list(problems(policy.document(part, grantee))) == []


def statement(action: str, resource: str | list[str], **condition: str) -> dict[str, Any]:
    keys = {"Condition": {"StringEquals": condition}} if condition else {}
    return {"Sid": "One", "Action": [action], "Resource": resource, **keys}


SPOT_VOLUME = statement(
    "ec2:RunInstances", ["arn:aws:ec2:*:1:volume/*"], **{"ec2:InstanceMarketType": "spot"}
)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (statement("ec2:DeleteSnapshot", ["arn:aws:ec2:eu-west-1:1:*/*"]), "is about none of"),
        (statement("ec2:TerminateInstances", "*"), "is not narrowed"),
        (statement("ec2:DeleteVolume", ["arn:aws:ec2:*:1:instance/*"]), "is of no action"),
        (statement("ec2:RunInstances", ["arn:aws:ec2:*:1:instance/*"]), "needs"),
        (SPOT_VOLUME, "knows no ec2:InstanceMarketType"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_the_join_finds_what_would_never_be_allowed(wrong: dict[str, Any], told: str) -> None:
    assert any(told in problem for problem in problems({"Statement": [wrong]}))


def test_the_join_refuses_an_action_that_aws_does_not_have() -> None:
    with pytest.raises(KeyError):
        list(problems({"Statement": [statement("ec2:DescribeSpotPrices", "*")]}))


def test_grants_of_one_statement_differ_in_their_actions_only() -> None:
    for grants in PARTS.values():
        for grant in grants:
            same = [each for each in grants if each.sid == grant.sid]
            assert all(each.resources == grant.resources for each in same)
            assert all(each.conditions == grant.conditions for each in same)
