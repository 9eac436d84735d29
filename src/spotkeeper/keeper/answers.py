"""What the façade answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spotkeeper.model.money import saving_percent

if TYPE_CHECKING:
    from decimal import Decimal

    from spotkeeper.costs.report import Cost
    from spotkeeper.lifecycle.giveback import Outcome
    from spotkeeper.model.machine import Machine
    from spotkeeper.model.offer import Offer
    from spotkeeper.ssh.shell import Login


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
    """Prices, and what is missing from them."""

    rows: tuple[PriceRow, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MachineReport:
    """A machine with what it costs now and how to reach it."""

    machine: Machine
    spot_usd_per_hour: Decimal | None = None
    on_demand_usd_per_hour: Decimal | None = None
    login: Login | None = None
    warnings: tuple[str, ...] = ()
    asked_max_usd_per_hour: Decimal | None = None

    @property
    def max_usd_per_hour(self) -> Decimal | None:
        """The maximum price: EC2's word where the request was looked at, else what was asked."""
        request = self.machine.request
        return request.max_usd_per_hour if request else self.asked_max_usd_per_hour

    @property
    def saving_percent(self) -> Decimal | None:
        """Saving against On-Demand, when both prices are known."""
        if self.spot_usd_per_hour is None or not self.on_demand_usd_per_hour:
            return None
        return saving_percent(self.spot_usd_per_hour, self.on_demand_usd_per_hour)


@dataclass(frozen=True, slots=True)
class Listing:
    """Machines, and what could not be looked at."""

    reports: tuple[MachineReport, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Farewell:
    """What ``down`` ended, what is left, and what it all cost."""

    outcome: Outcome
    costs: tuple[Cost, ...] = ()
    warnings: tuple[str, ...] = ()
