"""The life of a box, as EC2, its user and somebody in the console may make it go."""

import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.ec2 import Request, Server
from tests.fakes.edges import keeper, launched
from tests.fakes.journal import MemoryJournal

from spotkeeper.errors import NotFound, SpotkeeperError
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.model.machine import ENDED, InstanceState
from spotkeeper.model.need import Need
from spotkeeper.model.spot_request import STATUS_WORDS

NAME = "dev"
DELAYS_SECONDS = (0, 5, 120)
MOST_DOWNS = 4
A_MONTH = 30


class Life:
    """A box, and all that can befall it."""

    def __init__(self, home: Path, *, delay_seconds: int = 0, hours: float = 24) -> None:
        self.clock = FakeClock()
        self.cloud = FakeCloud(clock=self.clock, visibility=timedelta(seconds=delay_seconds))
        self.ec2 = self.cloud.ec2
        self.journal = MemoryJournal()
        self.home = home
        launch_request = LaunchRequest(
            NAME, Need(types=("g5.xlarge",)), lasting=timedelta(hours=hours)
        )
        launched(self.keeper(), launch_request)

    def keeper(self) -> Keeper:
        """A fresh process."""
        return keeper(self.cloud, home=self.home, journal=self.journal)

    @property
    def request(self) -> Request:
        """The box's request."""
        [found] = self.ec2.requests.values()
        return found

    @property
    def server(self) -> Server:
        """The instance that the request names."""
        return self.ec2.servers[self.request.instance_id or ""]

    def wait(self, **length: float) -> None:
        """Let time pass, and EC2 do what falls due."""
        self.clock.advance(**length)
        self.ec2.catch_up()

    def by_hand(self, verb: str) -> None:
        """Somebody clicks in the console; EC2 may refuse."""
        if verb == "cancel":
            self.ec2.cancel(self.request)
        elif verb == "terminate":
            self.ec2.terminate(self.server)
        else:
            try:
                {"stop": self.cloud.stop, "start": self.cloud.start}[verb](
                    self.server.region, self.server.id
                )
            except SpotkeeperError:
                return

    def by_command(self, verb: str) -> None:
        """Somebody types ``spot stop`` or ``spot start``; it may be refused, with the reason."""
        try:
            {"stop": self.keeper().stop, "start": self.keeper().start}[verb](NAME)
        except SpotkeeperError as refusal:
            if not refusal.next_step:
                raise

    def interrupt(self) -> None:
        """EC2 wants the machine back."""
        self.ec2.interrupt(NAME)

    def expire(self) -> None:
        """The request's ValidUntil passes."""
        until = self.request.order.valid_until
        if until is not None and until > self.clock.now():
            self.clock.sleep(until - self.clock.now() + timedelta(seconds=1))
            self.ec2.catch_up()

    @property
    def is_there(self) -> bool:
        """Whether EC2 has, or may come to have, an instance of the box."""
        going = any(s.state is not InstanceState.TERMINATED for s in self.ec2.servers.values())
        return going or self.request.cancellable

    def told(self) -> str | None:
        """What ``ls`` says of the box, and ``show`` too; ``None`` where it is not listed."""
        found = self.keeper().ls().reports
        if not found:
            return None
        [report] = found
        assert self.keeper().show(NAME).machine == report.machine
        return report.machine.summary()

    def lies(self) -> list[str]:
        """Where ``ls`` and the world differ; for a world in which everything is listed at once.

        A look takes time: what it says is true of the world before it or after it.
        """
        before = self._world()
        found = self.keeper().ls().reports
        after = self._world()
        seen = found[0].machine.instance if found else None
        alive = None if seen is None or seen.ended else (seen.id, seen.state)
        if (len(found), alive) not in (before, after):
            return [f"{len(found)} listed, {alive}; the world was {before}, is {after}"]
        words = [report.machine.summary() for report in found]
        return [f"{each!r} is no plain word" for each in words if each in STATUS_WORDS]

    def _world(self) -> tuple[int, tuple[str, InstanceState] | None]:
        """How many machines are there for the user, and the instance that has not ended."""
        self.ec2.catch_up()
        alive = [s for s in self.ec2.servers.values() if s.state not in ENDED]
        return int(self.is_there), (alive[-1].id, alive[-1].state) if alive else None

    def ends_for_good(self) -> list[str]:
        """What is left, or born, within a month after ``down``."""
        for _ in range(MOST_DOWNS):
            try:
                if not self.keeper().down((NAME,)).left:
                    break
            except NotFound:
                break
            self.wait(minutes=10)
        ever = set(self.ec2.servers)
        for _ in range(A_MONTH):
            self.wait(days=1)
        self.keeper().ls()
        born = set(self.ec2.servers) - ever
        return [*self.ec2.leftovers(), *(f"{each} was born" for each in born)]


#: What may happen next, and how.
STEPS: Mapping[str, Callable[[Life, random.Random], None]] = {
    "interrupt": lambda life, _: life.interrupt(),
    "stop by hand": lambda life, _: life.by_hand("stop"),
    "start by hand": lambda life, _: life.by_hand("start"),
    "terminate by hand": lambda life, _: life.by_hand("terminate"),
    "cancel by hand": lambda life, _: life.by_hand("cancel"),
    "spot stop": lambda life, _: life.by_command("stop"),
    "spot start": lambda life, _: life.by_command("start"),
    "expire": lambda life, _: life.expire(),
    "seconds": lambda life, dice: life.wait(seconds=dice.uniform(1, 40)),
    "minutes": lambda life, dice: life.wait(minutes=dice.uniform(1, 15)),
    "hours": lambda life, dice: life.wait(hours=dice.uniform(1, 30)),
}


def history(seed: int) -> list[str]:
    """What befalls a box before it is given back; time passes between most of it."""
    dice = random.Random(f"history {seed}")  # noqa: S311 - the same history every time
    passing = ("seconds", "minutes", "minutes", "hours")
    steps: list[str] = []
    for _ in range(dice.randint(1, 7)):
        steps.append(dice.choice(tuple(STEPS)))
        if dice.random() < 0.7:
            steps.append(dice.choice(passing))
    return steps


def lived(seed: int, home: Path) -> list[str]:
    """Everything that went wrong in the history of a seed."""
    dice = random.Random(seed)  # noqa: S311 - the same history every time
    delay_seconds = dice.choice(DELAYS_SECONDS)
    life = Life(home, delay_seconds=delay_seconds, hours=dice.choice((1, 24)))
    wrong: list[str] = []
    for step in history(seed):
        STEPS[step](life, dice)
        if delay_seconds == 0:
            wrong += [f"after {step}: {lie}" for lie in life.lies()]
    return wrong + life.ends_for_good()
