"""One trial of the crash sweep: a plan, a blow of fate or two, a recovery, three invariants.

The mechanism is ALICE's: every call to the cloud and every journal entry is a place to die at.
``Theatre(home).breaches(Trial(...))`` plays one again; a failing trial is printed as such.
"""

import ast
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.fakes.clock import FIRST_DAY
from tests.fakes.fate import Blow, Crash, Fate, Struck
from tests.unit.lifecycle.crash_stage import A_LITTLE_LONGER, NAME, Stage, World

from spotkeeper.errors import NotFound, SpotkeeperError
from spotkeeper.keeper.results import DownReport, SweepReport
from spotkeeper.lifecycle.guard import SCHEDULER
from spotkeeper.lifecycle.sweep import Verdict
from spotkeeper.model.journal_entry import Ending, Ready
from spotkeeper.model.tags import TAG_GUARD
from spotkeeper.timings import LONGEST_CALL

DELAYS_SECONDS = (0, 5, 120, 300)
MOST_DOWNS = 3

#: Longer than any deadline of these machines.
PAST_THE_DEADLINE = timedelta(hours=30)

KINDS = ("killed before", "killed after", "lost before", "lost after")

#: Calls that change nothing: an answer lost on its way is the same as a call lost on its way.
READS = frozenset(
    {
        *(
            "caller",
            "regions",
            "tagged_resources",
            "subnets",
            "image",
            "ssh_groups",
            "observe",
            "volumes",
            "instance",
        ),
        *(
            "ask",
            "holder",
            "region_inventory",
            "find schedule",
            "listed schedule",
        ),
    }
)


@dataclass(frozen=True)
class Trial:
    """What is done, how slow EC2's lists are, what befalls the program, and what the user does.

    ``blows`` fall while the plan is carried out, ``again`` while the user recovers from it.
    """

    plan: str
    delay_seconds: int
    recovery: str
    blows: tuple[Blow, ...] = ()
    again: Blow | None = None


def typed(line: str) -> Trial:
    """The trial that a failure printed, read back."""

    def value(node: ast.expr) -> Any:
        if isinstance(node, ast.Tuple):
            return tuple(map(value, node.elts))
        if not isinstance(node, ast.Call):
            return ast.literal_eval(node)
        kind = {"Trial": Trial, "Blow": Blow}[ast.unparse(node.func)]
        return kind(
            *map(value, node.args), **{str(each.arg): value(each.value) for each in node.keywords}
        )

    trial = value(ast.parse(line, mode="eval").body)
    assert isinstance(trial, Trial)
    return trial


@dataclass(frozen=True)
class Plan:
    """Steps that nothing befalls, those that blows may fall into, and what others do then."""

    steps: tuple[Callable[[Stage], object], ...]
    first: tuple[Callable[[Stage], object], ...] = ()
    then: tuple[Callable[[Stage], object], ...] = ()


PLANS: Mapping[str, Plan] = {
    "box": Plan((Stage.up, Stage.down)),
    "once": Plan((Stage.up_once, Stage.down)),
    "abroad": Plan((Stage.up_abroad, Stage.down)),
    "after one that ends": Plan((Stage.up_after_one_that_ends, Stage.down)),
    "guarded": Plan((Stage.up_guarded, Stage.extend, Stage.down)),
    "guarded once": Plan((Stage.up_once_guarded, Stage.down)),
    "extended": Plan((Stage.extend,), first=(Stage.up_guarded, Stage.wait)),
    "stopped": Plan((Stage.stop, Stage.start, Stage.down), first=(Stage.up,)),
    "by hand": Plan((Stage.down,), first=(Stage.up, Stage.end_by_hand)),
    "interrupted": Plan((Stage.down,), first=(Stage.up, Stage.interrupt)),
    "again": Plan((Stage.up,), first=(Stage.up, Stage.down)),
    "held": Plan((Stage.up,), first=(Stage.claim_elsewhere,)),
    "rival": Plan((Stage.up,), then=(Stage.up_in_another_region,)),
    "handed over": Plan((Stage.down,), first=(Stage.up,), then=(Stage.up_in_another_region,)),
    "sweep beside a launch": Plan((Stage.sweep,), first=(Stage.begin_elsewhere,)),
    "sweep of a wanted one": Plan((Stage.sweep, Stage.down), first=(Stage.up_guarded, Stage.wait)),
    "sweep of a forgotten one": Plan(
        (Stage.sweep,), first=(Stage.up_guarded, Stage.lose_the_journal, Stage.wait, Stage.wait)
    ),
}


class Theatre:
    """Plays trials; what many of them begin with is played once and kept as it was then."""

    def __init__(self, home: Path, world: World | None = None) -> None:
        self._home = home
        self._world = world or World()
        self._begun: dict[tuple[str, int], bytes] = {}
        self._last: tuple[Trial | None, bytes, list[str], list[str]] = (None, b"", [], [])

    def breaches(self, trial: Trial) -> list[str]:
        """Which invariants a trial breached, in words."""
        stage, told, _ = self._played(trial)
        recovery = RECOVERIES[trial.recovery]
        told += _foreign(lambda: told.extend(recovery.prepare(stage)))
        if trial.again is not None:
            stage.suffer(Struck(trial.again))
            told += _foreign(lambda: _struck(stage, recovery))
        stage.suffer(Fate())
        told += _foreign(lambda: told.extend(recovery.finish(stage)))
        if stage.others_journal.names():
            told += _foreign(lambda: told.extend(_finished(stage)))
        return told + _remains(stage)

    def seen(self, trial: Trial) -> list[str]:
        """The calls and entries of a trial until its recovery."""
        return self._played(trial)[2]

    def seen_in_recovery(self, trial: Trial) -> list[str]:
        """The calls and entries of the command that the user recovers with."""
        stage, _, _ = self._played(trial)
        recovery, fate = RECOVERIES[trial.recovery], Fate()
        _foreign(lambda: recovery.prepare(stage))
        stage.suffer(fate)
        _foreign(lambda: _struck(stage, recovery))
        return fate.seen

    def world_after(self, trial: Trial) -> object:
        """What there is an hour after a run began, whoever looks; not when it was made."""
        stage = self._played(trial)[0]
        stage.clock.sleep(FIRST_DAY + timedelta(days=1, hours=1) - stage.clock.now())
        ec2 = stage.ec2
        ec2.catch_up()
        servers = [(s.id, s.state, s.then, sorted(s.disk_ids)) for s in ec2.servers.values()]
        requests = [(r.id, r.state, r.code, r.instance_id) for r in ec2.requests.values()]
        return servers, requests, sorted(ec2.leftovers()), sorted(ec2.schedules)

    def _played(self, trial: Trial) -> tuple[Stage, list[str], list[str]]:
        run = replace(trial, recovery="", again=None)
        if self._last[0] != run:
            stage, told, seen = self._run(run)
            self._last = (run, pickle.dumps(stage), told, seen)
        _, frozen, told, seen = self._last
        return pickle.loads(frozen), list(told), seen  # noqa: S301 - made here

    def _run(self, trial: Trial) -> tuple[Stage, list[str], list[str]]:
        plan, stage = PLANS[trial.plan], self._beginning(trial)
        stage.suffer(Struck(*trial.blows))

        def go() -> None:
            with suppress(Crash, SpotkeeperError):
                for step in plan.steps:
                    step(stage)

        told = _foreign(go)
        seen = list(stage.fate.seen)
        stage.suffer(Fate())
        for step in plan.then:
            step(stage)
        alive = {"", *(each.id for each in stage.ours())}
        if stage.others_machine not in alive and Stage.down not in plan.steps:
            told.append("touched: the machine of another computer")
        return stage, told, seen

    def _beginning(self, trial: Trial) -> Stage:
        key = (trial.plan, trial.delay_seconds)
        if key not in self._begun:
            stage = Stage(trial.delay_seconds, self._home, self._world)
            for step in PLANS[trial.plan].first:
                step(stage)
            self._begun[key] = pickle.dumps(stage)
        stage = pickle.loads(self._begun[key])  # noqa: S301 - made here
        assert isinstance(stage, Stage)
        return stage


def _foreign(act: Callable[[], object]) -> list[str]:
    try:
        act()
    except Exception as unmanaged:
        return [f"foreign error: {unmanaged!r}"]
    return []


# What the user does


@dataclass(frozen=True)
class Recovery:
    """What the user waits for, the command that is typed then, in which a second blow may fall,
    and how it is repeated until all is good; the first and the last tell what was not."""

    prepare: Callable[[Stage], list[str]]
    command: Callable[[Stage], object]
    finish: Callable[[Stage], list[str]]


def _struck(stage: Stage, recovery: Recovery) -> None:
    with suppress(Crash, SpotkeeperError):
        recovery.command(stage)


def _at_once(_: Stage) -> list[str]:
    return []


def _patiently(stage: Stage) -> list[str]:
    stage.clock.sleep(LONGEST_CALL)  # the blow may have fallen on a call that took effect
    stage.wait()
    return []


def _forgetfully(stage: Stage) -> list[str]:
    """The journal is lost, only the tags are left."""
    stage.lose_the_journal()
    stage.wait()
    return []


def _absent(stage: Stage) -> list[str]:
    """Nobody is there before the deadline has passed; a guard that the user was told of has ended
    the machine by then."""
    stage.let_pass(PAST_THE_DEADLINE)
    return _guard_failed(stage) if stage.guard_is_told else []


def _down(stage: Stage) -> list[str]:
    """``down`` until nothing is left."""
    _repeat(stage, lambda: stage.keeper().down((NAME,)))
    return []


def _down_all(stage: Stage) -> list[str]:
    _repeat(stage, lambda: stage.keeper().down(everything=True))
    return []


def _down_and_list(stage: Stage) -> list[str]:
    """``down`` at once; once the window is over, the next command is an ``ls``. One more, where
    the first found something that lived then."""
    _down(stage)
    for _ in range(2):
        stage.wait()
        stage.keeper().ls()
    return []


def _one_sweep(stage: Stage) -> list[str]:
    """One sweep, two where another computer had a part in it.

    What is wanted stays, whole, until its deadline; its guard ends it with nobody there.
    """
    told = _swept(stage, passes=1 if not stage.others_journal.names() else 2)
    stage.wait()  # EC2 may have relaunched what was ended by hand
    kept = [each for each in stage.sweep().found if each.verdict is Verdict.KEPT]
    if kept:
        told += _is_whole(stage, {each.resource_id.id for each in kept})
        stage.let_pass(PAST_THE_DEADLINE)
        told += _guard_failed(stage)
        told += _swept(stage, passes=1)
    return told


def _two_sweeps(stage: Stage) -> list[str]:
    return _swept(stage, passes=2)


RECOVERIES: Mapping[str, Recovery] = {
    "patient": Recovery(_patiently, _down, _down),
    "eager": Recovery(_at_once, _down_and_list, _down_and_list),
    "forgetful": Recovery(_forgetfully, _down_all, _down_all),
    "sweep": Recovery(_patiently, Stage.sweep, _one_sweep),
    "sweep anew": Recovery(_forgetfully, Stage.sweep, _two_sweeps),
    "absent": Recovery(_absent, Stage.sweep, _one_sweep),
}


def _repeat(stage: Stage, down: Callable[[], DownReport]) -> None:
    for _ in range(MOST_DOWNS):
        try:
            if not down().left:
                return
        except NotFound:
            return
        stage.clock.sleep(A_LITTLE_LONGER)


def _finished(stage: Stage) -> list[str]:
    """What another computer began, and nobody here knows of, is for the sweep."""
    stage.wait()
    return _swept(stage, passes=2)


def _swept(stage: Stage, *, passes: int) -> list[str]:
    swept = SweepReport()
    for number in range(passes):
        if number:
            stage.wait()
        swept = stage.sweep()
        if not swept.left:
            return []
    return [
        f"left after {passes} sweeps: {each.resource_id.id}, {each.reason}" for each in swept.left
    ]


# The invariants


def _is_whole(stage: Stage, kept: set[str]) -> list[str]:
    """What a sweep keeps is one machine that lives, and exactly what it needs."""
    told = [f"left: {each}, which sweep does not know" for each in stage.leftovers() - kept]
    servers = [each for each in stage.ours() if each.id in kept]
    if len(servers) != 1:
        return [*told, f"left: {len(servers)} machines kept"]
    ends = [type(e) for e in stage.journal.read(NAME) if isinstance(e, Ready | Ending)]
    if servers[0].claim in stage.ec2.first_terminates or ends[-1:] != [Ready]:
        told.append(f"left: {servers[0].id} is kept, which was to be ended, or not for its user")
    return told


def _guard_failed(stage: Stage) -> list[str]:
    """Where the deadline passed with nobody there, only disks are left of a guarded machine."""
    alive = [each for each in stage.ours() if each.order.tags.get(TAG_GUARD) == SCHEDULER]
    return [f"left: {each.id}, which its guard did not end" for each in alive]


def _remains(stage: Stage) -> list[str]:
    ec2 = stage.ec2
    found = [f"{count} {name} at once" for name, count in ec2.most_at_once.items() if count > 1]
    left = stage.leftovers()
    for _ in range(2):
        stage.clock.sleep(timedelta(days=1))
        left |= stage.leftovers()
    found += [f"left: {each}" for each in sorted(left)]
    found += [f"reborn: {each}" for each in ec2.born_after_first_terminate()]
    if stage.state_of_foreign() != stage.foreign_state:
        found.append("touched: what is somebody else's")
    return found


# All trials


def blows(seen: list[str], *, distinct: bool = False) -> Iterator[Blow]:
    """Every blow at every call and entry; to ask again who is logged in is not one of its own.

    ``distinct`` ones leave out those that come to the same thing: to die before a call and after
    the one before it, to lose a question or its answer.
    """
    for at, call in enumerate(seen):
        if call == "caller" and seen[at - 1 : at] == ["caller"]:
            continue
        for kind in KINDS:
            if kind.startswith("lost") and call.startswith("journal"):
                continue
            if distinct and (kind == "killed before" or (kind, call) in _SAME):
                continue
            yield Blow(at, kind)


_SAME = {("lost after", call) for call in READS}


def singles(theatre: Theatre, plain: Trial) -> Iterator[Trial]:
    """Every trial of a plan with one blow, and the one with none."""
    yield plain
    for blow in blows(theatre.seen(plain)):
        yield replace(plain, blows=(blow,))


def pairs(theatre: Theatre, plain: Trial) -> Iterator[Trial]:
    """Every trial with two blows that differ: the second one later in the run, or while the user
    recovers."""
    for first in blows(theatre.seen(plain), distinct=True):
        struck = replace(plain, blows=(first,))
        later = theatre.seen(struck)
        for again in blows(theatre.seen_in_recovery(struck), distinct=True):
            yield replace(struck, again=again)
        for second in blows(later, distinct=True):
            if second.at > first.at and first.kind.startswith("lost"):
                yield replace(struck, blows=(first, second))


def failures(theatre: Theatre, trials: Iterable[Trial]) -> tuple[int, list[str]]:
    """How many trials there were, and each one that breached something, in a line."""
    count, told = 0, []
    for trial in trials:
        count += 1
        broken = theatre.breaches(trial)
        if broken:
            told.append(f"{trial!r}: {', '.join(broken)}")
    return count, told
