"""A push of 1,000 files to a machine of the sandbox, first and again, beside rsync by hand.

Exits with 1 when a limit is passed. Needs bubblewrap, OpenSSH and rsync; loopback addresses only.
The look at EC2 that `spot push` begins with is not in the figures: it depends on the way to AWS.
"""

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import boto3

import ec2_sandbox
from spotkeeper.ssh import transfer
from spotkeeper.ssh.shell import Login

FILES, ROUNDS, LIMIT = 1_000, 7, 1.3
Push = Callable[[str], None]
IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"


def machine(ec2: ec2_sandbox.Sandbox, folder: Path) -> Login:
    """A machine whose ssh server listens."""
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", str(key)], check=True)
    client: Any = boto3.client("ec2", **ec2.client_arguments())
    client.import_key_pair(KeyName="k", PublicKeyMaterial=key.with_suffix(".pub").read_bytes())
    client.create_security_group(GroupName="ssh", Description="ssh")
    client.authorize_security_group_ingress(
        GroupName="ssh", IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="127.0.0.1/32"
    )
    order = {
        "ImageId": IMAGE,
        "InstanceType": "t3.nano",
        "KeyName": "k",
        "SecurityGroups": ["ssh"],
    }
    launched = client.run_instances(**order, MinCount=1, MaxCount=1)
    found = launched["Instances"][0]["InstanceId"]
    while not (port := ec2.logins()["machines"].get(found, {}).get("port")):
        time.sleep(0.02)
    [shown] = client.describe_instances(InstanceIds=[found])["Reservations"][0]["Instances"]
    user = "ec2-user"
    return Login(shown["PublicIpAddress"], user, found, folder / "known_hosts", key, port)


def filled(folder: Path) -> Path:
    """Source files of a few kilobytes."""
    numbers = random.Random(1)  # noqa: S311 - the same files every time
    for number in range(FILES):
        path = folder / f"part{number % 20}" / f"{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(numbers.randbytes(numbers.randint(200, 8_000)))
    return folder


def seconds(call: Callable[[], object]) -> float:
    """What it takes in real time: most of it is waiting for the machine."""
    begins = time.monotonic()
    call()
    return time.monotonic() - begins


def measured(what: str, places: list[tuple[str, str]], ours: Push, by_hand: Push) -> float:
    """How many times as long ours takes, the two in turn."""
    times = [
        (seconds(partial(ours, mine)), seconds(partial(by_hand, theirs)))
        for mine, theirs in places
    ]
    mine, theirs = (statistics.median(each[side] for each in times) for side in (0, 1))
    print(
        f"push of {FILES:,} files, {what}: {mine:.2f} s, rsync by hand {theirs:.2f} s: "
        f"{mine / theirs:.2f} times (at most {LIMIT})"
    )
    return mine / theirs


def main() -> int:
    """Measure, print, and say whether the limit was held."""
    with tempfile.TemporaryDirectory() as name, ec2_sandbox.Sandbox(guests="jailed") as ec2:
        login, source = machine(ec2, Path(name)), filled(Path(name) / "source")
        shell = " ".join(login.client(("-o", "LogLevel=ERROR")))

        def ours(there: str) -> None:
            transfer.push(login, source, there, told=lambda _: None)

        def by_hand(there: str) -> None:
            places = (f"{source}/", f"{login.address}:{there}/")
            subprocess.run(["rsync", "-a", "-e", shell, *places], check=True)

        by_hand("warm")
        ours("again ours")
        by_hand("again by hand")
        new = [(f"ours {number}", f"by hand {number}") for number in range(ROUNDS)]
        worst = max(
            measured("first", new, ours, by_hand),
            measured("again", [("again ours", "again by hand")] * ROUNDS, ours, by_hand),
        )
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
