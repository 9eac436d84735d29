"""Policies: whole documents, least privilege, everything that is changed is the owner's."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from cfnlint.api import lint_all
from tests.authorization import problems

from spotkeeper.errors import BadInput
from spotkeeper.lifecycle import policy
from spotkeeper.lifecycle.grants import (
    COMMANDS,
    EVERYDAY,
    GUARD,
    GUARD_ROLE,
    GUARD_TRUST,
    PARTS,
)
from spotkeeper.lifecycle.policy import ALL_REGIONS, NOBODY, Grantee
from spotkeeper.model.tags import Caller

CALLER = Caller("123456789012", "arn:aws-cn:iam::123456789012:user/me", "aws-cn")
REGION = "cn-north-1"
GRANTEE = Grantee(CALLER, (REGION,), "arn:aws-cn:iam::123456789012:role/guard")
AMERICAN = replace(GRANTEE, caller=replace(CALLER, partition="aws"), regions=("us-east-1",))
#: Nothing is there yet that could carry a tag, or its key says enough.
UNTAGGED = {"LaunchInputs", "MakeInVpc", "MakeSpotRole", "PassGuardRole", "SpotRole"}


def statements(part: str, grantee: Grantee = GRANTEE) -> list[dict[str, Any]]:
    document = policy.document(part, grantee)
    assert document["Version"] == "2012-10-17"
    return list(json.loads(json.dumps(document))["Statement"])


def allowed(part: str) -> set[str]:
    return {action for each in statements(part) for action in each["Action"]}


@pytest.mark.parametrize("part", PARTS)
def test_every_policy_is_a_document_that_iam_can_read(part: str) -> None:
    found = statements(part)
    sids = [statement["Sid"] for statement in found]
    assert found
    assert len(set(sids)) == len(sids)
    for statement in found:
        assert statement["Effect"] == "Allow"
        assert statement["Sid"].isalnum()
        assert statement["Resource"]
    assert len(json.dumps(found)) < policy.MAX_CHARACTERS


@pytest.mark.parametrize("part", [*COMMANDS, EVERYDAY])
def test_no_policy_allows_too_much(part: str) -> None:
    actions = allowed(part)
    assert not actions & {"ec2:RequestSpotInstances", "ec2:RequestSpotFleet", "iam:PassRole"}
    assert not any(action.endswith("*") for action in actions)


@pytest.mark.parametrize("part", ["find", "prices", "show"])
def test_looking_changes_nothing(part: str) -> None:
    verbs = {action.split(":")[1] for action in allowed(part)}
    assert all(verb.startswith(("Describe", "Get")) for verb in verbs)


@pytest.mark.parametrize("part", [EVERYDAY, GUARD, GUARD_ROLE])
def test_what_is_made_changed_or_ended_carries_our_tag_and_the_owners(part: str) -> None:
    for statement in statements(part):
        if not any(":ec2:" in arn for arn in statement["Resource"]):
            continue
        if statement["Sid"] in UNTAGGED:
            continue
        equal = statement["Condition"]["StringEquals"]
        [tags] = {key.partition("/")[0] for key in equal if "Tag/" in key}
        assert equal[f"{tags}/spotkeeper:managed"] == "true"
        assert equal[f"{tags}/spotkeeper:owner"] == "123456789012:user/me"


@pytest.mark.parametrize("part", ["up", "doctor", EVERYDAY])
def test_a_launch_is_spot_and_of_the_types_that_are_needed(part: str) -> None:
    limited = replace(GRANTEE, types=("g5.*", "g6.*"), exclude=("g5.48xlarge",))
    [launch] = [each for each in statements(part, limited) if each["Sid"] == "LaunchSpot"]
    assert launch["Resource"] == [f"arn:aws-cn:ec2:{REGION}:123456789012:instance/*"]
    condition = launch["Condition"]
    assert condition["StringEquals"]["ec2:InstanceMarketType"] == "spot"
    assert condition["StringLike"] == {"ec2:InstanceType": ["g5.*", "g6.*"]}
    assert condition["StringNotLike"] == {"ec2:InstanceType": ["g5.48xlarge"]}
    instances = [
        each
        for each in statements(part)
        if "ec2:RunInstances" in each["Action"] and "instance/*" in str(each["Resource"])
    ]
    assert [each["Sid"] for each in instances] == ["LaunchSpot"]
    assert set(instances[0]["Condition"]) == {"StringEquals"}


@pytest.mark.parametrize("part", [*COMMANDS, EVERYDAY, GUARD])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_all_regions_that_are_asked_for_are_allowed(part: str, count: int) -> None:
    asked = ("us-east-1", "eu-west-1", "ap-south-1")[:count]
    printed = statements(part, replace(AMERICAN, regions=asked))
    for statement in printed:
        arns = [arn.split(":") for arn in statement["Resource"] if arn != "*"]
        found = {arn[3] for arn in arns if arn[2] != "iam"}
        assert not found or set(asked) <= found or found == {"*"}
    bound = [each for each in printed if "aws:RequestedRegion" in str(each)]
    assert [each["Sid"] for each in bound] == ["LaunchSpot"] * ("aws:ec2:*" in str(printed))


def test_any_region_is_any_and_many_regions_bind_the_launch() -> None:
    anywhere = statements(EVERYDAY, replace(AMERICAN, regions=ALL_REGIONS))
    assert ":us-east-1:" not in str(anywhere)
    assert "aws:RequestedRegion" not in str(anywhere)
    many = tuple(f"eu-west-{number}" for number in range(20))
    bound = {each["Sid"]: each for each in statements("up", replace(AMERICAN, regions=many))}
    requested = bound["LaunchSpot"]["Condition"]["StringEquals"]["aws:RequestedRegion"]
    assert requested == list(many)
    assert "aws:RequestedRegion" not in str(bound["GiveBack"])


def test_a_name_is_claimed_and_released_in_the_common_region_and_that_of_the_launch() -> None:
    found = {each["Sid"]: each for each in statements("up", replace(AMERICAN, regions=("eu-1",)))}
    templates = [
        f"arn:aws:ec2:{at}:123456789012:launch-template/*" for at in ("us-east-1", "eu-1")
    ]
    assert found["ClaimName"]["Resource"] == templates
    assert templates[0] in found["GiveBack"]["Resource"]
    assert templates[0] in found["TagOnCreate"]["Resource"]


def test_whoever_may_list_may_settle_what_was_ended() -> None:
    assert (
        allowed("down") - {"ec2:StopInstances"}
        == allowed("ls")
        <= allowed("up") | {"ec2:DescribeSpotPriceHistory"}
    )


def test_the_everyday_set_is_all_commands_together() -> None:
    assert allowed(EVERYDAY) == set().union(*map(allowed, COMMANDS))


def test_the_guard_needs_its_own_schedules_and_one_role_that_only_the_scheduler_takes_on() -> None:
    found = {each["Sid"]: each for each in statements(GUARD)}
    assert found["GuardSchedules"]["Resource"] == [
        f"arn:aws-cn:scheduler:{REGION}:123456789012:schedule/spotkeeper/*"
    ]
    role = found["PassGuardRole"]
    assert role["Resource"] == ["arn:aws-cn:iam::123456789012:role/guard"]
    assert role["Condition"]["StringEquals"] == {"iam:PassedToService": "scheduler.amazonaws.com"}


def test_the_guards_role_trusts_only_the_scheduler_of_the_account_for_our_group() -> None:
    [trust] = statements(GUARD_TRUST)
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    group = "arn:aws-cn:scheduler:*:123456789012:schedule-group/spotkeeper"
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": group},
    }


def test_more_types_than_a_policy_holds_are_refused_with_what_to_do() -> None:
    types = tuple(f"g{number}.48xlarge" for number in range(500))
    with pytest.raises(BadInput) as caught:
        policy.document("up", replace(GRANTEE, types=types))
    assert "500 types" in caught.value.message
    assert "glob" in caught.value.next_step


def policies(stack: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """The documents in a stack, as CloudFormation would fill them in."""

    def filled(value: Any) -> Any:
        match value:
            case {"Fn::Sub": text}:
                for name, told in values.items():
                    text = text.replace(f"${{{name}}}", told)
                return text
            case dict():
                return {key: filled(each) for key, each in value.items()}
            case list():
                return [filled(each) for each in value]
            case _:
                return value

    for made in stack["Resources"].values():
        properties = filled(made["Properties"])
        if "PolicyDocument" in properties:
            yield properties["PolicyDocument"]
        else:
            yield from (each["PolicyDocument"] for each in properties["Policies"])
            yield properties["AssumeRolePolicyDocument"]


@pytest.mark.parametrize("grantee", [AMERICAN, replace(AMERICAN, caller=NOBODY)])
@pytest.mark.parametrize("part", PARTS)
def test_a_stack_is_a_template_whose_policies_are_those_that_are_printed(
    part: str, grantee: Grantee
) -> None:
    stack = policy.stack(part, grantee)
    values = {
        "AWS::AccountId": grantee.caller.account,
        "Principal": grantee.caller.owner.partition(":")[2],
        "GuardRole.Arn": grantee.guard_role,
        "!aws:userid": "${aws:userid}",
    }
    known = grantee.caller != NOBODY
    assert stack["Parameters"]["Principal"].get("Default") == (
        values["Principal"] if known else None
    )
    found = list(policies(stack, values))
    guard = [GUARD_ROLE, GUARD_TRUST]
    made = {EVERYDAY: [EVERYDAY, GUARD, *guard], GUARD: [GUARD, *guard], GUARD_ROLE: guard}
    assert found == [policy.document(each, grantee) for each in made.get(part, [part])]
    assert [problem for each in found for problem in problems(each)] == []


def complaints(stack: Mapping[str, Any]) -> set[str]:
    """The rules of CloudFormation's own linter that a template breaks."""
    found = lint_all(json.dumps(stack))
    return {each.rule.id for each in found if each.rule.severity != "informational"}


@pytest.mark.world("policies as a stack", by="cfn-lint")
@pytest.mark.parametrize("part", ["up", EVERYDAY, GUARD_ROLE])
@pytest.mark.one_in(4)
def test_cloudformation_would_take_a_stack(part: str) -> None:
    assert complaints(policy.stack(part, AMERICAN)) == set()


def test_the_linter_finds_what_cloudformation_would_refuse() -> None:
    stack = json.loads(json.dumps(policy.stack(EVERYDAY, AMERICAN)))
    del stack["Resources"]["GuardRole"]["Properties"]["AssumeRolePolicyDocument"]
    guard = stack["Resources"]["GuardPolicy"]["Properties"]["PolicyDocument"]
    guard["Statement"][0]["Effect"] = "Permit"
    assert complaints(stack) >= {"E3003", "E3510"}
