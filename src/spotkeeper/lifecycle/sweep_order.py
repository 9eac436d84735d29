"""What a sweep ends, name by name, and in which order. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from spotkeeper.lifecycle.ports import Possession, Thing, ThingKind
from spotkeeper.lifecycle.settle import begun
from spotkeeper.lifecycle.sweep import MACHINES, SHARED, Judgement, Memory, Verdict
from spotkeeper.model import journal_entry
from spotkeeper.model.journal_entry import VISIBILITY_WINDOW, Event

#: What ``GiveBack`` ends, by name and launch.
GIVEN_BACK = MACHINES | {ThingKind.VOLUME}

#: The order in which things are ended one by one. What may launch comes first; a group and a key
#: go last, since everything else may hold them.
ORDER = (
    ThingKind.FLEET,
    ThingKind.REQUEST,
    ThingKind.INSTANCE,
    ThingKind.VOLUME,
    ThingKind.SCHEDULE,
    ThingKind.TEMPLATE,
    ThingKind.INTERFACE,
    ThingKind.SNAPSHOT,
    ThingKind.GROUP,
    ThingKind.KEY,
)


@dataclass(frozen=True, slots=True)
class Sight:
    """When the account was looked at, and which regions answered or did not."""

    now: datetime
    seen: tuple[str, ...]
    silent: frozenset[str] = frozenset()

    def shows_all(self, events: Sequence[Event]) -> bool:
        """Whether nothing that a journal tells of can be there without having been listed, but
        for what a launch made that was cut off."""
        born = journal_entry.last_intent_at(events)
        young = born is not None and self.now - born < VISIBILITY_WINDOW
        hidden = (
            self.silent
            if journal_entry.is_damaged(events)
            else self.silent & {*journal_entry.regions(events)}
        )
        return not hidden and not (young and journal_entry.ready_tokens(events))


@dataclass(frozen=True, slots=True)
class Share:
    """What is to be ended of one name; of the empty name what carries none.

    ``launches`` are the tokens and nonces of what was launched: ``things`` is all else.
    """

    name: str
    regions: tuple[str, ...] = ()
    launches: frozenset[str] = frozenset()
    things: tuple[Thing, ...] = ()


def share_out(judgements: Sequence[Judgement], memory: Memory, sight: Sight) -> tuple[Share, ...]:
    """What is to be ended, name by name, and at last what carries no name.

    A name of the journal is among them, also when nothing of it is listed: EC2 may not show yet
    what a launch made that was cut off.
    """
    unwanted = [each for each in judgements if each.verdict is Verdict.UNWANTED]
    known = {each.possession.name for each in judgements}
    unlisted = memory.journals.keys() - known - memory.held
    left_open = {name for name in unlisted if journal_entry.is_open(memory.of(name))}
    named = {name for name in left_open if sight.shows_all(memory.of(name))}
    named |= {each.possession.name for each in unwanted} - {""}
    shares = [_share(name, judgements, memory, sight) for name in sorted(named)]
    nameless = (each.possession for each in unwanted if not each.possession.name)
    things = in_order(each for each in nameless if each.thing.kind not in SHARED)
    last = Share("", things=tuple(each.thing for each in things))
    return (*shares, last) if things else tuple(shares)


def in_order(possessions: Iterable[Possession]) -> list[Possession]:
    """In the order in which they are ended."""
    return sorted(possessions, key=lambda each: ORDER.index(ThingKind(each.thing.kind)))


def shared_in(judgements: Iterable[Judgement]) -> tuple[str, ...]:
    """The regions whose group and keys nobody needs."""
    unneeded = (
        each.thing.region
        for each in judgements
        if each.verdict is Verdict.UNWANTED and each.thing.kind in SHARED
    )
    return tuple(dict.fromkeys(unneeded))


def _share(name: str, judgements: Iterable[Judgement], memory: Memory, sight: Sight) -> Share:
    mine = [each for each in judgements if each.possession.name == name]
    unwanted = [each for each in mine if each.verdict is Verdict.UNWANTED]
    listed = in_order(each.possession for each in unwanted)
    billed = [each for each in listed if each.thing.kind in GIVEN_BACK]
    events = memory.of(name)
    remembered = begun(events) if sight.shows_all(events) else frozenset()
    meant = _launches(listed)
    staying = _launches(each.possession for each in mine)
    regions = [each.thing.region for each in billed]
    return Share(
        name,
        regions=tuple(dict.fromkeys([*regions, *(sight.seen * journal_entry.is_damaged(events))])),
        launches=(remembered | meant) - (staying - meant),
        things=tuple(each.thing for each in listed if each.thing.kind not in GIVEN_BACK),
    )


def _launches(some: Iterable[Possession]) -> frozenset[str]:
    """What launches go by: their tokens, and the nonces of their claims where they have one."""
    found = [(each.launch, each.claim or each.launch) for each in some]
    return frozenset(each for both in found for each in both)
