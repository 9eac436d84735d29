"""The end of one name in one region: look, cancel, terminate, delete, and look again.

The order matters: terminating the instance of a persistent request before the request is cancelled
makes EC2 launch another one.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from spotkeeper.errors import Scope, SpotkeeperError
from spotkeeper.lifecycle.guard import is_guarded
from spotkeeper.lifecycle.ports import Cloud, Observation, Ports
from spotkeeper.lifecycle.target import Target
from spotkeeper.model.launch import ClaimNonce
from spotkeeper.model.lives import is_open
from spotkeeper.model.machine import Instance, Kind, Volume
from spotkeeper.model.resource import Leftover, ResourceId, ResourceKind
from spotkeeper.model.spot_request import CANCELLED_AND_RUNNING, SpotRequest
from spotkeeper.model.tags import TAG_CLAIM, TAG_KIND, tagged_name
from spotkeeper.timings import VISIBILITY_WINDOW

T = TypeVar("T")

#: Volumes in these states are gone or on their way without us.
VOLUME_LEAVING = frozenset({"deleting", "deleted"})


@dataclass(frozen=True, slots=True)
class Actions:
    """What one look at a region asks for next; all empty means nothing of the name is left.

    Of the instances to terminate ``unpaired`` are those whose request EC2 does not list, and
    ``final`` the ids of those that no request launches anew.
    """

    cancel: tuple[str, ...] = ()
    terminate: tuple[str, ...] = ()
    delete_volumes: tuple[str, ...] = ()
    wait_for: tuple[ResourceId, ...] = ()
    unpaired: tuple[Instance, ...] = ()
    final: frozenset[str] = frozenset()

    def resources(self, region: str) -> tuple[ResourceId, ...]:
        """All that was found."""
        return (
            *(ResourceId(ResourceKind.REQUEST, id_, region) for id_ in self.cancel),
            *(ResourceId(ResourceKind.INSTANCE, id_, region) for id_ in self.terminate),
            *(ResourceId(ResourceKind.VOLUME, id_, region) for id_ in self.delete_volumes),
            *self.wait_for,
        )

    def without(self, refused: Collection[str]) -> "Actions":
        """The same for all but these ids."""

        def others(ids: Iterable[str]) -> tuple[str, ...]:
            return tuple(id_ for id_ in ids if id_ not in refused)

        return replace(
            self,
            cancel=others(self.cancel),
            terminate=others(self.terminate),
            delete_volumes=others(self.delete_volumes),
            wait_for=tuple(each for each in self.wait_for if each.id not in refused),
        )

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
        final=frozenset(i.id for i in alive if _is_final(i)),
    )


def _is_final(instance: Instance) -> bool:
    return not instance.request_id or instance.tags.get(TAG_KIND) == Kind.ONCE


@dataclass(slots=True)
class TeardownOutcome:
    """What was ended, and what is left and why."""

    ended: list[ResourceId] = field(default_factory=list)
    left: list[Leftover] = field(default_factory=list)

    def add(self, other: "TeardownOutcome") -> None:
        """Take in the outcome of another name or region."""
        self.ended += [resource_id for resource_id in other.ended if resource_id not in self.ended]
        self.left += [leftover for leftover in other.left if leftover not in self.left]


@dataclass(frozen=True, slots=True)
class RegionLook:
    """What EC2 lists in a region at one moment, or why it does not."""

    seen: Observation | SpotkeeperError
    volumes: tuple[Volume, ...] | SpotkeeperError = ()

    @classmethod
    def taken(cls, cloud: Cloud, region: str, owner: str, name: str | None) -> "RegionLook":
        """Look for one name, or for all of them at once."""
        seen = _answer(lambda: cloud.observe(region, owner, name))
        if isinstance(seen, SpotkeeperError):
            return cls(seen)
        return cls(seen, _answer(lambda: cloud.volumes(region, owner, name)))

    def of(self, name: str) -> Observation:
        """The instances and requests of a name; a request's instance goes with it."""
        if isinstance(self.seen, SpotkeeperError):
            raise self.seen
        requests = tuple(each for each in self.seen.requests if tagged_name(each.tags) == name)
        ids = {each.id for each in requests}
        instances = tuple(
            each
            for each in self.seen.instances
            if tagged_name(each.tags) == name or each.request_id in ids
        )
        return replace(self.seen, instances=instances, requests=requests)


def _answer(ask: Callable[[], T]) -> T | SpotkeeperError:
    try:
        return ask()
    except SpotkeeperError as refusal:
        return refusal


@dataclass(eq=False, slots=True)
class RegionEnding:
    """Ends a name in a region with one ``step`` after another, until it is ``done``.

    What EC2 refuses for good is asked for once, and nothing that goes without it waits for it.
    """

    region: str
    target: Target
    owner: str
    ports: Ports
    outcome: TeardownOutcome = field(default_factory=TeardownOutcome)
    done: bool = False
    #: Whether no machine is left, as far as EC2 may be asked.
    gone: bool = False
    #: Why EC2 refuses to end things, by their ids.
    _refused: dict[str, str] = field(default_factory=dict)
    #: What the last look could not see, and why.
    _unseen: dict[ResourceId, str] = field(default_factory=dict)
    #: Ids of what EC2 gave us and has neither listed nor taken back.
    _awaited: set[str] = field(init=False)
    _remembered: bool = field(init=False)
    _empty_looks: int = 0
    _problem: str = "EC2 still lists it"

    def __post_init__(self) -> None:
        self._awaited = set(self.target.exists(self.region))
        self._remembered = is_open(self.target.entries)

    @property
    def told(self) -> str:
        """What it is doing, for whoever waits."""
        if self._empty_looks:
            return f"making sure that {self.target.name} is gone from {self.region}"
        return f"ending {self.target.name} in {self.region}"

    def step(self, look: RegionLook) -> None:
        """Do what a look asks for; a refusal by EC2 is kept, not raised."""
        try:
            found = self._found(look)
            self._keep_disks(found)
            todo = found.without(self._refused)
            self._act(todo)
        except SpotkeeperError as refusal:
            self._problem = refusal.message
            if refusal.scope is not Scope.TRANSIENT:
                self.give_up()
            return
        settled = self._window_over(self.target.born)
        # What EC2 gave us exists, listed or not: an empty look before the window is over proves
        # nothing until it has been seen.
        proves = todo.none and (settled or not self._awaited)
        self._empty_looks = self._empty_looks + 1 if proves else 0
        enough = self._empty_looks > (1 if settled else 0)
        if enough and (settled or self._remembered):
            self._close(found.resources(self.region))

    def give_up(self) -> None:
        """Say what is left, by a last look where one is to be had."""
        try:
            found = self._found(self._look())
            if found.none:  # one empty look proves nothing
                found = self._found(self._look())
        except SpotkeeperError:
            self._end_unseen()
            return
        unlisted = found.none and not self._window_over(self.target.born)
        self._close(self._unlisted() if unlisted else found.resources(self.region))

    def _close(self, left: Collection[ResourceId]) -> None:
        """Write down what is left; a disk that is does not keep its machine's group."""
        self.gone = all(each.kind == ResourceKind.VOLUME for each in left)
        self.outcome.ended = [each for each in self.outcome.ended if each not in left]
        self.outcome.left += [
            Leftover(each, self._refused.get(each.id, self._problem)) for each in left
        ]
        self.outcome.left += [Leftover(each, told) for each, told in self._unseen.items()]
        self.done = True

    def _end_unseen(self) -> None:
        """Where nobody may look: end what is known to exist, and say that nobody saw its end."""
        known = self._unlisted()
        requests = tuple(each.id for each in known if each.kind == ResourceKind.REQUEST)
        instances = tuple(each.id for each in known if each.kind == ResourceKind.INSTANCE)
        problem = f"it could not be looked at: {self._problem}"
        try:
            self._act(Actions(requests, instances))
        except SpotkeeperError as refusal:
            self._problem = refusal.message
        told = {ended.id: f"it was told to end, but {problem}" for ended in self.outcome.ended}
        self._refused = {**told, **self._refused}
        self._unseen = {ResourceId("everything else", self.target.name, self.region): problem}
        self._close(known)
        self.gone = False

    def _unlisted(self) -> tuple[ResourceId, ...]:
        """What EC2 gave us and does not list."""
        return tuple(ResourceId(_kind_of(id_), id_, self.region) for id_ in sorted(self._awaited))

    def _look(self) -> RegionLook:
        return RegionLook.taken(self.ports.cloud, self.region, self.owner, self.target.name)

    def _found(self, look: RegionLook) -> Actions:
        target = self.target
        seen = target.part_of(look.of(target.name))
        seen = replace(seen, requests=tuple(self._believed(each) for each in seen.requests))
        self._unseen = {}
        if seen.problem:
            if seen.problem.scope is Scope.TRANSIENT:
                raise seen.problem
            self._note_unseen(ResourceKind.REQUEST, seen.problem)
        tags = [*(each.tags for each in seen.instances), *(each.tags for each in seen.requests)]
        target.met.update(ClaimNonce(each.get(TAG_CLAIM, "")) for each in tags)
        self._awaited.difference_update(instance.id for instance in seen.instances)
        self._awaited.difference_update(request.id for request in seen.requests)
        target.note_relaunches(self.region, seen, self.ports.clock.now())
        volumes = self._volumes(look)
        if any(is_guarded(each) for each in (*tags, *(volume.tags for volume in volumes))):
            target.guarded.add(self.region)
        return next_actions(seen, [volume for volume in volumes if target.covers(volume.tags)])

    def _volumes(self, look: RegionLook) -> tuple[Volume, ...]:
        refusal = look.volumes
        if not isinstance(refusal, SpotkeeperError):
            name = self.target.name
            return tuple(each for each in refusal if tagged_name(each.tags) == name)
        if refusal.scope is Scope.TRANSIENT:
            raise refusal
        self._note_unseen(ResourceKind.VOLUME, refusal)
        return ()

    def _note_unseen(self, kind: ResourceKind, refusal: SpotkeeperError) -> None:
        unseen = ResourceId(f"{kind}s", self.target.name, self.region)
        self._unseen[unseen] = f"whether there are any could not be looked at: {refusal.message}"

    def _believed(self, request: SpotRequest) -> SpotRequest:
        """The request without an instance that should long be listed if it existed."""
        old = self._window_over(request.status_since)
        return replace(request, instance_id=None) if old else request

    def _act(self, todo: Actions) -> None:
        cloud, region = self.ports.cloud, self.region
        unknown = self._cancel(todo)
        early = {each.id for each in todo.unpaired if self._too_early(each, unknown)}
        ready = [id_ for id_ in todo.terminate if id_ not in early | self._refused.keys()]
        if ready and self._allowed(ready, partial(cloud.terminate, region, ready)):
            self._note_ended(ResourceKind.INSTANCE, ready)
        for id_ in todo.delete_volumes:
            if self._allowed([id_], partial(cloud.delete_volume, region, id_)):
                self._note_ended(ResourceKind.VOLUME, [id_])

    def _keep_disks(self, found: Actions) -> None:
        """Wait for no disk whose instance may not be ended."""
        if held := [id_ for id_ in found.terminate if id_ in self._refused]:
            told = f"{held[0]} still holds it: {self._refused[held[0]]}"
            volumes = [each.id for each in found.wait_for if each.kind == ResourceKind.VOLUME]
            self._refused |= dict.fromkeys(volumes, told)

    def _cancel(self, todo: Actions) -> frozenset[str]:
        """Cancel, and keep what EC2 would launch anew where it refuses; gives unknown requests."""
        if not todo.cancel:
            return frozenset()
        found: list[frozenset[str]] = []
        cancel = self.ports.cloud.cancel
        if not self._allowed(todo.cancel, lambda: found.append(cancel(self.region, todo.cancel))):
            kept = [id_ for id_ in todo.terminate if id_ not in todo.final]
            told = f"its request could not be cancelled: {self._refused[todo.cancel[0]]}"
            self._refused |= dict.fromkeys(kept, told)
            return frozenset()
        cancelled = [id_ for id_ in todo.cancel if id_ not in found[0]]
        self._note_ended(ResourceKind.REQUEST, cancelled)
        return found[0]

    def _allowed(self, ids: Iterable[str], call: Callable[[], object]) -> bool:
        """Make a call; whether EC2 did not refuse it for good."""
        try:
            call()
        except SpotkeeperError as refusal:
            if refusal.scope is Scope.TRANSIENT:
                raise
            self._refused |= dict.fromkeys(ids, refusal.message)
            return False
        return True

    def _too_early(self, instance: Instance, unknown: Collection[str]) -> bool:
        """Whether the instance's request is younger than what EC2 knows, and so not cancelled:
        it would launch another one in its place."""
        return instance.request_id in unknown and not self._window_over(instance.launched_at)

    def _window_over(self, born: datetime | None) -> bool:
        return born is None or self.ports.clock.now() - born >= VISIBILITY_WINDOW

    def _note_ended(self, kind: ResourceKind, ids: Iterable[str]) -> None:
        resources = (ResourceId(kind, id_, self.region) for id_ in ids)
        self.outcome.ended += [each for each in resources if each not in self.outcome.ended]


def _kind_of(launched_id: str) -> ResourceKind:
    """What EC2's id of something that a launch was answered with stands for."""
    return ResourceKind.REQUEST if launched_id.startswith("sir-") else ResourceKind.INSTANCE
