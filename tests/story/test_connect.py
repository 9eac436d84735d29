"""Machines without a public address: a stand-in for the AWS CLI's tunnel, a guest behind it, and
the user's own OpenSSH."""

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.guest_machines import need
from tests.story import account
from tests.story.computer import as_if_aws
from tests.story.conftest import Spot
from tests.story.refusals import nothing_was_made, paragraph

SMALL = ("--type", "t3.micro", "--yes", "--output", "json")

#: Notes how it was called, and leads to the guest; a name only leads nowhere.
TUNNEL = """#!{python}
import os, select, socket, sys
from pathlib import Path
from ec2_sandbox.client import Control, daemon
if "--version" in sys.argv:
    sys.exit(print("aws-cli/{version} Python/3 Linux/6"))
with open({heard!r}, "a") as file:
    print(*sys.argv[1:], file=file)
machine = sys.argv[1 + max(sys.argv.index(word) for word in ("--instance-id", "--target")
                           if word in sys.argv)]
login = Control(daemon.status(Path({home!r}))).logins()["machines"].get(machine, {{}})
if not login.get("port"):
    sys.exit("An error occurred (TargetNotConnected) when calling the StartSession operation")
link = socket.create_connection((login["address"], login["port"]))
while True:
    for ready in select.select([0, link], [], [])[0]:
        piece = os.read(0, 65536) if ready == 0 else link.recv(65536)
        if not piece:
            sys.exit()
        link.sendall(piece) if ready == 0 else os.write(1, piece)
"""


@pytest.fixture
def heard(home: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sandbox met as AWS is, by who has a CLI and its plugin; what the CLI was told."""
    as_if_aws(sandbox, monkeypatch)
    monkeypatch.setenv("SPOT_CHECKIP_URL", "http://127.0.0.1:9")  # nobody needs its address
    programs, heard = home / "bin", home / "heard"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    (programs / "session-manager-plugin").symlink_to("/bin/true")
    write_cli(programs, sandbox, heard)
    return heard


def write_cli(programs: Path, sandbox: Sandbox, heard: Path, version: str = "2.31.1") -> None:
    known = {"home": str(sandbox.status.home), "heard": str(heard), "version": version}
    (programs / "aws").write_text(TUNNEL.format(python=sys.executable, **known))
    (programs / "aws").chmod(0o755)


def make_endpoint(sandbox: Sandbox, **more: Any) -> tuple[str, list[str]]:
    """An endpoint in the default network: its id, and its groups."""
    ec2 = sandbox.client("ec2")
    [subnet, *_] = ec2.describe_subnets()["Subnets"]
    made = ec2.create_instance_connect_endpoint(SubnetId=subnet["SubnetId"], **more)
    endpoint = made["InstanceConnectEndpoint"]
    return endpoint["InstanceConnectEndpointId"], endpoint["SecurityGroupIds"]


def make_profile(sandbox: Sandbox, *policies: str) -> None:
    iam = sandbox.client("iam")
    iam.create_role(RoleName="managed", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="managed")
    iam.add_role_to_instance_profile(InstanceProfileName="managed", RoleName="managed")
    for policy in policies:
        iam.attach_role_policy(RoleName="managed", PolicyArn=f"arn:aws:iam::aws:policy/{policy}")


def ingress(sandbox: Sandbox) -> list[tuple[list[str], list[str]]]:
    """Addresses and groups that the rules of our groups let in."""
    return [
        (
            [each["CidrIp"] for each in rule["IpRanges"]],
            [each["GroupId"] for each in rule["UserIdGroupPairs"]],
        )
        for group in account.groups(sandbox)
        for rule in group["IpPermissions"]
    ]


def test_a_machine_without_an_address_is_used_through_a_tunnel_that_is_remembered(
    spot: Spot, sandbox: Sandbox, home: Path, heard: Path
) -> None:
    need("bwrap", "ssh", "rsync")
    sandbox.reset(guests="jailed", speed=1)
    _, groups = make_endpoint(sandbox)
    make_profile(sandbox, "AmazonSSMManagedInstanceCore")
    (home / "file").write_text("mine\n")
    ways = {
        "endpoint": (("--connect", "endpoint"), "ec2-instance-connect open-tunnel --instance-id"),
        "ssm": (("--connect", "ssm", "--role", "managed"), "ssm start-session --target"),
    }
    for name, (options, command) in ways.items():
        up = spot("up", name, *SMALL, *options)
        assert up.code == 0, up.err
        assert "  address    no public address; by " in up.err
        [machine] = up.items
        assert (machine["public_ip"], machine["connect"]) == (None, name)
        assert f"'ProxyCommand=aws {command} {machine['instance_id']} " in machine["ssh"]
        assert machine["ssh"].endswith(f"-- {machine['instance_id']}")
        assert spot("ssh", name, "--", "exit", "9").code == 9
    assert ingress(sandbox) == [([], groups)]

    assert spot("push", "endpoint", "file").code == 0
    assert spot("pull", "endpoint", "file", "back").code == 0
    assert (home / "back" / "file").read_text() == "mine\n"
    assert spot("stop", "endpoint").code == 0
    started = spot("start", "endpoint")
    assert (started.code, "answer" in started.err) == (0, False), started.err
    assert "connect         endpoint" in started.out
    assert ingress(sandbox) == [([], groups)]
    assert "--region us-east-1" in heard.read_text()
    assert spot("down", *ways, "--yes").code == 0
    assert account.left(sandbox) == []


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--connect", "endpoint"), 1, "create-instance-connect-endpoint"),
        (("--connect", "ssm"), 2, "--role"),
        (("--connect", "endpoint", "--open-to-world"), 2, "exclude each other"),
    ],
)
def test_a_way_that_leads_nowhere_is_refused_before_the_question(
    spot: Spot, sandbox: Sandbox, options: tuple[str, ...], code: int, told: str
) -> None:
    assert told in paragraph(spot("up", "train", "--type", "t3.micro", "--yes", *options), code)
    assert nothing_was_made(sandbox)


@pytest.mark.usefixtures("heard")
def test_who_may_not_look_for_an_endpoint_is_told_which_policy_lets_them(
    spot: Spot, sandbox: Sandbox
) -> None:
    sandbox.control.fail("DescribeInstanceConnectEndpoints", "UnauthorizedOperation", times=9)
    line = ("up", "train", "--type", "t3.micro", "--yes", "--connect", "endpoint")
    assert "`spot policy endpoint`" in paragraph(spot(*line), 4)
    assert nothing_was_made(sandbox)


@pytest.mark.soak
def test_the_doctor_says_what_of_a_way_is_missing_and_the_plan_does(
    spot: Spot, sandbox: Sandbox, home: Path, heard: Path
) -> None:
    make_profile(sandbox)
    plan = ("up", "train", "--type", "t3.micro", "--dry-run", "--role", "managed")
    assert "attach AmazonSSMManagedInstanceCore" in spot(*plan, "--connect", "ssm").err
    write_cli(home / "bin", sandbox, heard, version="1.46.3")
    assert "here is aws-cli/1.46.3" in paragraph(spot(*plan, "--connect", "endpoint"), 7)
    told = spot("doctor", "--type", "t3.micro", "--connect", "ssm", *plan[-2:], "--output", "json")
    checks = {each["name"]: each for each in told.items}
    assert checks["role of the machine"]["verdict"] == "warning"
    assert checks["connect"]["told"] == "ssm: aws and session-manager-plugin are here"
    assert account.left(sandbox) == []
