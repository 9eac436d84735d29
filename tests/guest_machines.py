"""Machines of the sandbox that really run, and the user's own OpenSSH to reach them."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from ec2_sandbox import Sandbox
from ec2_sandbox.guests import jail

PATIENCE_S = 20.0
LOOK_S = 0.02


def need(*programs: str) -> None:
    """Skip where one is missing; fail where it must be there. A system may forbid a jail."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing and os.environ.get("REQUIRE_PROGRAMS") == "1":
        pytest.fail(f"missing: {', '.join(missing)}")
    if missing:
        pytest.skip(f"missing: {', '.join(missing)}")
    if "bwrap" in programs and (why := jail.obstacle()):
        pytest.skip(why)


def until(look: Callable[[], Any], what: str = "it", *, within_s: float = PATIENCE_S) -> Any:
    """The first answer that is true."""
    ends = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > ends:
            raise AssertionError(f"{what} did not come within {within_s:.0f} s")
        time.sleep(LOOK_S)
    return found


class GuestWorld:
    """A sandbox whose machines run, with a key and a group that lets this computer in."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.control, self.folder = sandbox, folder
        self.ec2: Any = boto3.client("ec2", **sandbox.client_arguments())
        self.key = folder / "key"
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        public = self.key.with_suffix(".pub").read_bytes()
        self.ec2.import_key_pair(KeyName="laptop", PublicKeyMaterial=public)
        group = self.ec2.create_security_group(GroupName="ssh", Description="ssh")
        self.group_id: str = group["GroupId"]
        self.let_in("127.0.0.1/32")

    def let_in(self, cidr: str) -> None:
        """Open the ssh port to an address."""
        self.ec2.authorize_security_group_ingress(
            GroupId=self.group_id, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp=cidr
        )

    def shut_out(self, cidr: str) -> None:
        """And close it."""
        self.ec2.revoke_security_group_ingress(
            GroupId=self.group_id, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp=cidr
        )

    def machine(
        self, user_data: str = "", *, spot: bool = False, await_ssh: bool = True, **order: Any
    ) -> "GuestMachine":
        """A machine that runs and can be logged in to."""
        images = self.ec2.describe_images(Owners=["amazon"])["Images"]
        image = next(one for one in images if "Ubuntu" in one["Name"])["ImageId"]
        if spot:
            terms = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
            order["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": terms}
        launched = self.ec2.run_instances(
            **{
                "ImageId": image,
                "InstanceType": "m5.large",
                "KeyName": "laptop",
                "SecurityGroupIds": [self.group_id],
                "UserData": user_data,
                **order,
            },
            MinCount=1,
            MaxCount=1,
        )
        machine = GuestMachine(self, launched["Instances"][0]["InstanceId"])
        if await_ssh:
            machine.await_ssh()
        return machine


@dataclass
class GuestMachine:
    """One of them."""

    world: GuestWorld
    id: str

    def described(self) -> dict[str, Any]:
        """As EC2 shows it."""
        found = self.world.ec2.describe_instances(InstanceIds=[self.id])
        return dict(found["Reservations"][0]["Instances"][0])

    def login(self) -> dict[str, Any]:
        """Where its ssh server listens."""
        nowhere = {"port": 0, "host_key": "", "failure": ""}
        return dict(self.world.control.logins()["machines"].get(self.id, nowhere))

    def await_state(self, state: str) -> None:
        """Wait in real time."""
        until(lambda: self.described()["State"]["Name"] == state, state)

    def await_ssh(self) -> None:
        """Until its server listens."""
        until(lambda: self.login()["port"], "the ssh server")

    @property
    def options(self) -> list[str]:
        """Of ssh: the key, and nothing of the user's own settings."""
        known = f"UserKnownHostsFile={self.world.folder / self.id}"
        told = ("StrictHostKeyChecking=accept-new", "IdentitiesOnly=yes", "LogLevel=ERROR", known)
        words = [word for each in (*told, f"HostKeyAlias={self.id}") for word in ("-o", each)]
        port = self.login()["port"]
        return ["-F", "none", "-i", str(self.world.key), *words, "-o", f"Port={port}"]

    @property
    def target(self) -> str:
        """USER@ADDRESS"""
        return f"ubuntu@{self.described()['PublicIpAddress']}"

    def ssh(self, command: str, *more: str, **how: Any) -> "subprocess.CompletedProcess[str]":
        """Run a command there, to its end."""
        return self.run(["ssh", *self.options, *more, self.target, command], **how)

    def run(self, command: list[str], **how: Any) -> "subprocess.CompletedProcess[str]":
        """A program of this computer."""
        how = {"capture_output": True, "text": True, "timeout": PATIENCE_S, **how}
        if "input" not in how:
            how["stdin"] = subprocess.DEVNULL
        return subprocess.run(command, check=False, **how)

    def says(self, command: str) -> str:
        """What it prints; it must succeed."""
        done = self.ssh(command)
        assert done.returncode == 0, done.stderr
        return done.stdout
