"""Giving back, with what it all cost."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import chain

from spotkeeper.costs.usage import Cost, Interval, Spending
from spotkeeper.errors import Busy, CredentialsProblem, Interrupted, NotFound, SpotkeeperError
from spotkeeper.keeper import regions
from spotkeeper.keeper.edges import Edges, ports
from spotkeeper.keeper.machines import MachineReader
from spotkeeper.keeper.results import DownReport
from spotkeeper.keeper.spending import spendings
from spotkeeper.lifecycle import settle
from spotkeeper.lifecycle.name_claim import claim_title
from spotkeeper.lifecycle.ports import Talk
from spotkeeper.lifecycle.presence import machines
from spotkeeper.lifecycle.region_ending import TeardownOutcome
from spotkeeper.lifecycle.teardown import Teardown, left_behind
from spotkeeper.market import market
from spotkeeper.model import lives
from spotkeeper.model.launch import Launches
from spotkeeper.model.machine import Kind, Machine
from spotkeeper.model.resource import Leftover, ResourceId
from spotkeeper.model.tags import is_name
from spotkeeper.ssh import keys
from spotkeeper.timings import VISIBILITY_WINDOW


class Down:
    """Ends machines wherever they are and says what they cost."""

    def __init__(self, edges: Edges, reader: MachineReader, talk: Talk) -> None:
        self.edges = self._edges = edges
        self.reader = self._reader = reader
        self.talk = self._talk = talk

    def down(
        self, names: Sequence[str], in_regions: Sequence[str], *, shared: bool = False
    ) -> DownReport:
        """End machines in some regions, and wherever this computer launched them; with what
        machines ``shared``.

        Raises:
            NotFound: a name that neither AWS nor the journal knows.
        """
        places, unlooked = self.places(names, in_regions)
        outcome, costs = self.end(places)
        unsure = (told for name in places for told in self.unsure(name))
        warnings = (*unlooked, *unsure, *self.settle(in_regions))
        if shared:
            self.end_shared(in_regions, outcome)
        return DownReport(tuple(outcome.ended), tuple(outcome.left), costs, warnings)

    def put_aside(
        self,
        names: Sequence[str],
        in_regions: Sequence[str],
        stop: Callable[[str, tuple[str, ...]], object],
    ) -> dict[str, Leftover]:
        """Stop the boxes among some names, since nobody said that their disks may go; each with
        what is left of it. What cannot be looked at may be one."""
        launched_in = {name: lives.regions(self._edges.journal.read(name)) for name in names}
        places = tuple(dict.fromkeys((*in_regions, *chain(*launched_in.values()))))
        silent: dict[str | None, SpotkeeperError] = {}
        try:
            boxes, failed = self._reader.boxes(names, places)
            silent = {each.region: each for each in failed}
        except SpotkeeperError as nobody:  # answers, anywhere
            boxes, silent = [], dict.fromkeys(places, nobody)
        kept = {
            name: _kept(name, region, f"nobody could look at it: {silent[region]}")
            for name, found in launched_in.items()
            for region in found
            if region in silent
        }
        for box in boxes:
            told = "it is stopped, and its disk is kept and costs"
            try:
                stop(box.name, (box.region,))
            except Interrupted:
                raise
            except SpotkeeperError as problem:
                told = f"it could not be stopped: {problem}"
            kept[box.name] = _kept(box.name, box.region, told)
        return kept

    def everything(self, in_regions: Sequence[str], *, all_regions: bool) -> tuple[str, ...]:
        """Every name that may still own something in the regions: machines, disks, or open in the
        journal."""
        journal = self._edges.journal
        recorded = {name: journal.read(name) for name in journal.names()}
        unsettled = {
            name
            for name, entries in recorded.items()
            if lives.is_open(entries)
            and (all_regions or {*lives.regions(entries)} & {*in_regions})
        }
        return tuple(sorted(self._reader.names(in_regions) | unsettled))

    def places(
        self, names: Sequence[str], in_regions: Sequence[str]
    ) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
        """The regions where each name may have anything, and what to say of the closed ones.

        A region that does not answer may have something. One that the caller may not look into
        is only told of, unless the journal remembers it: many an account has such regions.

        Raises:
            NotFound: AWS lists nothing of a name and the journal has never heard of it.
        """
        if wrong := next((name for name in names if not is_name(name)), None):
            raise NotFound(f"{wrong!r} cannot be a machine's name")
        inhabited, failed = self._reader.inhabited(in_regions)
        closed = [each for each in failed if isinstance(each, CredentialsProblem)]
        silent = [str(each.region) for each in failed if each not in closed]
        places: dict[str, tuple[str, ...]] = {}
        for name in dict.fromkeys(names):
            found = [region for region, listed in inhabited.items() if name in listed]
            entries = self._edges.journal.read(name)
            if not found and not entries and not self._claimed(name):
                raise _unheard_of(name, failed)
            if lives.is_damaged(entries):  # it may own what is too young to be listed, anywhere
                unlooked = {each.region for each in failed}
                found = [region for region in in_regions if region not in unlooked]
            places[name] = (*found, *silent)
        return places, tuple(f"not looked at: {each}" for each in regions.by_reason(closed))

    def _claimed(self, name: str) -> bool:
        """Whether a computer that this one does not know of claimed the name."""
        names, title = self._edges.names, claim_title(self._reader.owner, name)
        try:
            return names.holder(names.home(), title) is not None
        except SpotkeeperError:
            return False  # where nobody may look, nothing is claimed or ended either

    def end(self, places: Mapping[str, Sequence[str]]) -> tuple[TeardownOutcome, tuple[Cost, ...]]:
        """End all of several names, each in the given regions and in those that the journal
        remembers. A name that another command works on is left, and said.

        Raises:
            Busy: another command works on the only one.
        """
        with ExitStack() as held:
            busy = {
                name: problem
                for name in places
                if (problem := _taken(self._edges.journal.lock(name), held))
            }
            if len(busy) == len(places) == 1:
                raise busy.popitem()[1]
            free = {name: found for name, found in places.items() if name not in busy}
            outcome, costs = self._end(free)
        outcome.left += [
            Leftover(ResourceId("machine", name, next(iter(places[name]), "")), problem.message)
            for name, problem in busy.items()
        ]
        return outcome, costs

    def _end(
        self, places: Mapping[str, Sequence[str]]
    ) -> tuple[TeardownOutcome, tuple[Cost, ...]]:
        read = self._edges.journal.read
        self._take_note(
            {name: (*found, *lives.regions(read(name))) for name, found in places.items()}
        )
        known = {name: read(name) for name in places}
        seen = {
            name: lives.latest(known[name]) for name in known if not lives.is_settling(known[name])
        }
        whole = TeardownOutcome()
        for name, outcome in self.teardown().end_all(places).items():
            whole.add(outcome)
            if not outcome.left:
                self._forget_files(name)
        now = self._edges.clock.now()
        parts = spendings(seen, self._edges, until=now)
        costs = [_cost(name, each) for name, each in parts.items()]
        return whole, tuple(cost for cost in costs if cost)

    def end_attempt(
        self,
        name: str,
        problem: SpotkeeperError,
        made: Launches,
        given: Mapping[str, frozenset[str]],
    ) -> None:
        """Give back what a launch made so far, known as in ``undo``, before it goes on elsewhere.

        Raises:
            LeftBehind: something of it could not be ended.
        """
        self._take_note({name: tuple(given)})
        outcome = self.teardown().end(name, (), only=made, given=given)
        if outcome.left:
            raise left_behind(outcome.left, f"{problem}. ")

    def undo(
        self,
        name: str,
        problem: BaseException,
        made: Launches,
        given: Mapping[str, frozenset[str]],
    ) -> SpotkeeperError:
        """Give back what a failed launch made, known by its tokens and by the ids that EC2 gave it
        in each region, and nothing else of the name; the error to raise, with what is left."""
        if lives.is_open(self._edges.journal.read(name)):
            self._talk.say("giving back what was begun")
            try:
                self._take_note({name: tuple(given)})
                outcome = self.teardown().end(name, (), only=made, given=given)
            except KeyboardInterrupt:
                return Interrupted(
                    f"Interrupted twice: what was begun for {name} may still exist",
                    next_step=f"Run `spot down {name}` to end it.",
                )
            if outcome.left:
                return left_behind(outcome.left, f"{str(problem) or 'Interrupted'}. ")
            if made:
                self._forget_files(name)
        if isinstance(problem, SpotkeeperError):
            return problem
        return Interrupted(
            f"Interrupted; everything that EC2 lists of {name} was given back",
            next_step=" ".join(self.unsure(name)) or "Nothing is left of it.",
        )

    def unsure(self, name: str) -> tuple[str, ...]:
        """What to do about a launch whose outcome nobody knows yet; empty when all is known."""
        entries = self._edges.journal.read(name)
        born = lives.last_intent_at(entries) if lives.unfinished(entries) else None
        until = born + VISIBILITY_WINDOW if born else None
        if until is None or until <= self._edges.clock.now():
            return ()
        return (
            f"EC2 may still show what came of an unfinished launch of {name}: run `spot ls` after "
            f"{until:%H:%M:%S} UTC, which ends it.",
        )

    def settle(self, looked: Sequence[str]) -> tuple[str, ...]:
        """Close the journal of what was ended long enough ago, where all its regions answer and
        nobody works on it; what came late and could not be ended."""
        journal = self._edges.journal
        due = [
            name
            for name in settle.due(journal, self._edges.clock.now())
            if set(lives.regions(journal.read(name))) <= set(looked)
        ]
        with ExitStack() as held:
            free = [name for name in due if not _taken(journal.lock(name), held)]
            found = settle.settle(free, journal=journal, teardown=self.teardown())
        return tuple(
            f"{name} was ended, but left behind is {each.resource_id}: {each.reason}"
            for name, outcome in found.items()
            for each in outcome.left
        )

    def end_shared(self, in_regions: Sequence[str], outcome: TeardownOutcome) -> None:
        """End groups and keys that nothing needs any more, in regions with anything of ours."""

        def look(region: str) -> str:
            return region if self._edges.cloud.tagged_resources(region) else ""

        found, _ = regions.in_each(in_regions, look)
        for region in filter(None, found):
            outcome.add(self.teardown().end_shared(region))

    def forget_unless_ready(self, name: str) -> None:
        """Remove the files that a machine had, unless another one of the name is wanted."""
        if not lives.ready_tokens(self._edges.journal.read(name)):
            self._forget_files(name)

    def teardown(self) -> Teardown:
        """The lifecycle's own give-back for the caller."""
        return Teardown(self._reader.owner, ports(self._edges, self._talk))

    def _forget_files(self, name: str) -> None:
        """The key that was made for the machine, and the host key it had."""
        keys.forget_made_key(name, self._edges.folders.keys)
        (self._edges.folders.known_hosts / name).unlink(missing_ok=True)

    def _take_note(self, places: Mapping[str, Sequence[str]]) -> None:
        """Note what is about to end, by one look at each region."""
        name = next(iter(places)) if len(places) == 1 else None

        def look(region: str) -> list[Machine]:
            try:
                return machines(self._edges.cloud, region, self._reader.owner, name)
            except SpotkeeperError:
                return []  # the note is for the history only; ending comes first

        everywhere = (region for found in places.values() for region in found)
        for found in market.answers(look, everywhere).values():
            for machine in found:
                if machine.name in places:
                    self._reader.note(machine)


def _cost(name: str, parts: Sequence[tuple[Interval, Spending]]) -> Cost | None:
    if not parts:
        return None
    last = max((stretch for stretch, _ in parts), key=lambda stretch: stretch.end)
    cost = Cost(name, last.instance_type, last.zone_name)
    for _, spending in parts:
        cost = cost.plus(spending)
    return cost


def _kept(name: str, region: str, told: str) -> Leftover:
    step = f"`spot down {name} --yes` deletes it, with all that is on it"
    return Leftover(ResourceId(Kind.BOX, name, region), f"{told}; {step}")


def _unheard_of(name: str, failed: Sequence[SpotkeeperError]) -> NotFound:
    unseen = ", ".join(str(each.region) for each in failed)
    told = f" ({unseen} did not answer)" if unseen else ", and never was on this computer"
    return NotFound(f"There is no machine {name}{told}")


def _taken(lock: AbstractContextManager[None], held: ExitStack) -> Busy | None:
    """Hold a name's lock; why that cannot be."""
    try:
        held.enter_context(lock)
    except Busy as problem:
        return problem
    return None
