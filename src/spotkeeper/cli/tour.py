"""``spot tour``: the whole life of a machine, by real commands in a sandbox of its own."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from ec2_sandbox.client import daemon
from spotkeeper.cli.context import global_options
from spotkeeper.errors import SandboxProblem
from spotkeeper.store.folders import HOME_VARIABLE, Folders

REGION = "eu-west-1"
NAME = "train"

#: A terminal has its own width.
WIDTH_OF_A_FILE = "100"

#: What is said, and the command that is run then.
STEPS = (
    (
        "A sandbox: an EC2 on this computer, with a simulated Spot market. It costs nothing.",
        "sandbox start --scenario article",
    ),
    (
        "Which pools have a GPU with at least 16 GB, and what do they cost?",
        f"find --gpus 1 --gpu-memory 16 --region {REGION} --limit 5",
    ),
    (
        "On-Demand against Spot, for six classic types.",
        "prices m4.2xlarge c4.2xlarge g3.4xlarge g3.8xlarge p2.xlarge p3.2xlarge "
        f"--region {REGION}",
    ),
    (
        "Bring a box up. The plan and its cost come first; --yes answers the question.",
        f"up {NAME} --gpus 1 --gpu-memory 16 --for 8h --region {REGION} --yes",
    ),
    ("What do I have?", f"show {NAME}"),
    ("Log in: it has a disk and processes, on this computer.", f"ssh {NAME} -- uname -n"),
    ("EC2 wants the capacity back: the machine gets two minutes.", f"sandbox interrupt {NAME}"),
    ("Its notice, as EC2 tells it.", "ls"),
    ("Three minutes later EC2 has stopped it; the disk is kept.", "sandbox advance 3m"),
    ("", "ls"),
    ("When capacity returns, EC2 restarts the same box with its disk.", "sandbox advance 10m"),
    ("", f"show {NAME}"),
    ("Work for two hours, then stop it for lunch: only the disk costs.", "sandbox advance 2h"),
    ("", f"stop {NAME}"),
    ("", "sandbox advance 45m"),
    ("", f"start {NAME}"),
    ("", "sandbox advance 1h"),
    ("Give it back: cancel, terminate, verify, clean up. What did it cost?", f"down {NAME} --yes"),
    ("What AWS would have billed, with the disk and the public address.", "sandbox bill"),
    ("Its life, as this computer remembers it.", f"show {NAME} --history"),
    ("And nothing is left, in any region.", "sweep"),
)


@click.command(name="tour", short_help="See the whole life of a machine, in the sandbox.")
@global_options
def command() -> None:
    """See the whole life of a machine: find, up, interrupted, restarted, stopped, given back.

    Every line is a real command with its real output, in a sandbox of its own that is deleted
    afterwards. Nothing touches AWS.
    """
    with tempfile.TemporaryDirectory(prefix="spot-tour-") as folder:
        environment = _environment(folder)
        try:
            for told, line in STEPS:
                if not line.startswith("ssh") or shutil.which("ssh"):
                    _step(told, line, environment)
        finally:
            daemon.stop(Folders.of_user(environment).sandbox)


def _environment(folder: str) -> dict[str, str]:
    """The user's environment, with a home of the tour's own and no AWS account in it."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    home = {"HOME": folder, HOME_VARIABLE: str(Path(folder) / "spot")}
    width = {} if "COLUMNS" in kept or sys.stdout.isatty() else {"COLUMNS": WIDTH_OF_A_FILE}
    return {**kept, **home, **width, "SPOT_SANDBOX": "1"}


def _step(told: str, line: str, environment: dict[str, str]) -> None:
    if told:
        click.secho(f"\n# {told}", bold=True)
    click.secho(f"$ spot {line}", fg="cyan")
    sys.stdout.flush()
    command_line = [sys.executable, "-P", "-m", "spotkeeper", *shlex.split(line)]
    done = subprocess.run(command_line, env=environment, check=False)  # noqa: S603
    if done.returncode:
        raise SandboxProblem(
            f"`spot {line}` ended with exit code {done.returncode}",
            next_step="This is a fault of spotkeeper or of this computer; please report it.",
        )
