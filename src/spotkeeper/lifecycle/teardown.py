"""Give back: cancel, then terminate, then verify. Driven by what EC2 lists, so safe to repeat.

All names that are to end are told to first, and made sure of side by side.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from spotkeeper.errors import LeftBehind, Scope, SpotkeeperError
from spotkeeper.lifecycle.guard import armed_launches
from spotkeeper.lifecycle.guard_schedules import remove
from spotkeeper.lifecycle.name_claim import ClaimRelease
from spotkeeper.lifecycle.ports import Ports
from spotkeeper.lifecycle.region_ending import RegionEnding, RegionLook, TeardownOutcome
from spotkeeper.lifecycle.target import Target
from spotkeeper.lifecycle.wait import poll
from spotkeeper.market import market
from spotkeeper.model.journal_entry import Ending, Settled, Settling
from spotkeeper.model.launch import Launches, LaunchToken
from spotkeeper.model.lives import (
    given_back,
    is_open,
    is_settling,
    known_tokens,
    last_intent_at,
    regions,
    this_life,
)
from spotkeeper.model.machine import Kind, pair
from spotkeeper.model.resource import Leftover, ResourceId, ResourceKind
from spotkeeper.model.tags import TAG_OWNER
from spotkeeper.timings import VISIBILITY_WINDOW


@dataclass(slots=True)
class NameEnding:
    """The end of one name in all of its regions."""

    target: Target
    in_regions: Sequence[str]
    began: datetime
    parts: Sequence[RegionEnding]
    outcome: TeardownOutcome = field(default_factory=TeardownOutcome)

    @property
    def gone(self) -> bool:
        """Whether no machine of it is left anywhere."""
        return all(each.gone for each in self.parts)


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
    ) -> TeardownOutcome:
        """End everything of a name in the given regions, and what it shared if it was the last.

        ``only`` limits it to what these launches made; ``given`` are
        ids, by region, that are waited for although the journal may not know them. Never raises
        for what EC2 refuses: that is reported as left, with the reason. The claim of the name goes
        last: as long as it is there, no other computer launches the name.
        """
        begun = self._begun(name, in_regions, only, given or {})
        self._finish([begun])
        return begun.outcome

    def end_all(
        self, places: Mapping[str, Sequence[str]], only: Mapping[str, Launches] | None = None
    ) -> Mapping[str, TeardownOutcome]:
        """End everything of several names, or what some launches made, each in its regions."""
        launches = only or {}
        begun = [self._begun(name, at, launches.get(name), {}) for name, at in places.items()]
        self._finish(begun)
        return {each.target.name: each.outcome for each in begun}

    def _begun(
        self,
        name: str,
        in_regions: Sequence[str],
        only: Launches | None,
        given: Mapping[str, frozenset[str]],
    ) -> NameEnding:
        """Write down, before anything is changed, that the launches are not wanted any more."""
        began = self._clock.now()
        self._note_begin(Target(name, self._journal.read(name), only))
        entries = self._journal.read(name)
        target = Target(name, entries, only, given)
        places = dict.fromkeys((*in_regions, *regions(entries)))
        parts = [RegionEnding(region, target, self._owner, self._ports) for region in places]
        return NameEnding(target, in_regions, began, parts)

    def _note_begin(self, target: Target) -> None:
        begun = known_tokens(this_life(target.entries))
        meant = begun if target.only is None else begun & target.only.tokens
        if not meant <= given_back(target.entries):
            only = frozenset[LaunchToken]() if target.covers_life else meant
            self._journal.append(target.name, Ending(self._clock.now(), only))

    def _finish(self, names: Sequence[NameEnding]) -> None:
        parts = [part for each in names for part in each.parts]
        self._end_parts(parts)
        for each in names:
            for part in each.parts:
                each.outcome.add(part.outcome)
        ending = frozenset(each.target.name for each in names)
        for region in dict.fromkeys(part.region for part in parts):
            here = [each for each in names if any(part.region == region for part in each.parts)]
            if all(each.gone for each in here):
                shared = self.end_shared(region, ending=ending)
                for each in here:
                    each.outcome.add(shared)
        for each in names:
            self._close(each)

    def _end_parts(self, parts: Sequence[RegionEnding]) -> None:
        """All at once, and then one look at each after another."""
        pending = list(parts)
        for elapsed in poll(self._clock):
            self._step(pending)
            pending = [part for part in pending if not part.done]
            if not pending:
                return
            many = f"{len(pending)} of {len(parts)} machines are still ending"
            self._talk.waiting(many if len(pending) > 1 else pending[0].told, elapsed)
        market.answers(RegionEnding.give_up, pending)

    def _step(self, parts: Sequence[RegionEnding]) -> None:
        """One look at each region, for all names that end there, and what that asks for."""
        names: dict[str, set[str]] = {}
        for part in parts:
            names.setdefault(part.region, set()).add(part.target.name)

        def look(region: str) -> RegionLook:
            name = next(iter(names[region])) if len(names[region]) == 1 else None
            return RegionLook.taken(self._cloud, region, self._owner, name)

        looks = market.answers(look, names)
        market.answers(lambda part: part.step(looks[part.region]), parts)

    def _close(self, ending: NameEnding) -> None:
        """Remove guard and claim of a name of which nothing is left, and close its journal."""
        target, outcome, entries = ending.target, ending.outcome, ending.target.entries
        places = (*ending.in_regions, *regions(entries))
        if ending.gone:
            outcome.add(self._disarm(target, places))
        if not outcome.left and not target.may_come(ending.began):
            outcome.add(self._release(target, ending.in_regions))
        if is_open(entries) and target.covers_life and not outcome.left:
            # Every region had its last look after the beginning; only that time is certain of all.
            over = target.born is None or ending.began - target.born >= VISIBILITY_WINDOW
            now = self._clock.now()
            settled = Settled(now) if over else Settling(now, target.born)
            self._journal.append(target.name, settled)

    def _disarm(self, target: Target, in_regions: Sequence[str]) -> TeardownOutcome:
        """Remove the schedules that would end what is gone; nobody is asked who has none."""
        outcome = TeardownOutcome()
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

    def _release(self, target: Target, in_regions: Sequence[str]) -> TeardownOutcome:
        releasing = ClaimRelease(target.name, self._owner, self._ports, target.spent, target.met)
        releasing.release(in_regions)
        return TeardownOutcome(releasing.ended, releasing.left)

    def end_shared(self, region: str, *, ending: Collection[str] = ()) -> TeardownOutcome:
        """End the group and keys of the owner in a region, unless a machine still needs them that
        has none of the names that are ``ending``."""
        outcome = TeardownOutcome()
        refused: dict[ResourceId, str] = {}
        problem = ""
        for elapsed in poll(self._clock):
            try:
                if not self._needed(region, ending):
                    self._end_shared_once(region, outcome, refused)
            except SpotkeeperError as refusal:
                problem = refusal.message
                if refusal.scope is not Scope.TRANSIENT:
                    break
                self._talk.waiting(f"cleaning up in {region}", elapsed)
            else:
                outcome.left += [Leftover(each, told) for each, told in refused.items()]
                return outcome
        return self._shared_left(region, problem, outcome)

    def _end_shared_once(
        self, region: str, outcome: TeardownOutcome, refused: dict[ResourceId, str]
    ) -> None:
        """Raises ``InUse`` where something still holds the group: look for it again."""
        for each in self._shared(region):
            if each in refused:
                continue
            try:
                if each.kind == ResourceKind.KEY:
                    self._cloud.delete_key(region, each.id)
                else:
                    self._cloud.delete_group(region, each.id)
            except SpotkeeperError as refusal:
                if refusal.scope is Scope.TRANSIENT:
                    raise
                refused[each] = refusal.message
            else:
                outcome.ended.append(each)

    def _shared_left(self, region: str, problem: str, outcome: TeardownOutcome) -> TeardownOutcome:
        try:
            resource_ids = self._shared(region)
        except SpotkeeperError:
            resource_ids = [ResourceId(ResourceKind.GROUP, "spotkeeper's own", region)]
        outcome.left += [Leftover(resource_id, problem) for resource_id in resource_ids]
        return outcome

    def _shared(self, region: str) -> list[ResourceId]:
        """The owner's groups and keys in a region."""
        shared = (ResourceKind.GROUP, ResourceKind.KEY)
        mine = (
            h for h in self._cloud.tagged_resources(region) if h.tags.get(TAG_OWNER) == self._owner
        )
        return [tagged.resource_id for tagged in mine if tagged.resource_id.kind in shared]

    def _needed(self, region: str, ending: Collection[str]) -> bool:
        seen = self._cloud.observe(region, self._owner)
        if seen.problem:
            raise seen.problem
        if any(machine.alive for machine in pair(seen.instances, seen.requests)):
            return True
        names = (name for name in self._journal.names() if name not in ending)
        return any(self._may_need(name, region) for name in names)

    def _may_need(self, name: str, region: str) -> bool:
        """Whether a launch of this computer, begun a moment ago, relies on the region's ground."""
        entries = this_life(self._journal.read(name))
        young = bool(entries) and not self._window_over(last_intent_at(entries))
        return young and not is_settling(entries) and region in regions(entries)

    def _window_over(self, born: datetime | None) -> bool:
        return born is None or self._clock.now() - born >= VISIBILITY_WINDOW


def left_behind(left: Sequence[Leftover], told: str = "") -> LeftBehind:
    """The error for what could not be ended, each thing with its region and reason; of a box the
    reason says what deletes it."""
    names = "; ".join(f"{each.resource_id}: {each.reason}" for each in left)
    step = (
        "Nothing else is left."
        if all(each.resource_id.kind == Kind.BOX for each in left)
        else None
    )
    return LeftBehind(
        f"{told}Left behind: {names}", next_step=step, region=left[0].resource_id.region
    )
