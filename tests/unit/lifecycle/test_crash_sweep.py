"""Killed or unanswered at every call and journal entry: nothing left, never two, none reborn.

A failing trial is printed as a line of Python: ``Theatre(home).breaches(Trial(...))`` repeats it.
"""

import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import pytest
from tests.fakes.edges import home_with_key
from tests.fakes.fate import Blow, Crash, Fate
from tests.fakes.threads import without_threads
from tests.unit.lifecycle.crash_stage import Paused, Stage, World
from tests.unit.lifecycle.crash_trials import (
    DELAYS_SECONDS,
    KINDS,
    PLANS,
    READS,
    RECOVERIES,
    Theatre,
    Trial,
    failures,
    pairs,
    singles,
    typed,
)

from spotkeeper.lifecycle.ports import Cloud, Inventory, NameClaims, Schedules

#: The promise of docs/safety.md.
FEWEST_TRIALS = 1_000
FEWEST_TRIALS_OF_A_SOAK = 100_000

#: "guarded" contains all of "box", "guarded once" all of "once".
SHORT = tuple(plan for plan in PLANS if plan not in ("box", "once"))

#: Of the trials with one blow, every run plays one in so many; a soak plays all.
ONE_IN = 7

#: Trials with two blows of each seed.
DOUBLE_BLOWS = 40

#: Where two blows fall everywhere, with the recovery and how late EC2's lists are.
PAIRED = (("sweep", 120), ("sweep anew", 0))

#: How requests are listed where they are the last to be.
LATE_REQUESTS = World(requests_listed_after_seconds=200)

Count = Callable[[Theatre, Iterable[Trial]], None]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a key; regions are asked one after another, so that every run is the same."""
    without_threads(monkeypatch)
    return home_with_key(tmp_path)


@pytest.fixture
def holds(record_property: Callable[[str, object], None]) -> Count:
    """Plays trials, counts them for the summary, and fails with those that breached anything."""

    def play(theatre: Theatre, trials: Iterable[Trial]) -> None:
        count, told = failures(theatre, trials)
        record_property("crash trials", count)
        assert count > 0
        assert not told, f"{len(told)} of {count} trials:\n" + "\n".join(told[:5])

    return play


def over_a_plan(theatre: Theatre, plan: str, one_in: int) -> Iterable[Trial]:
    """Blows of a plan from its begin to its end, half of them with late lists and a sweep, half
    with one of the other recoveries."""
    late = singles(theatre, Trial(plan, 300, "sweep"))
    at_once = zip(singles(theatre, Trial(plan, 0, "")), cycle(RECOVERIES))
    yield from islice(late, 0, None, one_in)
    for trial, recovery in islice(at_once, one_in // 2, None, one_in):
        yield replace(trial, recovery=recovery)


@pytest.mark.parametrize("one_in", [ONE_IN, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("plan", SHORT)
def test_a_blow_at_any_moment_leaves_nothing_behind(
    home: Path, plan: str, one_in: int, holds: Count
) -> None:
    theatre = Theatre(home)
    holds(theatre, over_a_plan(theatre, plan, one_in))


@pytest.mark.parametrize("recovery", RECOVERIES)
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.soak
def test_nor_does_it_with_any_delay_and_recovery(
    home: Path, plan: str, recovery: str, holds: Count
) -> None:
    theatre = Theatre(home)
    for delay_seconds in DELAYS_SECONDS:
        holds(theatre, singles(theatre, Trial(plan, delay_seconds, recovery)))


@pytest.mark.parametrize(("recovery", "delay_seconds"), PAIRED)
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.soak
def test_nor_do_two_blows(
    home: Path, plan: str, recovery: str, delay_seconds: int, holds: Count
) -> None:
    theatre = Theatre(home)
    holds(theatre, pairs(theatre, Trial(plan, delay_seconds, recovery)))


def double_blows(seed: int) -> Iterable[Trial]:
    """Some of all pairs, with any delay and recovery."""
    dice = random.Random(seed)  # noqa: S311 - the same trials every time
    for _ in range(DOUBLE_BLOWS):
        yield Trial(
            plan=dice.choice(tuple(PLANS)),
            delay_seconds=dice.choice(DELAYS_SECONDS),
            recovery=dice.choice(tuple(RECOVERIES)),
            blows=(Blow(dice.randrange(60), dice.choice(KINDS)),),
            again=Blow(dice.randrange(30), dice.choice(KINDS)),
        )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.one_in(2)
def test_some_pairs_of_blows_of_all_kinds_leave_nothing_behind(
    home: Path, seed: int, holds: Count
) -> None:
    holds(Theatre(home), double_blows(seed))


@pytest.mark.parametrize(
    "recovery",
    [pytest.param(r, marks=() if r == "patient" else pytest.mark.soak) for r in RECOVERIES],
)
@pytest.mark.parametrize("plan", ["stopped", "by hand"])
@pytest.mark.soak
def test_a_request_that_is_listed_long_after_its_instance_launches_no_other(
    home: Path, plan: str, recovery: str, holds: Count
) -> None:
    theatre = Theatre(home, LATE_REQUESTS)
    holds(theatre, singles(theatre, Trial(plan, 5, recovery)))


# What the trials are worth


def test_every_run_has_many_trials(home: Path) -> None:
    played = sum(1 for plan in SHORT for _ in over_a_plan(Theatre(home), plan, ONE_IN))
    assert played >= FEWEST_TRIALS


@pytest.mark.soak
def test_a_soak_has_a_hundred_thousand_and_more(
    home: Path, record_property: Callable[[str, object], None]
) -> None:
    theatre = Theatre(home)
    every = [Trial(plan, d, r) for plan in PLANS for d in DELAYS_SECONDS for r in RECOVERIES]
    single = sum(1 for each in every for _ in singles(theatre, each))
    double = [Trial(plan, delay, recovery) for plan in PLANS for recovery, delay in PAIRED]
    paired = sum(1 for each in double for _ in pairs(theatre, each))
    record_property("crash trials with one blow, in all", single)
    record_property("crash trials with two blows, in all", paired)
    assert single + paired >= FEWEST_TRIALS_OF_A_SOAK


def test_a_trial_is_the_same_every_time_also_when_it_is_read_back(home: Path) -> None:
    trial = Trial("box", 5, "patient", (Blow(12, "lost after"),), Blow(7, "killed after"))
    again = typed(repr(trial))
    assert again == trial
    first, second = Theatre(home), Theatre(home)
    assert first.seen(trial) == second.seen(again)
    assert first.seen_in_recovery(trial) == second.seen_in_recovery(again)
    assert first.breaches(trial) == second.breaches(again)


def test_a_failing_trial_fails_again_in_the_same_way(home: Path) -> None:
    forgets = World(forgets_tokens=True)
    theatre = Theatre(home, forgets)
    _, told = failures(theatre, singles(theatre, Trial("box", 0, "patient")))
    line, _, breaches = told[0].partition(": ")
    assert ", ".join(Theatre(home, forgets).breaches(typed(line))) == breaches


#: Calls to a port that no plan makes, and why.
NOT_CALLED = {
    "ask": "only a dry run",
    "close_ssh": "only a caller who came from elsewhere",
    "connect_endpoint": "only a launch without a public address",
    "home": "it asks nobody",
}


def test_the_plans_make_every_call_of_every_port(home: Path) -> None:
    theatre = Theatre(home)
    trials = [Trial(plan, delay, r) for plan in PLANS for delay in (0, 120) for r in RECOVERIES]
    seen = {call for each in trials for call in theatre.seen(each)}
    seen |= {call for each in trials for call in theatre.seen_in_recovery(each)}
    wanted = {name for port in (Cloud, NameClaims) for name in public(port)}
    wanted |= {f"{name} schedule" for name in public(Schedules)}
    wanted |= {"region_inventory", "end launch-template"}
    assert set(public(Inventory)) == {"region_inventory", "end"}
    assert wanted - seen == set(NOT_CALLED)
    assert seen | set(NOT_CALLED) >= READS


def public(port: type) -> list[str]:
    """The methods of a port."""
    return [name for name in vars(port) if not name.startswith("_")]


def test_to_die_before_a_call_is_to_die_after_the_one_before(home: Path) -> None:
    theatre = Theatre(home)
    plain = Trial("guarded", 120, "sweep")
    for at in range(1, len(theatre.seen(plain))):
        before = replace(plain, blows=(Blow(at, "killed before"),))
        after = replace(plain, blows=(Blow(at - 1, "killed after"),))
        assert theatre.world_after(before) == theatre.world_after(after), at


def test_to_lose_a_question_that_changes_nothing_is_to_lose_its_answer(home: Path) -> None:
    theatre = Theatre(home)
    plain = Trial("guarded", 120, "sweep")
    for at, call in enumerate(theatre.seen(plain)):
        if call in READS:
            before = replace(plain, blows=(Blow(at, "lost before"),))
            after = replace(plain, blows=(Blow(at, "lost after"),))
            assert theatre.world_after(before) == theatre.world_after(after), (at, call)


def test_what_is_of_others_is_there_in_every_trial(home: Path) -> None:
    stage = Stage(0, home, World())
    kinds = {each.split("-")[0] for each in stage.unmanaged}
    assert {"i", "sir", "vol", "sg", "key", "dev"} <= kinds
    assert len(stage.state_of_foreign()) == len(stage.unmanaged)


# What the sweep found once


def test_ls_that_ends_a_machine_which_is_listed_late_does_not_arm_its_guard_anew(
    home: Path,
) -> None:
    stage = Stage(120, home, World())
    stage.suffer(Paused("journal launched"))
    with suppress(Crash):
        stage.up_guarded()
    stage.suffer(Fate())
    stage.down()
    stage.wait()
    assert stage.leftovers()
    stage.keeper().ls()
    assert stage.leftovers() == set()
