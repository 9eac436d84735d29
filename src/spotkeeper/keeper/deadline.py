"""The deadline of a machine from its launch to its end: armed, extended, kept to a budget."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from spotkeeper.costs.usage import Interval, intervals
from spotkeeper.errors import Refused, SpotkeeperError
from spotkeeper.keeper.edges import Edges
from spotkeeper.keeper.machines import MachineReader
from spotkeeper.keeper.results import ExtendReport, MachineReport
from spotkeeper.keeper.spending import spent_usd
from spotkeeper.lifecycle import guard
from spotkeeper.lifecycle.guard import Budget
from spotkeeper.lifecycle.guard_schedules import GuardSchedules
from spotkeeper.lifecycle.plan import Candidate, Plan
from spotkeeper.model import lives
from spotkeeper.model.journal_entry import DeadlineMoved, Launched
from spotkeeper.model.machine import Instance, InstanceState, Machine
from spotkeeper.model.money import rate, total
from spotkeeper.model.tags import TAG_BUDGET, TAG_DEADLINE, TAG_NOT_AFTER, tag_time
from spotkeeper.timings import DEFAULT_LIFE, SHORTEST_LIFE, THERE_FROM_THE_BEGINNING

#: States in which an instance is paid for.
PAID = frozenset({InstanceState.PENDING, InstanceState.RUNNING})


@dataclass(frozen=True, slots=True)
class _Spending:
    """A budget with what is gone of it, and what an hour costs now."""

    budget: Budget
    spent: Decimal
    usd_per_hour: Decimal

    def deadline(self, now: datetime) -> datetime:
        """When it is used up."""
        usd_per_hour = self.usd_per_hour
        return guard.budget_deadline(self.budget.usd, usd_per_hour, now=now, spent=self.spent)

    def __str__(self) -> str:
        return (
            f"{total(self.spent)} of {total(self.budget.usd)} are spent; the price is "
            f"{rate(self.usd_per_hour)} now"
        )


class Deadline:
    """Keeps tags, schedules and journal in step with the deadline."""

    def __init__(self, edges: Edges, reader: MachineReader) -> None:
        self._edges = edges
        self._reader = reader

    @property
    def guard_schedules(self) -> GuardSchedules:
        """The lifecycle's own guard for the caller."""
        edges = self._edges
        return GuardSchedules(
            self._reader.owner, schedules=edges.schedules, cloud=edges.cloud, clock=edges.clock
        )

    def arm(self, plan: Plan, instance: Instance, granted: Candidate) -> None:
        """Arm the guard of a launch, if it is to have one.

        Raises:
            SpotkeeperError: it is not armed, and the launch must be undone.
        """
        if plan.launch_request.guard and granted.deadline is not None:
            self.guard_schedules.arm(instance, granted.deadline)

    def extend(self, machine: Machine, by: timedelta | None, *, adds: bool) -> ExtendReport:
        """Move a deadline to a time from now or, where that ``adds``, from itself; or take it
        away. What a budget said counts no more.

        Raises:
            Refused: the machine is ending, or its request ends before.
        """
        now = self._edges.clock.now()
        if machine.instance is None or not machine.alive:
            raise Refused(
                f"{machine.name} cannot be extended: {machine.summary()}", region=machine.region
            )
        after = None if by is None else guard.extended(machine.deadline, by, now, adds=adds)
        guard.check_validity(machine, after, now)
        budget = guard.budget_of(machine.tags)
        tags = {TAG_BUDGET: guard.NO_BUDGET} if budget else {}
        moved = self._moved(machine, after, tags)
        told = f"the budget of {total(budget.usd)} sets the deadline no more" if budget else ""
        [report] = self._reader.reports((moved,))
        return ExtendReport(
            replace(report, warnings=(told,) if told else ()),
            before=machine.deadline,
            remaining=None if after is None else after - now,
        )

    def renew(self, machine: Machine) -> None:
        """Give a stopped box a new deadline: 24 hours from now, as for one that had one, and no
        later than the end of its budget.

        Raises:
            Refused: its budget is spent.
        """
        now = self._edges.clock.now().replace(microsecond=0)
        [report] = self._reader.reports((machine,))
        spending = self._spending(report)
        if spending is None:
            self._moved(machine, now + DEFAULT_LIFE, {})
            return
        deadline = spending.deadline(now)
        if deadline - now < SHORTEST_LIFE:
            raise Refused(
                f"The budget of {machine.name} is used up: {spending}",
                next_step=f"Give it time with `spot extend {machine.name} 4h`, then start it.",
                region=machine.region,
            )
        not_after = now + DEFAULT_LIFE if spending.budget.not_after else None
        tags = {TAG_NOT_AFTER: tag_time(not_after)}
        self._moved(machine, guard.earliest(deadline, not_after), tags)

    def watched(self, report: MachineReport) -> MachineReport:
        """The machine, its guard pointed at the instance that it has now; says so where it was
        not, and what stands in the way."""
        machine = report.machine
        instance_id = self._unknown_instance(machine)
        if not instance_id:
            return report
        try:
            with self._edges.journal.lock(machine.name):
                if not self.guard_schedules.re_aim(machine):
                    return report
                self._note(machine, machine.deadline, instance=instance_id)
        except SpotkeeperError as problem:
            told = f"{machine.name}: its guard could not be checked: {problem.message}"
        else:
            told = f"{machine.name} has a new instance, {instance_id}: its guard now ends that one"
        return replace(report, warnings=(*report.warnings, told))

    def kept_to_budget(self, report: MachineReport) -> MachineReport:
        """The machine with what it has spent, its deadline moved where budget and price ask for
        another one; says so, and what stands in the way."""
        machine, now = report.machine, self._edges.clock.now()
        try:
            spending = self._spending(report)
            if spending is None:
                return self._with_spent(report)
            report = replace(report, spent_usd=spending.spent)
            until = machine.request.valid_until if machine.request else None
            wanted = guard.earliest(spending.deadline(now), spending.budget.not_after, until)
            is_paid = machine.instance is not None and machine.instance.state in PAID
            if not is_paid or not guard.is_off(machine.deadline, wanted):
                return report
            with self._edges.journal.lock(machine.name):
                moved = self._moved(machine, wanted, {})
        except SpotkeeperError as problem:
            told = f"the budget was not looked at: {problem.message}"
        else:
            report = replace(report, machine=moved)
            told = f"deadline moved from {_told(machine.deadline)} to {_told(wanted)}: {spending}"
        return replace(report, warnings=(*report.warnings, told))

    def _with_spent(self, report: MachineReport) -> MachineReport:
        """With what it has cost so far, where that can be told."""
        try:
            spent = spent_usd(self._stretches(report.machine), self._edges.prices)
        except SpotkeeperError:
            return report
        return replace(report, spent_usd=spent)

    def _spending(self, report: MachineReport) -> _Spending | None:
        """The budget of a machine and what is known of it; ``None`` where it has none.

        Raises:
            SpotkeeperError: price or past of the machine are not known.
        """
        budget = guard.budget_of(report.machine.tags)
        if budget is None:
            return None
        if report.spot_usd_per_hour is None:
            raise Refused(f"the price of {report.machine.name} is not known")
        stretches = self._stretches(report.machine)
        spent = spent_usd(stretches, self._edges.prices)
        return _Spending(budget, spent, report.spot_usd_per_hour)

    def _stretches(self, machine: Machine) -> tuple[Interval, ...]:
        """When the machine ran: by the journal, or since its launch where it never stopped."""
        now, name = self._edges.clock.now(), machine.name
        seen = intervals(lives.latest(self._edges.journal.read(name)), until=now)
        if seen:
            return seen
        instance, request = machine.instance, machine.request
        began = request.created_at if request else None
        if instance is None or (began and instance.launched_at - began > THERE_FROM_THE_BEGINNING):
            raise Refused(f"this computer does not know when {name} ran")
        pool = (instance.region, instance.zone_name, instance.instance_type)
        return (Interval(*pool, instance.launched_at, now, interrupted=False),)

    def _unknown_instance(self, machine: Machine) -> str:
        """The instance of a guarded machine, where this computer does not know that the guard ends
        that one; else empty."""
        tags = {**(machine.request.tags if machine.request else {}), **machine.tags}
        instance = machine.instance
        if instance is None or instance.ended or not guard.is_guarded(tags):
            return ""
        entries = self._edges.journal.read(machine.name)
        if machine.launch in lives.given_back(entries):
            return ""  # a list from before its end: nothing is to be guarded any more
        life = lives.this_life(entries)
        named = [e.instance for e in life if isinstance(e, Launched | DeadlineMoved)]
        known = [each for each in named if each]
        return "" if known and known[-1] == instance.id else instance.id

    def _moved(
        self, machine: Machine, deadline: datetime | None, tags: Mapping[str, str]
    ) -> Machine:
        self.guard_schedules.move(machine, deadline, tags)
        self._note(machine, deadline)
        return _retagged(machine, {TAG_DEADLINE: tag_time(deadline), **tags})

    def _note(self, machine: Machine, deadline: datetime | None, *, instance: str = "") -> None:
        """Remember a move, of a machine that this computer knows."""
        journal, now = self._edges.journal, self._edges.clock.now()
        if not lives.is_open(journal.read(machine.name)):
            return
        moved = DeadlineMoved(now, deadline, before=machine.deadline, instance=instance)
        journal.append(machine.name, moved)


def _retagged(machine: Machine, tags: Mapping[str, str]) -> Machine:
    """The machine as it will be listed."""
    instance, request = machine.instance, machine.request
    return Machine(
        replace(instance, tags={**instance.tags, **tags}) if instance else None,
        replace(request, tags={**request.tags, **tags}) if request else None,
    )


def _told(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
