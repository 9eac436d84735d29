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

#: Fits a line to points, and resumes from its last step.
SCRIPT = """\
import json, os, pathlib, random, signal, sys, time
saved = pathlib.Path(os.environ["SPOT_CHECKPOINT_DIR"], "state.json")
step, slope, offset = json.loads(saved.read_text()) if saved.exists() else (0, 0.0, 0.0)
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
while step < int(sys.argv[1]) and not stop:
    step, loss = step + 1, 0.0
    for x in (random.uniform(-1, 1) for _ in range(20)):
        error = slope * x + offset - (3 * x + 1)
        slope, offset = slope - 0.01 * error * x, offset - 0.01 * error
        loss += error * error / 20
    print(f"step {step} loss {loss:.4f}", flush=True)
    saved.with_suffix(".tmp").write_text(json.dumps([step, slope, offset]))
    saved.with_suffix(".tmp").replace(saved)
    time.sleep(0.1)
line = pathlib.Path(os.environ["SPOT_OUTPUT_DIR"], "line.txt")
line.write_text(f"{slope:.2f} x + {offset:.2f}")
"""

#: What reaches into a machine needs these programs here; an agent is only laid down in a jail.
NEEDS = {"ssh": ("ssh",), "run": ("ssh", "bwrap"), "pull": ("ssh", "bwrap")}

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
        "Does my script survive an interruption? Try it here first.",
        "rehearse -- python3 train.py 40",
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
    (
        "Work: this folder goes there, the command runs to its end, its output comes here.",
        f"run {NAME} --then keep -- python3 train.py 20",
    ),
    ("What it wrote to its output folder.", f"pull {NAME}"),
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
    """See the whole life of a machine: find, rehearse, up, interrupted, restarted, a run and its
    output, stopped, given back.

    Every line is a real command with its real output, in a sandbox of its own that is deleted
    afterwards. Nothing touches AWS.
    """
    with tempfile.TemporaryDirectory(prefix="spot-tour-") as folder:
        environment = _environment(folder)
        (code := Path(folder, "code")).mkdir()
        (code / "train.py").write_text(SCRIPT)
        try:
            for told, line in STEPS:
                if all(map(shutil.which, NEEDS.get(line.split()[0], ()))):
                    _step(told, line, environment, code)
        finally:
            daemon.stop(Folders.of_user(environment).sandbox)


def _environment(folder: str) -> dict[str, str]:
    """The user's environment, with a home of the tour's own and no AWS account in it."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    home = {"HOME": folder, HOME_VARIABLE: str(Path(folder) / "spot")}
    width = {} if "COLUMNS" in kept or sys.stdout.isatty() else {"COLUMNS": WIDTH_OF_A_FILE}
    return {**kept, **home, **width, "SPOT_SANDBOX": "1"}


def _step(told: str, line: str, environment: dict[str, str], folder: Path) -> None:
    if told:
        click.secho(f"\n# {told}", bold=True)
    click.secho(f"$ spot {line}", fg="cyan")
    sys.stdout.flush()
    command_line = [sys.executable, "-P", "-m", "spotkeeper", *shlex.split(line)]
    done = subprocess.run(command_line, env=environment, cwd=folder, check=False)  # noqa: S603
    if done.returncode:
        raise SandboxProblem(
            f"`spot {line}` ended with exit code {done.returncode}",
            next_step="This is a fault of spotkeeper or of this computer; please report it.",
        )
