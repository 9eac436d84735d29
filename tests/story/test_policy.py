"""`spot policy` prints what is done and no more, for whoever asks, where and for what."""

import json
import re
from typing import Any

import pytest
from tests.authorization import problems
from tests.conftest import Sandbox
from tests.story.computer import as_if_aws
from tests.story.conftest import Spot
from tests.story.refusals import paragraph

from spotkeeper.lifecycle.grants import COMMANDS


def printed(spot: Spot, *line: str) -> dict[str, Any]:
    answer = spot("policy", *line)
    assert answer.code == 0, answer.err
    found: dict[str, Any] = json.loads(answer.out)
    return found


def actions(spot: Spot, command: str) -> set[str]:
    statements = printed(spot, command)["Statement"]
    return {name for each in statements for name in each["Action"]}


def types(policy: dict[str, Any]) -> set[str]:
    [launch] = [each for each in policy["Statement"] if each["Sid"] == "LaunchSpot"]
    return set(launch["Condition"]["StringLike"]["ec2:InstanceType"])


def test_account_owner_regions_and_partition_are_filled_in(spot: Spot) -> None:
    text = json.dumps(printed(spot, "up", "--region", "eu-west-1", "--region", "us-east-1"))

    for region in ("eu-west-1", "us-east-1"):
        assert f"arn:aws:ec2:{region}:123456789012:instance/*" in text
        assert f"arn:aws:ec2:{region}::image/*" in text
    assert '"aws:ResourceTag/spotkeeper:owner": "123456789012:user/' in text
    assert not re.search(r"[<{]\w+[>}]|\$\{", text)
    assert "arn:aws:ec2:*:" in json.dumps(printed(spot, "sweep", "--region", "any"))
    assert "COMMAND" in paragraph(spot("policy", "everything"), 2)
    assert "did you mean" in paragraph(spot("policy", "--region", "us-east-11"), 2).lower()


def test_only_who_launches_may_launch_and_only_who_gives_back_may_end(spot: Spot) -> None:
    allowed = {command: actions(spot, command) for command in COMMANDS}

    assert "ec2:RunInstances" not in allowed["ls"] | allowed["find"] | allowed["down"]
    assert "ec2:TerminateInstances" not in allowed["show"] | allowed["stop"] | allowed["start"]


@pytest.mark.soak
def test_a_need_limits_the_launch_to_its_types(spot: Spot) -> None:
    named = printed(spot, "--type", "g5.*", "--exclude", "g5.48xlarge", "--region", "us-east-1")
    assert types(named) == {"g5.*"}
    assert "g5.48xlarge" in json.dumps(named)

    by_gpu = types(printed(spot, "up", "--gpu", "A10G", "--max-hourly", "0.01"))
    assert by_gpu == {"g5.*"}  # all of them have one, whatever it costs today
    some = types(printed(spot, "up", "--gpus", "4", "--region", "us-east-1"))
    assert "g5.12xlarge" in some
    assert not {"g5.*", "g5.xlarge"} & some
    assert "GPU" in paragraph(spot("policy", "--gpu", "Voodoo"), 2)


def test_without_a_login_there_are_placeholders_and_how_to_fill_them(
    spot: Spot, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_if_aws(sandbox, monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.delenv(name)

    answer = spot("policy")

    assert answer.code == 0, answer.err
    policy = json.loads(answer.out)
    assert "arn:aws:ec2:REGION:ACCOUNT:instance/*" in answer.out
    assert "ACCOUNT:user/NAME" in answer.out
    assert "get-caller-identity" in answer.err
    assert list(problems(policy)) == []
    assert "arn:aws-cn:ec2:cn-north-1:ACCOUNT:" in spot("policy", "--region", "cn-north-1").out
    assert sandbox.control.calls() == []


def test_an_administrator_gets_a_stack_with_the_role_of_the_guard(spot: Spot) -> None:
    stack = printed(spot, "--cloudformation", "--guard-role", "ml/ender", "--region", "any")

    assert set(stack["Resources"]) == {"EverydayPolicy", "GuardPolicy", "GuardRole"}
    assert stack["Parameters"]["GuardRoleName"]["Default"] == "ender"
    assert set(printed(spot, "ls", "--cloudformation")["Resources"]) == {"LsPolicy"}
    assert set(printed(spot, "role", "--cloudformation")["Resources"]) == {"GuardRole"}
    made = printed(spot, "instance-profile", "--cloudformation")["Resources"]
    assert set(made) == {"InstanceProfilePolicy"}


def test_who_gives_a_role_to_machines_may_pass_that_one_to_ec2_alone(spot: Spot) -> None:
    look, pass_on, read = printed(spot, "instance-profile", "--role", "training")["Statement"]

    assert look["Resource"] == ["arn:aws:iam::123456789012:instance-profile/training"]
    assert pass_on["Resource"] == read["Resource"] == ["arn:aws:iam::123456789012:role/training"]
    passed_to = pass_on["Condition"]["StringEquals"]["iam:PassedToService"]
    assert {each.partition(".com")[0] for each in passed_to} == {"ec2.amazonaws"}
    assert "instance-profile" in paragraph(spot("policy", "up", "--role", "training"), 2)


def test_the_guard_may_pass_on_the_role_that_is_named(spot: Spot) -> None:
    role = "arn:aws:iam::123456789012:role/ender"

    assert f'"{role}"' in spot("policy", "guard", "--guard-role", "ender").out
    assert f'"{role}"' in spot("policy", "guard", "--guard-role", role).out
    assert spot("policy", "role").out == spot("policy", "guard", "--role").out
    assert "--guard-role" in paragraph(spot("policy", "guard", "--guard-role", "no role"), 2)
