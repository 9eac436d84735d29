"""A user's year: machines launched, looked at, stopped, started, extended and ended, every day.

Some calls fail, processes die, EC2 takes machines back, somebody clicks in the console, computers
are used in turn and lost. Everything is drawn from a seed, so that a year can be lived again.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tests.fakes import geography
from tests.fakes.ec2 import Server
from tests.fakes.edges import home_with_key, keeper, launched
from tests.fakes.fate import Crash
from tests.fakes.journal import MemoryJournal
from tests.unit.keeper.year_world import World, alive, deadline_of

from spotkeeper.errors import SpotkeeperError
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.keeper.results import DownReport, MachineReport, SweepReport
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.model.journal_entry import Entry, Launched, Seen
from spotkeeper.model.lives import this_life
from spotkeeper.model.machine import Kind
from spotkeeper.model.need import Need
from spotkeeper.model.tags import Caller

FAULTY = 0.02
DAY, WINDOW = timedelta(days=1), timedelta(minutes=11)
NAMES = ("dev", "train", "eval", "sim")
TYPES = ("g5.xlarge", "g6.xlarge", "m5.large", "m7g.large")
HOURS = (1, 3, 8, 24, 72)
#: How many commands a day has.
COMMANDS = (0, 1, 1, 2, 3, 4)
MOST_SWEEPS = 3
#: The share of the days on which it happens, or of the machines on a day.
STORM, DROUGHT, BY_HAND, LOST_COMPUTER = 0.03, 0.1, 0.03, 0.005
INTERRUPTED, OTHER_COMPUTER, GIVES_UP, GUARDED = 0.1, 0.1, 0.3, 0.2
COLLEAGUE = Caller("123456789012", "arn:aws:iam::123456789012:user/colleague")

#: Of estimated cost, and what the last minute of a run may add to it.
ONE_PERCENT, A_CENT = Decimal("0.01"), Decimal("0.01")


@dataclass
class Computer:
    """One of the user's computers."""

    home: Path
    journal: MemoryJournal


@dataclass
class Machine:
    """What the user launched and has not ended; ``firm`` until they asked for its end, ``plain``
    while nothing befell it that nobody saw."""

    computer: int
    request_id: str | None
    firm: bool = True
    plain: bool = True


@dataclass
class Lived:
    """What came of a year."""

    history: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    commands: int = 0
    calls: int = 0
    faults: int = 0
    sweeps: int = 0
    bills: int = 0
    most_entries: int = 0


class Year:
    """One user, and everything that happens to them."""

    def __init__(self, seed: int, home: Path) -> None:
        self.dice = random.Random(f"year {seed}")  # noqa: S311 - the same year every time
        self.world = World(self.dice, share=FAULTY)
        self.ec2 = self.world.ec2
        self.lived = Lived()
        self.machines: dict[str, Machine] = {}
        self.computers = [
            Computer(home_with_key(home / str(number)), MemoryJournal(self.world.weather))
            for number in range(2)
        ]

    # What the user does

    def command(self, verb: str, act: Callable[[Keeper], object], computer: int = 0) -> object:
        """Run a command as a process of its own; what it answered, ``None`` where it failed."""
        weather, lived = self.world.weather, self.lived
        weather.wake()
        used = self.computers[computer]
        answer, told = None, "ok"
        try:
            answer = act(keeper(self.world.cloud, home=used.home, journal=used.journal))
        except Crash:
            told = "killed"
        except KeyboardInterrupt:
            told = "interrupted"
        except SpotkeeperError as problem:
            told = problem.kind
            if not problem.next_step:
                self.wrong(f"{verb}: no next step: {problem}")
        except Exception as unmanaged:
            told = type(unmanaged).__name__
            self.wrong(f"{verb}: {unmanaged!r}")
        self.tell(f"{computer} {verb}: {told} {weather.digest()}")
        lived.commands += 1
        lived.faults += weather.faults
        lived.calls = weather.calls_made
        self._never_two()
        return answer

    def up(self) -> None:
        """Launch a machine, whether the name is free or not; somebody who fails may give up."""
        dice, name = self.dice, self.dice.choice(NAMES)
        computer = self._computer()
        launch_request = LaunchRequest(
            name,
            Need(types=(dice.choice(TYPES),), regions=(dice.choice(tuple(geography.ZONES)),)),
            kind=dice.choice((Kind.BOX, Kind.BOX, Kind.ONCE)),
            lasting=timedelta(hours=dice.choice(HOURS)),
            guard="scheduler" if dice.random() < GUARDED else None,
        )
        known = name in self.machines
        report = self.command(
            f"up {name}",
            lambda keeper: launched(keeper, launch_request),
            computer,
        )
        if isinstance(report, MachineReport):
            request_id = report.machine.instance.request_id if report.machine.instance else None
            plain = not self.world.weather.faults
            self.machines[name] = Machine(computer, request_id, plain=plain)
        elif not known and dice.random() > GIVES_UP:
            self.down(name)

    def down(self, name: str) -> None:
        """End a machine, and compare what it is said to have cost with the bill."""
        machine = self.machines.get(name)
        computer = machine.computer if machine else self._computer()
        if machine:
            machine.firm = False
        life = this_life(self.computers[computer].journal.read(name))
        shown = _is_alone(life) and self.world.shows_all(name, life[0].at)
        answer = self.command(f"down {name}", lambda keeper: keeper.down((name,)), computer)
        if not isinstance(answer, DownReport) or answer.left:
            return
        if machine and machine.plain and shown and not self.world.weather.faults:
            self._compare(name, life[0].at, answer)
        self.machines.pop(name, None)

    def use(self) -> None:
        """Look at, stop, start or extend a machine; or only look around."""
        verb = self.dice.choice(("ls", "ls", "show", "stop", "start", "extend"))
        name = self.dice.choice(tuple(self.machines) or NAMES)
        machine = self.machines.get(name)
        acts: Mapping[str, Callable[[Keeper], object]] = {
            "ls": lambda keeper: keeper.ls(),
            "show": lambda keeper: keeper.show(name),
            "stop": lambda keeper: keeper.stop(name),
            "start": lambda keeper: keeper.start(name),
            "extend": lambda keeper: keeper.extend(name, timedelta(hours=4)),
        }
        self.command(f"{verb} {name}", acts[verb], machine.computer if machine else 0)
        if machine and (self.world.weather.faults or verb == "start"):
            machine.plain = False

    def sweep(self) -> None:
        """Sweep at the first computer until nothing is left; the tool's word is checked."""
        kept = [each for each in self.world.mine if self._is_kept(each)]
        for _ in range(MOST_SWEEPS):
            began = self.world.now
            swept = self.command("sweep", lambda keeper: keeper.sweep(apply=True))
            if isinstance(swept, SweepReport) and not swept.left and not swept.warnings:
                self.lived.sweeps += 1
                self._nothing_unwanted(began)
                break
            self.world.live_until(self.world.now + WINDOW)
        hit = [each for each in kept if not alive(each)]
        self.wrong(*(f"sweep ended {each.id} of {each.name}, which was wanted" for each in hit))
        there = {each.name for each in self.world.mine}
        self.machines = {name: each for name, each in self.machines.items() if name in there}

    def _computer(self) -> int:
        return int(self.dice.random() < OTHER_COMPUTER)

    def _is_kept(self, server: Server) -> bool:
        """Whether a sweep has to leave it alone, however long it takes."""
        machine = self.machines.get(server.name)
        deadline = deadline_of(server)
        request = self.ec2.requests[server.request_id]
        return (
            machine is not None
            and machine.firm
            and machine.computer == 0
            and deadline is not None
            and deadline > self.world.now + timedelta(hours=2)
            and request.notice_ends is None
            and server.request_id == machine.request_id
        )

    # What happens to them

    def mishaps(self) -> list[Callable[[], None]]:
        """What befalls the account on a day."""
        dice = self.dice
        found: list[Callable[[], None]] = []
        if dice.random() < STORM:
            found += [self.interrupt_all] * 10
        if dice.random() < DROUGHT:
            found.append(self.dry_up)
        for server in self.world.mine:
            if dice.random() < INTERRUPTED:
                found.append(lambda name=server.name: self.interrupt(name))  # type: ignore[misc]
            if dice.random() < BY_HAND:
                found.append(lambda hit=server: self.by_hand(hit))  # type: ignore[misc]
        if dice.random() < LOST_COMPUTER:
            found.append(self.lose_a_computer)
        return found

    def interrupt(self, name: str) -> None:
        """EC2 takes a machine back."""
        self.ec2.interrupt(name)
        self._befell(name, "interrupted")

    def interrupt_all(self) -> None:
        """A storm goes over all machines."""
        for name in dict.fromkeys(server.name for server in self.world.mine):
            self.interrupt(name)

    def dry_up(self) -> None:
        """A zone has no room for hours."""
        region = self.dice.choice(tuple(geography.ZONES))
        zone = region + self.dice.choice(geography.ZONES[region])
        until = self.world.now + timedelta(hours=self.dice.uniform(1, 12))
        for pool in geography.all_pools(region):
            if pool.zone.name == zone:
                self.ec2.dry[pool] = until
        self.tell(f"{zone} is dry")

    def by_hand(self, server: Server) -> None:
        """Somebody ends the instance, or cancels its request, in the console."""
        if self.dice.random() < 0.5:
            self.ec2.terminate(server)
        else:
            self.ec2.cancel(self.ec2.requests[server.request_id])
        self._befell(server.name, "ended by hand")

    def lose_a_computer(self) -> None:
        """The disk of a computer is gone."""
        lost = self.dice.randrange(len(self.computers))
        self.computers[lost].journal = MemoryJournal(self.world.weather)
        for machine in self.machines.values():
            if machine.computer == lost:
                machine.firm = machine.plain = False
        self.tell(f"computer {lost} is lost")

    def _befell(self, name: str, what: str) -> None:
        self.tell(f"{name} {what}")
        if name in self.machines:
            self.machines[name].plain = False

    # The days

    def live(self, days: int) -> Lived:
        """All the days, and their end."""
        with self.world.watched():
            theirs = self._colleague()
            for day in range(days):
                self._day(sweeps=day % 7 == 6)
            self._end()
            self._untouched(theirs)
        self.lived.history.append(f"{self.lived.commands} commands, {self.lived.calls} calls")
        return self.lived

    def _day(self, *, sweeps: bool) -> None:
        dice, morning = self.dice, self.world.now
        acts = [self._some_command for _ in range(dice.choice(COMMANDS))]
        plan = [(dice.uniform(0, 86400), act) for act in [*acts, *self.mishaps()]]
        for second, act in sorted(plan, key=lambda each: each[0]):
            self.world.live_until(morning + timedelta(seconds=second))
            act()
        self.world.live_until(morning + DAY)
        if sweeps:
            self.sweep()
        self._look_back()

    def _some_command(self) -> None:
        roll = self.dice.random()
        if roll < 0.4 or not self.machines:
            self.up()
        elif roll < 0.6:
            self.down(self.dice.choice(tuple(self.machines)))
        else:
            self.use()

    def _look_back(self) -> None:
        """In the evening: what no user would notice."""
        reborn = self.ec2.born_after_first_terminate()
        self.wrong(*(f"{each} was born after the first terminate" for each in reborn))
        self.world.forget_old()
        for computer in self.computers:
            for name in computer.journal.names():
                entries = len(computer.journal.read(name))
                self.lived.most_entries = max(self.lived.most_entries, entries)

    def _end(self) -> None:
        """All deadlines pass, or all memory is lost; then two sweeps must do."""
        self.world.weather.calm = True
        if self.dice.random() < 0.5:
            self.computers[0].journal = MemoryJournal(self.world.weather)
            self.world.live_until(self.world.now + WINDOW)
        else:
            self.world.live_until(self.world.now + 14 * DAY)
        self.command("sweep", lambda keeper: keeper.sweep(apply=True))
        self.world.live_until(self.world.now + WINDOW)
        self.command("sweep", lambda keeper: keeper.sweep(apply=True))
        self.world.live_until(self.world.now + 30 * DAY)
        left = [*(each.id for each in self.world.mine), *self.world.orphans(self.world.now)]
        self.wrong(*(f"left: {each}" for each in left))

    # What must be true

    def tell(self, what: str) -> None:
        """Add to the history."""
        self.lived.history.append(f"{self.world.now:%m-%d %H:%M:%S} {what}")

    def wrong(self, *what: str) -> None:
        """Something that must not be; the history says when."""
        for each in what:
            self.tell(f"WRONG: {each}")
            self.lived.wrong.append(f"{self.world.now:%m-%d %H:%M:%S} {each}")

    def _never_two(self) -> None:
        most = self.ec2.most_at_once
        self.wrong(*(f"{count} {name} at once" for name, count in most.items() if count > 1))
        most.clear()

    def _nothing_unwanted(self, began: datetime) -> None:
        """After a sweep that left nothing: no machine past its deadline, and no orphan."""
        late = [each for each in self.world.mine if (deadline_of(each) or began) < began]
        self.wrong(*(f"{each.id} of {each.name} outlived its deadline" for each in late))
        self.wrong(*(f"{each} survived a sweep" for each in self.world.orphans(began)))

    def _compare(self, name: str, since: datetime, told: DownReport) -> None:
        true = self.world.bill(name, since)
        estimate = sum((cost.spot_usd or Decimal(0) for cost in told.costs), Decimal(0))
        self.lived.bills += 1
        if not true - A_CENT <= estimate <= true * (1 + ONE_PERCENT) + A_CENT:
            self.wrong(f"{name} cost {true:.4f}, was said to cost {estimate:.4f}")

    def _colleague(self) -> list[object]:
        """Somebody else in the same account, with machines of the same kind."""
        weather, cloud = self.world.weather, self.world.cloud
        weather.calm, me, cloud.known_as = True, cloud.known_as, COLLEAGUE
        need = Need(types=("m5.large",))
        for name, kind in (("colleague", Kind.BOX), ("colleagues", Kind.ONCE)):
            launch_request = LaunchRequest(name, need, kind=kind, lasting=None)
            launch = lambda k, w=launch_request: launched(k, w)  # noqa: E731
            self.command(f"up {name}", launch, 1)
        self.computers[1].journal = MemoryJournal(weather)
        weather.calm, cloud.known_as = False, me
        return self._others()

    def _others(self) -> list[object]:
        """What of the account is not the user's."""
        ec2 = self.ec2
        everything = (ec2.servers, ec2.requests, ec2.disks, ec2.groups, ec2.keys, ec2.resource_ids)
        theirs = [
            replace(resource_id)
            for resource_ids in everything
            for resource_id in resource_ids.values()
            if resource_id.tags.get("spotkeeper:owner") == COLLEAGUE.owner
        ]
        return list(theirs)

    def _untouched(self, before: list[object]) -> None:
        if self._others() != before:
            self.wrong("something of somebody else was touched")


def _is_alone(life: Sequence[Entry]) -> bool:
    """Whether a journal tells of one launch and one instance since the name was last gone for
    certain: of one that another computer ended the end is not known."""
    seen = {each.instance for each in life if isinstance(each, Seen)}
    return sum(isinstance(each, Launched) for each in life) == 1 and len(seen) <= 1


def lived(seed: int, home: Path, days: int) -> Lived:
    """The year of a seed, or only the first days of it."""
    return Year(seed, home).live(days)
