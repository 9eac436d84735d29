"""A machine in memory whose agent is the real one: a clock, lives, a command, faults at any write.

Files are real ones in a folder; processes are the world's. The agent, or the machine under it, can
be ended before or after every write and every signal.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spotkeeper.agent import control, folders
from spotkeeper.agent.attempts import Attempts, CommandEnd
from spotkeeper.agent.build import duty_classes
from spotkeeper.agent.disk import Storage
from spotkeeper.agent.holder import Order
from spotkeeper.agent.machine import Home, Host
from spotkeeper.agent.processes import Processes
from spotkeeper.agent.serve import Agent
from spotkeeper.work.contract import RunSpec
from spotkeeper.work.run import Line, Outcome, Run, RunState, Starting
from spotkeeper.work.telling import Process

RUN = "run-1"
DUTIES = duty_classes(("agent.sets",))


class Killed(BaseException):
    """The agent, or the machine under it, ended at this very place."""


@dataclass(frozen=True)
class Fault:
    """What ends at which operation, and when: before it, after it, or in the middle of a line."""

    what: str
    at: int
    when: str


@dataclass
class Command:
    """The user's command while it runs: a step a tick, a save every fifth, and at a signal."""

    attempt: int
    steps: list[int]
    told: bool = False


@dataclass(frozen=True)
class Story:
    """What happens at which tick, and how the run ends if nothing is killed."""

    name: str
    end: RunState
    events: dict[int, str] = field(default_factory=dict)
    steps: int = 16
    setup: bool = False
    exit_code: int = 0
    retries: int = 0
    is_deaf: bool = False


class World:
    """Everything outside the agent."""

    agents: "type[TestedAgent]"

    def __init__(self, folder: Path, story: Story, fault: Fault | None = None) -> None:
        self.home = Home(str(folder))
        self.story, self.fault = story, fault
        self.now, self.boot, self.operations = 1_000_000.0, 1, 0
        self.command: Command | None = None
        self.ends: dict[str, CommandEnd] = {}
        self.wrong: list[str] = []
        self.is_finished = self.is_cancelled = self.is_complete = self.set_was_taken = False
        self.notice: float | None = None
        self.agents: type[TestedAgent] = TestedAgent
        self.duties = DUTIES

    def operation(self, do: Callable[[], None], *, torn: Callable[[], None] | None = None) -> None:
        """One write or one signal, at which the fault may lie."""
        self.operations += 1
        here = self.fault is not None and self.fault.at == self.operations
        when = self.fault.when if here and self.fault else ""
        if when == "torn" and torn is not None:
            torn()
        if when in {"before", "torn"}:
            raise Killed
        do()
        if when == "after":
            raise Killed

    def begin(self, folder: str, order: Order) -> None:
        attempt = int(order.environment["SPOT_ATTEMPT"]) if "set-up" not in order.arguments else 0
        if self.command is not None:
            self.wrong.append("the command runs twice at once")
        if self.is_finished:
            self.wrong.append("a finished run runs again")
        self.ends.pop(folder, None)
        self.command = Command(attempt, self._read())
        self.folder_of_command = folder

    def step(self) -> None:
        """The command lives for one tick."""
        command = self.command
        if command is None:
            return
        if command.attempt == 0:
            self.leave(0)
            return
        steps = command.steps
        if len(steps) < self.story.steps:
            steps.append(len(steps) + 1)
        is_told = command.told and not self.story.is_deaf
        if is_told or len(steps) % 5 == 0:
            partial = self._saved().with_suffix(".tmp")
            partial.write_text(json.dumps(steps))
            os.utime(partial, ns=(int(self.now * 1e9), int(self.now * 1e9)))
            partial.replace(self._saved())
        if is_told or len(steps) >= self.story.steps:
            self.is_complete = self.is_complete or len(steps) >= self.story.steps
            self.leave(self.story.exit_code)

    def _saved(self) -> Path:
        return Path(self.home.run(RUN).paths.checkpoint, "state.json")

    def _read(self) -> list[int]:
        found: list[int] = json.loads(self._saved().read_text()) if self._saved().exists() else []
        return found

    def leave(self, code: int) -> None:
        self.ends[self.folder_of_command] = CommandEnd(self.now, code)
        self.command = None

    def power_cut(self) -> None:
        self.command = None
        self.boot += 1
        self.notice = None


class WorldAttempts(Attempts):
    """The attempts of the run, as processes of the world."""

    def __init__(self, world: World) -> None:
        super().__init__(Storage(), RUN)
        self._world = world

    def begin(self, folder: str, order: Order) -> None:
        Path(folder).mkdir(parents=True)
        self._world.operation(lambda: self._world.begin(folder, order))

    def is_alive(self, folder: str) -> bool:
        return self._world.command is not None

    def end_of_command(self, folder: str) -> CommandEnd | None:
        return self._world.ends.get(folder)

    def alive(self, folder: str, number: int) -> Sequence[Process]:
        command = self._world.command
        return (
            [] if command is None else [Process(7, 1, "0", ("python3", "train.py"), listens=True)]
        )

    def send(self, folder: str, processes: Sequence[Process], number: int) -> None:
        self._world.operation(self._tell)

    def _tell(self) -> None:
        if self._world.command:
            self._world.command.told = True

    def kill(self, folder: str) -> None:
        self._world.operation(self._kill)

    def _kill(self) -> None:
        self._world.command = None

    def forget(self, folder: str) -> None:
        pass

    def processes(self, folder: str) -> Processes:
        return Processes(0, "", mark="nobody of this computer")


class WorldDisk(Storage):
    """Writes for real, unless the fault lies there."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def append(self, path: str, text: str) -> None:
        whole = super().append

        def half() -> None:
            with Path(path).open("a") as file:
                file.write(text[: len(text) // 2])

        self._world.operation(lambda: whole(path, text), torn=half)

    def replace(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        whole = super().replace
        self._world.operation(lambda: whole(path, data, mode=mode))

    def rename(self, old: str, new: str) -> None:
        super().rename(old, new)


class TestedAgent(Agent):
    """The real agent by the world's clock."""

    __test__ = False
    world: World

    def clock(self) -> float:
        return self.world.now


class HastyAgent(TestedAgent):
    """Starts the command before it is written down."""

    def write(self, line: Line) -> None:
        if isinstance(line, Starting):
            self.run, self._late = self.run.after(line), line
            return
        late = self.__dict__.pop("_late", None)
        if late is not None:
            self.disk.append(self.folder.record, late.to_json())
        super().write(line)


def boot(world: World) -> TestedAgent:
    """An agent begins to serve, after a boot or because its predecessor was killed."""
    disk = WorldDisk(world)
    machine = Host(boot=f"life-{world.boot}", power_off="", is_stand_in=True)
    TestedAgent.world = world
    agent = world.agents(
        world.home, machine, lambda _: WorldAttempts(world), disk=disk, duties=world.duties
    )
    agent.look_s = 1.0
    return agent


def accept(world: World) -> None:
    story = world.story
    control.prepare(world.home, RUN, None)
    Path(world.home.run(RUN).paths.code, "train.py").write_text("")
    setup = (("set-up",),) if story.setup else ()
    spec = RunSpec(
        RUN,
        "train",
        ("python3", "train.py"),
        setup,
        environment={},
        grace_s=3,
        then="keep",
        retries=story.retries,
    )
    control.start(world.home, spec)


def live(world: World, *, ticks: int = 400) -> Run:
    """Let the world run until the run is over; the run as its record then tells it."""
    accept(world)
    agent: TestedAgent | None = boot(world)
    for tick in range(ticks):
        world.now += 1.0
        world.step()
        if agent is None:
            agent = boot(world)
        try:
            _happen(world, agent, world.story.events.get(tick, ""))
            agent.turn()
        except Killed:
            agent = None
            if world.fault and world.fault.what == "machine":
                world.power_cut()
        run = control.read_run(world.home.run(RUN))
        check(world, run)
        if run.is_over and tick > max(world.story.events, default=0):
            return run
    return control.read_run(world.home.run(RUN))


def _happen(world: World, agent: TestedAgent, event: str) -> None:
    if event == "cancel":
        world.is_cancelled = True
        Path(world.home.run(RUN).cancel).touch()
    elif event == "notice":
        world.notice = world.now + 10
    elif event == "stop":
        agent.end()
        agent._machine_ends = True
    elif event == "power cut":
        world.power_cut()
        raise Killed
    if world.notice is not None and world.now < world.notice:
        agent.ask("notice", until=world.notice - 4, ends_at=world.notice)


def check(world: World, run: Run) -> None:
    """What is shown is never wrong, only late; and a whole set is never lost."""
    if run.state is RunState.FINISHED:
        world.is_finished = True
    if run.open_attempt is None and world.command is not None:
        world.wrong.append(f"{run.state.value}, and the command runs")
    if run.state is RunState.CANCELLED and not world.is_cancelled:
        world.wrong.append("cancelled, and nobody asked for it")
    if run.state is RunState.FINISHED and not world.is_complete:
        world.wrong.append("finished, and the command had not done its steps")
    failed = any(each.end and each.end.outcome is Outcome.FAILED for each in run.attempts)
    if failed and world.story.end is not RunState.FAILED:
        world.wrong.append("failed, and nothing failed")
    _check_sets(world, run)


def _check_sets(world: World, run: Run) -> None:
    folder = world.home.run(RUN)
    kept = Path(folder.sets).glob("[0-9]*/manifest.json")
    whole = [
        path
        for path in kept
        if not path.parent.name.endswith(".partial")
        and folders.digest(folders.look(str(path.parent / "files")))
        == json.loads(path.read_text())["digest"]
    ]
    world.set_was_taken = world.set_was_taken or bool(run.sets)
    if world.set_was_taken and not whole:
        world.wrong.append("no whole set is left")
    live_folder = Path(folder.paths.checkpoint)
    if not live_folder.exists() and not Path(f"{live_folder}.whole").exists():
        world.wrong.append("the checkpoint folder is gone")
