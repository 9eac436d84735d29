"""Killed or unanswered at every call and journal entry: nothing left, never two, none reborn."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.edges import home_with_key
from tests.fakes.threads import without_threads
from tests.unit.lifecycle.crash_trials import (
    DELAYS_SECONDS,
    PLANS,
    RECOVERIES,
    Trial,
    World,
    attempt,
    sweep,
    trials,
)

from spotkeeper.lifecycle import giveback
from spotkeeper.lifecycle.giveback import Actions, GiveBack, Outcome
from spotkeeper.lifecycle.launch import Launcher
from spotkeeper.lifecycle.ports import ThingKind
from spotkeeper.model.event import Event, What
from spotkeeper.model.pool import Pool

#: "stopped" contains all of "box", and "abroad" all of "once".
SWEPT = tuple(plan for plan in PLANS if plan not in ("box", "once"))

#: Fewer would mean that the plans have become trivial.
FEWEST_TRIALS = 150

#: At once and a full visibility window in every run of the tests, the others in `make soak`.
DELAYS = [
    pytest.param(each, marks=() if each in (0, 300) else pytest.mark.soak)
    for each in DELAYS_SECONDS
]

#: Trials with two deaths per seed.
SECOND_DEATHS = 150


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a key; regions are asked one after another, so that every run is the same."""
    without_threads(monkeypatch)
    return home_with_key(tmp_path)


@pytest.mark.parametrize("delay_seconds", DELAYS)
@pytest.mark.parametrize("recovery", RECOVERIES)
@pytest.mark.parametrize("plan", SWEPT)
def test_a_death_at_any_moment_leaves_nothing_behind(
    home: Path, plan: str, recovery: str, delay_seconds: int
) -> None:
    count, told = sweep(plan, delay_seconds, recovery, home)
    assert count >= FEWEST_TRIALS
    assert not told, f"{len(told)} of {count} trials:\n" + "\n".join(list(told.values())[:5])


#: One way of recovering in every run of the tests, the others in `make soak`.
SOAKED = [
    pytest.param(name, marks=() if number == 0 else pytest.mark.soak)
    for number, name in enumerate(RECOVERIES)
]


@pytest.mark.parametrize("recovery", SOAKED)
@pytest.mark.parametrize("plan", SWEPT)
def test_a_request_that_is_listed_long_after_its_instance_launches_no_other(
    home: Path, plan: str, recovery: str
) -> None:
    count, told = sweep(plan, 5, recovery, home, World(requests_listed_after_seconds=200))
    assert count >= FEWEST_TRIALS
    assert not told, f"{len(told)} of {count} trials:\n" + "\n".join(list(told.values())[:5])


@pytest.mark.parametrize("seed", range(4))
def test_a_second_death_during_the_recovery_leaves_nothing_behind(home: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - the same trials every time
    for _ in range(SECOND_DEATHS):
        trial = Trial(
            plan=dice.choice(tuple(PLANS)),
            delay_seconds=dice.choice(DELAYS_SECONDS),
            recovery=dice.choice(tuple(RECOVERIES)),
            blow=dice.choice(("killed before", "killed after", "lost before", "lost after")),
            at=dice.randrange(60),
            again_at=dice.randrange(30),
        )
        breaches, _ = attempt(trial, home)
        assert not breaches, f"seed {seed}, {trial}: {', '.join(breaches)}"


def test_a_trial_is_the_same_every_time(home: Path) -> None:
    trial = Trial("box", 5, "patient", "lost after", 12)
    assert attempt(trial, home) == attempt(trial, home)


# What follows removes one rule of the safe order at a time; the sweep must notice each.


def terminate_first(patch: pytest.MonkeyPatch) -> World:
    act = GiveBack._act

    def backwards(self: GiveBack, region: str, actions: Actions, outcome: Outcome) -> None:
        act(self, region, Actions(terminate=actions.terminate), outcome)
        act(self, region, Actions(actions.cancel, (), actions.delete_volumes), outcome)

    patch.setattr(GiveBack, "_act", backwards)
    return World()


def no_client_token(_: pytest.MonkeyPatch) -> World:
    return World(forgets_tokens=True)


def journal_after_the_call(patch: pytest.MonkeyPatch) -> World:
    intend, conclude = Launcher._intend, Launcher._conclude
    meant: dict[str, Pool] = {}

    def later(_: Launcher, pool: Pool, token: str) -> None:
        meant[token] = pool

    def now(self: Launcher, what: What, **fields: str) -> None:
        intend(self, meant[fields["token"]], fields["token"])
        conclude(self, what, **fields)

    patch.setattr(Launcher, "_intend", later)
    patch.setattr(Launcher, "_conclude", now)
    return World()


def no_window(patch: pytest.MonkeyPatch) -> World:
    patch.setattr(giveback, "VISIBILITY_WINDOW", timedelta(0))
    return World()


def no_tag_on_the_request(_: pytest.MonkeyPatch) -> World:
    return World(untagged=(ThingKind.REQUEST,))


def no_tag_on_the_volume(_: pytest.MonkeyPatch) -> World:
    return World(untagged=(ThingKind.VOLUME,))


def no_tag_on_instance_and_request(_: pytest.MonkeyPatch) -> World:
    return World(untagged=(ThingKind.INSTANCE, ThingKind.REQUEST))


def settled_before_it_ends(patch: pytest.MonkeyPatch) -> World:
    end = GiveBack.end

    def early(self: GiveBack, name: str, *args: object, **kwargs: object) -> Outcome:
        self._journal.append(name, Event(self._clock.now(), What.SETTLED))
        return end(self, name, *args, **kwargs)  # type: ignore[arg-type]

    patch.setattr(GiveBack, "end", early)
    return World()


def volumes_are_forgotten(patch: pytest.MonkeyPatch) -> World:
    decide = giveback.next_actions
    patch.setattr(giveback, "next_actions", lambda seen, _: decide(seen, ()))
    return World()


@dataclass(frozen=True)
class Mutation:
    """A rule taken away, and where the sweep should stumble over it."""

    rule_removed: Callable[[pytest.MonkeyPatch], World]
    plan: str
    delay_seconds: int
    recovery: str


MUTATIONS = (
    Mutation(terminate_first, "box", 0, "patient"),
    Mutation(no_client_token, "box", 0, "patient"),
    Mutation(journal_after_the_call, "box", 120, "eager"),
    Mutation(no_window, "box", 120, "eager"),
    Mutation(no_tag_on_the_request, "by hand", 120, "eager"),
    Mutation(no_tag_on_the_volume, "box", 0, "patient"),
    Mutation(no_tag_on_instance_and_request, "once", 0, "patient"),
    Mutation(settled_before_it_ends, "box", 120, "eager"),
    Mutation(volumes_are_forgotten, "box", 0, "patient"),
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.rule_removed.__name__)
def test_the_sweep_notices_every_rule_that_is_taken_away(home: Path, mutation: Mutation) -> None:
    where = (mutation.plan, mutation.delay_seconds, mutation.recovery)
    everything = [Trial(*where), *trials(*where, home)]
    with pytest.MonkeyPatch.context() as patch:
        world = mutation.rule_removed(patch)
        caught = next((trial for trial in everything if stumbles(trial, home, world)), None)
    assert caught is not None, "the sweep is blind to this"
    assert attempt(caught, home)[0] == []


def stumbles(trial: Trial, home: Path, world: World) -> bool:
    """Whether an invariant is breached; a mutation that only breaks the program does not count."""
    breaches, _ = attempt(trial, home, world)
    return any("foreign error" not in breach for breach in breaches)
