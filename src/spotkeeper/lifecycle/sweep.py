"""What of everything that AWS lists is still wanted, and why the rest is not. Pure.

Only what carries our managed tag and the caller's owner id is ever judged.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from spotkeeper.lifecycle.guard import parts_of, resource_id_of
from spotkeeper.lifecycle.ports import UnmanagedRequest
from spotkeeper.model import lives
from spotkeeper.model.journal_entry import Entry
from spotkeeper.model.resource import Resource, ResourceId, ResourceKind
from spotkeeper.model.schedule import Schedule
from spotkeeper.model.spot_request import (
    CANCELLED_AND_RUNNING,
    ENDED_BY_USER,
    TAKEN_AT_NOTICE,
    RequestState,
)
from spotkeeper.model.tags import (
    TAG_CLAIM,
    TAG_DEADLINE,
    TAG_LAUNCH,
    TAG_MANAGED,
    TAG_NAME,
    TAG_OWNER,
    parse_tag_time,
)
from spotkeeper.timings import CLAIM_YOUNG, MUCH_YOUNGER, VISIBILITY_WINDOW


@dataclass(frozen=True, slots=True)
class ForgottenRequest:
    """A Spot request of somebody else that looks forgotten, and how to end it by hand."""

    resource_id: ResourceId
    born: datetime
    reason: str
    command: str
    instance: Resource | None = None


def forgotten(unmanaged: UnmanagedRequest) -> ForgottenRequest | None:
    """What is to be told of a request of somebody else; ``None`` for one that looks wanted."""
    request, instance = unmanaged.request, unmanaged.instance
    reason = _looks_forgotten(unmanaged)
    if not reason:
        return None
    command = (
        f"aws ec2 cancel-spot-instance-requests --region {request.region} "
        f"--spot-instance-request-ids {request.id}"
    )
    if instance:
        command += (
            f" && aws ec2 terminate-instances --region {request.region} "
            f"--instance-ids {instance.resource_id.id}"
        )
    resource_id = ResourceId(ResourceKind.REQUEST, request.id, request.region)
    return ForgottenRequest(resource_id, request.created_at, reason, command, instance)


def _looks_forgotten(unmanaged: UnmanagedRequest) -> str:
    request, instance = unmanaged.request, unmanaged.instance
    if request.status_code == CANCELLED_AND_RUNNING:
        return "the request is cancelled, its instance still runs" if instance else ""
    if not request.persistent or not request.cancellable:
        return ""
    if (
        request.state is RequestState.OPEN
        and request.status_code in ENDED_BY_USER | TAKEN_AT_NOTICE
    ):
        return "its instance was ended, and EC2 will launch another one"
    if instance and instance.born and instance.born - request.created_at >= MUCH_YOUNGER:
        return "it launched its instance anew, long after it was made"
    return ""


#: What runs, or may launch what runs.
MACHINES = frozenset({ResourceKind.INSTANCE, ResourceKind.REQUEST})

#: What several machines of an owner share in a region.
SHARED = frozenset({ResourceKind.GROUP, ResourceKind.KEY})


class Verdict(StrEnum):
    """What becomes of a thing of ours."""

    KEPT = "kept"
    SPARED = "spared"  # a command of this computer works on it now
    YOUNG = "young"  # a launch elsewhere may be under way
    UNREAD = "unread"  # what would tell, the journal or a region, cannot be read
    UNWANTED = "unwanted"


@dataclass(frozen=True, slots=True)
class Classification:
    """A thing of ours, what becomes of it and why."""

    resource: Resource
    verdict: Verdict
    reason: str

    @property
    def resource_id(self) -> ResourceId:
        """The thing itself."""
        return self.resource.resource_id


@dataclass(frozen=True, slots=True)
class Records:
    """What this computer remembers: the journal of every name, and who works on it now."""

    journals: Mapping[str, Sequence[Entry]] = field(default_factory=dict)
    held: frozenset[str] = frozenset()

    def of(self, name: str) -> Sequence[Entry]:
        """The journal of a name; empty for an unknown one."""
        return self.journals.get(name, ())


def is_ours(resource: Resource, owner: str) -> bool:
    """Whether a thing carries both our tag and the owner's id; nothing else is ever touched."""
    return {TAG_MANAGED: "true", TAG_OWNER: owner}.items() <= resource.tags.items()


def is_remembered(resource: Resource, entries: Sequence[Entry]) -> bool:
    """Whether a launch of this computer made it: another one may have come to the same token, but
    to no claim of ours."""
    known = resource.launch in lives.known_tokens(entries)
    return known and (not resource.claim or resource.claim in lives.known_nonces(entries))


def as_resource(schedule: Schedule, listed: Iterable[Resource]) -> Resource | None:
    """A schedule, which has no tags, with the tags of the launch that it guards.

    Its name holds the beginning of the launch's token; ``None`` where it is no name of ours.
    """
    parts = parts_of(schedule.name)
    if parts is None:
        return None
    name, beginning, _ = parts
    tags = {TAG_MANAGED: "true", TAG_OWNER: schedule.owner, TAG_NAME: name, TAG_LAUNCH: beginning}
    for each in listed:
        if each.name == name and each.launch.startswith(beginning):
            tags |= {TAG_LAUNCH: each.launch, TAG_CLAIM: each.claim}
    return Resource(resource_id_of(schedule), tags, schedule.created, usd_per_hour=Decimal(0))


def classify(
    resources: Iterable[Resource],
    records: Records,
    *,
    owner: str,
    now: datetime,
    unseen: frozenset[str] = frozenset(),
) -> tuple[Classification, ...]:
    """What becomes of everything of the owner, in the order in which it was listed.

    ``unseen`` are regions that may have more of it, but did not answer.
    """
    ours = [each for each in resources if is_ours(each, owner)]
    classifier = Classifier(ours, records, now, unseen)
    return tuple(classifier.classification(each) for each in ours)


class Classifier:
    """Judges one thing in the light of all the others."""

    def __init__(
        self, ours: Sequence[Resource], records: Records, now: datetime, unseen: frozenset[str]
    ) -> None:
        self._ours = ours
        self._records = records
        self._now = now
        self._unseen = unseen
        self._by_id = {each.resource_id.id: each for each in ours}
        self._by_launch: dict[tuple[str, str], list[Resource]] = {}
        for each in ours:
            self._by_launch.setdefault((each.launch, each.claim), []).append(each)
        self._launches = {
            each.resource_id: self._of_launch(each) for each in ours if not _follows_others(each)
        }

    def classification(self, resource: Resource) -> Classification:
        """What becomes of a thing, and why."""
        if resource.resource_id.kind in SHARED:
            verdict, reason = self._of_shared(resource)
        elif _is_claim(resource):
            verdict, reason = self._of_claim(resource)
        else:
            verdict, reason = self._of_part(resource)
        return Classification(resource, verdict, reason)

    def _of_part(self, resource: Resource) -> tuple[Verdict, str]:
        """A disk on a machine that stays, stays with it, whoever made it."""
        verdict, reason = self._launches[resource.resource_id]
        holder = self._by_id.get(resource.holder)
        if verdict is not Verdict.UNWANTED or holder is None or _follows_others(holder):
            return verdict, reason
        held, why = self._launches[holder.resource_id]
        if held is Verdict.UNWANTED:
            return verdict, reason
        return held, f"attached to {holder.resource_id.id}: {why}"

    def _of_launch(self, resource: Resource) -> tuple[Verdict, str]:
        name = resource.name
        entries = self._records.of(name)
        if name in self._records.held:
            return Verdict.SPARED, f"another spot command is working on {name}"
        if is_remembered(resource, entries):
            return self._of_known(resource, entries)
        born = self._birth(resource)
        if self._is_young(born):
            return Verdict.YOUNG, f"made a moment ago, not by this computer; {_again(born)}"
        passed = self._passed(resource)
        if lives.is_damaged(entries) and not passed:
            told = f"the journal of {name} cannot be read; if unwanted, run `spot down {name}`"
            return Verdict.UNREAD, told
        return Verdict.UNWANTED, passed or "launched elsewhere, or forgotten here"

    def _of_known(self, resource: Resource, entries: Sequence[Entry]) -> tuple[Verdict, str]:
        """A thing of a launch that the journal tells of."""
        launch = resource.launch
        if launch in lives.ready_tokens(entries):
            if not self._lives(resource) and not self._is_young(lives.last_intent_at(entries)):
                return Verdict.UNWANTED, "its machine is gone"
            passed = self._passed(resource)
            if passed:
                return Verdict.UNWANTED, passed
            deadline = self._deadline(resource)
            until = f"until {deadline:%Y-%m-%d %H:%M} UTC" if deadline else "without a deadline"
            return Verdict.KEPT, f"{resource.name} is yours {until}"
        if launch in lives.given_back(entries):
            return Verdict.UNWANTED, "it was given back already"
        return Verdict.UNWANTED, "its launch never finished"

    def _of_claim(self, resource: Resource) -> tuple[Verdict, str]:
        """The claim of a name lives as long as anything else of the name."""
        name = resource.name
        if name in self._records.held:
            return Verdict.SPARED, f"another spot command is working on {name}"
        verdict = self._best(each for each in self._ours if each.name == name)
        if verdict is not None:
            return verdict, f"it holds the name {name}"
        entries = self._records.of(name)
        since, limit = resource.born, CLAIM_YOUNG
        if resource.claim in lives.known_nonces(entries):
            ready = lives.ready_tokens(entries)
            since, limit = (lives.last_intent_at(entries) if ready else None, VISIBILITY_WINDOW)
        if self._is_young(since, limit):
            return Verdict.YOUNG, f"a launch of {name} may use it; {_again(since, limit)}"
        hidden = self._may_hide(resource)
        if hidden:
            return Verdict.UNREAD, f"{name} may be in {', '.join(hidden)}, which did not answer"
        return Verdict.UNWANTED, "no machine needs it"

    def _may_hide(self, claim: Resource) -> list[str]:
        """Regions without an answer that may have the machine of a claim, unless it is listed: of
        one that is not this computer's nobody knows where it was launched."""
        mine = (each for each in self._ours if each.claim == claim.claim)
        if any(each.resource_id.kind in MACHINES for each in mine):
            return []
        entries = self._records.of(claim.name)
        if claim.claim in lives.known_nonces(entries) and not lives.is_damaged(entries):
            return sorted(self._unseen.intersection(lives.regions(entries)))
        return sorted(self._unseen)

    def _of_shared(self, resource: Resource) -> tuple[Verdict, str]:
        """A group or a key goes with the last machine of its region."""
        region = resource.resource_id.region
        here = (each for each in self._ours if each.resource_id.region == region)
        verdict = self._best(each for each in here if each.resource_id.kind in MACHINES)
        if verdict is not None:
            return verdict, f"a machine in {region} uses it"
        if any(region in lives.regions(self._records.of(name)) for name in self._records.held):
            return Verdict.SPARED, f"another spot command is working in {region}"
        claims = [each for each in self._ours if _is_claim(each)]
        if any(self._of_claim(each)[0] is Verdict.YOUNG for each in claims):
            return Verdict.YOUNG, "a launch may be about to use it"
        if self._is_young(resource.born):
            return Verdict.YOUNG, f"made a moment ago; {_again(resource.born)}"
        return Verdict.UNWANTED, "no machine needs it"

    def _best(self, some: Iterable[Resource]) -> Verdict | None:
        """The strongest reason among some things to leave what hangs on them alone."""
        found = {
            self._launches[each.resource_id][0]
            for each in some
            if each.resource_id in self._launches
        }
        return next((each for each in Verdict if each in found - {Verdict.UNWANTED}), None)

    def _kin(self, resource: Resource) -> list[Resource]:
        """All of the same launch, which is itself among them."""
        launch = resource.launch, resource.claim
        return self._by_launch[launch] if resource.launch else [resource]

    def _lives(self, resource: Resource) -> bool:
        return any(each.resource_id.kind in MACHINES for each in self._kin(resource))

    def _deadline(self, resource: Resource) -> datetime | None:
        """The machine's own, which is moved first; else the thing's."""
        kin = self._kin(resource)
        kinds = (ResourceKind.INSTANCE, ResourceKind.REQUEST)
        told = next(
            (each for kind in kinds for each in kin if each.resource_id.kind == kind), resource
        )
        return parse_tag_time(told.tags.get(TAG_DEADLINE))

    def _passed(self, resource: Resource) -> str:
        deadline = self._deadline(resource)
        if deadline is None or deadline > self._now:
            return ""
        return f"its deadline passed {deadline:%Y-%m-%d %H:%M} UTC"

    def _birth(self, resource: Resource) -> datetime | None:
        """When its launch made its first thing: EC2 may have relaunched the instance since."""
        return min((each.born for each in self._kin(resource) if each.born), default=None)

    def _is_young(self, born: datetime | None, limit: timedelta = VISIBILITY_WINDOW) -> bool:
        return born is not None and self._now - born < limit


def _again(born: datetime | None, limit: timedelta = VISIBILITY_WINDOW) -> str:
    return f"look again after {born + limit:%H:%M:%S} UTC" if born else "look again"


def _is_claim(resource: Resource) -> bool:
    return resource.resource_id.kind == ResourceKind.TEMPLATE and TAG_CLAIM in resource.tags


def _follows_others(resource: Resource) -> bool:
    """Whether it has no launch of its own to be judged by."""
    return resource.resource_id.kind in SHARED or _is_claim(resource)
