"""Ending what nobody wants any more, in all regions."""

from collections.abc import Iterable, Sequence

from spotkeeper.errors import Busy, Interrupted, Scope, SpotkeeperError
from spotkeeper.keeper.account import AccountReader, AccountSnapshot
from spotkeeper.keeper.down import Down
from spotkeeper.keeper.edges import Edges
from spotkeeper.keeper.results import SweepReport
from spotkeeper.lifecycle.ports import Talk
from spotkeeper.lifecycle.region_ending import TeardownOutcome
from spotkeeper.lifecycle.sweep import Classification, Records, Verdict
from spotkeeper.lifecycle.sweep_order import SweepStep, plan_sweep, shared_in
from spotkeeper.lifecycle.wait import poll
from spotkeeper.model import lives
from spotkeeper.model.resource import Leftover, ResourceId, ResourceKind
from spotkeeper.timings import SWEEP_PATIENCE, VISIBILITY_WINDOW

#: What is reported as left.
UNSETTLED = frozenset({Verdict.UNWANTED, Verdict.YOUNG, Verdict.UNREAD})


AGAIN = "Run `spot sweep --apply` again: it is safe to repeat."


def swept(down: Down, in_regions: Sequence[str], *, apply: bool) -> SweepReport:
    """What the regions have that nobody wants any more; with ``apply`` it is ended."""
    account = AccountReader(down.edges, down.reader.owner)
    sweep = Sweep(down.edges, account, down, down.talk)
    return sweep.apply(in_regions) if apply else sweep.listing(in_regions)


class Sweep:
    """Ends only what both the account and the journal give up; all of it can be repeated."""

    def __init__(self, edges: Edges, account: AccountReader, ending: Down, talk: Talk) -> None:
        self._edges = edges
        self._journal = edges.journal
        self._account = account
        self._down = ending
        self._talk = talk
        self._outcome = TeardownOutcome()

    def listing(self, in_regions: Sequence[str]) -> SweepReport:
        """What is there, and what becomes of it; nothing is changed."""
        snapshot = self._account.snapshot(in_regions)
        cut_off = [left for step in _steps(snapshot) for left in _may_come(step, snapshot)]
        return SweepReport(
            snapshot.classifications,
            left=(*snapshot.left, *cut_off, *map(_leftover, _unsettled(snapshot.classifications))),
            others=snapshot.others,
            warnings=snapshot.notes,
            asked_at=snapshot.coverage.now,
        )

    def apply(self, in_regions: Sequence[str]) -> SweepReport:
        """End what nobody wants, then look again at what is left.

        Raises:
            Interrupted: by Ctrl-C.
        """
        before = self._account.snapshot(in_regions)
        try:
            touched = self._end(before)
            after = self._account.snapshot([region for region in in_regions if region in touched])
        except KeyboardInterrupt:
            count = len(self._outcome.ended)
            raise Interrupted(
                f"Interrupted; {count} thing{'' if count == 1 else 's'} had been ended",
                next_step=AGAIN,
            ) from None
        return self._told(before, after)

    def _end(self, snapshot: AccountSnapshot) -> set[str]:
        """End what nobody wants; the regions that have to be looked at again."""
        steps = _steps(snapshot)
        for step in steps:
            self._end_step(step, snapshot.records)
        for region in shared_in(snapshot.classifications):
            self._outcome.add(self._down.teardown().end_shared(region))
        remembered = (lives.regions(snapshot.records.of(step.name)) for step in steps)
        return {
            *(each.resource_id.region for each in _unsettled(snapshot.classifications)),
            *(region for found in remembered for region in found),
        }

    def _end_step(self, step: SweepStep, records: Records) -> None:
        if not step.name:
            self._end_things(step.resource_ids)
            return
        try:
            with self._journal.lock(step.name):
                if self._is_as_before(step.name, records):
                    self._end_name(step)
        except Busy:
            return  # a command of this computer began to work on it: the next look says so

    def _is_as_before(self, name: str, records: Records) -> bool:
        """Whether nothing was launched under the name since it was judged."""
        then, now = records.of(name), self._journal.read(name)
        same = lives.known_tokens(then) == lives.known_tokens(now)
        return same and lives.ready_tokens(then) == lives.ready_tokens(now)

    def _end_name(self, step: SweepStep) -> None:
        """Fleets, then all that was launched; its guard and claim only once that is gone."""
        fleets = [
            resource_id
            for resource_id in step.resource_ids
            if resource_id.kind == ResourceKind.FLEET
        ]
        self._end_things(fleets)
        ended = TeardownOutcome()
        if step.regions or lives.is_open(self._journal.read(step.name)):
            teardown = self._down.teardown()
            ended = teardown.end(step.name, step.regions, only=step.launches)
            self._outcome.add(ended)
        if not ended.left:
            self._end_things(each for each in step.resource_ids if each not in fleets)
            self._down.forget_unless_ready(step.name)

    def _end_things(self, resource_ids: Iterable[ResourceId]) -> None:
        for resource_id in resource_ids:
            problem = self._refusal(resource_id)
            if problem is None:
                self._outcome.add(TeardownOutcome([resource_id]))
            else:
                self._outcome.add(TeardownOutcome(left=[Leftover(resource_id, problem.message)]))

    def _refusal(self, resource_id: ResourceId) -> SpotkeeperError | None:
        """End one thing; why it could not be ended, ``None`` if it is."""
        problem: SpotkeeperError | None = None
        for elapsed in poll(self._edges.clock, SWEEP_PATIENCE):
            try:
                self._end_one(resource_id)
            except SpotkeeperError as refusal:
                problem = refusal
                if refusal.scope is not Scope.TRANSIENT:
                    return refusal
                self._talk.waiting(f"ending {resource_id}", elapsed)
            else:
                return None
        return problem

    def _end_one(self, resource_id: ResourceId) -> None:
        if resource_id.kind == ResourceKind.SCHEDULE:
            self._edges.schedules.disarm(resource_id.region, resource_id.id)
        else:
            self._edges.inventory.end(resource_id)

    def _told(self, before: AccountSnapshot, after: AccountSnapshot) -> SweepReport:
        """What became of everything, by what both looks saw. The second sees only a part of the
        account, so that what the first did not give up stays as it was judged then."""
        again = set(after.coverage.seen)
        stays = {
            e.resource_id: e for e in before.classifications if e.verdict is not Verdict.UNWANTED
        }
        seen = [stays.get(each.resource_id, each) for each in after.classifications]
        elsewhere = [
            each for each in before.classifications if each.resource_id.region not in again
        ]
        still = _unsettled((*seen, *elsewhere))
        there = {each.resource_id for each in (*seen, *elsewhere)}
        missing = [
            each.resource_id
            for each in _unwanted(before.classifications)
            if each.resource_id not in there
        ]
        ended = [resource_id for resource_id in self._outcome.ended if resource_id not in there]
        refused = [
            each
            for each in self._outcome.left
            if each.resource_id in there
            or each.resource_id.region not in again
            or _is_no_thing(each.resource_id)
        ]
        reasons = {each.resource_id: each for each in refused}
        reasons |= {each.resource_id: each for each in (*before.left, *after.left)}
        return SweepReport(
            before.classifications,
            tuple(dict.fromkeys([*ended, *missing])),
            tuple(({each.resource_id: _leftover(each) for each in still} | reasons).values()),
            before.others,
            tuple(dict.fromkeys((*before.notes, *after.notes))),
            before.coverage.now,
        )


def _steps(snapshot: AccountSnapshot) -> tuple[SweepStep, ...]:
    return plan_sweep(snapshot.classifications, snapshot.records, snapshot.coverage)


def _unsettled(classifications: Iterable[Classification]) -> list[Classification]:
    return [each for each in classifications if each.verdict in UNSETTLED]


def _unwanted(classifications: Iterable[Classification]) -> list[Classification]:
    return [each for each in classifications if each.verdict is Verdict.UNWANTED]


def _leftover(classification: Classification) -> Leftover:
    return Leftover(classification.resource_id, classification.reason)


def _is_no_thing(resource_id: ResourceId) -> bool:
    """Whether it stands for what could not be looked at."""
    return resource_id.kind not in set(ResourceKind)


def _may_come(step: SweepStep, snapshot: AccountSnapshot) -> list[Leftover]:
    """A launch that was cut off a moment ago, of which nothing is listed yet."""
    entries = snapshot.records.of(step.name)
    born = lives.last_intent_at(entries)
    if step.regions or step.resource_ids or born is None or lives.is_settling(entries):
        return []
    until = born + VISIBILITY_WINDOW
    if until <= snapshot.coverage.now:
        return []
    told = f"its launch did not finish; EC2 may show what it made until {until:%H:%M:%S} UTC"
    places = lives.regions(entries)
    return [Leftover(ResourceId("launch", step.name, region), told) for region in places]
