"""Commands that are killed at every point that they pass, and the sweeps that clear up after them.

The points are what a command that nobody killed did: before every call to AWS and every entry of
the journal, and after each that changes anything. What is called one day is so among the points by
itself. To be killed after a look is to be killed before what comes next; of looks that are only
repeated while EC2 takes its time, the first few stand for all.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.conftest import Sandbox
from tests.story import account
from tests.story.living import at_ec2s_pace, lives

UP = "up train --type g5.xlarge --yes --for 8h"
RUN = f"{UP.replace('up', 'run', 1)} -- true"
GUARDED = f"{UP} --guard scheduler"
SWEEP = "sweep --apply --output json"
LEFT = 8

#: After it, EC2 lists everything that was made before; the claim of a name is spared longest.
WINDOW = timedelta(minutes=11)
PAST_DEADLINE = timedelta(hours=11)
SLOW_LISTS_SECONDS = 120

LOOKS = ("Describe", "Get", "List")
MOST_OF_A_LOOK = 3

#: What a user does before the command that is killed: a command, or something that befalls EC2.
Step = str | Callable[["Killing"], None]


def drain(stage: "Killing") -> None:
    """The cheapest pool has no room."""
    stage.sandbox.control.drain(account.CHEAPEST)


def past_deadline(stage: "Killing") -> None:
    """The machine is forgotten."""
    stage.sandbox.control.advance(PAST_DEADLINE)


def lose_home(stage: "Killing") -> None:
    """All local state is lost, and what was made is no longer young."""
    stage.move()
    stage.sandbox.control.advance(WINDOW)


#: The command that is killed comes last.
LIVES: Mapping[str, tuple[Step, ...]] = {
    "up": (UP,),
    "up --once": (f"{UP} --once",),
    "up --guard": (GUARDED,),
    "up at the second pool": (drain, UP),
    "run": (RUN,),
    "down": (UP, "down train --yes"),
    "down of a guarded machine": (GUARDED, "down train --yes"),
    "stop": (UP, "stop train"),
    "start": (UP, "stop train", "start train"),
    "extend": (GUARDED, "extend train 2h"),
    "sweep": (GUARDED, past_deadline, SWEEP),
    "sweep at another computer": (UP, lose_home, SWEEP),
}


@dataclass(frozen=True)
class World:
    """How EC2 behaves."""

    visibility_seconds: int | None = None

    def __str__(self) -> str:
        if self.visibility_seconds is None:
            return "at once"
        return f"at EC2's pace, lists {self.visibility_seconds} s late"


WORLDS = (World(), World(SLOW_LISTS_SECONDS))


@dataclass(frozen=True)
class Death:
    """Where a command dies, and whether the whole home of its user is lost with it."""

    life: str
    world: World
    point: str
    loses_home: bool

    def __str__(self) -> str:
        lost = ", then the home is lost" if self.loses_home else ""
        return f"{self.life} killed {self.point}, {self.world}{lost}"


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str
    steps: tuple[str, ...]

    def listed(self, what: str) -> list[dict[str, Any]]:
        """Rows of what a sweep said."""
        found: list[dict[str, Any]] = json.loads(self.out)[what]
        return found


@dataclass
class Killing:
    """A sandbox, homes, and the process that forks the commands."""

    sandbox: Sandbox
    folder: Path
    process: subprocess.Popen[str]
    homes: int = 0
    home: Path = field(default_factory=Path)

    def spot(self, line: str, *, deadly: str = "") -> Ended:
        """Run a command; it dies at a point such as ``before RunInstances 1``."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        errand = {"line": line.split(), "home": str(self.home), "deadly": deadly}
        self.process.stdin.write(json.dumps(errand) + "\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        return Ended(told["code"], told["out"], told["err"], tuple(told["steps"]))

    def move(self) -> None:
        """Go on at a computer that knows nothing."""
        self.homes += 1
        self.home = new_home(self.folder / str(self.homes), self.sandbox)

    def begin(self, life: str, world: World) -> str:
        """A fresh account and all that comes before the command; the command."""
        if world.visibility_seconds is None:
            self.sandbox.reset()
        else:
            at_ec2s_pace(self.sandbox, visibility=world.visibility_seconds)
        for pool, usd in account.PRICES.items():
            self.sandbox.control.price(pool, usd)
        self.move()
        *before, command = LIVES[life]
        for step in before:
            if callable(step):
                step(self)
            else:
                done = self.spot(step)
                assert done.code == 0, done
        assert isinstance(command, str)
        return command

    def deaths(self, life: str, world: World) -> list[Death]:
        """All points of a command; after every other one the home is lost too."""
        done = self.spot(self.begin(life, world))
        assert done.code == (1 if life == "run" else 0), done  # its machine only seems to run
        points = [point for step in done.steps for point in _around(step)]
        return [
            Death(life, world, point, loses_home=number % 3 == 1)
            for number, point in enumerate(points)
        ]

    def dies(self, death: Death) -> list[str]:
        """What is wrong after a death and all the sweeps that the promise allows."""
        command = self.begin(death.life, death.world)
        killed = self.spot(command, deadly=death.point)
        if killed.code != -signal.SIGKILL:
            return [f"was not killed: {killed}"]
        if death.loses_home:
            self.move()
        return [*self._cleared(), *self._reborn()]

    def _cleared(self) -> list[str]:
        """Sweep at once and after EC2's window, when all is listed; what is kept then goes after
        its deadline."""
        self.spot(SWEEP)
        wrong: list[str] = []
        for wait in (WINDOW, PAST_DEADLINE):
            self.sandbox.control.advance(wait)
            if not account.everything_left(self.sandbox):
                return wrong
            swept = self.spot(SWEEP)
            if swept.code not in (0, LEFT):
                return [*wrong, f"the sweep failed: {swept}"]
            left = account.everything_left(self.sandbox)
            kept = {row["id"] for row in swept.listed("kept")}
            if swept.code != 0 or set(left) - kept:
                wrong.append(f"{wait}: left {left}, kept {kept}; {swept.out} {swept.err}")
        if left := account.everything_left(self.sandbox):
            wrong.append(f"left for good: {left}")
        return wrong

    def _reborn(self) -> list[str]:
        """Nothing comes to life later, and no second machine ever did."""
        before = lives(self.sandbox)
        self.sandbox.control.advance(timedelta(days=1))
        wrong = [f"{len(before)} machines lived"] if len(before) > 1 else []
        if len(lives(self.sandbox)) > len(before):
            wrong.append("one was born after the end")
        return wrong


def _around(step: str) -> list[str]:
    """The points before and after a step such as ``RunInstances 2``."""
    what, _, number = step.partition(" ")
    if not what.startswith(LOOKS):
        return [f"before {step}", f"after {step}"]
    return [f"before {step}"] if int(number) <= MOST_OF_A_LOOK else []


def new_home(folder: Path, sandbox: Sandbox) -> Path:
    """A home that knows the sandbox and nothing else."""
    (folder / "state").mkdir(parents=True)
    (folder / "state" / "sandbox").symlink_to(sandbox.status.home, target_is_directory=True)
    return folder


@contextmanager
def killing(sandbox: Sandbox, folder: Path) -> Iterator[Killing]:
    """Everything that the deaths need, set up once."""
    usual = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SPOT_"))}
    home = new_home(folder / "first", sandbox)
    environment = {
        **usual,
        "HOME": str(folder),
        "SPOT_HOME": str(home),
        "SPOT_SANDBOX": "1",
        "SPOT_ADVISOR_URL": "http://127.0.0.1:9/none.json",  # large, and no part of AWS's API
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.story.warm_process"],
        cwd=Path(__file__).parents[2],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Killing(sandbox, folder, process)
        assert process.stdin is not None
        process.stdin.close()
