"""Try the pools of a plan in order, each at most once per token, the intent always first."""

from collections.abc import Mapping
from types import MappingProxyType

from spotkeeper.errors import Refused, ResourceGone, SpotkeeperError, StaleToken, Unreachable
from spotkeeper.lifecycle.name_claim import NameClaim
from spotkeeper.lifecycle.plan import Candidate, Plan, disk_gib
from spotkeeper.lifecycle.ports import LaunchOrder, Ports
from spotkeeper.lifecycle.prerequisites import PrerequisiteMaker, Prerequisites
from spotkeeper.lifecycle.presence import machines, name_taken, refuse_taken
from spotkeeper.lifecycle.refused_pools import TRY_NEXT, Blocked, all_refused, unclear, with_quota
from spotkeeper.lifecycle.userdata import compose, guard_values
from spotkeeper.lifecycle.wait import poll
from spotkeeper.model.journal_entry import Entry, Intent, Launched, LaunchRefused
from spotkeeper.model.launch import Launches, LaunchToken, client_token
from spotkeeper.model.lives import attempts
from spotkeeper.model.machine import Instance
from spotkeeper.model.pool import Pool
from spotkeeper.model.resource import TaggedResource
from spotkeeper.model.tags import TAG_CLAIM, TAG_USER, machine_tags
from spotkeeper.timings import LAUNCH_PAUSES, VISIBILITY_WINDOW

#: EC2's code for a token whose instance was terminated.
INSTANCE_ENDED = "IdempotentInstanceTerminated"

#: Tokens that EC2 may remember from lives of the name that this computer has forgotten.
MAX_STALE_TOKENS = 5


class Launcher:
    """Launches one machine of one plan."""

    def __init__(
        self,
        plan: Plan,
        *,
        owner: str,
        ports: Ports,
        tagged_resources: Mapping[str, tuple[TaggedResource, ...]] = MappingProxyType({}),
    ) -> None:
        self._plan = plan
        self._owner = owner
        self._cloud = ports.cloud
        self._journal = ports.journal
        self._clock = ports.clock
        self._talk = ports.talk
        self._attempt = 0
        #: What is ours in a region, asked once: what the plan saw, and what this launch sees.
        self._tagged_resources = dict(tagged_resources)
        self._name_claim = NameClaim(plan.launch_request.name, owner=owner, ports=ports)
        #: Tokens of calls that may have made something; one that somebody else used is not here.
        self._tokens: frozenset[LaunchToken] = frozenset()
        self._unanswered: frozenset[LaunchToken] = frozenset()
        self._blocked = Blocked()
        self._refusals: list[tuple[Pool, SpotkeeperError]] = []
        #: Ids that EC2 gave us, by region: the journal may have no room for them.
        self.given: dict[str, frozenset[str]] = {}

    @property
    def name(self) -> str:
        """The name of the machine to be."""
        return self._plan.launch_request.name

    @property
    def made(self) -> Launches:
        """What this launch may have made goes by these."""
        return Launches(self._tokens, self._name_claim.nonces)

    @property
    def holds_name(self) -> bool:
        """Whether the name was ours at any time of this launch."""
        return self._name_claim.holds

    def tagged_resources(self, region: str) -> tuple[TaggedResource, ...]:
        """What is ours in a region, asked once, and the name refused if it is taken there.

        Raises:
            NameTaken: the name is in use in the region.
        """
        if region not in self._tagged_resources:
            found = self._cloud.tagged_resources(region)
            refuse_taken(
                self._cloud, region, owner=self._owner, name=self.name, tagged_resources=found
            )
            self._tagged_resources[region] = found
        return self._tagged_resources[region]

    def launch(self, prerequisites: PrerequisiteMaker, boot_script: str) -> Instance:
        """Walk the candidates until EC2 grants one; what was passed over is not tried again.

        Raises:
            NameTaken: another launch of the name was quicker, or its machine lives.
            SpotkeeperError: a refusal that other pools would repeat (permission, ...), or what the
                refusals of all pools add up to; the message names them.
        """
        self._attempt = attempts(self._journal.read(self.name)) + 1
        for candidate in self._plan.candidates:
            pool = candidate.offer.pool
            if self._blocked.covers(pool, self._plan.launch_request.image_for(candidate.offer)):
                continue
            try:
                return self._in_pool(candidate, prerequisites, boot_script)
            except SpotkeeperError as refusal:
                if refusal.scope not in TRY_NEXT:
                    raise
                self._rule_out(candidate, refusal)
                self._talk.say(f"{pool}: {refusal.message}")
        raise all_refused(self._refusals)

    def pass_over(
        self, candidate: Candidate, problem: SpotkeeperError, prerequisites: PrerequisiteMaker
    ) -> None:
        """Go on without what an instance was ended for. It has been given back, and with it the
        claim of the name, and group and key where nothing else needed them."""
        region = candidate.offer.pool.region
        self._rule_out(candidate, problem)
        prerequisites.forget(region)
        self._tagged_resources[region] = ()
        self.given.pop(region, None)
        self._tokens = frozenset()
        self._name_claim.begin_anew()

    def _rule_out(self, candidate: Candidate, refusal: SpotkeeperError) -> None:
        pool = candidate.offer.pool
        self._blocked.add(
            pool, refusal.scope, self._plan.launch_request.image_for(candidate.offer)
        )
        self._refusals.append((pool, with_quota(refusal, candidate.offer.hardware)))

    def order(
        self,
        candidate: Candidate,
        prerequisites: Prerequisites,
        boot_script: str,
        token: LaunchToken,
    ) -> LaunchOrder:
        """Everything RunInstances is told for one candidate.

        Raises:
            BadInput: the disk is smaller than the image, or the user data too large.
        """
        asked, offer = self._plan.launch_request, candidate.offer
        image = self._cloud.image(offer.pool.region, asked.image_for(offer), offer.hardware.arch)
        values = guard_values(candidate.deadline)
        return LaunchOrder(
            pool=offer.pool,
            image=image,
            kind=asked.kind,
            on_interruption=asked.behaviour,
            subnet_id=prerequisites.subnet_in(offer.pool.zone.name).id,
            group_ids=prerequisites.group_ids,
            key_name=prerequisites.key_name,
            disk_gib=disk_gib(asked, image.root_gib),
            user_data=compose(boot_script, values, asked.user_script),
            token=token,
            tags=self._tags(candidate, token, image.login),
            max_price_usd_per_hour=candidate.max_price_usd_per_hour,
            valid_until=candidate.valid_until,
            role=asked.role,
            connect=asked.connect,
        )

    def _tags(self, candidate: Candidate, token: LaunchToken, login: str) -> Mapping[str, str]:
        asked = self._plan.launch_request
        ours = machine_tags(
            name=self.name,
            owner=self._owner,
            launch=token,
            deadline=candidate.deadline,
            kind=asked.kind,
        )
        claim = {TAG_USER: login, TAG_CLAIM: self._name_claim.nonce}
        return {**ours, **self._plan.own_tags, **claim, **asked.tags}

    def _in_pool(
        self, candidate: Candidate, prerequisites: PrerequisiteMaker, boot_script: str
    ) -> Instance:
        region = candidate.offer.pool.region
        self.tagged_resources(region)
        for _ in range(MAX_STALE_TOKENS):
            token = self._token(candidate.offer.pool)
            try:
                instance = self._granted(candidate, prerequisites, boot_script, token)
            except StaleToken as stale:
                self._note(LaunchRefused(self._clock.now(), region, token, stale.kind))
                self._tokens -= {token}
                self._resolve(stale, region, token)
                self._name_claim.renounce()
                self._attempt += 1
                continue
            except SpotkeeperError as refusal:
                if token in self._unanswered:
                    raise unclear(refusal) from refusal
                if not isinstance(refusal, Unreachable) or token not in self._tokens:
                    # EC2 said no for certain, or was never asked.
                    self._note(LaunchRefused(self._clock.now(), region, token, refusal.kind))
                    # Another computer may use the same token, and what that makes is not ours.
                    self._tokens -= {token}
                raise
            ids = frozenset({instance.id, instance.request_id or ""}) - {""}
            self.given[region] = ids
            request_id = instance.request_id or ""
            self._note(Launched(self._clock.now(), region, token, instance.id, request_id))
            return _checked(instance)
        raise Refused(
            f"EC2 remembers {MAX_STALE_TOKENS} earlier launches of {self.name}",
            next_step="Use another name, or try again tomorrow.",
            region=region,
        )

    def _granted(
        self,
        candidate: Candidate,
        prerequisites: PrerequisiteMaker,
        boot_script: str,
        token: LaunchToken,
    ) -> Instance:
        """Ask until there is an answer; names and token make every repeat the same request."""
        region = candidate.offer.pool.region
        self._intend(candidate.offer.pool, token)
        remade = False
        for pause in LAUNCH_PAUSES:
            try:
                return self._asked(candidate, prerequisites, boot_script, token)
            except Unreachable as lost:
                self._talk.say(f"{lost.message}; asking again with the same token")
                self._clock.sleep(pause)
            except ResourceGone as gone:
                # The group or key went with somebody's last machine a moment ago: make it anew.
                # What was made a moment ago may be unknown to EC2 for another one.
                if not remade:
                    remade = True
                    prerequisites.forget(region)
                    self._tagged_resources[region] = ()
                elif prerequisites.brought:
                    raise
                else:
                    self._talk.say(f"{gone.message}; asking again, as it is new")
                    self._clock.sleep(pause)
        return self._asked(candidate, prerequisites, boot_script, token)

    def _asked(
        self,
        candidate: Candidate,
        prerequisites: PrerequisiteMaker,
        boot_script: str,
        token: LaunchToken,
    ) -> Instance:
        """One call, with a name that is ours. When its answer is lost the intent is written again,
        before anything else: the call may have taken effect until then, and EC2's window is
        counted from the last intent."""
        pool = candidate.offer.pool

        def intend() -> None:
            self._intend(pool, token)

        self._name_claim.hold(pool.region, intend)
        found = prerequisites.prerequisites(pool.region, self._tagged_resources[pool.region])
        order = self.order(candidate, found, boot_script, token)
        self._name_claim.hold(pool.region, intend)  # all that may have taken its time
        self._tokens |= {token}
        try:
            return self._cloud.run(order)
        except (Unreachable, KeyboardInterrupt):
            self._unanswered |= {token}
            intend()
            raise

    def _intend(self, pool: Pool, token: LaunchToken) -> None:
        asked = self._plan.launch_request
        intent = Intent(
            self._clock.now(),
            region=pool.region,
            pool=str(pool),
            token=token,
            attempt=self._attempt,
            claim=self._name_claim.nonce,
            claim_region=self._name_claim.region,
            owner=self._owner,
            guard=asked.guard or "",
            key_file=str(asked.key_file or ""),
            disks=(self._plan.disk, *self._plan.further_disks),
            connect=asked.connect,
        )
        self._note(intent)

    def _token(self, pool: Pool) -> LaunchToken:
        return client_token(owner=self._owner, name=self.name, attempt=self._attempt, pool=pool)

    def _note(self, entry: Entry) -> None:
        self._journal.append(self.name, entry)

    def _resolve(self, stale: StaleToken, region: str, token: LaunchToken) -> None:
        """Learn what the earlier launch with this token became; return only if it has ended.

        Another computer with the same login may have made it a moment ago, so that an empty list
        proves nothing before EC2's window is over. A token whose instance ended is settled.

        Raises:
            NameTaken: its machine is alive.
        """
        for elapsed in poll(self._clock, VISIBILITY_WINDOW):
            seen = machines(self._cloud, region, self._owner, self.name)
            for machine in seen:
                if machine.alive:
                    raise name_taken(machine)
            if stale.aws_code == INSTANCE_ENDED or any(one.launch == token for one in seen):
                return
            self._talk.waiting(
                f"{self.name} was launched elsewhere; making sure that it is gone", elapsed
            )


def _checked(instance: Instance) -> Instance:
    if instance.lifecycle != "spot":
        raise Refused(
            f"EC2 launched {instance.id} as {instance.lifecycle or 'On-Demand'}, not as Spot",
            region=instance.region,
        )
    return instance
