"""One trial of the crash sweep: a plan, one blow of fate, a recovery, three invariants.

The mechanism is ALICE's: every call to the cloud and every journal entry is a place to die at.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.fakes import geography
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.ec2 import SHUTDOWN, Request
from tests.fakes.edges import keeper
from tests.fakes.fate import Crash, Fate, Killed, LostAnswer
from tests.fakes.journal import MemoryJournal

from spotkeeper.errors import NotFound, SpotkeeperError
from spotkeeper.keeper.answers import Farewell
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.lifecycle.plan import Wish
from spotkeeper.lifecycle.ports import ThingKind
from spotkeeper.model.event import VISIBILITY_WINDOW
from spotkeeper.model.machine import Kind
from spotkeeper.model.need import Need

NAME = "dev"
DELAYS_SECONDS = (0, 5, 120, 300)
MOST_DOWNS = 3
A_LITTLE_LONGER = VISIBILITY_WINDOW + timedelta(seconds=1)
DRY = geography.pool("g5.xlarge@us-east-1a")


@dataclass(frozen=True)
class Trial:
    """What is done, how slow EC2's lists are, what befalls the program, and what the user does."""

    plan: str
    delay_seconds: int
    recovery: str
    blow: str = "none"
    at: int = 0
    again_at: int | None = None  # a second death, counted from the beginning of the recovery

    def fate(self) -> Fate:
        """The blow of this trial."""
        after = self.blow.endswith("after")
        if self.blow.startswith("killed"):
            return Killed(self.at, after=after)
        return LostAnswer(self.at, after=after) if self.blow.startswith("lost") else Fate()


@dataclass(frozen=True)
class World:
    """How EC2 differs from the usual one, most of it for mutations."""

    untagged: tuple[ThingKind, ...] = ()
    forgets_tokens: bool = False
    requests_listed_after_seconds: int | None = None


class Stage:
    """The world of one trial, and whoever types commands in it."""

    def __init__(self, trial: Trial, home: Path, world: World) -> None:
        self.clock = FakeClock()
        self.fate = trial.fate()
        self.cloud = FakeCloud(
            clock=self.clock,
            dry=[DRY],
            visibility=timedelta(seconds=trial.delay_seconds),
            untagged=world.untagged,
            forgets_tokens=world.forgets_tokens,
            fate=self.fate,
        )
        if world.requests_listed_after_seconds is not None:
            late = timedelta(seconds=world.requests_listed_after_seconds)
            self.cloud.ec2.late = {Request: late}
        self.cloud.open_regions = (geography.REGION,)  # one more only where a plan goes abroad
        self.journal = MemoryJournal(self.fate)
        self.home = home

    def keeper(self) -> Keeper:
        """A fresh process."""
        return keeper(self.cloud, home=self.home, journal=self.journal)

    def up(self) -> None:
        self._launch(Kind.BOX)

    def up_once(self) -> None:
        self._launch(Kind.ONCE)

    def up_abroad(self) -> None:
        """The first region is dry; what was made there for the launch is not needed any more."""
        self.cloud.open_regions = tuple(geography.ZONES)
        self.cloud.ec2.dry = dict.fromkeys(geography.all_pools("eu-west-1"))
        self._launch(Kind.ONCE, *geography.ZONES)

    def stop(self) -> None:
        self.keeper().stop(NAME)

    def start(self) -> None:
        self.keeper().start(NAME)

    def down(self) -> None:
        self.keeper().down((NAME,))

    def end_by_hand(self) -> None:
        """A while later somebody terminates the instance in the console, not its request."""
        self.clock.sleep(A_LITTLE_LONGER)
        self.cloud.ec2.catch_up()
        for server in list(self.cloud.ec2.servers.values()):
            self.cloud.ec2.terminate(server)
        self.clock.sleep(SHUTDOWN)

    def interrupt(self) -> None:
        """EC2 takes the machine back, and gives it back later."""
        self.cloud.ec2.interrupt(NAME)
        self.clock.sleep(timedelta(minutes=3))

    def suffer(self, fate: Fate) -> None:
        """What befalls the program from now on."""
        self.fate = self.cloud.fate = self.journal.fate = fate

    def lose_the_journal(self) -> None:
        """Another computer, or a new disk."""
        self.journal = MemoryJournal(self.fate)

    def _launch(self, kind: Kind, *regions: str) -> None:
        wish = Wish(NAME, Need(types=("g5.xlarge",), regions=regions), kind=kind)
        self.keeper().up(wish, confirm=lambda plan: True)


PLANS: Mapping[str, tuple[Callable[[Stage], None], ...]] = {
    "box": (Stage.up, Stage.down),
    "once": (Stage.up_once, Stage.down),
    "abroad": (Stage.up_abroad, Stage.down),
    "stopped": (Stage.up, Stage.stop, Stage.start, Stage.down),
    "by hand": (Stage.up, Stage.end_by_hand, Stage.down),
    "interrupted": (Stage.up, Stage.interrupt, Stage.down),
}


def attempt(trial: Trial, home: Path, world: World | None = None) -> tuple[list[str], list[str]]:
    """Run a trial: what it breached, and the calls that it saw before the recovery."""
    stage = Stage(trial, home, world or World())
    breaches: list[str] = []
    try:
        for step in PLANS[trial.plan]:
            step(stage)
    except (Crash, SpotkeeperError):
        pass
    except Exception as foreign:
        breaches.append(f"foreign error: {foreign!r}")
    seen = list(stage.fate.seen)
    if trial.again_at is not None:
        stage.suffer(Killed(trial.again_at, after=trial.blow.endswith("after")))
        with suppress(Crash):
            RECOVERIES[trial.recovery](stage)
    stage.suffer(Fate())
    RECOVERIES[trial.recovery](stage)
    return [*breaches, *_breaches(stage)], seen


def _patient(stage: Stage) -> None:
    """The user waits for the window to be over, then runs ``down`` until nothing is left."""
    stage.clock.sleep(A_LITTLE_LONGER)
    _repeat(stage, lambda: stage.keeper().down((NAME,)))


def _eager(stage: Stage) -> None:
    """The user runs ``down`` at once; once the window is over, the next command is an ``ls``."""
    _repeat(stage, lambda: stage.keeper().down((NAME,)))
    stage.clock.sleep(A_LITTLE_LONGER)
    stage.keeper().machines()


def _forgetful(stage: Stage) -> None:
    """The journal is lost, only the tags are left."""
    stage.lose_the_journal()
    stage.clock.sleep(A_LITTLE_LONGER)
    _repeat(stage, lambda: stage.keeper().down_all())


RECOVERIES: Mapping[str, Callable[[Stage], None]] = {
    "patient": _patient,
    "eager": _eager,
    "forgetful": _forgetful,
}


def _repeat(stage: Stage, down: Callable[[], Farewell]) -> None:
    for _ in range(MOST_DOWNS):
        try:
            if not down().outcome.left:
                return
        except NotFound:
            return
        stage.clock.sleep(A_LITTLE_LONGER)


def _breaches(stage: Stage) -> list[str]:
    ec2 = stage.cloud.ec2
    found = [f"{count} {name} at once" for name, count in ec2.most_at_once.items() if count > 1]
    for _ in range(2):
        stage.clock.sleep(timedelta(days=1))
        left = ec2.leftovers()
    found += [f"left: {each}" for each in left]
    return found + [f"reborn: {each}" for each in ec2.born_after_first_terminate()]


def trials(
    plan: str, delay_seconds: int, recovery: str, home: Path, world: World | None = None
) -> Iterator[Trial]:
    """Every trial of a plan: killed and unanswered, before and after every call and entry."""
    _, seen = attempt(Trial(plan, delay_seconds, recovery), home, world)
    for at, call in enumerate(seen):
        for blow in ("killed before", "killed after", "lost before", "lost after"):
            if not (blow.startswith("lost") and call.startswith("journal")):
                yield Trial(plan, delay_seconds, recovery, blow, at)


def sweep(
    plan: str, delay_seconds: int, recovery: str, home: Path, world: World | None = None
) -> tuple[int, dict[Trial, str]]:
    """Every trial of a plan: how many there were, and what those that failed breached."""
    told = {}
    everything = [
        Trial(plan, delay_seconds, recovery),
        *trials(plan, delay_seconds, recovery, home, world),
    ]
    for trial in everything:
        breaches, seen = attempt(trial, home, world)
        if breaches:
            call = seen[trial.at] if trial.at < len(seen) else "no call"
            told[trial] = f"{trial} ({call}): {', '.join(breaches)}"
    return len(everything), told
