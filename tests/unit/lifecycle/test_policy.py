"""Policies: whole documents, least privilege, everything that is changed is ours."""

import json
from typing import Any

import pytest

from spotkeeper.errors import BadInput
from spotkeeper.lifecycle import policy
from spotkeeper.model.tags import Caller

CALLER = Caller("123456789012", "arn:aws-cn:iam::123456789012:user/me", "aws-cn")
REGION = "cn-north-1"
MADE_OR_ENDED = {
    "ec2:RunInstances",
    "ec2:CreateSecurityGroup",
    "ec2:ImportKeyPair",
    "ec2:CreateLaunchTemplate",
    "ec2:DeleteLaunchTemplate",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateTags",
    "ec2:StopInstances",
    "ec2:StartInstances",
    "ec2:CancelSpotInstanceRequests",
    "ec2:TerminateInstances",
    "ec2:DeleteVolume",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteKeyPair",
}
CHANGES_OURS = ("Teardown", "GiveBackWhatFailed", "Stop", "Start", "Move", "OpenSsh")
NEVER = ("ec2:RequestSpotInstances", "ec2:RequestSpotFleet", "iam:PassRole", "ec2:*", "*")


def statements(command: str) -> list[dict[str, Any]]:
    document = policy.document(command, caller=CALLER, region=REGION)
    assert document["Version"] == "2012-10-17"
    return list(json.loads(json.dumps(document))["Statement"])


def actions_of(statement: dict[str, Any]) -> set[str]:
    named = statement["Action"]
    return {named} if isinstance(named, str) else set(named)


@pytest.mark.parametrize("command", policy.COMMANDS)
def test_every_policy_is_a_document_that_iam_can_read(command: str) -> None:
    found = statements(command)
    assert found
    sids = [statement["Sid"] for statement in found]
    assert len(set(sids)) == len(sids)
    for statement in found:
        assert statement["Effect"] == "Allow"
        assert statement["Sid"].isalnum()
        assert statement["Resource"]
        assert all(":" in action for action in actions_of(statement))
    assert len(json.dumps(found)) < 6144  # the limit of a managed policy


@pytest.mark.parametrize("command", policy.COMMANDS)
def test_no_policy_allows_too_much(command: str) -> None:
    allowed = policy.actions(policy.document(command, caller=CALLER, region=REGION))
    assert not allowed & set(NEVER)
    assert not any(action.endswith("*") for action in allowed)


@pytest.mark.parametrize("command", ["find", "prices", "ls", "show", "ssh"])
def test_looking_changes_nothing(command: str) -> None:
    allowed = policy.actions(policy.document(command, caller=CALLER, region=REGION))
    verbs = {action.split(":")[1] for action in allowed}
    assert all(verb.startswith(("Describe", "Get")) for verb in verbs)


@pytest.mark.parametrize("command", ["up", "down", "stop", "start", "extend"])
def test_what_is_changed_or_ended_carries_our_tag(command: str) -> None:
    for statement in statements(command):
        changing = actions_of(statement) & MADE_OR_ENDED
        if changing and "Condition" not in statement:
            assert statement["Sid"] in ("LaunchInputs", "MakeTagged")
        if statement["Sid"] in CHANGES_OURS:
            assert "aws:ResourceTag/spotkeeper:managed" in str(statement["Condition"])


def test_a_launch_must_be_tagged() -> None:
    [launch] = [each for each in statements("up") if each["Sid"] == "LaunchTagged"]
    assert launch["Condition"] == {"StringEquals": {"aws:RequestTag/spotkeeper:managed": "true"}}
    kinds = {arn.rsplit(":", 1)[1] for arn in launch["Resource"]}
    assert kinds == {"instance/*", "volume/*", "network-interface/*", "spot-instances-request/*"}


@pytest.mark.parametrize("command", policy.COMMANDS)
def test_account_region_and_partition_are_filled_in(command: str) -> None:
    for statement in statements(command):
        resources = statement["Resource"]
        for arn in [resources] if isinstance(resources, str) else resources:
            assert arn == "*" or arn.startswith("arn:aws-cn:")
            if ":ec2:" in arn:
                assert f":ec2:{REGION}:" in arn


def test_up_may_give_back_what_failed() -> None:
    up = policy.actions(policy.document("up", caller=CALLER, region=REGION))
    assert set(policy.GIVE_BACK) <= up


def test_the_guard_needs_its_own_schedules_and_one_role_that_only_the_scheduler_takes_on() -> None:
    found = {each["Sid"]: each for each in statements(policy.GUARD)}
    assert found["GuardSchedules"]["Resource"] == (
        f"arn:aws-cn:scheduler:{REGION}:123456789012:schedule/spotkeeper/*"
    )
    role = found["GuardRole"]
    assert role["Action"] == ["iam:PassRole"]
    assert role["Resource"] == "arn:aws-cn:iam::123456789012:role/spotkeeper-guard"
    assert role["Condition"]["StringEquals"] == {"iam:PassedToService": "scheduler.amazonaws.com"}
    assert "aws:ResourceTag/spotkeeper:managed" in str(found["GuardOfNewInstance"]["Condition"])


def test_the_guards_role_ends_only_what_is_ours_and_trusts_only_the_scheduler_of_the_account() -> (
    None
):
    [may] = statements(policy.GUARD_ROLE)
    assert "aws:ResourceTag/spotkeeper:managed" in str(may["Condition"])
    assert all(":123456789012:" in arn for arn in may["Resource"])
    [trust] = statements(policy.GUARD_TRUST)
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_an_unknown_command_has_no_policy() -> None:
    with pytest.raises(BadInput) as caught:
        policy.document("fly", caller=CALLER, region=REGION)
    assert "up" in caught.value.next_step


def test_a_name_is_claimed_and_released_in_the_common_region_and_that_of_the_launch() -> None:
    caller = Caller("123456789012", "arn:aws:iam::123456789012:user/me")
    document = policy.document("up", caller=caller, region="eu-west-1")
    found = {each["Sid"]: each for each in json.loads(json.dumps(document))["Statement"]}
    templates = [
        f"arn:aws:ec2:{region}:123456789012:launch-template/*"
        for region in ("us-east-1", "eu-west-1")
    ]
    for sid, tags in (("ClaimTagged", "RequestTag"), ("ReleaseClaim", "ResourceTag")):
        assert found[sid]["Resource"] == templates
        managed = {f"aws:{tags}/spotkeeper:managed": "true"}
        assert found[sid]["Condition"] == {"StringEquals": managed}
