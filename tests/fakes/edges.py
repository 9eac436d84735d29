"""A whole ``Keeper`` over fakes."""

from pathlib import Path

from tests.fakes import geography
from tests.fakes.cloud import FakeCloud
from tests.fakes.inventory import FakeInventory
from tests.fakes.journal import MemoryJournal
from tests.fakes.market import FakeAccount, FakeFeeds, market
from tests.fakes.name_claims import FakeNameClaims
from tests.fakes.schedules import FakeSchedules
from tests.fakes.talk import FakeReach, FakeTalk

from spotkeeper.keeper.edges import Edges
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.keeper.results import MachineReport
from spotkeeper.lifecycle.journal_fallback import BestEffortJournal
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.ports import Journal, Ports, Reach, Talk
from spotkeeper.store.cache import Cache
from spotkeeper.store.folders import Folders

PUBLIC_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE2fZ6sv6b4q3SoXrYHbSr1Eq0gDUSW1sBmZLxoj1Vdn me@here"
)
BOOT_SCRIPT = "#!/bin/sh\n# the guard\n"
CIDR = "198.51.100.7/32"


def home_with_key(folder: Path) -> Path:
    """A home folder whose user has an ssh key, so that none has to be made."""
    ssh = folder / ".ssh"
    ssh.mkdir(parents=True, exist_ok=True)
    (ssh / "id_ed25519.pub").write_text(PUBLIC_KEY + "\n")
    return folder


def edges(
    cloud: FakeCloud, *, home: Path, journal: Journal | None = None, reach: Reach | None = None
) -> Edges:
    """Everything outside, as fakes; ``home`` is a folder made by ``home_with_key``."""
    feeds, record = FakeFeeds(cloud), journal or MemoryJournal()
    return Edges(
        cloud=cloud,
        names=FakeNameClaims(cloud),
        account=FakeAccount(cloud),
        schedules=FakeSchedules(cloud),
        inventory=FakeInventory(cloud),
        market=market(cloud),
        prices=feeds,
        journal=BestEffortJournal(record, cloud.clock),
        launch_journal=record,
        clock=cloud.clock,
        reach=reach or FakeReach(),
        folders=Folders(home / "state", home / "cache"),
        home=home,
        default_region=geography.REGION,
        enabled_regions=cloud.regions,
        known_regions=lambda: tuple(geography.ZONES),
        caller_cidr=lambda: CIDR,
        storage=feeds,
        advisor=feeds,
        scores=feeds,
        quotas=feeds,
        memory=Cache(home / "cache", cloud.clock.now),
        boot_script=BOOT_SCRIPT,
    )


def keeper(
    cloud: FakeCloud,
    *,
    home: Path,
    journal: Journal | None = None,
    reach: Reach | None = None,
    talk: FakeTalk | None = None,
) -> Keeper:
    """A keeper as a fresh process would have it."""
    made = edges(cloud, home=home, journal=journal, reach=reach)
    return Keeper(made, talk=talk or FakeTalk())


def ports(cloud: FakeCloud, journal: Journal, talk: Talk) -> Ports:
    """What the lifecycle alone talks to."""
    return Ports(cloud, FakeNameClaims(cloud), FakeSchedules(cloud), journal, cloud.clock, talk)


def launched(keeper: Keeper, request: LaunchRequest) -> MachineReport:
    """What `up` does where nobody asks any more."""
    return keeper.up(keeper.plan(request))
