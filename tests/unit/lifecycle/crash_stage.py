"""The world of one trial of the crash sweep: an account, two computers, and whoever types."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from tests.fakes import geography, orders
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.ec2 import SHUTDOWN, Request, Server
from tests.fakes.edges import keeper, launched
from tests.fakes.fate import Crash, Fate
from tests.fakes.journal import MemoryJournal
from tests.fakes.resources import Tagged

from spotkeeper.errors import SpotkeeperError
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.keeper.results import SweepReport
from spotkeeper.lifecycle.guard import SCHEDULER
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.model.machine import ENDED, Kind
from spotkeeper.model.need import Need
from spotkeeper.model.resource import ResourceKind
from spotkeeper.model.schedule import GuardCall, Schedule
from spotkeeper.model.tags import TAG_NAME, TAG_OWNER
from spotkeeper.timings import VISIBILITY_WINDOW

NAME = "dev"
A_LITTLE_LONGER = VISIBILITY_WINDOW + timedelta(seconds=1)
DRY = geography.pool("g5.xlarge@us-east-1a")
ENDS_EARLY = geography.pool("g5.xlarge@us-east-1b")

#: Somebody else in the same account, who named a machine as I did.
SOMEBODY = "123456789012:user/you"


@dataclass(frozen=True)
class World:
    """How EC2 differs from the usual one, most of it for mutations."""

    untagged: tuple[ResourceKind, ...] = ()
    forgets_tokens: bool = False
    requests_listed_after_seconds: int | None = None


class Paused(Fate):
    """A process that comes to its first call of a kind, and no further."""

    def __init__(self, call: str) -> None:
        super().__init__()
        self._call = call

    def before(self, call: str) -> None:
        if call == self._call:
            raise Crash(call)
        super().before(call)


class Stage:
    """Everything that outlives a process."""

    def __init__(self, delay_seconds: int, home: Path, world: World) -> None:
        self.home = home
        self.clock = FakeClock()
        self.cloud = FakeCloud(
            clock=self.clock,
            dry=[DRY],
            visibility=timedelta(seconds=delay_seconds),
            untagged=world.untagged,
            forgets_tokens=world.forgets_tokens,
        )
        self.ec2 = self.cloud.ec2
        if world.requests_listed_after_seconds is not None:
            self.ec2.late = {Request: timedelta(seconds=world.requests_listed_after_seconds)}
        self.cloud.open_regions = (geography.REGION,)  # one more only where a plan goes abroad
        self.journal = MemoryJournal()
        self.others_journal = MemoryJournal()
        populate(self)
        self.clock.sleep(timedelta(days=1))
        self.unmanaged = frozenset(self.ec2.leftovers())
        self.foreign_state = self.state_of_foreign()
        self.others_machine = ""
        self.guard_is_told = False

    @property
    def fate(self) -> Fate:
        return self.cloud.fate

    def keeper(self) -> Keeper:
        """A fresh process of this computer."""
        return keeper(self.cloud, home=self.home, journal=self.journal)

    def suffer(self, fate: Fate) -> None:
        """What befalls the programs of this computer from now on."""
        self.cloud.fate = self.journal.fate = fate

    def ours(self) -> list[Server]:
        """Instances of mine that live."""
        self.ec2.catch_up()
        everything = self.ec2.servers.values()
        return [s for s in everything if s.state not in ENDED and s.id not in self.unmanaged]

    def leftovers(self) -> set[str]:
        """What of the account is not somebody else's."""
        return set(self.ec2.leftovers()) - self.unmanaged

    def state_of_foreign(self) -> list[str]:
        """Everything of others, as it is now."""
        ec2 = self.ec2
        ec2.catch_up()
        found = [f"{s.id} {s.state} {s.tags}" for s in ec2.servers.values()]
        found += [f"{r.id} {r.state} {r.tags}" for r in ec2.requests.values()]
        found += [f"{d.id} {d.held} {d.tags}" for d in ec2.disks.values()]
        found += [f"{g.id} {g.cidrs} {g.tags}" for g in ec2.groups.values()]
        found += [f"{key.id} {key.tags}" for key in ec2.keys.values()]
        found += [f"{each.id} {each.tags}" for each in ec2.resource_ids.values()]
        found += [f"{name} {each}" for (_, name), each in ec2.schedules.items()]
        return [each for each in found if each.split(" ")[0] in self.unmanaged]

    # What may be typed, and what happens by itself

    def up(self) -> None:
        self._launch(LaunchRequest(NAME, need()))

    def up_guarded(self) -> None:
        self._launch(LaunchRequest(NAME, need(), guard=SCHEDULER))
        self.guard_is_told = True

    def up_once(self) -> None:
        self._launch(LaunchRequest(NAME, need(), kind=Kind.ONCE))

    def up_once_guarded(self) -> None:
        self._launch(LaunchRequest(NAME, need(), kind=Kind.ONCE, guard=SCHEDULER))
        self.guard_is_told = True

    def up_abroad(self) -> None:
        """The first region is dry; what was made there for the launch is not needed any more."""
        self.cloud.open_regions = tuple(geography.ZONES)
        self.ec2.dry = dict.fromkeys(geography.all_pools("eu-west-1"))
        self._launch(LaunchRequest(NAME, need(*geography.ZONES), kind=Kind.ONCE))

    def up_after_one_that_ends(self) -> None:
        """EC2 ends the first instance on its way up, and the launch goes on in the next pool."""
        self.ec2.doomed = {ENDS_EARLY: ("Server.InternalError", "Internal error on launch")}
        self._launch(LaunchRequest(NAME, need(), guard=SCHEDULER))
        self.guard_is_told = True

    def up_elsewhere(self) -> None:
        """Another computer with my login launches the same name, or is refused."""
        self._launch_elsewhere(Fate())

    def up_in_another_region(self) -> None:
        """So does one that looks nowhere else, as its user named the region."""
        self.cloud.open_regions = tuple(geography.ZONES)
        self._launch_elsewhere(Fate(), "eu-west-1")

    def claim_elsewhere(self) -> None:
        """Another computer claims the same name, and asks for no machine yet."""
        self._launch_elsewhere(Paused("run"))
        assert not self.ours()

    def begin_elsewhere(self) -> None:
        """Another computer was granted a machine, and waits for it."""
        self._launch_elsewhere(Paused("instance"))
        assert self.ours()

    def _launch_elsewhere(self, fate: Fate, *regions: str) -> None:
        mine, before = self.journal, self.fate
        there = {each.id for each in self.ours()}
        self.journal = self.others_journal
        self.suffer(fate)
        with suppress(Crash, SpotkeeperError):
            self._launch(LaunchRequest(NAME, need(*regions)))
        self.journal = mine
        self.suffer(before)
        self.others_machine = next((s.id for s in self.ours() if s.id not in there), "")

    def stop(self) -> None:
        self.keeper().stop(NAME)

    def start(self) -> None:
        self.keeper().start(NAME)

    def extend(self) -> None:
        self.keeper().extend(NAME, timedelta(hours=4))

    def down(self) -> None:
        self.keeper().down((NAME,))

    def sweep(self) -> SweepReport:
        return self.keeper().sweep(apply=True)

    def wait(self) -> None:
        """Until EC2 shows everything."""
        self.clock.sleep(A_LITTLE_LONGER)

    def let_pass(self, length: timedelta) -> None:
        """A long time, in which every schedule fires in its minute."""
        end = self.clock.now() + length
        fires = [each.at for each in self.ec2.schedules.values()]
        for at in sorted({*fires, *(each + timedelta(minutes=1) for each in fires)}):
            self.clock.sleep(min(at, end) - self.clock.now())
            self.ec2.catch_up()
        self.clock.sleep(end - self.clock.now())

    def end_by_hand(self) -> None:
        """A while later somebody terminates the instance in the console, not its request."""
        self.wait()
        for server in self.ours():
            self.ec2.terminate(server)
        self.clock.sleep(SHUTDOWN)

    def interrupt(self) -> None:
        """EC2 takes the machine back, and gives it back later."""
        self.ec2.interrupt(NAME)
        self.clock.sleep(timedelta(minutes=3))

    def lose_the_journal(self) -> None:
        """Another computer, or a new disk."""
        self.journal = MemoryJournal(self.fate)

    def _launch(self, launch_request: LaunchRequest) -> None:
        launched(self.keeper(), launch_request)


def need(*regions: str) -> Need:
    """One type, so that the pools are few."""
    return Need(types=("g5.xlarge",), regions=regions)


def populate(stage: Stage) -> None:
    """What is not mine: somebody else's machine of the same name, and things without a tag."""
    ec2, region = stage.ec2, geography.REGION
    order = orders.order("m5.large@us-east-1a", "theirs")
    server = ec2.launch(replace(order, valid_until=None))
    tags = {**order.tags, TAG_OWNER: SOMEBODY, TAG_NAME: NAME}
    request, disk = ec2.requests[server.request_id], ec2.disks[server.disk_ids[0]]
    for each in (server, request, disk):
        each.tags.clear()
        each.tags.update(tags)
    ec2.new_group(region, "spotkeeper-theirs", vpc_id=geography.HOME_VPC, tags=tags)
    ec2.new_group(region, "by-hand", vpc_id=geography.HOME_VPC, tags={})
    ec2.new_key(region, "theirs", tags=tags)
    for kind in (ResourceKind.SNAPSHOT, ResourceKind.INTERFACE, ResourceKind.TEMPLATE):
        resource_id = Tagged(ec2.new_id(kind), region, kind, f"their-{kind}", ec2.now, dict(tags))
        ec2.resource_ids[resource_id.id] = resource_id
    name = f"{NAME}-{'0' * 12}-terminate"
    at = ec2.now + timedelta(days=300)
    guard = Schedule(region, name, at, GuardCall.TERMINATE, server.id, "role", SOMEBODY, ec2.now)
    ec2.schedules[region, name] = guard
