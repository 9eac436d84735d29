"""The verbs. Each is a few lines over the market, the ranking and the lifecycle."""

from __future__ import annotations  # most of these classes are imported by one verb only

from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Unpack

from spotkeeper.errors import BadInput
from spotkeeper.keeper.arguments import checked
from spotkeeper.keeper.inputs import LaunchWords, LogWords, RunWords, length
from spotkeeper.keeper.reaching import ReachingKeeper
from spotkeeper.keeper.regions import listed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from spotkeeper.keeper.costs import CostReport
    from spotkeeper.keeper.deadline import Deadline
    from spotkeeper.keeper.down import Down
    from spotkeeper.keeper.launched_machine import LaunchedMachine
    from spotkeeper.keeper.logs import RunLog, RunReader
    from spotkeeper.keeper.results import (
        DownReport,
        ExtendReport,
        MachineHistory,
        MachineList,
        MachineReport,
        RememberedList,
        SweepReport,
    )
    from spotkeeper.keeper.run import RunOrder
    from spotkeeper.keeper.up import Up
    from spotkeeper.lifecycle.launch_request import LaunchRequest
    from spotkeeper.lifecycle.plan import Plan
    from spotkeeper.model.machine import Machine
    from spotkeeper.work.run_report import RunReport


class Keeper(ReachingKeeper):
    """Finds, launches, lists and gives back machines of one account.

    Every method raises ``SpotkeeperError`` for what it can explain; the error's class and
    ``next_step`` say what to do.
    """

    # What a verb does not need is not even imported: a look at the market is quick.

    @cached_property
    def _down(self) -> Down:
        from spotkeeper.keeper.down import Down

        return Down(self._edges, self._reader, self._talk)

    @cached_property
    def _up(self) -> Up:
        from spotkeeper.keeper.up import Up

        return Up(self._edges, self._find, self._down, self._deadline)

    @cached_property
    def _runs(self) -> RunReader:
        from spotkeeper.keeper.logs import RunReader

        return RunReader(self._edges, self._reader)

    @cached_property
    def _deadline(self) -> Deadline:
        from spotkeeper.keeper.deadline import Deadline

        return Deadline(self._edges, self._reader)

    @checked(LaunchWords)
    def plan(self, name: str | LaunchRequest, /, **words: Unpack[LaunchWords]) -> Plan:
        """What ``up`` would do with a name and a need, asking only what costs nothing.

        The machine lives 24 hours, or for the time that ``lasting`` says (``"8h"``), or for ever
        (``None``).

        Raises:
            NameTaken: with what is there under the name.
            SpotkeeperError: the request cannot be fulfilled as it stands.
        """
        from spotkeeper.keeper.launch_inputs import launch_request_of
        from spotkeeper.lifecycle.launch_request import LaunchRequest

        if isinstance(name, LaunchRequest):
            return self._up.plan(name)
        return self._up.plan(launch_request_of(name, words))

    @checked()
    def dry_run(self, plan: Plan) -> None:
        """Ask EC2 whether it would allow what was planned; nothing is made.

        Raises:
            SpotkeeperError: it would not, and why.
        """
        self._up.dry_run(plan)

    @checked()
    def dearer_now(self, plan: Plan) -> Decimal | None:
        """Dollars an hour of the plan's dearest pool, if it rose above all that the plan shows."""
        return self._up.dearer_now(plan)

    @checked()
    def up(self, plan: Plan) -> LaunchedMachine:
        """Launch what was planned and wait until it can be reached; in a ``with`` block the
        machine is given back at its end.

        Raises:
            BadInput: the plan is another account's, or its deadline has passed.
            SpotkeeperError: after what was begun has been given back; ``LeftBehind`` where that
                failed.
        """
        from spotkeeper.keeper.launched_machine import LaunchedMachine

        report = self._runs.watched(self._up.up(plan), plan.launch_request, self._talk)
        return LaunchedMachine.of(report, self)

    @checked()
    def ls(self, regions: Sequence[str] = (), *, ended: bool = False) -> MachineList:
        """The caller's machines, as AWS lists them now; with the ended ones on demand."""
        from spotkeeper.keeper.results import MachineList

        chosen = listed(regions, self._edges)
        listing = self._reader.listing(chosen, ended=ended)
        left = self._down.settle(chosen)
        reports = tuple(self._deadline.watched(report) for report in listing.reports)
        told = [warning for report in reports for warning in report.warnings]
        whole = MachineList(reports, (*self.warnings, *listing.warnings, *told, *left))
        self._reader.remember(whole)
        return whole

    @checked()
    def last_listing(self) -> RememberedList:
        """The machines as they were listed last time, without asking anybody.

        Raises:
            NotFound: there is no list from earlier.
        """
        return self._reader.last_listing()

    @checked()
    def show(self, name: str, regions: Sequence[str] = ()) -> MachineReport:
        """One machine; if it is stopped, with what its disks cost.

        Its guard is pointed at the instance that it has now, and its deadline kept to its budget;
        the report's warnings say so where anything was changed.

        Raises:
            NotFound: none of that name is in the regions.
        """
        report = self._reader.report(name, listed(regions, self._edges))
        kept = self._deadline.kept_to_budget(self._deadline.watched(report))
        looked = self._reader.with_disks(kept)
        return self._runs.looked_at(looked) if looked.last_run is not None else looked

    @checked()
    def history(self, name: str, *, every: bool = False) -> MachineHistory:
        """What happened to a name of this computer's journal, also to one that is gone: in its
        last life, or in ``every`` one.

        Raises:
            NotFound: the journal has never heard of it.
        """
        from spotkeeper.keeper.history import history

        return history(name, self._edges, every=every)

    @checked()
    def costs(
        self, month: str | None = None, *, by: str = "name", regions: Sequence[str] = ()
    ) -> CostReport:
        """What the machines of this computer's journal have cost, in a month like ``2026-11`` or
        ever, by name, day, type or ``tag:KEY`` of the machines that there are.

        Raises:
            BadInput: there is no such month, or group.
        """
        from spotkeeper.keeper.costs import costs

        def look() -> MachineList:
            return self._reader.listing(listed(regions, self._edges), ended=True)

        found = costs(self._edges, month=month, by=by, look=look)
        return replace(found, warnings=(*self.warnings, *found.warnings))

    @checked()
    def stop(self, name: str, regions: Sequence[str] = ()) -> MachineReport:
        """Stop a box; its disk is kept and still costs."""
        from spotkeeper.lifecycle import power

        with self._edges.journal.lock(name):
            machine = self._settled(name, regions)
            power.stop(machine, cloud=self._cloud, waiter=self._up.waiter())
        return self.show(name, (machine.region,))

    @checked()
    def start(self, name: str, regions: Sequence[str] = ()) -> MachineReport:
        """Start a box that was stopped with ``stop``, or by its guard."""
        from spotkeeper.lifecycle import power

        with self._edges.journal.lock(name):
            machine = self._settled(name, regions)
            waiter, clock = self._up.waiter(), self._edges.clock
            renew = self._deadline.renew
            self._reader.admit(machine, self._talk)
            power.start(
                machine,
                cloud=self._cloud,
                waiter=waiter,
                clock=clock,
                renew=renew,
                look=lambda: self._reader.find(name, (machine.region,))[0],
            )
            self._up.adopt(machine)
        return self.show(name, (machine.region,))

    @checked()
    def extend(
        self, name: str, by: timedelta | str | None, regions: Sequence[str] = ()
    ) -> ExtendReport:
        """Move a machine's deadline to a time from now, never earlier than it was; a text like
        ``"+4h"`` adds to it; ``None`` takes it away.

        Raises:
            BadInput: it is no length of time.
            NotFound: no such machine.
            Refused: the machine is ending, or its request ends before.
        """
        adds = isinstance(by, str) and by.strip().startswith("+")
        longer = length(by.strip().removeprefix("+") if isinstance(by, str) else by)
        with self._edges.journal.lock(name):
            machine, unseen = self._reader.find(name, listed(regions, self._edges))
            extended = self._deadline.extend(machine, longer, adds=adds)
        told = (*extended.report.warnings, *unseen)
        return replace(extended, report=replace(extended.report, warnings=told))

    def _settled(self, name: str, regions: Sequence[str]) -> Machine:
        """A machine once it neither starts nor stops: EC2 refuses to turn it around halfway."""
        machine, _ = self._reader.find(name, listed(regions, self._edges))
        if machine.instance is None or not machine.instance.passing:
            return machine
        self._up.waiter().until_settled(machine.instance)
        return self._reader.find(name, (machine.region,))[0]

    @checked(RunWords)
    def run(
        self,
        name: str,
        command: Sequence[str] | RunOrder,
        /,
        regions: Sequence[str] = (),
        **words: Unpack[RunWords],
    ) -> RunReport:
        """Start a command on a machine that is there, in a copy of the working folder, and let its
        agent keep it until it is over; a box that was stopped is started.

        Raises:
            BadInput: no machine could run it, or the folder is too big to be code.
            NotFound: no such machine.
            NameTaken: another run is on it and not over.
            Refused: EC2 stopped it, or it lacks what the agent needs.
        """
        import os

        from spotkeeper.keeper.run import Runner, RunOrder, run_order
        from spotkeeper.lifecycle import power

        order = (
            command
            if isinstance(command, RunOrder)
            else run_order(command, words, environment=os.environ)
        )
        machine, _ = self._reader.find(name, listed(regions, self._edges))
        if machine.state != "running":
            if not power.is_interrupted(machine):
                self._talk.say(f"{name} is {machine.summary()}: starting it")
            machine = self.start(name, (machine.region,)).machine
        if machine.instance is not None:
            self._up.waiter().until_reachable(machine.instance, "run")
        login = self._reader.way_in(name, (machine.region,), self._talk)
        return Runner(self._runs, self._edges.market, self._talk).start(order, machine, login)

    @checked(LogWords)
    def logs(self, name: str, regions: Sequence[str] = (), **words: Unpack[LogWords]) -> RunLog:
        """The output of a machine's run, line by line: of its latest attempt, or to its end.

        Raises:
            NotFound: no such machine.
        """
        from spotkeeper.keeper.logs import RunLog, wish_of

        wish = wish_of(words)
        region = self._reader.find(name, listed(regions, self._edges))[0].region
        find = lambda: self._reader.find(name, (region,))[0]  # noqa: E731
        return RunLog(name, wish, self._runs, find, self._talk, self._edges.clock.sleep)

    @checked()
    def cancel(self, name: str, regions: Sequence[str] = ()) -> RunReport:
        """Ask for the end of a machine's run; one that is over stays as it ended. While the
        machine is off, or cannot be reached, a tag keeps that: the run does not begin again.

        Raises:
            NotFound: no such machine, or no run was ever on it.
        """
        return self._runs.cancel(self._reader.find(name, listed(regions, self._edges))[0])

    @checked()
    def down(
        self,
        names: Sequence[str] = (),
        regions: Sequence[str] = (),
        *,
        everything: bool = False,
        keep_boxes: bool = False,
    ) -> DownReport:
        """Give machines back: cancel, terminate, verify, and remove what was made for them, in
        some regions and wherever this computer launched them; or ``everything`` of the caller's
        there, groups and keys included. With ``keep_boxes`` a box is stopped instead: its disk is
        told as left.

        Raises:
            NotFound: a name that neither AWS nor the journal knows.
        """
        if everything and names:
            raise BadInput("down: names and everything exclude each other", next_step="Drop one.")
        ending = self.everything(regions) if everything else names
        looked = listed(regions, self._edges)
        kept = self._down.put_aside(ending, looked, self.stop) if keep_boxes else {}
        ending = tuple(name for name in ending if name not in kept)
        report = self._down.down(ending, looked, shared=everything)
        told = tuple(dict.fromkeys((*self.warnings, *report.warnings)))
        return replace(report, left=(*kept.values(), *report.left), warnings=told)

    @checked()
    def boxes(
        self, names: Sequence[str], regions: Sequence[str] = ()
    ) -> tuple[MachineReport, ...]:
        """The boxes among the names, as far as can be looked: ``down`` deletes their disks."""
        found, _ = self._reader.boxes(names, listed(regions, self._edges))
        return self._reader.reports(found)

    @checked()
    def everything(self, regions: Sequence[str] = ()) -> tuple[str, ...]:
        """Every name that may still own something in the regions: machines, disks, or open in the
        journal."""
        return self._down.everything(listed(regions, self._edges), all_regions=not regions)

    @checked()
    def sweep(self, regions: Sequence[str] = (), *, apply: bool = False) -> SweepReport:
        """Everything of the caller in the regions that nobody wants any more, by AWS's tags and
        this computer's journal; with ``apply`` it is ended.

        Raises:
            Interrupted: by Ctrl-C; what is left is found by the next sweep.
        """
        from spotkeeper.keeper.sweep import swept

        report = swept(self._down, listed(regions, self._edges), apply=apply)
        return replace(report, warnings=(*self.warnings, *report.warnings))
