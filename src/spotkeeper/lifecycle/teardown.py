"""Give back: cancel, then terminate, then verify. Driven by what EC2 lists, so safe to repeat.

The order matters: terminating the instance of a persistent request before the request is cancelled
makes EC2 launch another one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from spotkeeper.errors import LeftBehind, Scope, SpotkeeperError
from spotkeeper.lifecycle.guard import armed_launches, is_guarded
from spotkeeper.lifecycle.guard_schedules import remove
from spotkeeper.lifecycle.name_claim import ClaimRelease
from spotkeeper.lifecycle.ports import Observation, Ports
from spotkeeper.lifecycle.target import Target
from spotkeeper.lifecycle.wait import poll
from spotkeeper.model.journal_entry import Ending, Settled, Settling
from spotkeeper.model.launch import ClaimNonce, Launches, LaunchToken
from spotkeeper.model.lives import (
    VISIBILITY_WINDOW,
    given_back,
    is_open,
    is_settling,
    known_tokens,
    last_intent_at,
    regions,
    this_life,
)
from spotkeeper.model.machine import Instance, Volume, pair
from spotkeeper.model.resource import Leftover, ResourceId, ResourceKind
from spotkeeper.model.spot_request import CANCELLED_AND_RUNNING, SpotRequest
from spotkeeper.model.tags import TAG_CLAIM, TAG_OWNER

#: Volumes in these states are gone or on their way without us.
VOLUME_LEAVING = frozenset({"deleting", "deleted"})


@dataclass(frozen=True, slots=True)
class Actions:
    """What one look at a region asks for next; all empty means nothing of the name is left.

    ``unpaired`` are those of the instances to terminate whose request EC2 does not list.
    """

    cancel: tuple[str, ...] = ()
    terminate: tuple[str, ...] = ()
    delete_volumes: tuple[str, ...] = ()
    wait_for: tuple[ResourceId, ...] = ()
    unpaired: tuple[Instance, ...] = ()

    @property
    def none(self) -> bool:
        """Whether nothing was found at all."""
        return not (self.cancel or self.terminate or self.delete_volumes or self.wait_for)


def next_actions(seen: Observation, volumes: Iterable[Volume]) -> Actions:
    """Decide from one look; touch nothing.

    A request is cancelled while it may launch anything, also when only an instance names it. A
    cancelled one whose instance still runs names that instance before EC2 lists it. An instance on
    its way out is waited for, since its volumes and group are still held.
    """
    listed = {instance.id for instance in seen.instances}
    unlisted = {
        request.instance_id
        for request in seen.requests
        if request.status_code == CANCELLED_AND_RUNNING and request.instance_id
    } - listed
    alive = [instance for instance in seen.instances if not instance.ended]
    ended = {request.id for request in seen.requests if not request.cancellable}
    named = {instance.request_id for instance in alive if instance.request_id}
    cancellable = {request.id for request in seen.requests if request.cancellable}
    unpaired = tuple(i for i in alive if i.request_id not in {None} | cancellable | ended)
    present = [volume for volume in volumes if volume.state not in VOLUME_LEAVING]
    leaving = [i for i in seen.instances if i.state == "shutting-down"]
    return Actions(
        cancel=tuple(sorted(cancellable | (named - ended))),
        terminate=(*(instance.id for instance in alive), *sorted(unlisted)),
        delete_volumes=tuple(volume.id for volume in present if volume.state == "available"),
        wait_for=(
            *(ResourceId(ResourceKind.INSTANCE, instance.id, seen.region) for instance in leaving),
            *(
                ResourceId(ResourceKind.VOLUME, volume.id, seen.region)
                for volume in present
                if volume.state != "available"
            ),
        ),
        unpaired=unpaired,
    )


@dataclass(slots=True)
class Outcome:
    """What was ended, and what is left and why."""

    ended: list[ResourceId] = field(default_factory=list)
    left: list[Leftover] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        """Take in the outcome of another name or region."""
        self.ended += [resource_id for resource_id in other.ended if resource_id not in self.ended]
        self.left += [leftover for leftover in other.left if leftover not in self.left]


class Teardown:
    """Ends machines of one owner and proves that they are gone."""

    def __init__(self, owner: str, ports: Ports) -> None:
        self._owner = owner
        self._ports = ports
        self._cloud = ports.cloud
        self._journal = ports.journal
        self._clock = ports.clock
        self._talk = ports.talk

    def end(
        self,
        name: str,
        in_regions: Sequence[str],
        *,
        only: Launches | None = None,
        given: Mapping[str, frozenset[str]] | None = None,
    ) -> Outcome:
        """End everything of a name in the given regions, and what it shared if it was the last.

        ``only`` limits it to what these launches made; ``given`` are
        ids, by region, that are waited for although the journal may not know them. Never raises
        for what EC2 refuses: that is reported as left, with the reason. The claim of the name goes
        last: as long as it is there, no other computer launches the name.
        """
        outcome = Outcome()
        began = self._clock.now()
        self._begin(Target(name, self._journal.read(name), only))
        entries = self._journal.read(name)
        target = Target(name, entries, only, given or {})
        for region in dict.fromkeys((*in_regions, *regions(entries))):
            outcome.add(self._end_in(region, target))
        if not outcome.left:
            outcome.add(self._disarm(target, (*in_regions, *regions(entries))))
        if not outcome.left and not target.may_come(began):
            outcome.add(self._release(target, in_regions))
        if is_open(entries) and target.covers_life and not outcome.left:
            # Every region had its last look after the beginning; only that time is certain of all.
            over = target.born is None or began - target.born >= VISIBILITY_WINDOW
            now = self._clock.now()
            self._journal.append(name, Settled(now) if over else Settling(now, target.born))
        return outcome

    def _disarm(self, target: Target, in_regions: Sequence[str]) -> Outcome:
        """Remove the schedules that would end what is gone; nobody is asked who has none."""
        outcome = Outcome()
        for region in dict.fromkeys(in_regions):
            known = armed_launches(target.entries, region)
            if not known and region not in target.guarded:
                continue
            try:
                outcome.ended += remove(
                    self._ports.schedules,
                    target.name,
                    region,
                    owner=self._owner,
                    known=known,
                    only=None if target.only is None else target.only.tokens,
                )
            except SpotkeeperError as refusal:
                resource_id = ResourceId(ResourceKind.SCHEDULE, f"{target.name}-*", region)
                outcome.left.append(Leftover(resource_id, refusal.message))
        return outcome

    def _begin(self, target: Target) -> None:
        """Write down, before anything is changed, that the launches are not wanted any more."""
        begun = known_tokens(this_life(target.entries))
        meant = begun if target.only is None else begun & target.only.tokens
        if not meant <= given_back(target.entries):
            only = frozenset[LaunchToken]() if target.covers_life else meant
            self._journal.append(target.name, Ending(self._clock.now(), only))

    def _release(self, target: Target, in_regions: Sequence[str]) -> Outcome:
        releasing = ClaimRelease(target.name, self._owner, self._ports, target.spent, target.met)
        releasing.release(in_regions)
        return Outcome(releasing.ended, releasing.left)

    def end_shared(self, region: str) -> Outcome:
        """End the group and keys of the owner in a region, unless a machine still needs them."""
        outcome = Outcome()
        held: SpotkeeperError | None = None
        for elapsed in poll(self._clock):
            try:
                self._end_shared_once(region, outcome, ending="")
            except SpotkeeperError as refusal:
                held = refusal
                if refusal.scope is not Scope.TRANSIENT:
                    break
                self._talk.waiting(f"cleaning up in {region}", elapsed)
            else:
                return outcome
        return self._shared_left(region, str(held), outcome)

    def _end_in(self, region: str, target: Target) -> Outcome:
        outcome = Outcome()
        awaited = set(target.exists(region))
        remembered = is_open(target.entries)
        empty_looks = 0
        problem, told = "EC2 still lists it", f"ending {target.name} in {region}"
        for elapsed in poll(self._clock):
            try:
                actions = self._look(region, target, awaited)
                if actions.none:
                    told = f"making sure that {target.name} is gone from {region}"
                self._act(region, actions, outcome)
                settled = self._window_over(target.born)
                # What EC2 gave us exists, listed or not: an empty look before the window is over
                # proves nothing until it has been seen.
                empty_looks = empty_looks + 1 if actions.none and (settled or not awaited) else 0
                if empty_looks > (1 if settled else 0) and (settled or remembered):
                    self._end_shared_once(region, outcome, ending=target.name)
                    return outcome
            except SpotkeeperError as refusal:
                problem = refusal.message
                if refusal.scope is not Scope.TRANSIENT:
                    break
            self._talk.waiting(told, elapsed)
        return self._given_up(region, target, problem, outcome, awaited)

    def _look(self, region: str, target: Target, awaited: set[str]) -> Actions:
        seen = target.part_of(self._cloud.observe(region, self._owner, target.name))
        seen = replace(seen, requests=tuple(self._believed(each) for each in seen.requests))
        tags = [*(each.tags for each in seen.instances), *(each.tags for each in seen.requests)]
        target.met.update(ClaimNonce(each.get(TAG_CLAIM, "")) for each in tags)
        awaited.difference_update(instance.id for instance in seen.instances)
        awaited.difference_update(request.id for request in seen.requests)
        target.note_relaunches(region, seen, self._clock.now())
        volumes = self._cloud.volumes(region, self._owner, target.name)
        if any(is_guarded(each) for each in (*tags, *(volume.tags for volume in volumes))):
            target.guarded.add(region)
        return next_actions(seen, [volume for volume in volumes if target.covers(volume.tags)])

    def _believed(self, request: SpotRequest) -> SpotRequest:
        """The request without an instance that should long be listed if it existed."""
        old = self._clock.now() - request.status_since >= VISIBILITY_WINDOW
        return replace(request, instance_id=None) if old else request

    def _act(self, region: str, actions: Actions, outcome: Outcome) -> None:
        unknown = self._cloud.cancel(region, actions.cancel) if actions.cancel else frozenset()
        cancelled = [request_id for request_id in actions.cancel if request_id not in unknown]
        outcome.ended += self._new(outcome, ResourceKind.REQUEST, cancelled, region)
        early = {each.id for each in actions.unpaired if self._too_early(each, unknown)}
        ready = [instance_id for instance_id in actions.terminate if instance_id not in early]
        if ready:
            self._cloud.terminate(region, ready)
            outcome.ended += self._new(outcome, ResourceKind.INSTANCE, ready, region)
        for volume_id in actions.delete_volumes:
            self._cloud.delete_volume(region, volume_id)
            outcome.ended += self._new(outcome, ResourceKind.VOLUME, (volume_id,), region)

    def _too_early(self, instance: Instance, unknown: Collection[str]) -> bool:
        """Whether the instance's request is younger than what EC2 knows, and so not cancelled:
        it would launch another one in its place."""
        return instance.request_id in unknown and not self._window_over(instance.launched_at)

    def _given_up(
        self, region: str, target: Target, problem: str, outcome: Outcome, awaited: set[str]
    ) -> Outcome:
        """``awaited`` are the ids of what exists although no look has shown it."""
        try:
            actions = self._look(region, target, awaited)
            if actions.none:  # one empty look proves nothing
                actions = self._look(region, target, awaited)
        except SpotkeeperError:
            outcome.left.append(Leftover(ResourceId("everything", target.name, region), problem))
            return outcome
        if actions.none and awaited and not self._window_over(target.born):
            unseen = (ResourceId(_kind_of(id_), id_, region) for id_ in sorted(awaited))
            outcome.left += [Leftover(resource_id, problem) for resource_id in unseen]
            return outcome
        if actions.none:
            return self._shared_left(region, problem, outcome)
        resource_ids = (
            *(ResourceId(ResourceKind.REQUEST, id_, region) for id_ in actions.cancel),
            *(ResourceId(ResourceKind.INSTANCE, id_, region) for id_ in actions.terminate),
            *(ResourceId(ResourceKind.VOLUME, id_, region) for id_ in actions.delete_volumes),
            *actions.wait_for,
        )
        outcome.ended = [
            resource_id for resource_id in outcome.ended if resource_id not in resource_ids
        ]
        outcome.left += [Leftover(resource_id, problem) for resource_id in resource_ids]
        return outcome

    def _shared_left(self, region: str, problem: str, outcome: Outcome) -> Outcome:
        try:
            resource_ids = self._shared(region)
        except SpotkeeperError:
            resource_ids = [ResourceId(ResourceKind.GROUP, "spotkeeper's own", region)]
        outcome.left += [Leftover(resource_id, problem) for resource_id in resource_ids]
        return outcome

    def _end_shared_once(self, region: str, outcome: Outcome, *, ending: str) -> None:
        """Raises ``InUse`` where something still holds the group: look for it again."""
        if self._needed(region, ending):
            return
        for resource_id in self._shared(region):
            if resource_id.kind == ResourceKind.KEY:
                self._cloud.delete_key(region, resource_id.id)
            else:
                self._cloud.delete_group(region, resource_id.id)
            outcome.ended.append(resource_id)

    def _shared(self, region: str) -> list[ResourceId]:
        """The owner's groups and keys in a region."""
        shared = (ResourceKind.GROUP, ResourceKind.KEY)
        mine = (
            h for h in self._cloud.tagged_resources(region) if h.tags.get(TAG_OWNER) == self._owner
        )
        return [tagged.resource_id for tagged in mine if tagged.resource_id.kind in shared]

    def _needed(self, region: str, ending: str) -> bool:
        seen = self._cloud.observe(region, self._owner)
        if any(machine.alive for machine in pair(seen.instances, seen.requests)):
            return True
        names = (name for name in self._journal.names() if name != ending)
        return any(self._may_need(name, region) for name in names)

    def _may_need(self, name: str, region: str) -> bool:
        """Whether a launch of this computer, begun a moment ago, relies on the region's ground."""
        entries = this_life(self._journal.read(name))
        young = bool(entries) and not self._window_over(last_intent_at(entries))
        return young and not is_settling(entries) and region in regions(entries)

    def _window_over(self, born: datetime | None) -> bool:
        return born is None or self._clock.now() - born >= VISIBILITY_WINDOW

    @staticmethod
    def _new(
        outcome: Outcome, kind: ResourceKind, ids: Iterable[str], region: str
    ) -> list[ResourceId]:
        resource_ids = (ResourceId(kind, id_, region) for id_ in ids)
        return [resource_id for resource_id in resource_ids if resource_id not in outcome.ended]


def _kind_of(launched_id: str) -> ResourceKind:
    """What EC2's id of something that a launch was answered with stands for."""
    return ResourceKind.REQUEST if launched_id.startswith("sir-") else ResourceKind.INSTANCE


def left_behind(outcome: Outcome, told: str = "") -> LeftBehind:
    """The error for what could not be ended, each thing with its region and reason."""
    names = "; ".join(f"{each.resource_id}: {each.reason}" for each in outcome.left)
    return LeftBehind(f"{told}Left behind: {names}", region=outcome.left[0].resource_id.region)
