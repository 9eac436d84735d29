"""Wishes that exclude each other or that EC2 cannot fulfil: refused before anything is made."""

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot
from tests.story.refusals import nothing_was_made, paragraph

UP = ("up", "train", "--yes")
SMALL = (*UP, "--type", "t3.micro")


@pytest.mark.parametrize("behaviour", ["stop", "hibernate"])
def test_once_and_a_kept_machine_exclude_each_other(
    spot: Spot, sandbox: Sandbox, behaviour: str
) -> None:
    told = paragraph(spot(*SMALL, "--once", "--on-interruption", behaviour), 2)

    assert f"--once and --on-interruption {behaviour} exclude each other" in told
    assert nothing_was_made(sandbox)


def test_a_box_that_ends_on_interruption_is_no_box(spot: Spot, sandbox: Sandbox) -> None:
    told = paragraph(spot(*SMALL, "--on-interruption", "terminate"), 2)

    assert "Add --once" in told
    assert nothing_was_made(sandbox)


def test_hibernation_of_a_gpu_type_is_refused(spot: Spot, sandbox: Sandbox) -> None:
    told = paragraph(spot(*UP, "--type", "g5.xlarge", "--on-interruption", "hibernate"), 2)

    assert "g5.xlarge cannot hibernate (no GPU type can)" in told
    assert "--on-interruption stop" in told
    assert nothing_was_made(sandbox)


def test_an_image_of_the_wrong_architecture_is_refused_before_the_question(
    spot: Spot, sandbox: Sandbox
) -> None:
    image_id = account.amazon_image(sandbox)

    told = paragraph(spot("up", "train", "--type", "t4g.micro", "--image", image_id), 2)

    assert f"Image {image_id} is made for x86_64, the machine is arm64" in told
    assert "--arch x86_64" in told
    assert nothing_was_made(sandbox)


@pytest.mark.parametrize(
    ("image", "code"), [("windows", 2), ("ami-0123456789abcdef0", 7), ("ami-nonsense", 7)]
)
def test_an_image_that_does_not_exist_is_refused(
    spot: Spot, sandbox: Sandbox, image: str, code: int
) -> None:
    told = paragraph(spot(*SMALL, "--image", image), code)

    assert image in told
    assert "ubuntu" in told  # the next step names the aliases
    assert nothing_was_made(sandbox)


def test_a_subnet_that_does_not_exist_is_refused(spot: Spot, sandbox: Sandbox) -> None:
    told = paragraph(spot(*SMALL, "--subnet", "subnet-0123456789abcdef0"), 1)

    assert "subnet-0123456789abcdef0" in told
    assert "InvalidSubnetID.NotFound" in told
    assert nothing_was_made(sandbox)


@pytest.mark.parametrize(
    ("name", "told", "next_step"),
    [
        ("nobody", "has no instance profile of that name", "create-instance-profile"),
        ("empty", "no role is in that profile", "add-role-to-instance-profile"),
        ("arn:aws:iam::1:role/x", "cannot be an instance profile's name", "the last /"),
    ],
)
def test_a_role_that_no_machine_can_have_is_refused_before_the_question(
    spot: Spot, sandbox: Sandbox, name: str, told: str, next_step: str
) -> None:
    sandbox.client("iam").create_instance_profile(InstanceProfileName="empty")

    said = paragraph(spot(*SMALL, "--role", name), 2)

    assert told in said
    assert next_step in said
    assert "Plan for" not in said
    assert nothing_was_made(sandbox)


def test_a_role_that_only_ec2_can_refuse_is_said_to_be_unknown_and_nothing_stays(
    spot: Spot, sandbox: Sandbox
) -> None:
    sandbox.control.fail("GetInstanceProfile", "AccessDenied", times=1)

    answer = spot(*SMALL, "--role", "nobody", "--output", "json")

    assert "--role nobody could not be looked at" in answer.err
    assert (answer.code, answer.error["kind"]) == (2, "bad-input")
    assert "Invalid IAM Instance Profile name" in answer.error["message"]
    assert account.left(sandbox) == []


def test_a_group_that_does_not_exist_is_refused_and_nothing_stays(
    spot: Spot, sandbox: Sandbox
) -> None:
    told = paragraph(spot(*SMALL, "--security-group", "sg-0123456789abcdef0"), 1)

    assert "sg-0123456789abcdef0" in told
    assert "InvalidGroup.NotFound" in told
    assert account.left(sandbox) == []


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--for", "soon"), "--for: 'soon' is not a duration"),
        (("--for", "0h"), "no time at all"),
        (("--for", "99999999999999d"), "too long"),
        (("--tag", "Project"), "--tag 'Project' has no ="),
        (("--tag", "aws:x=1"), "cannot be a tag's key"),
        (("--tag", "spotkeeper:owner=me"), "cannot be a tag's key"),
        (("--tag", "x=" + "v" * 257), "too long"),
        (("--max-hourly", "cheap"), "--max-hourly"),
        (("--gpus", "-1"), "--gpus"),
        (("--arch", "mips"), "--arch"),
        (("--unknown",), "--unknown"),
    ],
)
@pytest.mark.one_in(3)
def test_an_option_that_makes_no_sense_is_named(
    spot: Spot, sandbox: Sandbox, options: tuple[str, ...], word: str
) -> None:
    assert word in paragraph(spot(*SMALL, *options), 2)
    assert nothing_was_made(sandbox)


def test_a_launch_needs_a_name_and_a_need(spot: Spot, sandbox: Sandbox) -> None:
    assert "--gpus 1" in paragraph(spot(*UP), 2)
    assert "needs a name" in paragraph(spot("up", "--type", "t3.micro", "--yes"), 2)
    assert nothing_was_made(sandbox)


def test_an_unknown_command_is_refused_with_help(spot: Spot) -> None:
    assert "spot --help" in paragraph(spot("qqq"), 2)


def test_an_error_as_json_has_every_field(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.control.fail("RunInstances", "UnauthorizedOperation", message="no", http_status=403)

    answer = spot(*SMALL, "--output", "json")

    assert answer.code == 4
    assert answer.out == ""
    assert answer.error["kind"] == "permission-denied"
    assert answer.error["aws_code"] == "UnauthorizedOperation"
    assert answer.error["region"] == "us-east-1"
    assert "no (UnauthorizedOperation)" in answer.error["message"]
    assert "spot policy up" in answer.error["next_step"]
