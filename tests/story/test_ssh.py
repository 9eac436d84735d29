"""`spot ssh`: the user's own OpenSSH, with a known_hosts file per machine."""

import shlex
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.computer import as_if_aws, usual_key
from tests.story.conftest import Spot

from spotkeeper.aws.shapes import RULE_DESCRIPTION, ssh_rule
from spotkeeper.ssh.reach import SshPort

ADDRESS = "198.51.100.7"
OFFICE, OFFICE_NETWORK = "203.0.113.9/32", "203.0.113.0/24"
FULL = "RulesPerSecurityGroupLimitExceeded"


class Echo(BaseHTTPRequestHandler):
    """Tells callers one address, as checkip.amazonaws.com does."""

    address = ADDRESS

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.address}\n".encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def aws(home: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The sandbox met as AWS is, with an address service, a key, and ports that answer."""
    as_if_aws(sandbox, monkeypatch)
    usual_key(home)
    monkeypatch.setattr(SshPort, "answers", lambda *_: True)
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        monkeypatch.setenv("SPOT_CHECKIP_URL", f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield
        server.shutdown()


@pytest.mark.usefixtures("aws")
def test_ssh_passes_a_command_through_and_returns_its_code(
    spot: Spot, sandbox: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = spot("up", "train", "--type", "t3.micro", "--yes", "--output", "json")
    assert up.code == 0, up.err
    [machine] = up.items
    assert up.document["warnings"] == []
    [group] = account.groups(sandbox)
    [rule] = group["IpPermissions"]
    assert [each["CidrIp"] for each in rule["IpRanges"]] == [f"{ADDRESS}/32"]

    said = fake_ssh(home, monkeypatch, code=42)
    assert spot("ssh", "train", "--", "nvidia-smi", "-L").code == 42
    arguments = said.read_text().splitlines()
    assert arguments[-4:] == ["--", machine["public_ip"], "nvidia-smi", "-L"]
    assert ["ssh", *arguments[:-2]] == shlex.split(machine["ssh"])

    printed = spot("ssh", "train", "--print", "--", "ls", "my file")
    assert shlex.split(printed.out) == [*shlex.split(machine["ssh"]), "ls", "my file"]
    words = shlex.split(machine["ssh"])
    [known_hosts] = [word for word in words if word.startswith("UserKnownHostsFile=")]
    path = Path(known_hosts.partition("=")[2])
    assert path.name == "train"
    assert home in path.parents
    assert path.parent.is_dir()
    assert f"HostKeyAlias={machine['instance_id']}" in words
    assert not (home / ".ssh" / "known_hosts").exists()

    monkeypatch.setenv("PATH", str(home))
    without = spot("ssh", "train")
    assert without.code == 7
    assert "no ssh on this computer" in without.err
    assert "--print" in without.err


@pytest.mark.usefixtures("aws")
@pytest.mark.soak
def test_ssh_takes_whatever_ssh_takes(
    spot: Spot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [machine] = spot("up", "train", "--type", "t3.micro", "--yes", "--output", "json").items
    said = fake_ssh(home, monkeypatch, code=42)
    forward = ("-N", "-L", "8888:localhost:8888")
    assert spot("ssh", "train", *forward, "nvidia-smi", "-L").code == 42
    passed = said.read_text().splitlines()
    assert passed[:3] == [*forward]
    assert passed[-4:] == ["--", machine["public_ip"], "nvidia-smi", "-L"]
    assert spot("ssh", "train", "-L").code == 2
    assert spot("ssh", "train", "--config").out.startswith("Host train\n    HostName ")


@pytest.mark.world("situations, at the command line", by="users' reports")
@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("opened", ["its own", "the world", "a group of the user"])
@pytest.mark.one_in(3)
def test_a_caller_who_moved_is_let_in_and_the_former_address_is_not(
    spot: Spot, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, opened: str
) -> None:
    ec2, [vpc] = sandbox.client("ec2"), sandbox.client("ec2").describe_vpcs()["Vpcs"]
    named = ec2.create_security_group(GroupName="mine", Description="-", VpcId=vpc["VpcId"])
    options = {
        "its own": (),
        "the world": ("--open-to-world",),
        "a group of the user": ("--security-group", named["GroupId"]),
    }[opened]
    assert spot("up", "train", "--type", "t3.micro", "--yes", *options).code == 0
    [machine] = ec2.describe_instances()["Reservations"][0]["Instances"]
    [group_id] = [group["GroupId"] for group in machine["SecurityGroups"]]
    for cidr, described in ((OFFICE, "the office"), (OFFICE_NETWORK, RULE_DESCRIPTION)):
        [rule] = ssh_rule(cidr)
        rule["IpRanges"][0]["Description"] = described
        ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule])

    def let_in() -> set[str]:
        [group] = ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
        return {each["CidrIp"] for rule in group["IpPermissions"] for each in rule["IpRanges"]}

    before, others = let_in(), {OFFICE, OFFICE_NETWORK}
    moved = opened == "its own"
    for verb, address in (("ssh", "198.51.100.8"), ("stop", ""), ("start", "198.51.100.9")):
        monkeypatch.setattr(Echo, "address", address)
        done = spot(verb, "train", *(["--print"] if verb == "ssh" else []))
        assert done.code == 0, done.err
        assert "could not be let in" not in done.err
        if address:
            assert let_in() == (others | {f"{address}/32"} if moved else before)

    sandbox.control.fail("AuthorizeSecurityGroupIngress", FULL, times=9)
    refused = spot("ssh", "train", "--print")
    monkeypatch.setattr(Echo, "address", "nobody")
    unknown = spot("ssh", "train", "--print")
    assert (refused.code, unknown.code) == (0, 0)
    assert ("Take rules for addresses" in refused.err) == moved
    assert unknown.err.count("could not be let in") == moved


@pytest.mark.usefixtures("aws")
def test_a_key_that_is_not_on_this_computer_is_named(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    assert spot("up", "train", "--type", "t3.micro", "--yes").code == 0
    assert "is not on this computer" not in spot("ssh", "train", "--print").err
    for file in (home / ".ssh").glob("id_*"):
        file.unlink()
    [key] = account.keys(sandbox)
    printed = spot("ssh", "train", "--print")
    assert printed.code == 0
    assert f"({key['KeyName']} in EC2) is not on this computer" in printed.err


@pytest.mark.usefixtures("aws")
def test_without_the_callers_address_nothing_is_opened_or_launched(
    spot: Spot, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOT_CHECKIP_URL", "http://127.0.0.1:9")

    up = spot("up", "train", "--type", "t3.micro", "--yes")

    assert up.code == 1
    assert "Cannot learn your public address" in up.err
    assert "--security-group" in up.err
    assert account.left(sandbox) == []


def test_a_simulated_machine_cannot_be_logged_in_to_and_its_line_can_be_seen(spot: Spot) -> None:
    [machine] = spot("up", "train", "--type", "t3.micro", "--yes", "--output", "json").items

    answer = spot("ssh", "train")
    assert answer.code == 1
    assert "simulated" in answer.err
    assert "--guests jailed" in answer.err
    assert spot("ssh", "train", "--print").out.strip() == machine["ssh"]


def fake_ssh(home: Path, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> Path:
    """An `ssh`, first on PATH, that writes its arguments down."""
    folder, said = home / "bin", home / "said"
    folder.mkdir()
    program = folder / "ssh"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {said}\nexit {code}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return said
