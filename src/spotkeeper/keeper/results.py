"""What the façade answers with."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from spotkeeper.model.money import saving_percent

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from decimal import Decimal

    from spotkeeper.costs.history import Chapter
    from spotkeeper.costs.usage import Cost
    from spotkeeper.lifecycle.ports import Leftover, ResourceId
    from spotkeeper.lifecycle.sweep import Classification, ForgottenRequest
    from spotkeeper.lifecycle.teardown import Outcome
    from spotkeeper.model.disk import DiskCost
    from spotkeeper.model.machine import Machine
    from spotkeeper.model.offer import Offer
    from spotkeeper.ssh.shell import Login


SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One type in one region: On-Demand against the cheapest Spot zone."""

    instance_type: str
    region: str
    cheapest: Offer

    @property
    def on_demand_usd_per_hour(self) -> Decimal | None:
        """The list price, when known."""
        return self.cheapest.on_demand_usd_per_hour


@dataclass(frozen=True, slots=True)
class Comparison:
    """Prices, and what is missing from them.

    ``made_at``      when; the ages of the facts are counted from then.
    ``interrupted``  somebody did not want to wait for the regions that are missing.
    """

    rows: tuple[PriceRow, ...]
    warnings: tuple[str, ...] = ()
    made_at: datetime | None = None
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class MachineReport:
    """A machine with what it costs now and how to reach it.

    ``disks``  what its disks cost, as far as it was asked: of a stopped machine.
    """

    machine: Machine
    spot_usd_per_hour: Decimal | None = None
    on_demand_usd_per_hour: Decimal | None = None
    login: Login | None = None
    warnings: tuple[str, ...] = ()
    asked_max_usd_per_hour: Decimal | None = None
    spent_usd: Decimal | None = None
    disks: DiskCost | None = None

    @property
    def max_price_usd_per_hour(self) -> Decimal | None:
        """The maximum price: EC2's word where the request was looked at, else what was asked."""
        request = self.machine.request
        return request.max_price_usd_per_hour if request else self.asked_max_usd_per_hour

    @property
    def saving_percent(self) -> Decimal | None:
        """Saving against On-Demand, when both prices are known."""
        if self.spot_usd_per_hour is None or not self.on_demand_usd_per_hour:
            return None
        return saving_percent(self.spot_usd_per_hour, self.on_demand_usd_per_hour)


@dataclass(frozen=True, slots=True)
class ExtendReport:
    """A machine whose deadline was moved; ``remaining`` is ``None`` where it has none now."""

    report: MachineReport
    before: datetime | None
    remaining: timedelta | None

    @property
    def usd_until_deadline(self) -> Decimal | None:
        """Compute until then at the price now; ``None`` where there is no price, or no end."""
        usd_per_hour = self.report.spot_usd_per_hour
        if usd_per_hour is None or self.remaining is None:
            return None
        return usd_per_hour * Decimal(int(self.remaining.total_seconds())) / SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class MachineList:
    """Machines, and what could not be looked at."""

    reports: tuple[MachineReport, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """What happened to a name; ``lives`` is how many it has had, also where fewer are told."""

    name: str
    chapters: tuple[Chapter, ...]
    lives: int


@dataclass(frozen=True, slots=True)
class DownReport:
    """What ``down`` ended, what is left, and what it all cost."""

    outcome: Outcome
    costs: tuple[Cost, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep found, and what it ended.

    ``found``   everything of ours when the sweep began, with what becomes of it.
    ``left``    what is not wanted, or cannot be told yet, and is still there.
    ``others``  Spot requests of somebody else that look forgotten.
    """

    found: tuple[Classification, ...] = ()
    ended: tuple[ResourceId, ...] = ()
    left: tuple[Leftover, ...] = ()
    others: tuple[ForgottenRequest, ...] = ()
    warnings: tuple[str, ...] = ()
    asked_at: datetime | None = None
