"""What a sweep ends, name by name, and in which order. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from spotkeeper.lifecycle.sweep import MACHINES, SHARED, Classification, Records, Verdict
from spotkeeper.model import lives
from spotkeeper.model.journal_entry import Entry
from spotkeeper.model.launch import NO_LAUNCHES, Launches, launches_of
from spotkeeper.model.resource import Resource, ResourceId, ResourceKind
from spotkeeper.timings import VISIBILITY_WINDOW

#: What ``Teardown`` ends, by name and launch.
GIVEN_BACK = MACHINES | {ResourceKind.VOLUME}

#: The order in which things are ended one by one. What may launch comes first; a group and a key
#: go last, since everything else may hold them.
ORDER = (
    ResourceKind.FLEET,
    ResourceKind.REQUEST,
    ResourceKind.INSTANCE,
    ResourceKind.VOLUME,
    ResourceKind.SCHEDULE,
    ResourceKind.TEMPLATE,
    ResourceKind.INTERFACE,
    ResourceKind.SNAPSHOT,
    ResourceKind.GROUP,
    ResourceKind.KEY,
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """When the account was looked at, and which regions answered or did not."""

    now: datetime
    seen: tuple[str, ...]
    silent: frozenset[str] = frozenset()

    def shows_all(self, entries: Sequence[Entry]) -> bool:
        """Whether nothing that a journal tells of can be there without having been listed, but
        for what a launch made that was cut off."""
        born = lives.last_intent_at(entries)
        young = born is not None and self.now - born < VISIBILITY_WINDOW
        hidden = (
            self.silent if lives.is_damaged(entries) else self.silent & {*lives.regions(entries)}
        )
        return not hidden and not (young and lives.ready_tokens(entries))


@dataclass(frozen=True, slots=True)
class SweepStep:
    """What is to be ended of one name; of the empty name what carries none.

    ``launches`` are those that are meant; ``resource_ids`` is all else.
    """

    name: str
    regions: tuple[str, ...] = ()
    launches: Launches = NO_LAUNCHES
    resource_ids: tuple[ResourceId, ...] = ()


def plan_sweep(
    classifications: Sequence[Classification], records: Records, coverage: Coverage
) -> tuple[SweepStep, ...]:
    """What is to be ended, name by name, and at last what carries no name.

    A name of the journal is among them, also when nothing of it is listed: EC2 may not show yet
    what a launch made that was cut off.
    """
    unwanted = [each for each in classifications if each.verdict is Verdict.UNWANTED]
    known = {each.resource.name for each in classifications}
    unlisted = records.journals.keys() - known - records.held
    left_open = {name for name in unlisted if lives.is_open(records.of(name))}
    named = {name for name in left_open if coverage.shows_all(records.of(name))}
    named |= {each.resource.name for each in unwanted} - {""}
    steps = [_step(name, classifications, records, coverage) for name in sorted(named)]
    nameless = (each.resource for each in unwanted if not each.resource.name)
    resource_ids = in_order(each for each in nameless if each.resource_id.kind not in SHARED)
    last = SweepStep("", resource_ids=tuple(each.resource_id for each in resource_ids))
    return (*steps, last) if resource_ids else tuple(steps)


def in_order(resources: Iterable[Resource]) -> list[Resource]:
    """In the order in which they are ended."""
    return sorted(resources, key=lambda each: ORDER.index(ResourceKind(each.resource_id.kind)))


def shared_in(classifications: Iterable[Classification]) -> tuple[str, ...]:
    """The regions whose group and keys nobody needs."""
    unneeded = (
        each.resource_id.region
        for each in classifications
        if each.verdict is Verdict.UNWANTED and each.resource_id.kind in SHARED
    )
    return tuple(dict.fromkeys(unneeded))


def _step(
    name: str, classifications: Iterable[Classification], records: Records, coverage: Coverage
) -> SweepStep:
    mine = [each for each in classifications if each.resource.name == name]
    unwanted = [each for each in mine if each.verdict is Verdict.UNWANTED]
    listed = in_order(each.resource for each in unwanted)
    billed = [each for each in listed if each.resource_id.kind in GIVEN_BACK]
    entries = records.of(name)
    remembered = lives.begun(entries) if coverage.shows_all(entries) else NO_LAUNCHES
    meant = _launches(listed)
    staying = _launches(each.resource for each in mine)
    regions = [each.resource_id.region for each in billed]
    return SweepStep(
        name,
        regions=tuple(dict.fromkeys([*regions, *(coverage.seen * lives.is_damaged(entries))])),
        launches=(remembered | meant) - (staying - meant),
        resource_ids=tuple(
            each.resource_id for each in listed if each.resource_id.kind not in GIVEN_BACK
        ),
    )


def _launches(some: Iterable[Resource]) -> Launches:
    """What the launches that made some resources go by."""
    return launches_of((each.launch, each.claim) for each in some)
