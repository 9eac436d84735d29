"""``up``: from a launch request to a machine that answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TypeVar

from spotkeeper.errors import (
    NameTaken,
    PermissionDenied,
    ResourceGone,
    Scope,
    SpotkeeperError,
    Unreachable,
)
from spotkeeper.keeper import regions
from spotkeeper.keeper.deadline import Deadline
from spotkeeper.keeper.down import Down
from spotkeeper.keeper.edges import Edges, launch_ports
from spotkeeper.keeper.facts import spot_now
from spotkeeper.keeper.find import Find, FindOptions
from spotkeeper.keeper.results import MachineReport
from spotkeeper.lifecycle.guard import role_arn
from spotkeeper.lifecycle.launch import Launcher
from spotkeeper.lifecycle.launch_request import LaunchRequest, check
from spotkeeper.lifecycle.plan import Candidate, Launchable, Plan, disk_gib, make_plan
from spotkeeper.lifecycle.ports import Image
from spotkeeper.lifecycle.prerequisites import (
    PrerequisiteMaker,
    Prerequisites,
    boots_otherwise,
    endpoint_in,
    no_default_vpc,
    no_subnet,
    notes_of_role,
)
from spotkeeper.lifecycle.presence import name_taken, refuse_taken
from spotkeeper.lifecycle.refused_pools import TRY_NEXT
from spotkeeper.lifecycle.userdata import compose, guard_values, refuse_before_guard
from spotkeeper.lifecycle.wait import Waiter
from spotkeeper.market import market
from spotkeeper.market.feeds import usd_per_gib_month
from spotkeeper.model import lives
from spotkeeper.model.connect import Connect
from spotkeeper.model.disk import USUAL_TYPE, Disk
from spotkeeper.model.journal_entry import Ready, Settled
from spotkeeper.model.launch import LaunchToken
from spotkeeper.model.machine import Instance, InstanceState, Machine
from spotkeeper.model.offer import GroupBy
from spotkeeper.model.resource import TaggedResource
from spotkeeper.ssh import keys

T = TypeVar("T")


class Up:
    """Plans and launches; whatever goes wrong, what was begun is given back."""

    def __init__(self, edges: Edges, find: Find, down: Down, deadline: Deadline) -> None:
        self._edges = edges
        self._journal = edges.launch_journal
        self._cloud = edges.cloud
        self._find = find
        self._down = down
        self._deadline = deadline
        self._reader = down.reader
        self._talk = down.talk
        #: What the plan saw in each region; a launch after it need not ask again.
        self._tagged_resources: dict[str, tuple[TaggedResource, ...]] = {}

    def plan(self, launch_request: LaunchRequest) -> Plan:
        """Decide what a launch would do; asks only what costs nothing.

        Raises:
            NameTaken: with what is there under the name.
            SpotkeeperError: what would stop the pool that is tried first for certain.
        """
        check(launch_request)
        if launch_request.key_file is not None:
            keys.read_public_key(launch_request.key_file)
        self._edges.reach.require(launch_request.connect)
        self._refuse_unfinished(launch_request.name)
        guarded = bool(launch_request.guard)
        role = role_arn(launch_request.guard_role, self._cloud.caller()) if guarded else ""
        notes = notes_of_role(launch_request.role, launch_request.connect, self._edges.account)
        zones = self._zone_of_subnet(launch_request) or launch_request.need.zones
        ranking = self._find.find(
            replace(launch_request.need, zones=zones), FindOptions(by=GroupBy.ZONE)
        )
        plan = make_plan(
            launch_request,
            ranking,
            now=self._edges.clock.now(),
            guard_role_arn=role,
            look=partial(self._launchable, launch_request),
        )
        warnings = (*self._edges.warnings, *plan.warnings, *notes)
        return replace(plan, owner=self._reader.owner, warnings=warnings)

    def dearer_now(self, plan: Plan) -> Decimal | None:
        """The price of the dearest pool now, if it rose above all that the plan shows."""
        pools = [each.offer.pool for each in plan.candidates]
        return plan.dearer(spot_now(pools, self._edges.prices).values())

    def up(self, plan: Plan) -> MachineReport:
        """Launch what was planned.

        Raises:
            BadInput: the plan is somebody else's, or its time is over.
            SpotkeeperError: after what was begun has been given back.
        """
        plan.check(self._reader.owner, self._edges.clock.now())
        with self._journal.lock(plan.launch_request.name):
            # The question took time: another terminal may have used the name. Another computer may
            # have, too: the claim that the launcher makes tells.
            self._refuse_unfinished(plan.launch_request.name)
            return self._launched(plan, self._launcher(plan))

    def waiter(self) -> Waiter:
        """Waits for machines, saying how long it takes."""
        edges = self._edges
        return Waiter(cloud=self._cloud, clock=edges.clock, talk=self._talk, reach=edges.reach)

    def _launched(self, plan: Plan, launcher: Launcher) -> MachineReport:
        prerequisites = self._prerequisite_maker(plan.launch_request)
        try:
            granted, running, late = self._until_up(plan, launcher, prerequisites)
            report = self._report(
                replace(plan, warnings=(*plan.warnings, *late)), granted, running
            )
            self._note_ready(plan.launch_request.name)
        except (SpotkeeperError, KeyboardInterrupt) as problem:
            if isinstance(problem, NameTaken) and not launcher.holds_name:
                raise self._lost(launcher, problem) from problem
            made, given = launcher.made, launcher.given
            raise self._down.undo(plan.launch_request.name, problem, made, given) from problem
        return report

    def _late_login(
        self, asked: LaunchRequest, granted: Candidate, running: Instance
    ) -> tuple[str, ...]:
        """A machine that runs is kept when only its login is late, or cannot be looked at; the
        timer on it may not have begun either."""
        try:
            self.waiter().until_login(running, "up")
        except (Unreachable, PermissionDenied) as late:
            ends = f"Its timer may not have begun: `spot down {asked.name}` ends it"
            if granted.deadline:
                ends += (
                    ", and at its deadline EventBridge Scheduler"
                    if asked.guard
                    else ", and after its deadline `spot sweep --apply`"
                )
            return (f"{late}; it is kept, and costs. {late.next_step} {ends}.",)
        return ()

    def _report(self, plan: Plan, granted: Candidate, running: Instance) -> MachineReport:
        machine = Machine(running, None)
        self._reader.note(machine)
        return MachineReport(
            machine,
            granted.offer.spot_usd_per_hour,
            granted.offer.on_demand_usd_per_hour,
            self._reader.login(machine),
            plan.warnings,
            granted.max_price_usd_per_hour,
            asked_at=self._edges.clock.now(),
        )

    def _until_up(
        self, plan: Plan, launcher: Launcher, prerequisites: PrerequisiteMaker
    ) -> tuple[Candidate, Instance, tuple[str, ...]]:
        """A machine that is up, the pool that it was granted in, and a note of a late login.

        One that EC2 ends on its way up is given back and gives way to the next pool, where the
        reason leaves any that is worth a try.
        """
        while True:
            instance = launcher.launch(prerequisites, self._edges.boot_script)
            granted = _granted(plan, instance)
            self._deadline.arm(plan, instance, granted)
            try:
                running = self.waiter().until_state(instance, InstanceState.RUNNING, "up")
                return granted, running, self._late_login(plan.launch_request, granted, running)
            except SpotkeeperError as problem:
                if problem.scope not in TRY_NEXT:
                    raise
                self._talk.say(problem.message)
                made, given = launcher.made, launcher.given
                self._down.end_attempt(plan.launch_request.name, problem, made, given)
                launcher.pass_over(granted, problem, prerequisites)

    def adopt(self, machine: Machine) -> None:
        """Take a machine whose launch, or whose end, was cut off for wanted after all."""
        entries = self._journal.read(machine.name)
        doubted = {lives.cut_off(entries)} | lives.given_back(entries)
        if machine.launch and machine.launch in doubted & {lives.last_launch(entries)}:
            self._note_ready(machine.name)

    def _note_ready(self, name: str) -> None:
        """Write down that the launch came to its end: from now on its machine is wanted."""
        journal = self._journal
        journal.append(name, Ready(self._edges.clock.now(), lives.last_launch(journal.read(name))))

    def _lost(self, launcher: Launcher, problem: NameTaken) -> NameTaken:
        """The error of who was not the first: with the winner's machine, if EC2 lists it.

        Nothing was made, so that there is nothing to undo, and what is there is another launch's.
        """
        name, journal = launcher.name, self._journal
        life = lives.this_life(journal.read(name))
        if {intent.claim for intent in lives.intents(life)} <= launcher.made.nonces:
            journal.append(name, Settled(self._edges.clock.now()))
        try:
            winner, _ = self._reader.find(name, regions.listed((), self._edges))
        except SpotkeeperError:
            return problem
        return name_taken(winner)

    def dry_run(self, plan: Plan) -> None:
        """Ask EC2 whether it would allow the launch, with what exists: a group or key that would
        be made is left out."""
        try:
            self._ask(plan)
        except ResourceGone:
            self._ask(self.plan(plan.launch_request))  # what was remembered is forgotten now

    def _ask(self, plan: Plan) -> None:
        asked = plan.launch_request
        subnets = self._cloud.subnets(plan.first.pool.region, asked.subnet_id)
        by_zone = {each.zone.name: each for each in subnets}
        prerequisites = Prerequisites(by_zone, asked.group_ids, asked.key_name)
        order = self._launcher(plan).order(
            plan.candidates[0], prerequisites, self._edges.boot_script, LaunchToken("dry-run")
        )
        self._cloud.ask(order)

    def _launchable(self, asked: LaunchRequest, candidates: tuple[Candidate, ...]) -> Launchable:
        """Meet, before the question, what would stop a launch for certain. Every region is looked
        at, side by side; what one lacks leaves the others."""
        compose(self._edges.boot_script, guard_values(candidates[0].deadline), asked.user_script)
        if not asked.guard:
            refuse_before_guard(asked.user_script)
        by_region: dict[str, list[Candidate]] = {}
        for each in candidates:
            by_region.setdefault(each.offer.pool.region, []).append(each)
        look = partial(self._in_region, asked, by_region)
        found = {
            each: lacks
            for one in market.answers(look, by_region).values()
            for each, lacks in one.items()
        }
        images = {each: image for each in candidates if isinstance(image := found[each], Image)}
        lacking = [lack for each in candidates if isinstance(lack := found[each], SpotkeeperError)]
        if not images:
            raise lacking[0]
        able = tuple(images)
        region, image = able[0].offer.pool.region, images[able[0]]
        self._refuse_taken(asked.name, region)
        told = [f"passed over: {lack.message}" for lack in lacking]
        if image.of_stranger and able[0].deadline and not asked.guard:
            told.append(
                f"{image.id} must have cloud-init: without it no timer on the machine ends it at "
                "its deadline; --guard scheduler does from outside"
            )
        if image.billed_as:
            told.append(f"{image.id} is {image.billed_as}: it costs more than the price shown")
        return Launchable(
            able,
            Disk(USUAL_TYPE, disk_gib(asked, image.root_gib)),
            image.further_disks,
            usd_per_gib_month(self._edges.storage, region),
            tuple(dict.fromkeys(told)),
        )

    def _in_region(
        self, asked: LaunchRequest, by_region: Mapping[str, Sequence[Candidate]], region: str
    ) -> dict[Candidate, Image | SpotkeeperError]:
        """The image that each candidate of a region would have, or what it lacks."""
        candidates = by_region[region]
        zones = _answer(lambda: self._zones(region, asked))
        if isinstance(zones, SpotkeeperError):
            return dict.fromkeys(candidates, zones)
        images: dict[tuple[str, str], Image | SpotkeeperError] = {}
        found: dict[Candidate, Image | SpotkeeperError] = {}
        for each in candidates:
            offer = each.offer
            wanted = (asked.image_for(offer), offer.hardware.arch)
            if offer.pool.zone.name not in zones:
                found[each] = no_subnet(offer.pool.zone.name)
                continue
            if wanted not in images:
                images[wanted] = _answer(lambda: self._cloud.image(region, *wanted))  # noqa: B023
            image = images[wanted]
            lack = boots_otherwise(image, offer.hardware) if isinstance(image, Image) else None
            found[each] = lack or image
        return found

    def _zones(self, region: str, asked: LaunchRequest) -> set[str]:
        """The zones that have a subnet, and a way in."""
        subnets = self._cloud.subnets(region, asked.subnet_id)
        if not subnets:
            raise no_default_vpc(region)
        if asked.connect is Connect.ENDPOINT:
            endpoint_in(self._cloud, region, subnets[0].vpc_id)
        return {subnet.zone.name for subnet in subnets}

    def _refuse_taken(self, name: str, region: str) -> None:
        """Refuse a name that is in use in a region, or in one that the journal remembers.

        Raises:
            NameTaken: with what is there.
        """
        owner = self._reader.owner
        for each in dict.fromkeys((region, *lives.regions(self._journal.read(name)))):
            found = self._tagged_resources[each] = self._cloud.tagged_resources(each)
            refuse_taken(self._cloud, each, owner=owner, name=name, tagged_resources=found)

    def _prerequisite_maker(self, launch_request: LaunchRequest) -> PrerequisiteMaker:
        named = bool(launch_request.key_name)
        public_key = "" if named else self._key(launch_request).public_line
        caller_cidr = self._edges.caller_cidr
        if launch_request.connect is Connect.PUBLIC and not (
            launch_request.group_ids or launch_request.open_to_world
        ):
            known = caller_cidr()  # before anything is made
            caller_cidr = lambda: known  # noqa: E731
        return PrerequisiteMaker(
            self._cloud,
            owner=self._reader.owner,
            launch_request=launch_request,
            caller_cidr=caller_cidr,
            public_key=public_key,
        )

    def _launcher(self, plan: Plan) -> Launcher:
        return Launcher(
            plan,
            owner=self._reader.owner,
            ports=launch_ports(self._edges, self._talk),
            tagged_resources=self._tagged_resources,
        )

    def _key(self, launch_request: LaunchRequest) -> keys.Key:
        if launch_request.key_file is not None:
            return keys.read_public_key(launch_request.key_file)
        usual = keys.usual_key(self._edges.home)
        return usual or keys.made_key(launch_request.name, self._edges.folders.private_keys())

    def _zone_of_subnet(self, launch_request: LaunchRequest) -> tuple[str, ...]:
        """The zone of the subnet that was named: the machine cannot be elsewhere."""
        if launch_request.subnet_id is None:
            return ()
        searched = regions.searched(launch_request.need.regions, self._edges)
        found = self._cloud.subnets(searched[0], launch_request.subnet_id)
        return tuple(subnet.zone.name for subnet in found)

    def _refuse_unfinished(self, name: str) -> None:
        entries = self._journal.read(name)
        if lives.is_damaged(entries):
            raise NameTaken(
                f"A line of the journal of {name} is damaged: the name may own what it does not "
                "know",
                next_step=f"Run `spot down {name}`, which looks in every region and ends all of "
                "it, or `spot sweep` to see what there is.",
            )
        now = self._edges.clock.now()
        shown = {lives.shown_by(each, entries): each for each in lives.unfinished(entries)}
        if shown and now < (free_at := max(shown)):
            raise NameTaken(
                f"An earlier launch of {name} in {shown[free_at].region} did not finish",
                next_step=f"Run `spot down {name}`, which ends whatever came of it; the name is "
                f"free again at {free_at:%H:%M:%S} UTC, when EC2 is sure to show everything.",
            )


def _answer(ask: Callable[[], T]) -> T | SpotkeeperError:
    """The answer, or what stands in its way in this region alone."""
    try:
        return ask()
    except SpotkeeperError as problem:
        if problem.scope is Scope.CREDENTIALS:
            raise
        return problem


def _granted(plan: Plan, instance: Instance) -> Candidate:
    """The candidate whose pool EC2 granted."""
    pool = (instance.instance_type, instance.zone_name)
    return next(
        candidate
        for candidate in plan.candidates
        if (candidate.offer.pool.instance_type, candidate.offer.pool.zone.name) == pool
    )
