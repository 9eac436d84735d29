"""What the façade answers with."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from spotkeeper.model.disk import disk_cost_told
from spotkeeper.model.duration import words
from spotkeeper.model.money import saving_percent
from spotkeeper.model.offer import sources_told
from spotkeeper.model.record import Record, Result, ResultList, moment, number
from spotkeeper.model.tags import TAG_GUARD, connect_of
from spotkeeper.timings import GUARD_SLACK

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from decimal import Decimal

    from spotkeeper.costs.history import Chapter
    from spotkeeper.costs.usage import Cost
    from spotkeeper.lifecycle.sweep import Classification, ForgottenRequest
    from spotkeeper.model.disk import DiskCost
    from spotkeeper.model.machine import Machine
    from spotkeeper.model.offer import Offer
    from spotkeeper.model.resource import Leftover, ResourceId
    from spotkeeper.ssh.shell import Login
    from spotkeeper.work.run_report import RunReport


SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True, repr=False)
class PriceRow(Result):
    """One type in one region: On-Demand against the cheapest Spot zone."""

    instance_type: str
    region: str
    cheapest: Offer

    @property
    def on_demand_usd_per_hour(self) -> Decimal | None:
        """The list price, when known."""
        return self.cheapest.on_demand_usd_per_hour

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        cheapest = self.cheapest
        return {
            "instance_type": self.instance_type,
            "region": self.region,
            "on_demand_usd_per_hour": number(self.on_demand_usd_per_hour),
            "spot_usd_per_hour": number(cheapest.spot_usd_per_hour),
            "zone": cheapest.pool.zone.name if not cheapest.pool.zone.is_whole_region else None,
            "zone_id": cheapest.pool.zone.id,
            "saving_percent": number(cheapest.saving_percent),
            "price_time": moment(cheapest.price.since),
            "sources": sources_told(cheapest.sources),
        }


@dataclass(frozen=True, slots=True, repr=False)
class PriceComparison(ResultList[PriceRow]):
    """Prices, and what is missing from them.

    ``made_at``      when; the ages of the facts are counted from then.
    ``interrupted``  somebody did not want to wait for the regions that are missing.
    """

    rows: tuple[PriceRow, ...]
    warnings: tuple[str, ...] = ()
    made_at: datetime | None = None
    interrupted: bool = False

    def _items(self) -> tuple[PriceRow, ...]:
        return self.rows


@dataclass(frozen=True, slots=True, repr=False)
class MachineReport(Result):
    """A machine with what it costs now and how to reach it.

    ``disks``     what its disks cost, as far as it was asked: of a stopped machine.
    ``asked_at``  when; how long it has run and how much time is left are counted from then.
    ``last_run``  its run, as this computer saw it last.
    """

    machine: Machine
    spot_usd_per_hour: Decimal | None = None
    on_demand_usd_per_hour: Decimal | None = None
    login: Login | None = None
    warnings: tuple[str, ...] = ()
    asked_max_usd_per_hour: Decimal | None = None
    spent_usd: Decimal | None = None
    disks: DiskCost | None = None
    asked_at: datetime | None = None
    last_run: RunReport | None = None

    @property
    def ran(self) -> timedelta | None:
        """Since it was last started; ``None`` while it does not run."""
        found = self.machine.instance
        if found is None or self.asked_at is None or found.state != "running":
            return None
        return self.asked_at - found.launched_at

    @property
    def remaining(self) -> timedelta | None:
        """Until its deadline, below zero when that has passed; ``None`` where it has none."""
        deadline = self.machine.deadline
        return deadline - self.asked_at if deadline and self.asked_at else None

    @property
    def summary(self) -> str:
        """Its state in words, and aloud when its guard failed."""
        told, left = self.machine.summary(), self.remaining
        if self.ran is None or left is None or left > -GUARD_SLACK:
            return told
        return f"{told}, {words(-left)} PAST its deadline"

    @property
    def lateness(self) -> tuple[str, ...]:
        """The warning that it runs past its deadline, where it does."""
        name = self.machine.name
        if self.summary == self.machine.summary():
            return ()
        return (f"{name} runs, and costs, past its deadline: `spot down {name}` ends it",)

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

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        from spotkeeper.lifecycle.guard import budget_of

        found = self.machine
        budget = budget_of(found.tags)
        instance, request = found.instance, found.request
        return {
            "name": found.name,
            "kind": found.kind.value,
            "state": found.state,
            "summary": self.summary,
            "region": found.region,
            "zone": found.zone_name,
            "instance_type": found.instance_type,
            "instance_id": instance.id if instance else None,
            "request_id": request.id if request else instance.request_id if instance else None,
            "request_state": request.state.value if request else None,
            "request_status": request.status_code if request else None,
            "public_ip": instance.public_ip if instance else None,
            "connect": str(connect_of(found.tags)),
            "role": (instance.role or None) if instance else None,
            "volume_ids": list(instance.volume_ids) if instance else [],
            "ssh": self.login.line() if self.login else None,
            "launched_at": moment(instance.launched_at) if instance else None,
            "deadline": moment(found.deadline),
            "guard": found.tags.get(TAG_GUARD),
            "budget_usd": number(budget.usd) if budget else None,
            "spent_usd": number(self.spent_usd),
            "running_seconds": None if self.ran is None else int(self.ran.total_seconds()),
            "remaining_seconds": None
            if self.remaining is None
            else int(self.remaining.total_seconds()),
            "spot_usd_per_hour": number(self.spot_usd_per_hour),
            "on_demand_usd_per_hour": number(self.on_demand_usd_per_hour),
            "saving_percent": number(self.saving_percent),
            **disk_cost_told(self.disks),
            "max_price_usd_per_hour": number(self.max_price_usd_per_hour),
            "run": self.last_run.to_dict() if self.last_run else None,
            "tags": dict(found.tags),
        }


@dataclass(frozen=True, slots=True, repr=False)
class ExtendReport(Result):
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

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        left = self.remaining
        return {
            **self.report.to_dict(),
            "deadline_before": moment(self.before),
            "remaining_seconds": None if left is None else int(left.total_seconds()),
            "usd_until_deadline": number(self.usd_until_deadline),
        }


@dataclass(frozen=True, slots=True, repr=False)
class MachineList(ResultList[MachineReport]):
    """Machines, and what could not be looked at."""

    reports: tuple[MachineReport, ...]
    warnings: tuple[str, ...] = ()

    def _items(self) -> tuple[MachineReport, ...]:
        return self.reports


@dataclass(frozen=True, slots=True, repr=False)
class RememberedList(Result):
    """Machines as they were listed at ``as_of``: items of ``--output json``."""

    items: tuple[Record, ...]
    as_of: datetime

    @property
    def warnings(self) -> tuple[str, ...]:
        """How old it is."""
        return (f"as AWS listed them at {self.as_of:%Y-%m-%d %H:%M} UTC; nobody was asked now",)

    def to_dict(self) -> Record:
        """The machines as items."""
        return {"items": list(self.items), "warnings": list(self.warnings)}


@dataclass(frozen=True, slots=True, repr=False)
class MachineHistory(ResultList["Chapter"]):
    """What happened to a name; ``lives`` is how many it has had, also where fewer are told."""

    name: str
    chapters: tuple[Chapter, ...]
    lives: int

    def _items(self) -> tuple[Chapter, ...]:
        return self.chapters

    def _beside(self) -> Record:
        return {"name": self.name, "lives": self.lives}


@dataclass(frozen=True, slots=True, repr=False)
class DownReport(Result):
    """What ``down`` ended, what is left, and what it all cost."""

    ended: tuple[ResourceId, ...] = ()
    left: tuple[Leftover, ...] = ()
    costs: tuple[Cost, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> Record:
        """What was ended as items, with what is left and what it all cost."""
        ended = [each.to_dict() for each in self.ended]
        return {
            "items": ended,
            "ended": ended,
            "left": [each.to_dict() for each in self.left],
            "costs": [cost.to_dict() for cost in self.costs],
            "warnings": list(self.warnings),
        }

    def _items(self) -> tuple[ResourceId, ...]:
        return self.ended

    def _notes(self) -> tuple[str, ...]:
        return (*self.warnings, *map(_told_of, self.left))


def _told_of(each: Leftover) -> str:
    return f"left: {each.resource_id}: {each.reason}"


@dataclass(frozen=True, slots=True, repr=False)
class SweepReport(Result):
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

    def to_dict(self) -> Record:
        """What was ended as items, with what is left, kept, and of others."""
        judged = {each.resource_id: each for each in self.found}
        kept = [each for each in self.found if each.verdict in ("kept", "spared")]
        ended = [each.to_dict() for each in self.ended]
        return {
            "items": ended,
            "ended": ended,
            "left": [self._told(each, judged.get(each.resource_id)) for each in self.left],
            "kept": [self._told(each, each) for each in kept],
            "others": [self._other(each) for each in self.others],
            "warnings": list(self.warnings),
        }

    def _items(self) -> tuple[ResourceId, ...]:
        return self.ended

    def _notes(self) -> tuple[str, ...]:
        return (*self.warnings, *map(_told_of, self.left))

    def _told(
        self, told: Leftover | Classification, classification: Classification | None
    ) -> Record:
        """A resource of ours with what is known of it."""
        resource = classification.resource if classification else None
        return {
            **told.resource_id.to_dict(),
            "reason": told.reason,
            "name": (resource.name or None) if resource else None,
            "verdict": str(classification.verdict) if classification else None,
            "age_seconds": self._age_seconds(resource.born if resource else None),
            "usd_per_hour": number(resource.usd_per_hour if resource else None),
        }

    def _other(self, other: ForgottenRequest) -> Record:
        """A request of somebody else; without an instance it costs nothing."""
        instance = other.instance
        return {
            **other.resource_id.to_dict(),
            "reason": other.reason,
            "instance_id": instance.resource_id.id if instance else None,
            "age_seconds": self._age_seconds(other.born),
            "usd_per_hour": number(instance.usd_per_hour) if instance else 0.0,
            "command": other.command,
        }

    def _age_seconds(self, born: datetime | None) -> int | None:
        if born is None or self.asked_at is None:
            return None
        return max(0, int((self.asked_at - born).total_seconds()))
