"""Everything outside that the verbs need, real or a model of it."""

from __future__ import annotations  # a command imports only the edges that it uses

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from spotkeeper.agent import boot_script
from spotkeeper.lifecycle.journal_fallback import BestEffortJournal
from spotkeeper.market.market import Market
from spotkeeper.model.risk import Work
from spotkeeper.store.folders import Folders

if TYPE_CHECKING:
    from spotkeeper.aws.memory import AnswerMemory
    from spotkeeper.lifecycle.ports import (
        Account,
        Clock,
        Cloud,
        Inventory,
        Journal,
        NameClaims,
        Ports,
        Reach,
        Schedules,
        Talk,
    )
    from spotkeeper.market.feeds import (
        AdvisorFeed,
        PriceFeed,
        PublicPriceFeed,
        QuotaFeed,
        ScoreFeed,
        StorageFeed,
    )

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Everything outside that the verbs need, real or a model of it.

    ``journal``         for whoever reads or ends: what this computer refuses is a warning.
    ``launch_journal``  the same record for a launch: what is refused stops it before anything is
                        made.
    """

    cloud: Cloud
    names: NameClaims
    account: Account
    schedules: Schedules
    inventory: Inventory
    market: Market
    prices: PriceFeed
    journal: BestEffortJournal
    launch_journal: Journal
    clock: Clock
    reach: Reach
    folders: Folders
    home: Path
    default_region: str | None
    enabled_regions: Callable[[], tuple[str, ...]]
    known_regions: Callable[[], tuple[str, ...]]
    caller_cidr: Callable[[], str]
    storage: StorageFeed
    advisor: AdvisorFeed
    scores: ScoreFeed
    quotas: QuotaFeed
    memory: AnswerMemory
    public_prices: PublicPriceFeed | None = None
    work: Work = field(default_factory=Work)
    boot_script: str = field(default_factory=boot_script)
    warnings: tuple[str, ...] = ()


def ports(edges: Edges, talk: Talk) -> Ports:
    """What the lifecycle talks to while it ends something."""
    from spotkeeper.lifecycle.ports import Ports

    schedules, journal = edges.schedules, edges.journal
    return Ports(edges.cloud, edges.names, schedules, journal, edges.clock, talk)


def launch_ports(edges: Edges, talk: Talk) -> Ports:
    """What the lifecycle talks to while it makes something."""
    return replace(ports(edges, talk), journal=edges.launch_journal)


class Silence:
    """Says nothing: for programs."""

    def say(self, text: str) -> None:
        """Ignore a step."""

    def waiting(self, text: str, elapsed: timedelta, detail: str = "") -> None:
        """Ignore a wait."""


def late(make: Callable[[], T]) -> T:
    """What ``make`` makes, and its modules imported, as soon as one of its methods is called: an
    edge that most commands do without."""
    return cast("T", _Late(make))


class _Late(Generic[T]):
    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: T | None = None
        self._lock = Lock()

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return getattr(self._made, name)
