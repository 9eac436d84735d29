"""From a wish to a machine that answers."""

from collections.abc import Callable
from dataclasses import replace

from spotkeeper.errors import Declined, NameTaken, SpotkeeperError
from spotkeeper.keeper import regions
from spotkeeper.keeper.deadline import Deadline
from spotkeeper.keeper.down import Down
from spotkeeper.keeper.machines import MachineReader, usd_per_gib_month
from spotkeeper.keeper.results import MachineReport
from spotkeeper.keeper.wiring import Edges, ports
from spotkeeper.lifecycle.guard import role_arn
from spotkeeper.lifecycle.launch import Launcher
from spotkeeper.lifecycle.launch_request import LaunchRequest, check
from spotkeeper.lifecycle.plan import Candidate, Plan, disk_gib, make_plan
from spotkeeper.lifecycle.ports import Talk
from spotkeeper.lifecycle.prerequisites import PrerequisiteMaker, Prerequisites, no_default_vpc
from spotkeeper.lifecycle.presence import name_taken
from spotkeeper.lifecycle.refused_pools import TRY_NEXT
from spotkeeper.lifecycle.userdata import compose, guard_values
from spotkeeper.lifecycle.wait import Waiter
from spotkeeper.model import lives
from spotkeeper.model.disk import USUAL_TYPE, Disk
from spotkeeper.model.journal_entry import Ready, Settled
from spotkeeper.model.launch import LaunchToken
from spotkeeper.model.machine import Instance, Machine
from spotkeeper.model.need import Need
from spotkeeper.model.offer import Ranking
from spotkeeper.ssh import keys

#: Shown to the user before money is spent; a ``False`` stops the launch.
Confirm = Callable[[Plan], bool]
Find = Callable[[Need], Ranking]


class Up:
    """Plans and launches; whatever goes wrong, what was begun is given back."""

    def __init__(self, edges: Edges, look: MachineReader, ending: Down, talk: Talk) -> None:
        self._edges = edges
        self._cloud = edges.cloud
        self._look = look
        self._down = ending
        self._talk = talk

    def plan(self, launch_request: LaunchRequest, find: Find) -> Plan:
        """Decide what a launch would do; asks only what costs nothing."""
        check(launch_request)
        if launch_request.key_file is not None:
            keys.read_public_key(launch_request.key_file)
        if launch_request.guard:
            role = role_arn(launch_request.guard_role, self._cloud.caller())
            launch_request = replace(launch_request, guard_role=role)
        need = replace(
            launch_request.need,
            zones=self._zone_of_subnet(launch_request) or launch_request.need.zones,
        )
        plan = make_plan(launch_request, find(need), now=self._edges.clock.now())
        prices = usd_per_gib_month(self._edges.storage, plan.first.pool.region)
        told = (*self._edges.warnings, *plan.warnings)
        return replace(plan, usd_per_gib_month=prices, warnings=told)

    def run(self, plan: Plan, confirm: Confirm, *, dry_run: bool) -> MachineReport | None:
        """Ask the user, then EC2; with ``dry_run`` EC2 only says whether it would.

        Raises:
            SpotkeeperError: after what was begun has been given back.
        """
        launcher = self._free(plan)
        plan = replace(plan, disk=self._check_first(plan))
        if not confirm(plan):
            raise Declined("Nothing was launched", next_step="Run the command again when ready.")
        if dry_run:
            self._ask(plan, launcher)
            return None
        with self._edges.journal.lock(plan.launch_request.name):
            # The question took time: another terminal may have used the name. Another computer may
            # have, too: the claim that the launcher makes tells.
            self._refuse_unfinished(plan.launch_request.name)
            return self._launched(plan, launcher)

    def waiter(self) -> Waiter:
        """Waits for machines, saying how long it takes."""
        edges = self._edges
        return Waiter(cloud=self._cloud, clock=edges.clock, talk=self._talk, reach=edges.reach)

    def _free(self, plan: Plan) -> Launcher:
        """A launcher for a name that is free now.

        Raises:
            NameTaken: with what is there.
        """
        self._refuse_unfinished(plan.launch_request.name)
        launcher = self._launcher(plan)
        remembered = lives.regions(self._edges.journal.read(plan.launch_request.name))
        for region in dict.fromkeys((plan.first.pool.region, *remembered)):
            launcher.tagged_resources(region)
        return launcher

    def _launched(self, plan: Plan, launcher: Launcher) -> MachineReport:
        prerequisites = self._prerequisite_maker(plan.launch_request)
        try:
            granted, running = self._until_up(plan, launcher, prerequisites)
            self._note_ready(plan.launch_request.name)
        except (SpotkeeperError, KeyboardInterrupt) as problem:
            if isinstance(problem, NameTaken) and not launcher.holds_name:
                raise self._lost(launcher, problem) from problem
            made, given = launcher.made, launcher.given
            raise self._down.undo(plan.launch_request.name, problem, made, given) from problem
        machine = Machine(running, None)
        self._look.note(machine)
        return MachineReport(
            machine,
            granted.offer.spot_usd_per_hour,
            granted.offer.on_demand_usd_per_hour,
            self._look.login(machine),
            plan.warnings,
            granted.max_price_usd_per_hour,
        )

    def _until_up(
        self, plan: Plan, launcher: Launcher, prerequisites: PrerequisiteMaker
    ) -> tuple[Candidate, Instance]:
        """A machine that is up, and the pool that it was granted in.

        One that EC2 ends on its way up is given back and gives way to the next pool, where the
        reason leaves any that is worth a try.
        """
        while True:
            instance = launcher.launch(prerequisites, self._edges.boot_script)
            granted = _granted(plan, instance)
            Deadline(self._edges, self._look).arm(plan, instance, granted)
            try:
                return granted, self.waiter().until_reachable(instance, "up")
            except SpotkeeperError as problem:
                if problem.scope not in TRY_NEXT:
                    raise
                self._talk.say(problem.message)
                made, given = launcher.made, launcher.given
                self._down.end_attempt(plan.launch_request.name, problem, made, given)
                launcher.pass_over(granted, problem, prerequisites)

    def adopt(self, machine: Machine) -> None:
        """Take a machine whose launch, or whose end, was cut off for wanted after all."""
        entries = self._edges.journal.read(machine.name)
        doubted = {lives.cut_off(entries)} | lives.given_back(entries)
        if machine.launch and machine.launch in doubted & {lives.last_launch(entries)}:
            self._note_ready(machine.name)

    def _note_ready(self, name: str) -> None:
        """Write down that the launch came to its end: from now on its machine is wanted."""
        journal = self._edges.journal
        journal.append(name, Ready(self._edges.clock.now(), lives.last_launch(journal.read(name))))

    def _lost(self, launcher: Launcher, problem: NameTaken) -> NameTaken:
        """The error of who was not the first: with the winner's machine, if EC2 lists it.

        Nothing was made, so that there is nothing to undo, and what is there is another launch's.
        """
        name, journal = launcher.name, self._edges.journal
        life = lives.this_life(journal.read(name))
        if {intent.claim for intent in lives.intents(life)} <= launcher.made.nonces:
            journal.append(name, Settled(self._edges.clock.now()))
        try:
            found = self._look.present(name, regions.listed((), self._edges))
        except SpotkeeperError:
            return problem
        return name_taken(found[0])

    def _ask(self, plan: Plan, launcher: Launcher) -> None:
        """DryRun with what exists; a group or key that would be made is left out."""
        launch_request = plan.launch_request
        region = plan.first.pool.region
        subnets = self._cloud.subnets(region, launch_request.subnet_id)
        prerequisites = Prerequisites(
            {each.zone.name: each for each in subnets},
            launch_request.group_ids,
            launch_request.key_name,
        )
        order = launcher.order(
            plan.candidates[0], prerequisites, self._edges.boot_script, LaunchToken("dry-run")
        )
        self._cloud.ask(order)

    def _check_first(self, plan: Plan) -> Disk:
        """Meet, before the question, what would stop the first candidate for certain; the disk
        that it would have."""
        offer, launch_request = plan.first, plan.launch_request
        if not self._cloud.subnets(offer.pool.region, launch_request.subnet_id):
            raise no_default_vpc(offer.pool.region)
        image = self._cloud.image(offer.pool.region, plan.image_for(offer), offer.hardware.arch)
        compose(self._edges.boot_script, guard_values(plan.deadline), launch_request.user_script)
        return Disk(USUAL_TYPE, disk_gib(launch_request, image.root_gib))

    def _prerequisite_maker(self, launch_request: LaunchRequest) -> PrerequisiteMaker:
        if not launch_request.key_name:
            launch_request = replace(
                launch_request, public_key=self._key(launch_request).public_line
            )
        needs_address = not launch_request.group_ids and not launch_request.open_to_world
        cidr = self._edges.caller_cidr() if needs_address else ""
        return PrerequisiteMaker(
            self._cloud, owner=self._look.owner, launch_request=launch_request, caller_cidr=cidr
        )

    def _launcher(self, plan: Plan) -> Launcher:
        return Launcher(plan, owner=self._look.owner, ports=ports(self._edges, self._talk))

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
        entries = self._edges.journal.read(name)
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


def _granted(plan: Plan, instance: Instance) -> Candidate:
    """The candidate whose pool EC2 granted."""
    pool = (instance.instance_type, instance.zone_name)
    return next(
        candidate
        for candidate in plan.candidates
        if (candidate.offer.pool.instance_type, candidate.offer.pool.zone.name) == pool
    )
