"""What the caller has: machines as AWS lists them, with their price and login."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from spotkeeper.costs.usage import lost, sighting
from spotkeeper.errors import LOGGED_OUT, NoConnection, NotFound, Refused, SpotkeeperError
from spotkeeper.keeper import regions
from spotkeeper.keeper.edges import Edges
from spotkeeper.keeper.results import MachineList, MachineReport, RememberedList
from spotkeeper.lifecycle.power import is_interrupted
from spotkeeper.lifecycle.prerequisites import KEY_PREFIX, admit, key_name
from spotkeeper.lifecycle.presence import BILLED, is_held, machines
from spotkeeper.market.feeds import usd_per_gib_month
from spotkeeper.model import lives
from spotkeeper.model.disk import cost_of_disks
from spotkeeper.model.machine import InstanceState, Kind, Machine, pair
from spotkeeper.model.resource import ResourceKind, TaggedResource
from spotkeeper.model.tags import TAG_NAME, TAG_OWNER, is_name
from spotkeeper.ssh import keys
from spotkeeper.ssh.shell import Login, refuse_simulated
from spotkeeper.store.folders import private_folder

if TYPE_CHECKING:
    from spotkeeper.lifecycle.ports import Talk
    from spotkeeper.work.run_report import RunReport


ALL_MACHINES = "all"

#: Runs as they were seen last, by the instance that they are on.
SEEN_RUNS = "runs"

#: Things of a name that outlive its machine.
KEPT = frozenset({ResourceKind.VOLUME, ResourceKind.TEMPLATE})


def usable(login: Login) -> Login:
    """A login that something of ours is to use now.

    Raises:
        SandboxProblem: nothing stands behind its address.
    """
    refuse_simulated(login)
    private_folder(login.known_hosts.parent)
    return login


class MachineReader:
    """Reads AWS by tags, never local memory alone; what it sees goes to the journal."""

    def __init__(self, edges: Edges) -> None:
        self._edges = edges
        self._cloud = edges.cloud
        self._journal = edges.journal

    @property
    def owner(self) -> str:
        """The caller's owner id."""
        return self._cloud.caller().owner

    def listing(self, in_regions: Sequence[str], *, ended: bool) -> MachineList:
        """All machines of the caller in the regions, and what could not be looked at.

        Those that ended are left out unless ``ended`` is asked for.
        """
        found, failed = self._machines(in_regions)
        for machine in found:
            self.note(machine)
        unseen = {each.region for each in failed}
        self._note_lost(found, () if None in unseen else {*in_regions} - unseen)
        shown = [machine for machine in found if machine.name and (ended or machine.present)]
        told = regions.by_reason(failed)
        return MachineList(self.reports(shown), (*told, *self._half_created(found, in_regions)))

    def report(self, name: str, in_regions: Sequence[str]) -> MachineReport:
        """The machine of a name with today's prices, and what of it could not be looked at.

        Raises:
            NotFound: none of that name is in the regions.
        """
        machine, unseen = self.find(name, in_regions)
        [report] = self.reports((machine,))
        return replace(report, warnings=(*report.warnings, *unseen))

    def find(self, name: str, in_regions: Sequence[str]) -> tuple[Machine, tuple[str, ...]]:
        """The machine of a name, an alive one first, and what of it could not be looked at: its
        instance alone is enough.

        Raises:
            NotFound: none of that name is in the regions.
        """
        if not is_name(name):
            raise NotFound(f"{name!r} cannot be a machine's name")
        found, failed = self._machines(in_regions, name)
        for machine in found:
            self.note(machine)
        present = [machine for machine in found if machine.present]
        if not present:
            silent = ", ".join(str(each.region) for each in failed)
            raise NotFound(
                "; ".join((f"There is no machine {name}", *regions.by_reason(failed))),
                details={"silent_regions": silent} if silent else None,
            )
        first = min(present, key=lambda machine: not machine.alive)
        hidden = (each for each in failed if each.region == first.region)
        return first, regions.by_reason(hidden)

    def way_in(self, name: str, in_regions: Sequence[str], talk: Talk) -> Login:
        """How to reach a running machine, once the caller's present address is let in.

        Raises:
            NotFound, Refused: no such machine, or it has no address now.
        """
        report = self.report(name, in_regions)
        if report.login is None:
            step, why = f"See `spot show {name}`.", report.machine.summary()
            if is_interrupted(report.machine):
                step = "EC2 starts it again when it has room; `spot ls` tells when it runs."
            elif report.machine.state == InstanceState.STOPPED:
                step = f"Start it: `spot start {name}`."
            elif report.machine.state == InstanceState.RUNNING:
                step, why = "Reach it from within its own network.", "it has no public address"
            raise Refused(f"{name} cannot be reached now: {why}", next_step=step)
        self.admit(report.machine, talk)
        key = report.machine.instance.key_name if report.machine.instance else None
        if (key or "").startswith(KEY_PREFIX) and self._key(report.machine) is None:
            talk.say(
                f"The key that {name} was launched with ({key} in EC2) is not on this computer. "
                "Log in from where it was launched, or bring that key here"
            )
        return report.login

    def admit(self, machine: Machine, talk: Talk) -> None:
        """Let the caller's present address in to a machine; what fails is said, and no more."""
        if machine.instance is None:
            return
        try:
            admit(self._cloud, machine.instance, self.owner, self._edges.caller_cidr)
        except SpotkeeperError as problem:
            step = f" {problem.next_step}" if problem.aws_code and problem.next_step else ""
            talk.say(f"Your present address could not be let in: {problem.message}{step}")

    def reachable(self, name: str, in_regions: Sequence[str], talk: Talk) -> Login:
        """The same where something of ours is to reach it now.

        Raises:
            NotFound, Refused: no such machine, or it has no address now.
            SandboxProblem: nothing stands behind its address.
        """
        return usable(self.way_in(name, in_regions, talk))

    def remember(self, listing: MachineList) -> None:
        """Keep a list of machines for ``last_listing``."""
        now = self._edges.clock.now().isoformat()
        self._edges.memory.put("machines", ALL_MACHINES, [now, listing.to_dict()["items"]])

    def last_listing(self) -> RememberedList:
        """The machines as they were listed last time, without asking anybody.

        Raises:
            NotFound: there is no list from earlier.
        """
        kept = self._edges.memory.get("machines", ALL_MACHINES, younger_than=timedelta.max)
        if kept is None:
            raise NotFound(
                "No list of machines is remembered", next_step="Run `spot ls` once online."
            )
        return RememberedList(tuple(kept[1]), datetime.fromisoformat(kept[0]))

    def names(self, in_regions: Sequence[str]) -> set[str]:
        """Names of machines that are alive, and of disks and claims that exist without one."""

        def reader(region: str) -> set[str]:
            mine = self._mine(region)
            kept = {h.tags.get(TAG_NAME, "") for h in mine if h.resource_id.kind in KEPT}
            billed = any(tagged.resource_id.kind in BILLED for tagged in mine)
            found = machines(self._cloud, region, self.owner) if billed else []
            return kept | {machine.name for machine in found if machine.alive}

        found, _ = regions.in_each(in_regions, reader)
        return {name for name in set().union(*found) if is_name(name)}

    def inhabited(
        self, in_regions: Sequence[str]
    ) -> tuple[dict[str, set[str]], list[SpotkeeperError]]:
        """Region → the names of which the caller has, or had a moment ago, anything that is
        billed there.

        One call for each region, by tags. A region that the journal remembers counts too, since a
        thing may be too young to be listed.
        """

        def look(region: str) -> tuple[str, set[str]]:
            return region, {each.tags.get(TAG_NAME, "") for each in self._billed(region)}

        found, failed = regions.in_each(in_regions, look)
        names = dict(found)
        for name in self._journal.names():
            for region in {*lives.regions(self._journal.read(name))} & {*in_regions}:
                names.setdefault(region, set()).add(name)
        return {region: names[region] for region in sorted(names) if names[region]}, failed

    def boxes(
        self, names: Sequence[str], in_regions: Sequence[str]
    ) -> tuple[list[Machine], list[SpotkeeperError]]:
        """The boxes among some names, whose disks may be kept, and what could not be looked at."""
        found, failed = self._machines(in_regions)
        named = [each for each in found if each.name in names]
        boxes = [each for each in named if each.kind is Kind.BOX]
        alive = [each for each in boxes if each.instance and not each.instance.ended]
        seen = {each.region for each in named}  # by their instances, whatever else was not
        return alive, [each for each in failed if each.region not in seen]

    def reports(self, found: Iterable[Machine]) -> tuple[MachineReport, ...]:
        """The machines with today's prices; a price that cannot be read is unknown."""
        everything = tuple(found)
        from spotkeeper.keeper.facts import pool_of, prices_now  # a list from memory needs none

        prices = prices_now(everything, self._edges.prices, self._edges.market)
        now = self._edges.clock.now()
        reports = (
            MachineReport(
                machine,
                *prices[pool_of(machine)],
                login=self.login(machine),
                asked_at=now,
                last_run=self.seen_run(machine),
            )
            for machine in everything
        )
        return tuple(replace(each, warnings=each.lateness) for each in reports)

    def seen_run(self, machine: Machine) -> RunReport | None:
        """The run of a machine as this computer saw it last; its id alone if it never did."""
        if machine.instance is None:
            return None
        kept = self._edges.memory.get(SEEN_RUNS, machine.instance.id, younger_than=timedelta.max)
        from spotkeeper.work.run_report import RunReport

        return RunReport.remembered(machine.name, kept, machine.tags)

    def with_disks(self, report: MachineReport) -> MachineReport:
        """With what its disks cost, where it is stopped and nothing else of it does."""
        machine = report.machine
        if machine.state != InstanceState.STOPPED:
            return report
        try:
            volumes = self._cloud.volumes(machine.region, self.owner, machine.name)
        except SpotkeeperError:
            return report
        prices = usd_per_gib_month(self._edges.storage, machine.region)
        return replace(report, disks=cost_of_disks([each.disk for each in volumes], prices))

    def login(self, machine: Machine) -> Login | None:
        """How to reach a machine; ``None`` while it has no address, or not for long any more."""
        instance = machine.instance
        if instance is None or not instance.has_way_in:
            return None
        route = self._edges.reach.route(instance)
        return Login(
            address=route.address,
            user=machine.login,
            instance_id=instance.id,
            known_hosts=self._edges.folders.known_hosts / machine.name,
            identity=key.private_file if (key := self._key(machine)) else None,
            port=route.port,
            tunnel=route.tunnel,
        )

    def note(self, machine: Machine) -> None:
        """Write down that a machine of this computer changed its state."""
        journal = self._edges.journal
        entries = journal.read(machine.name) if is_name(machine.name) else ()
        if not lives.is_open(entries):
            return
        seen = sighting(machine, entries, self._edges.clock.now())
        if seen is not None:
            journal.append(machine.name, seen)

    def _note_lost(self, found: Sequence[Machine], looked: Collection[str]) -> None:
        """Write down what ended so long ago that EC2 does not list it any more."""
        listed = {each.instance.id for each in found if each.instance}
        listed |= {each.request.instance_id or "" for each in found if each.request}
        now = self._edges.clock.now()
        for name in self._journal.names():
            life = lives.this_life(self._journal.read(name))
            for seen in lost(life, listed, looked, now):
                self._journal.append(name, seen)

    def _machines(
        self, in_regions: Sequence[str], name: str | None = None
    ) -> tuple[list[Machine], list[SpotkeeperError]]:
        """What may not be listed, tags or requests, is told with what failed, and hides nothing
        else.

        Raises:
            SpotkeeperError: none of the regions that have something answers.
        """
        sure, hidden, silent = self._places(in_regions, name)

        def look(region: str) -> tuple[Sequence[Machine], SpotkeeperError | None]:
            seen = self._cloud.observe(region, self.owner, name)
            return pair(seen.instances, seen.requests), seen.problem

        try:
            found, failed = regions.in_each([*sure, *hidden], look)
        except SpotkeeperError as problem:
            if sure or isinstance(problem, LOGGED_OUT) or len(hidden) == len(in_regions):
                raise
            return [], silent
        told = {each.region for each in silent}
        silent += [each for each in failed if each.region not in told]
        silent += [problem for _, problem in found if problem]
        return [machine for some, _ in found for machine in some], silent

    def _places(
        self, in_regions: Sequence[str], name: str | None
    ) -> tuple[list[str], list[str], list[SpotkeeperError]]:
        """Where a name is by tags, where it may be since these cannot be read, and why not. Who
        waited in vain for a connection does not wait for a second one."""
        try:
            inhabited, silent = self.inhabited(in_regions)
        except LOGGED_OUT:
            raise
        except SpotkeeperError as refusal:
            if isinstance(refusal, NoConnection) and len(in_regions) == 1:
                raise
            return [], [*in_regions], [refusal]
        unlisted = {each.region for each in silent}
        hidden = [str(each.region) for each in silent if not isinstance(each, NoConnection)]
        sure = [region for region, names in inhabited.items() if name is None or name in names]
        return [region for region in sure if region not in unlisted], hidden, silent

    def _billed(self, region: str) -> list[TaggedResource]:
        return [tagged for tagged in self._mine(region) if tagged.resource_id.kind in BILLED]

    def _mine(self, region: str) -> list[TaggedResource]:
        everything = self._cloud.tagged_resources(region)
        return [tagged for tagged in everything if tagged.tags.get(TAG_OWNER) == self.owner]

    def _key(self, machine: Machine) -> keys.Key | None:
        """The key that the instance was launched with, if it is on this computer."""
        entries = self._edges.journal.read(machine.name)
        named = (Path(each.key_file) for each in lives.intents(entries) if each.key_file)
        files = (
            self._edges.folders.keys / f"{machine.name}.pub",
            *named,
            *keys.usual_files(self._edges.home),
        )
        wanted = machine.instance.key_name if machine.instance else None
        for key in keys.readable(files):
            if key_name(self.owner, key.public_line) == wanted:
                return key
        return None

    def _half_created(self, found: Sequence[Machine], looked: Sequence[str]) -> tuple[str, ...]:
        """Launches that died: nobody works on their names any more."""
        alive = {machine.name for machine in found if machine.alive}
        told = ((name, self._half(name, alive=name in alive)) for name in self._names(looked))
        return tuple(
            f"{name}: {half}" for name, half in told if half and not is_held(self._journal, name)
        )

    def _names(self, looked: Sequence[str]) -> list[str]:
        journal = self._journal
        return [
            name for name in journal.names() if {*lives.regions(journal.read(name))} & {*looked}
        ]

    def _half(self, name: str, *, alive: bool) -> str:
        entries = self._journal.read(name)
        if alive and lives.cut_off(entries):
            return (
                f"its launch was cut off, and `spot sweep` counts it as unwanted; keep it with "
                f"`spot start {name}`, or end it with `spot down {name}`"
            )
        if not alive and lives.unfinished(entries):
            return f"a launch did not finish; run `spot down {name}` to make sure"
        return ""
