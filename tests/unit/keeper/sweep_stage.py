"""An account in memory, and whoever types commands: for the tests of the sweep."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from tests.fakes import geography
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import home_with_key, keeper, launched
from tests.fakes.fate import Crash, Fate
from tests.fakes.journal import MemoryJournal
from tests.fakes.resources import Tagged

from spotkeeper.errors import SpotkeeperError
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.keeper.results import SweepReport
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.sweep import Verdict
from spotkeeper.model.need import Need
from spotkeeper.model.resource import ResourceKind
from spotkeeper.model.tags import machine_tags

REGION = geography.REGION
WINDOW = timedelta(minutes=5, seconds=1)
OTHER_KINDS = (
    ResourceKind.SNAPSHOT,
    ResourceKind.INTERFACE,
    ResourceKind.TEMPLATE,
    ResourceKind.FLEET,
)


class Stage:
    """An account, and computers that share nothing else."""

    def __init__(self, home: Path, *, visibility: int = 0) -> None:
        self.cloud = FakeCloud(visibility=timedelta(seconds=visibility))
        self.ec2, self.clock = self.cloud.ec2, self.cloud.clock
        self.home = home_with_key(home)
        self.journal = MemoryJournal()

    def keeper(self) -> Keeper:
        return keeper(self.cloud, home=self.home, journal=self.journal)

    def up(self, name: str = "dev", guard: str | None = None) -> None:
        launch_request = LaunchRequest(name, Need(types=("m5.large",)), guard=guard)
        launched(self.keeper(), launch_request)

    def sweep(self, *, apply: bool = True) -> SweepReport:
        return self.keeper().sweep(apply=apply)

    def suffer(self, fate: Fate) -> None:
        self.cloud.fate = self.journal.fate = fate

    def forget(self) -> None:
        """All local state is lost, and EC2's window is over."""
        self.journal = MemoryJournal()
        self.clock.sleep(2 * WINDOW)

    def add(self, kind: ResourceKind, **tags: str) -> Tagged:
        """Something of mine that no launch of today makes."""
        mine = machine_tags(
            name="dev", owner=geography.OWNER, launch="old", deadline=None, kind="box"
        )
        made = Tagged(self.ec2.new_id(str(kind)), REGION, kind, "", self.ec2.now, {**mine, **tags})
        self.ec2.resource_ids[made.id] = made
        return made


def verdicts(swept: SweepReport) -> set[Verdict]:
    return {each.verdict for each in swept.found}


def killed(act: Callable[[], object]) -> None:
    with suppress(Crash, SpotkeeperError):
        act()


def calls(home: Path, act: Callable[[Stage], object]) -> list[str]:
    stage = Stage(home)
    stage.suffer(Fate())
    act(stage)
    return stage.cloud.fate.seen
