"""The verbs. Each is a few lines over the market, the ranking and the lifecycle."""

from __future__ import annotations  # most of these classes are imported by one verb only

import os
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from spotkeeper.errors import NotFound
from spotkeeper.keeper import regions
from spotkeeper.keeper.find import Find, FindOptions
from spotkeeper.keeper.wiring import Connection, Edges, OnCall, Silence, connect
from spotkeeper.lifecycle.journal_fallback import BestEffortJournal
from spotkeeper.model.offer import Dated
from spotkeeper.model.price_table import MAX_DAYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spotkeeper.keeper.deadline import Deadline
    from spotkeeper.keeper.down import Down
    from spotkeeper.keeper.machines import MachineReader
    from spotkeeper.keeper.prices import PriceHistory, Prices
    from spotkeeper.keeper.results import (
        DownReport,
        ExtendReport,
        MachineHistory,
        MachineList,
        MachineReport,
        PriceComparison,
        SweepReport,
    )
    from spotkeeper.keeper.up import Confirm, Up
    from spotkeeper.lifecycle.doctor import Check
    from spotkeeper.lifecycle.launch_request import LaunchRequest
    from spotkeeper.lifecycle.plan import Plan
    from spotkeeper.lifecycle.ports import Talk
    from spotkeeper.market.feeds import Progress
    from spotkeeper.model.machine import Machine
    from spotkeeper.model.need import Need
    from spotkeeper.model.offer import Ranking
    from spotkeeper.ssh.shell import Login

ANYTHING = FindOptions()

ALL_MACHINES = "all"


class Keeper:
    """Finds, launches, lists and gives back machines of one account.

    Every method raises ``SpotkeeperError`` for what it can explain; the error's class and
    ``next_step`` say what to do.
    """

    def __init__(self, edges: Edges, *, talk: Talk | None = None) -> None:
        self._talk = talk or Silence()
        self._enabled = regions.EnabledRegions(edges)
        self._launch_edges = edges = replace(edges, enabled_regions=self._enabled)
        self._journal = BestEffortJournal(edges.journal, edges.clock)
        self._edges = edges = replace(edges, journal=self._journal)
        self._cloud = edges.cloud
        self._find = Find(edges)

    # What a verb does not need is not even imported: a look at the market is quick.

    @cached_property
    def _look(self) -> MachineReader:
        from spotkeeper.keeper.machines import MachineReader

        return MachineReader(self._edges)

    @cached_property
    def _down(self) -> Down:
        from spotkeeper.keeper.down import Down

        return Down(self._edges, self._look, self._talk)

    @cached_property
    def _prices(self) -> Prices:
        from spotkeeper.keeper.prices import Prices

        return Prices(self._edges, self._find)

    @cached_property
    def _up(self) -> Up:
        from spotkeeper.keeper.up import Up

        return Up(self._launch_edges, self._look, self._down, self._talk)

    @classmethod
    def connect(
        cls,
        chosen: Connection | None = None,
        *,
        talk: Talk | None = None,
        on_call: OnCall | None = None,
    ) -> Keeper:
        """Connect with the usual AWS credentials, or to the sandbox.

        Raises:
            SpotkeeperError: no such profile, or the sandbox cannot be started.
        """
        chosen = chosen or Connection()
        return cls(connect(chosen, environment=os.environ, on_call=on_call), talk=talk)

    @cached_property
    def _deadline(self) -> Deadline:
        from spotkeeper.keeper.deadline import Deadline

        return Deadline(self._edges, self._look)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must be said with every answer, such as that prices are simulated, and what was
        found wrong with the journal so far."""
        told = (*self._enabled.warnings, *self._journal.warnings)
        return (*self._edges.warnings, *told)

    def find(self, need: Need, options: FindOptions = ANYTHING) -> Ranking:
        """Rank the pools that fit a need, over all regions that it names.

        A region that does not answer is named in the ranking's warnings; when none answers, the
        first one's problem is raised.
        """
        return self._find.find(need, options)

    def prices(
        self,
        types: Sequence[str],
        in_regions: Sequence[str] = (),
        *,
        zones: bool = False,
        told: Progress | None = None,
    ) -> PriceComparison:
        """The cheapest zone of each type and region, in the order in which they were named; all
        zones on demand.

        Raises:
            NoOffers: none of the types has a Spot price in the regions.
        """
        return self._prices.comparison(types, in_regions, zones=zones, told=told)

    def price_history(
        self,
        types: Sequence[str],
        in_regions: Sequence[str] = (),
        *,
        days: int = MAX_DAYS,
        told: Progress | None = None,
    ) -> PriceHistory:
        """The prices of every zone in the last days, EC2's 90 at most.

        Raises:
            NoOffers: none of the types has a Spot price in the regions.
        """
        return self._prices.history(types, in_regions, days=days, told=told)

    def plan(self, launch_request: LaunchRequest) -> Plan:
        """What ``up`` would do, asking only what costs nothing.

        Raises:
            SpotkeeperError: the wish cannot be fulfilled as it stands.
        """
        return self._up.plan(launch_request, self.find)

    def up(
        self, launch_request: LaunchRequest, *, confirm: Confirm, dry_run: bool = False
    ) -> MachineReport | None:
        """Launch a machine and wait until it can be reached.

        ``confirm`` sees the plan first. With ``dry_run`` EC2 is asked whether it would allow the
        launch, nothing is made, and the answer is ``None``.

        Raises:
            SpotkeeperError: after what was begun has been given back; ``LeftBehind`` where that
                failed.
        """
        return self._up.run(self.plan(launch_request), confirm, dry_run=dry_run)

    def machines(self, in_regions: Sequence[str] = (), *, ended: bool = False) -> MachineList:
        """The caller's machines, as AWS lists them now; with the ended ones on demand."""
        from spotkeeper.keeper.results import MachineList

        chosen = regions.listed(in_regions, self._edges)
        listing = self._look.listing(chosen, ended=ended)
        left = self._down.settle(chosen)
        reports = tuple(self._deadline.watched(report) for report in listing.reports)
        told = [warning for report in reports for warning in report.warnings]
        return MachineList(reports, (*self.warnings, *listing.warnings, *told, *left))

    def remember_listing(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep a list of machines, as it was shown, for ``last_listing``."""
        now = self._edges.clock.now().isoformat()
        self._edges.memory.put("machines", ALL_MACHINES, [now, list(rows)])

    def last_listing(self) -> Dated[Sequence[Mapping[str, Any]]]:
        """The machines as they were shown last time, without asking anybody.

        Raises:
            NotFound: there is no list from earlier.
        """
        kept = self._edges.memory.get("machines", ALL_MACHINES, younger_than=timedelta.max)
        if kept is None:
            raise NotFound(
                "No list of machines is remembered", next_step="Run `spot ls` once online."
            )
        return Dated(kept[1], datetime.fromisoformat(kept[0]))

    def machine(self, name: str, in_regions: Sequence[str] = ()) -> MachineReport:
        """One machine; if it is stopped, with what its disks cost.

        Its guard is pointed at the instance that it has now, and its deadline kept to its budget;
        the report's warnings say so where anything was changed.

        Raises:
            NotFound: none of that name is in the regions.
        """
        report = self._looked(name, in_regions)
        kept = self._deadline.kept_to_budget(self._deadline.watched(report))
        return self._look.with_disks(kept)

    def _looked(self, name: str, in_regions: Sequence[str] = ()) -> MachineReport:
        found = self._look.present(name, regions.listed(in_regions, self._edges))
        return self._look.reports(found[:1])[0]

    def history(self, name: str, *, every: bool = False) -> MachineHistory:
        """What happened to a name of this computer's journal, also to one that is gone: in its
        last life, or in ``every`` one.

        Raises:
            NotFound: the journal has never heard of it.
        """
        from spotkeeper.keeper.history import history

        return history(name, self._edges, every=every)

    def login(self, name: str, in_regions: Sequence[str] = ()) -> Login:
        """How to reach a running machine.

        Raises:
            NotFound: no such machine, or it has no address now.
        """
        report = self._looked(name, in_regions)
        if report.login is None:
            raise NotFound(
                f"{name} cannot be reached now: {report.machine.summary()}",
                next_step=f"See `spot show {name}`.",
            )
        return report.login

    def stop(self, name: str, in_regions: Sequence[str] = ()) -> MachineReport:
        """Stop a box; its disk is kept and still costs."""
        from spotkeeper.lifecycle import power

        with self._edges.journal.lock(name):
            machine = self._settled(name, in_regions)
            power.stop(machine, cloud=self._cloud, waiter=self._up.waiter())
        return self.machine(name, (machine.region,))

    def start(self, name: str, in_regions: Sequence[str] = ()) -> MachineReport:
        """Start a box that was stopped with ``stop``, or by its guard."""
        from spotkeeper.lifecycle import power

        with self._edges.journal.lock(name):
            machine = self._settled(name, in_regions)
            waiter, clock = self._up.waiter(), self._edges.clock
            renew = self._deadline.renew
            power.start(machine, cloud=self._cloud, waiter=waiter, clock=clock, renew=renew)
            self._up.adopt(machine)
        return self.machine(name, (machine.region,))

    def extend(
        self, name: str, by: timedelta | None, in_regions: Sequence[str] = ()
    ) -> ExtendReport:
        """Move a machine's deadline later by a time, from now where it has passed or there was
        none; ``None`` takes it away.

        Raises:
            NotFound: no such machine.
            Refused: the machine is ending, or its request ends before.
        """
        with self._edges.journal.lock(name):
            return self._deadline.extend(self._looked(name, in_regions).machine, by)

    def _settled(self, name: str, in_regions: Sequence[str]) -> Machine:
        """A machine once it neither starts nor stops: EC2 refuses to turn it around halfway."""
        machine = self._looked(name, in_regions).machine
        if machine.instance is None or not machine.instance.passing:
            return machine
        self._up.waiter().until_settled(machine.instance)
        return self._looked(name, (machine.region,)).machine

    def down(self, names: Sequence[str], in_regions: Sequence[str] = ()) -> DownReport:
        """Give machines back: cancel, terminate, verify, and remove what was made for them, in
        some regions and wherever this computer launched them.

        Raises:
            NotFound: a name that neither AWS nor the journal knows.
        """
        from spotkeeper.keeper.results import DownReport
        from spotkeeper.lifecycle.teardown import Outcome

        chosen = regions.listed(in_regions, self._edges)
        places = {name: self._down.places(name, chosen) for name in names}
        outcome, costs, told = Outcome(), [], list[str]()
        for name, (found, unknown) in places.items():
            with self._edges.journal.lock(name):
                ended, cost = self._down.end(name, found)
            outcome.add(ended)
            costs += [cost] if cost else []
            told += [*unknown, *self._down.unsure(name)]
        told += self._down.settle(chosen)
        return DownReport(outcome, tuple(costs), tuple(dict.fromkeys((*self.warnings, *told))))

    def everything(self, in_regions: Sequence[str] = ()) -> tuple[str, ...]:
        """Every name that may still own something in the regions: machines, disks, or open in the
        journal."""
        from spotkeeper.model import lives

        chosen = regions.listed(in_regions, self._edges)
        journal = self._edges.journal
        recorded = {name: journal.read(name) for name in journal.names()}
        unsettled = {
            name
            for name, entries in recorded.items()
            if lives.is_open(entries) and (not in_regions or {*lives.regions(entries)} & {*chosen})
        }
        return tuple(sorted(self._look.names(chosen) | unsettled))

    def down_all(self, in_regions: Sequence[str] = ()) -> DownReport:
        """Give everything of the caller back in the regions, groups and keys included."""
        report = self.down(self.everything(in_regions), in_regions)
        for region in regions.listed(in_regions, self._edges):
            if self._cloud.tagged_resources(region):
                report.outcome.add(self._down.teardown().end_shared(region))
        return report

    def sweep(self, in_regions: Sequence[str] = (), *, apply: bool = False) -> SweepReport:
        """Everything of the caller in the regions that nobody wants any more, by AWS's tags and
        this computer's journal; with ``apply`` it is ended.

        Raises:
            Interrupted: by Ctrl-C; what is left is found by the next sweep.
        """
        from spotkeeper.keeper.account import AccountReader
        from spotkeeper.keeper.sweep import Sweep

        account = AccountReader(self._edges, self._look.owner)
        sweeping = Sweep(self._edges, account, self._down, self._talk)
        chosen = regions.listed(in_regions, self._edges)
        swept = sweeping.apply(chosen) if apply else sweeping.listing(chosen)
        return replace(swept, warnings=(*self.warnings, *swept.warnings))

    def doctor(
        self, types: Sequence[str], *, image: str, region: str | None = None
    ) -> tuple[Check, ...]:
        """Check what a launch of the types would need, in one region."""
        from spotkeeper.lifecycle.doctor import Doctor
        from spotkeeper.ssh import keys

        chosen = regions.searched((region,) if region else (), self._edges)[0]
        doctor = Doctor(
            cloud=self._cloud,
            account=self._edges.account,
            region=chosen,
            hardware=lambda: self._edges.market.hardware(chosen, types).value,
            key_told=lambda: keys.told(self._edges.home),
        )
        return doctor.examine(image)

    def policy(
        self,
        part: str | None = None,
        need: Need | None = None,
        *,
        guard_role: str | None = None,
        cloudformation: bool = False,
    ) -> Mapping[str, Any]:
        """The least IAM policy for a command, or for all of them, in the regions of a need and for
        its types; as a stack for an administrator on demand.

        Raises:
            BadInput: the policy would be too long.
        """
        from spotkeeper.keeper.policy import grantee
        from spotkeeper.lifecycle import grants, policy

        whose = grantee(need, guard_role, self._edges, self._talk)
        printed = policy.stack if cloudformation else policy.document
        return printed(part or grants.EVERYDAY, whose)
