"""`spot up`: image, disk, user data, tags, key and network as they were asked for."""

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.computer import public_key, usual_key
from tests.story.conftest import Answer, Spot

CPU = ("up", "train", "--type", "t3.micro", "--yes", "--output", "json")
GPU = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")


def launched(sandbox: Sandbox, up: Answer) -> dict[str, Any]:
    """The one instance that the command made."""
    assert up.code == 0, up.err
    [machine] = account.instances(sandbox)
    return machine


@pytest.mark.parametrize(
    ("options", "named", "login"),
    [
        (("--type", "g5.xlarge"), "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubu", "ubuntu"),
        (("--type", "t3.micro"), "ubuntu-noble-24.04-amd64", "ubuntu"),
        (("--type", "t4g.micro"), "ubuntu-noble-24.04-arm64", "ubuntu"),
        (("--type", "t4g.micro", "--image", "amazon-linux"), "al2023", "ec2-user"),
        (("--type", "t3.micro", "--image", "deep-learning"), "Deep Learning", "ubuntu"),
    ],
)
@pytest.mark.one_in(3)
@pytest.mark.soak
def test_an_image_alias_is_resolved_for_the_hardware(
    spot: Spot, sandbox: Sandbox, options: tuple[str, ...], named: str, login: str
) -> None:
    up = spot("up", "train", *options, "--yes", "--output", "json")

    machine = launched(sandbox, up)
    found = account.image(sandbox, machine["ImageId"])
    assert named in found["Name"]
    assert found["Architecture"] == machine["Architecture"]
    assert f"-l {login} --" in up.items[0]["ssh"]


def test_an_image_id_is_taken_as_it_is(spot: Spot, sandbox: Sandbox) -> None:
    found = account.amazon_image(sandbox)

    assert launched(sandbox, spot(*CPU, "--image", found))["ImageId"] == found


def test_an_image_of_a_stranger_is_refused(spot: Spot, sandbox: Sandbox) -> None:
    forgotten_request = (
        "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"
    )
    image_id = sandbox.client("ssm").get_parameter(Name=forgotten_request)["Parameter"]["Value"]

    answer = spot(*CPU, "--image", image_id)

    assert answer.code == 7
    assert image_id in answer.error["message"]
    assert "neither to you nor to Amazon" in answer.error["message"]
    assert account.left(sandbox) == []


def test_the_disk_has_the_size_that_was_asked_for(spot: Spot, sandbox: Sandbox) -> None:
    launched(sandbox, spot(*CPU, "--disk", "42"))

    [disk] = account.volumes(sandbox)
    assert (disk["Size"], disk["VolumeType"], disk["Encrypted"]) == (42, "gp3", True)


def test_a_disk_smaller_than_its_image_is_refused_before_the_question(
    spot: Spot, sandbox: Sandbox
) -> None:
    answer = spot(*GPU, "--disk", "20")

    assert answer.code == 2
    assert "75 GB" in answer.error["message"]
    assert "--disk 75" in answer.error["next_step"]
    assert account.left(sandbox) == []


def test_user_data_runs_after_the_guard_and_arrives_byte_for_byte(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    script = b"#!/bin/bash\necho '$HOME `id` \\n'\r\n# \xe2\x82\xac\n"
    (home / "setup.sh").write_bytes(script)

    machine = launched(sandbox, spot(*CPU, "--user-data", "setup.sh"))

    (guard, _), (kind, content) = account.user_data(sandbox, machine["InstanceId"])
    assert guard == "text/cloud-boothook"
    assert kind == "text/x-shellscript"
    assert content == script


@pytest.mark.soak
def test_a_cloud_config_is_user_data_too(spot: Spot, sandbox: Sandbox, home: Path) -> None:
    (home / "setup.yaml").write_text("#cloud-config\npackages: [git]\n")

    machine = launched(sandbox, spot(*CPU, "--user-data", "setup.yaml"))

    kinds = [kind for kind, _ in account.user_data(sandbox, machine["InstanceId"])]
    assert kinds == ["text/cloud-boothook", "text/cloud-config"]


def test_what_can_fail_before_the_guard_is_armed_needs_a_guard_from_outside(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    (home / "setup.txt").write_text("#include\nhttps://example.com/setup\n")
    line = (*CPU, "--user-data", "setup.txt")

    refused = spot(*line)
    assert refused.code == 2
    assert "--guard scheduler" in refused.err
    assert account.left(sandbox) == []

    machine = launched(sandbox, spot(*line, "--guard", "scheduler"))
    kinds = [kind for kind, _ in account.user_data(sandbox, machine["InstanceId"])]
    assert kinds == ["text/cloud-boothook", "text/x-include-url"]


def test_tags_of_the_user_are_on_everything_that_costs(spot: Spot, sandbox: Sandbox) -> None:
    line = (*CPU, "--tag", "Project=demo", "--tag", "Formula=a=b+c", "--tag", "Name=My box")
    machine = launched(sandbox, spot(*line))

    [request], [disk] = account.requests(sandbox), account.volumes(sandbox)
    for resource_id in (machine, request, disk):
        found = account.tags(resource_id)
        assert found["Project"] == "demo"
        assert found["Formula"] == "a=b+c"
        assert found["Name"] == "My box"
        assert found["spotkeeper:name"] == "train"


def test_the_key_that_was_named_wins_over_the_usual_one(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    usual_key(home)
    (home / "work.pub").write_text(public_key(7))
    (home / "work").write_text("private")

    up = spot(*CPU, "--key", "work.pub")

    machine = launched(sandbox, up)
    [key] = account.keys(sandbox)
    assert machine["KeyName"] == key["KeyName"]
    assert key["PublicKey"].split()[:2] == public_key(7).split()[:2]


def test_the_ssh_line_names_the_private_half_of_the_key_that_was_named(
    spot: Spot, home: Path
) -> None:
    (home / "work.pub").write_text(public_key(7))
    (home / "work").write_text("private")

    up = spot(*CPU, "--key", "work.pub")

    assert "-i " in up.items[0]["ssh"]
    assert "/work " in up.items[0]["ssh"]


def test_the_usual_ed25519_key_comes_before_the_rsa_one(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    usual_key(home, "id_rsa", seed=2)
    public = usual_key(home, "id_ed25519", seed=3)

    up = spot(*CPU)

    launched(sandbox, up)
    [key] = account.keys(sandbox)
    assert key["PublicKey"].split()[:2] == public_key(3).split()[:2]
    assert f"-i {public.with_suffix('')} " in up.items[0]["ssh"]
    assert not list(home.rglob("keys/train*"))


def test_without_any_key_one_is_made_that_only_its_owner_can_read(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    up = spot(*CPU)

    launched(sandbox, up)
    [private] = home.rglob("keys/train")
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.parent.stat().st_mode & 0o777 == 0o700
    public = private.with_suffix(".pub").read_text()
    [key] = account.keys(sandbox)
    assert key["PublicKey"].split()[:2] == public.split()[:2]
    assert f"-i {private} " in up.items[0]["ssh"]

    assert spot("down", "train", "--yes").code == 0
    assert not private.exists()


def test_a_role_that_was_named_is_the_machines_and_is_shown(spot: Spot, sandbox: Sandbox) -> None:
    iam = sandbox.client("iam")
    iam.create_role(RoleName="trainer", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="training", Path="/ml/")
    iam.add_role_to_instance_profile(InstanceProfileName="training", RoleName="trainer")

    answer = spot(*CPU, "--role", "training")
    machine = launched(sandbox, answer)

    assert "  role       training" in answer.err
    assert machine["IamInstanceProfile"]["Arn"].endswith("instance-profile/ml/training")
    assert spot("show", "train", "--output", "json").items[0]["role"] == "training"


def test_the_subnet_that_was_named_decides_the_zone(spot: Spot, sandbox: Sandbox) -> None:
    dearest = account.pools(sandbox, "t3.micro")[-1].partition("@")[2]
    client = sandbox.client("ec2")
    subnets = client.describe_subnets()["Subnets"]
    [subnet] = [one for one in subnets if one["AvailabilityZone"] == dearest]
    private = {"SubnetId": subnet["SubnetId"], "MapPublicIpOnLaunch": {"Value": False}}
    client.modify_subnet_attribute(**private)

    up = spot(*CPU, "--subnet", subnet["SubnetId"])

    machine = launched(sandbox, up)
    assert machine["SubnetId"] == subnet["SubnetId"]
    assert up.items[0]["zone"] == dearest
    assert up.items[0]["public_ip"], "the address that the plan told, and counted"


def test_a_group_of_the_users_own_is_used_and_never_deleted(spot: Spot, sandbox: Sandbox) -> None:
    client = sandbox.client("ec2")
    vpc_id = client.describe_vpcs()["Vpcs"][0]["VpcId"]
    own = client.create_security_group(GroupName="mine", Description="mine", VpcId=vpc_id)

    machine = launched(sandbox, spot(*CPU, "--security-group", own["GroupId"]))

    assert [one["GroupId"] for one in machine["SecurityGroups"]] == [own["GroupId"]]
    assert account.groups(sandbox) == []
    assert spot("down", "train", "--yes").code == 0
    [kept] = client.describe_security_groups(GroupIds=[own["GroupId"]])["SecurityGroups"]
    assert kept["IpPermissions"] == []


def test_a_machine_without_a_deadline_says_that_it_costs_until_it_is_ended(
    spot: Spot, sandbox: Sandbox
) -> None:
    up = spot(*CPU, "--for", "none")

    machine = launched(sandbox, up)
    assert up.items[0]["deadline"] is None
    assert account.tags(machine)["spotkeeper:deadline"] == "never"
    assert "none: it runs, and costs, until you end it" in up.err
    [request] = account.requests(sandbox)
    assert request["ValidUntil"] > sandbox.control.now()
