"""Ending what nobody wants any more, in all regions."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from spotkeeper.errors import Busy, Interrupted, Scope, SpotkeeperError
from spotkeeper.keeper.down import Ending
from spotkeeper.keeper.results import Swept
from spotkeeper.keeper.survey import Surveyor, View
from spotkeeper.keeper.wiring import Edges
from spotkeeper.lifecycle.ports import Leftover, Talk, Thing, ThingKind
from spotkeeper.lifecycle.sweep import Judgement, Memory, Verdict
from spotkeeper.lifecycle.sweep_order import Share, share_out, shared_in
from spotkeeper.lifecycle.teardown import Outcome
from spotkeeper.lifecycle.wait import looks
from spotkeeper.model import journal_entry
from spotkeeper.model.journal_entry import VISIBILITY_WINDOW

#: What is reported as left.
UNSETTLED = frozenset({Verdict.UNWANTED, Verdict.YOUNG, Verdict.UNREAD})

#: How long a single thing is waited for that something else still holds.
PATIENCE = timedelta(minutes=2)

AGAIN = "Run `spot sweep --apply` again: it is safe to repeat."


class Sweeping:
    """Ends only what both the account and the journal give up; all of it can be repeated."""

    def __init__(self, edges: Edges, surveyor: Surveyor, ending: Ending, talk: Talk) -> None:
        self._edges = edges
        self._journal = edges.journal
        self._surveyor = surveyor
        self._ending = ending
        self._talk = talk
        self._outcome = Outcome()

    def listing(self, in_regions: Sequence[str]) -> Swept:
        """What is there, and what becomes of it; nothing is changed."""
        view = self._surveyor.view(in_regions)
        cut_off = [left for share in _shares(view) for left in _may_come(share, view)]
        return Swept(
            view.judgements,
            left=(*view.left, *cut_off, *map(_leftover, _unsettled(view.judgements))),
            others=view.others,
            warnings=view.notes,
            asked_at=view.sight.now,
        )

    def apply(self, in_regions: Sequence[str]) -> Swept:
        """End what nobody wants, then look again at what is left.

        Raises:
            Interrupted: by Ctrl-C.
        """
        before = self._surveyor.view(in_regions)
        try:
            touched = self._end(before)
            after = self._surveyor.view([region for region in in_regions if region in touched])
        except KeyboardInterrupt:
            count = len(self._outcome.ended)
            raise Interrupted(
                f"Interrupted; {count} thing{'' if count == 1 else 's'} had been ended",
                next_step=AGAIN,
            ) from None
        return self._told(before, after)

    def _end(self, view: View) -> set[str]:
        """End what nobody wants; the regions that have to be looked at again."""
        shares = _shares(view)
        for share in shares:
            self._end_share(share, view.memory)
        for region in shared_in(view.judgements):
            self._outcome.add(self._ending.giveback().end_shared(region))
        remembered = (journal_entry.regions(view.memory.of(share.name)) for share in shares)
        return {
            *(each.thing.region for each in _unsettled(view.judgements)),
            *(region for found in remembered for region in found),
        }

    def _end_share(self, share: Share, memory: Memory) -> None:
        if not share.name:
            self._end_things(share.things)
            return
        try:
            with self._journal.lock(share.name):
                if self._is_as_before(share.name, memory):
                    self._end_name(share)
        except Busy:
            return  # a command of this computer began to work on it: the next look says so

    def _is_as_before(self, name: str, memory: Memory) -> bool:
        """Whether nothing was launched under the name since it was judged."""
        then, now = memory.of(name), self._journal.read(name)
        same = journal_entry.known_tokens(then) == journal_entry.known_tokens(now)
        return same and journal_entry.ready_tokens(then) == journal_entry.ready_tokens(now)

    def _end_name(self, share: Share) -> None:
        """Fleets, then all that was launched; its guard and claim only once that is gone."""
        fleets = [thing for thing in share.things if thing.kind == ThingKind.FLEET]
        self._end_things(fleets)
        ended = Outcome()
        if share.regions or journal_entry.is_open(self._journal.read(share.name)):
            giveback = self._ending.giveback()
            ended = giveback.end(share.name, share.regions, only=share.launches)
            self._outcome.add(ended)
        if not ended.left:
            self._end_things(each for each in share.things if each not in fleets)
            self._ending.forget_unless_ready(share.name)

    def _end_things(self, things: Iterable[Thing]) -> None:
        for thing in things:
            problem = self._refusal(thing)
            if problem is None:
                self._outcome.add(Outcome([thing]))
            else:
                self._outcome.add(Outcome(left=[Leftover(thing, problem.message)]))

    def _refusal(self, thing: Thing) -> SpotkeeperError | None:
        """End one thing; why it could not be ended, ``None`` if it is."""
        problem: SpotkeeperError | None = None
        for elapsed in looks(self._edges.clock, PATIENCE):
            try:
                self._end_one(thing)
            except SpotkeeperError as refusal:
                problem = refusal
                if refusal.scope is not Scope.TRANSIENT:
                    return refusal
                self._talk.waiting(f"ending {thing.kind} {thing.id} in {thing.region}", elapsed)
            else:
                return None
        return problem

    def _end_one(self, thing: Thing) -> None:
        if thing.kind == ThingKind.SCHEDULE:
            self._edges.schedules.disarm(thing.region, thing.id)
        else:
            self._edges.estate.end(thing)

    def _told(self, before: View, after: View) -> Swept:
        """What became of everything, by what both looks saw. The second sees only a part of the
        account, so that what the first did not give up stays as it was judged then."""
        again = set(after.sight.seen)
        stays = {e.thing: e for e in before.judgements if e.verdict is not Verdict.UNWANTED}
        seen = [stays.get(each.thing, each) for each in after.judgements]
        elsewhere = [each for each in before.judgements if each.thing.region not in again]
        still = _unsettled((*seen, *elsewhere))
        there = {each.thing for each in (*seen, *elsewhere)}
        missing = [each.thing for each in _unwanted(before.judgements) if each.thing not in there]
        ended = [thing for thing in self._outcome.ended if thing not in there]
        refused = [
            each
            for each in self._outcome.left
            if each.thing in there or each.thing.region not in again or _is_no_thing(each.thing)
        ]
        reasons = {each.thing: each for each in refused}
        reasons |= {each.thing: each for each in (*before.left, *after.left)}
        return Swept(
            before.judgements,
            tuple(dict.fromkeys([*ended, *missing])),
            tuple(({each.thing: _leftover(each) for each in still} | reasons).values()),
            before.others,
            tuple(dict.fromkeys((*before.notes, *after.notes))),
            before.sight.now,
        )


def _shares(view: View) -> tuple[Share, ...]:
    return share_out(view.judgements, view.memory, view.sight)


def _unsettled(judgements: Iterable[Judgement]) -> list[Judgement]:
    return [each for each in judgements if each.verdict in UNSETTLED]


def _unwanted(judgements: Iterable[Judgement]) -> list[Judgement]:
    return [each for each in judgements if each.verdict is Verdict.UNWANTED]


def _leftover(judgement: Judgement) -> Leftover:
    return Leftover(judgement.thing, judgement.reason)


def _is_no_thing(thing: Thing) -> bool:
    """Whether it stands for what could not be looked at."""
    return thing.kind not in set(ThingKind)


def _may_come(share: Share, view: View) -> list[Leftover]:
    """A launch that was cut off a moment ago, of which nothing is listed yet."""
    events = view.memory.of(share.name)
    born = journal_entry.last_intent_at(events)
    if share.regions or share.things or born is None or journal_entry.is_settling(events):
        return []
    until = born + VISIBILITY_WINDOW
    if until <= view.sight.now:
        return []
    told = f"its launch did not finish; EC2 may show what it made until {until:%H:%M:%S} UTC"
    places = journal_entry.regions(events)
    return [Leftover(Thing("launch", share.name, region), told) for region in places]
