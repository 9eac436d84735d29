"""Clients that nobody here wrote against the sandbox: ``make foreign``, or ``... run NAME...``.

Each is installed, pinned, into an environment of its own, and driven in a network namespace that
has loopback alone, against a sandbox that was started there. Printed are the client, the steps
that passed and failed, and the differences by design with their source.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENTS = ROOT / ".venv" / "foreign"
FENCE = ("unshare", "--user", "--map-root-user", "--net")
LASTS_AT_MOST = 1_500  # seconds
STEP = re.compile(r"^(ok|FAILED|BY DESIGN) (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Client:
    """``script`` prints a line for each step; ``needs`` are programs that no registry has."""

    name: str
    script: str
    requirements: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    sdist: str | None = None
    dwell: float = 0.1


CLIENTS = (
    Client("aws-cli", "aws_cli.sh", ("awscli==1.46.3",)),
    Client("ansible", "ansible.sh", ("ansible==11.13.0", "boto3==1.43.11")),
    Client("skypilot", "skypilot.py", ("skypilot==0.14.1", "boto3")),
    Client("terraform", "terraform.sh", needs=("terraform",)),
    Client(
        "moto's own tests",
        "moto_suite.py",
        ("moto[ec2,iam,server]==5.2.5", "pytest", "freezegun"),
        sdist="moto==5.2.5",
        dwell=0,
    ),
)


def main() -> None:
    """Drive the clients that are named, or all; exits with 1 when a step failed."""
    asked = sys.argv[1:] or [client.name for client in CLIENTS]
    print(f"{datetime.now(UTC):%Y-%m-%d}: foreign clients, each behind a fence")
    failed = [client.name for client in CLIENTS if client.name in asked and not _passes(client)]
    sys.exit(bool(failed))


def _passes(client: Client) -> bool:
    if missing := [name for name in client.needs if shutil.which(name) is None]:
        print(f"{client.name}: not tried, {', '.join(missing)} is not installed")
        return True
    out = fenced(
        [
            sys.executable,
            "-m",
            "tests.foreign.fenced",
            client.script,
            *_home(client),
            str(client.dwell),
        ]
    )
    steps = STEP.findall(out)
    passed = sum(kind == "ok" for kind, _ in steps)
    print(f"{client.name}: {passed} of {passed + _failures(steps)} steps")
    for kind, said in steps:
        if kind != "ok":
            print(f"    {kind}: {said}")
    if not steps:
        print(out[-3_000:])
    return bool(steps) and not _failures(steps)


def _failures(steps: list[tuple[str, str]]) -> int:
    return sum(kind == "FAILED" for kind, _ in steps)


def fenced(command: list[str]) -> str:
    """What a command prints that reaches nothing but its own loopback."""
    done = subprocess.run(
        [*FENCE, *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LASTS_AT_MOST,
    )
    return done.stdout


def _home(client: Client) -> Iterator[str]:
    """The client's environment, installed once for these requirements."""
    home = ENVIRONMENTS / client.name.replace(" ", "-").replace("'", "")
    stamp, wanted = home / "installed", f"{client.requirements} {client.sdist}"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "--quiet"]
        if client.requirements:
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
            subprocess.run([*pip, "install", *client.requirements], check=True)
        if client.sdist:
            only = ["download", "--no-deps", "--no-binary", ":all:"]
            subprocess.run([*pip, *only, "--dest", str(home), client.sdist], check=True)
            (packed,) = home.glob("*.tar.gz")
            shutil.unpack_archive(packed, home / "source", filter="data")
        stamp.write_text(wanted)
    yield str(home)


if __name__ == "__main__":
    os.environ["PYTHONUNBUFFERED"] = "1"
    main()
