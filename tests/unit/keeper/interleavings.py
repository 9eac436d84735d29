"""Several commands about one name at once, on one computer or on several with the same login."""

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.fakes import geography
from tests.fakes.baton import Baton, Turns
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import keeper, launched
from tests.fakes.fate import Crash, Fate
from tests.fakes.journal import MemoryJournal

from spotkeeper.errors import Busy, NotFound, SpotkeeperError
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.keeper.results import MachineReport
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.model.machine import ENDED, Kind
from spotkeeper.model.need import Need
from spotkeeper.timings import CLAIM_YOUNG

NAME = "dev"
DELAYS_SECONDS = (0, 5, 120, 300)
TYPES = ("g5.xlarge", "g6.xlarge")
MOST_DOWNS = 4
ENDERS = ("down", "sweep")

#: What the name has been through when the commands begin.
BEFORE = (
    "nothing",
    "nothing",
    "machine",
    "young machine",
    "machine of a dead process",
    "ended by hand",
    "given back",
)

#: States of which a machine is there.
MACHINE_IS_THERE = frozenset(each for each in BEFORE if "machine" in each)

#: The longest that a call takes; RunInstances is given up after a minute.
SLOW_SECONDS = (0, 0, 0, 20, 50)
LOST = (0.0, 0.0, 0.05)


@dataclass(frozen=True)
class Command:
    """One command, on one of the computers, begun so many seconds after the first one."""

    verb: str
    computer: int
    begins_seconds: float
    instance_type: str = "g5.xlarge"
    region: str = geography.REGION
    once: bool = False


@dataclass(frozen=True)
class Play:
    """What is typed, where, and in what order EC2 and the computers get to it."""

    seed: int
    delay_seconds: int
    before: str
    slow_seconds: float
    lost: float
    commands: tuple[Command, ...]

    @classmethod
    def drawn(cls, seed: int, verbs: Sequence[str], delay_seconds: int) -> "Play":
        """Two to four commands, the first of which is an ``up``."""
        dice = random.Random(f"{seed} {delay_seconds} {' '.join(verbs)}")  # noqa: S311
        apart = dice.choice((0, 1, 10, 60, 400))
        computers = dice.choice((1, 2, 3))
        drawn = ["up", *(dice.choice(verbs) for _ in range(dice.randint(1, 3)))]
        return cls(
            seed,
            delay_seconds,
            dice.choice(BEFORE),
            dice.choice(SLOW_SECONDS),
            dice.choice(LOST),
            tuple(
                Command(
                    verb,
                    dice.randrange(computers),
                    dice.uniform(0, apart),
                    dice.choice(TYPES),
                    dice.choice(tuple(geography.ZONES)),
                    dice.random() < 0.3,
                )
                for verb in drawn
            ),
        )


class DiesBefore(Fate):
    """The process is killed before its first call of a kind."""

    def __init__(self, call: str) -> None:
        super().__init__()
        self._call = call

    def before(self, call: str) -> None:
        if self._call in (call, ""):
            self._call = ""
            raise Crash(call)
        super().before(call)


class Stage:
    """The computers, and the account that they share."""

    def __init__(self, play: Play, home: Path) -> None:
        self.play = play
        self.home = home
        self.clock = Baton(play.seed)
        self.fate: Fate = Turns(self.clock, slow_seconds=play.slow_seconds, lost=play.lost)
        self.spans: list[tuple[str, datetime, datetime]] = []
        self.cloud = FakeCloud(
            clock=self.clock,
            dry=[geography.pool("g5.xlarge@us-east-1a")],
            visibility=timedelta(seconds=play.delay_seconds),
            fate=self.fate,
        )
        self.journals = [MemoryJournal(self.fate) for _ in range(3)]

    def keeper(self, computer: int) -> Keeper:
        """A fresh process on a computer."""
        return keeper(self.cloud, home=self.home, journal=self.journals[computer])

    def work(self, command: Command) -> Callable[[], object]:
        """What a command does."""
        do = self._verb(command)

        def spanning() -> object:
            begins = self.clock.now()
            try:
                return do()
            finally:
                self.spans.append((command.verb, begins, self.clock.now()))

        return spanning

    def _verb(self, command: Command) -> Callable[[], object]:
        process = self.keeper(command.computer)
        if command.verb == "up":
            kind = Kind.ONCE if command.once else Kind.BOX
            need = Need(types=(command.instance_type,), regions=(command.region,))
            launch_request = LaunchRequest(NAME, need, kind=kind)
            return lambda: launched(process, launch_request)
        return {
            "down": lambda: process.down((NAME,)),
            "stop": lambda: process.stop(NAME),
            "start": lambda: process.start(NAME),
            "ls": process.ls,
            "sweep": lambda: process.sweep(apply=True),
        }[command.verb]

    def prepare(self) -> None:
        """What happened before; the first computer did it."""
        if self.play.before == "nothing":
            return
        if self.play.before == "machine of a dead process":
            self._die_before("instance")
            return
        self.work(Command("up", 0, 0))()
        if self.play.before == "young machine":
            return
        if self.play.before == "given back":
            self.work(Command("down", 0, 0))()
            return
        self.clock.sleep(CLAIM_YOUNG)
        if self.play.before == "ended by hand":
            self.cloud.ec2.catch_up()
            for request in self.cloud.ec2.requests.values():
                self.cloud.ec2.cancel(request)
            for server in self.cloud.ec2.servers.values():
                self.cloud.ec2.terminate(server)
            self.clock.sleep(timedelta(minutes=1))
            self.cloud.ec2.catch_up()
            self.cloud.ec2.disks.clear()

    def _die_before(self, call: str) -> None:
        """A launch whose process is killed before its first call of a kind."""
        turns, dies = self.fate, DiesBefore(call)
        self.fate = self.cloud.fate = self.journals[0].fate = dies
        with suppress(Crash):
            self.work(Command("up", 0, 0))()
        self.fate = self.cloud.fate = self.journals[0].fate = turns

    def perform(self) -> list[object]:
        """All commands at once; what each gave or raised."""
        works = [self.work(each) for each in self.play.commands]
        begins = [timedelta(seconds=each.begins_seconds) for each in self.play.commands]
        return self.clock.run(works, begins)

    def running(self) -> int:
        """How many machines of the name there are now."""
        self.cloud.ec2.catch_up()
        return sum(server.state not in ENDED for server in self.cloud.ec2.servers.values())

    def clean_up(self) -> list[str]:
        """What is left after a computer that knows nothing gave everything back."""
        self.clock.sleep(CLAIM_YOUNG)
        for _ in range(MOST_DOWNS):
            try:
                if not keeper(self.cloud, home=self.home).down(everything=True).left:
                    break
            except NotFound:
                break
            self.clock.sleep(CLAIM_YOUNG)
        for journal in self.journals:  # an ordinary command closes what was left open
            self.clock.sleep(CLAIM_YOUNG)
            keeper(self.cloud, home=self.home, journal=journal).ls()
        self.clock.sleep(timedelta(days=1))
        return self.cloud.ec2.leftovers()


def breaches(play: Play, home: Path) -> list[str]:
    """Every promise that a play broke."""
    stage = Stage(play, home)
    stage.prepare()
    told = stage.perform()
    found = [f"foreign error: {each!r}" for each in told if _is_foreign(each)]
    found += [f"{many} {name} at once" for name, many in stage.cloud.ec2.most_at_once.items()]
    stage.clock.sleep(timedelta(minutes=5))
    found += _killed_by_nobody(stage, told)
    found += [] if play.lost else _wrong_end(stage, told)
    found += [f"left: {each}" for each in stage.clean_up()]
    return found


def _is_foreign(told: object) -> bool:
    return isinstance(told, BaseException) and not isinstance(told, SpotkeeperError)


def _killed_by_nobody(stage: Stage, told: Sequence[object]) -> list[str]:
    """Machines that were reported as running, and ended although nobody asked for that."""
    found = []
    for report in (each for each in told if isinstance(each, MachineReport)):
        instance = report.machine.instance
        server = stage.cloud.ec2.servers[instance.id] if instance else None
        if server is None or server.state not in ENDED:
            continue
        enders = [end for verb, _, end in stage.spans if verb in ENDERS and end >= server.born]
        found += [] if enders else [f"{server.id} was ended by nobody"]
    return found


def _wrong_end(stage: Stage, told: Sequence[object]) -> list[str]:
    """Where nothing but launches was typed, one machine is there, and all others were told."""
    play = stage.play
    running = stage.running()
    if {each.verb for each in play.commands} - {"up", "ls"}:
        return [f"{running} machines in the end"] if running > 1 else []
    lived = play.before in MACHINE_IS_THERE
    launches = [each for each in play.commands if each.verb == "up"]
    unmanaged = play.before == "ended by hand" and all(each.computer for each in launches)
    ups = [t for t, c in zip(told, play.commands, strict=True) if c.verb == "up"]
    won = sum(isinstance(each, MachineReport) for each in ups)
    lost = [each for each in ups if isinstance(each, SpotkeeperError)]
    wanted = (1, 0) if lived else (0, 0) if unmanaged else (1, 1)
    settled = any(each.verb == "ls" for each in play.commands) and won == running == 0
    fine = (running, won) == wanted or (settled and any(isinstance(each, Busy) for each in lost))
    wrong = [] if fine else [f"{running} machines, {won} launches succeeded"]
    return wrong + [f"{each!r} is no exit 9" for each in lost if each.exit_code != 9]
