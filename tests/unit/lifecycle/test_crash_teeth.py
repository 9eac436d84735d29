"""The safe order with one rule taken out at a time: the crash sweep must stumble over each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.edges import home_with_key
from tests.fakes.inventory import FakeInventory
from tests.fakes.name_claims import FakeNameClaims
from tests.fakes.threads import without_threads
from tests.unit.lifecycle.crash_stage import SOMEBODY, World
from tests.unit.lifecycle.crash_trials import Theatre, Trial, singles

from spotkeeper.keeper.deadline import Deadline
from spotkeeper.keeper.sweep import Sweep
from spotkeeper.keeper.up import Up
from spotkeeper.lifecycle import guard, launch, region_ending, sweep, teardown
from spotkeeper.lifecycle.launch import Launcher
from spotkeeper.lifecycle.ports import Claim, RegionInventory
from spotkeeper.lifecycle.region_ending import Actions, RegionEnding, RegionLook, TeardownOutcome
from spotkeeper.lifecycle.sweep_order import SweepStep
from spotkeeper.lifecycle.target import Target
from spotkeeper.lifecycle.teardown import NameEnding, Teardown
from spotkeeper.model import lives
from spotkeeper.model.journal_entry import Entry, Launched, LaunchRefused, Settled
from spotkeeper.model.launch import LaunchToken, short_hash
from spotkeeper.model.lives import regions
from spotkeeper.model.machine import Instance
from spotkeeper.model.pool import Pool
from spotkeeper.model.resource import ResourceKind

Patch = pytest.MonkeyPatch

#: The fewest rules that must be tried.
FEWEST_MUTATIONS = 10


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    without_threads(monkeypatch)
    return home_with_key(tmp_path)


# The launch


def journal_after_the_call(patch: Patch) -> World:
    intend, note = Launcher._intend, Launcher._note
    meant: dict[LaunchToken, Pool] = {}

    def later(self: Launcher, pool: Pool, token: LaunchToken) -> None:
        meant[token] = pool
        self._tokens |= {token}

    def now(self: Launcher, entry: Entry) -> None:
        if isinstance(entry, Launched | LaunchRefused):
            intend(self, meant[entry.token], entry.token)
        note(self, entry)

    patch.setattr(Launcher, "_intend", later)
    patch.setattr(Launcher, "_note", now)
    return World()


def no_client_token(_: Patch) -> World:
    return World(forgets_tokens=True)


def a_token_for_all_pools(patch: Patch) -> World:
    def token(*, owner: str, name: str, attempt: int, pool: Pool) -> str:
        return short_hash(f"{owner} {name} {attempt}")

    patch.setattr(launch, "client_token", token)
    return World()


def no_tag_on_the_request(_: Patch) -> World:
    return World(untagged=(ResourceKind.REQUEST,))


def no_tag_on_the_volume(_: Patch) -> World:
    return World(untagged=(ResourceKind.VOLUME,))


def no_tag_on_instance_and_request(_: Patch) -> World:
    return World(untagged=(ResourceKind.INSTANCE, ResourceKind.REQUEST))


def no_claim(patch: Patch) -> World:
    claimed = FakeNameClaims.claim

    def another_title(self: FakeNameClaims, region: str, title: str, **rest: object) -> Claim:
        return claimed(self, region, f"{title}-{rest['token']}", **rest)  # type: ignore[arg-type]

    patch.setattr(FakeNameClaims, "claim", another_title)
    return World()


def guard_after_the_launch_was_reported(patch: Patch) -> World:
    arm, ready = Deadline.arm, Up._note_ready
    meant: list[Callable[[], None]] = []

    def later(self: Deadline, *args: object) -> None:
        meant[:] = [lambda: arm(self, *args)]  # type: ignore[arg-type]

    def now(self: Up, name: str) -> None:
        ready(self, name)
        meant.pop()()

    patch.setattr(Deadline, "arm", later)
    patch.setattr(Up, "_note_ready", now)
    return World()


def guard_terminates_before_it_cancels(patch: Patch) -> World:
    patch.setattr(guard, "TERMINATE_AFTER", timedelta(minutes=-2))
    return World()


# The end


def terminate_first(patch: Patch) -> World:
    act = RegionEnding._act

    def backwards(self: RegionEnding, todo: Actions) -> None:
        act(self, Actions(terminate=todo.terminate))
        act(self, Actions(todo.cancel, (), todo.delete_volumes))

    patch.setattr(RegionEnding, "_act", backwards)
    return World()


def one_look_only(patch: Patch) -> World:
    def once(self: RegionEnding, look: RegionLook) -> None:
        self._act(self._found(look))
        self._close(())

    patch.setattr(RegionEnding, "step", once)
    return World()


def no_window(patch: Patch) -> World:
    patch.setattr(teardown, "VISIBILITY_WINDOW", timedelta(0))
    patch.setattr(region_ending, "VISIBILITY_WINDOW", timedelta(0))
    return World()


def not_found_is_taken_for_gone(patch: Patch) -> World:
    def never(self: RegionEnding, instance: Instance, unknown: object) -> bool:
        return False

    patch.setattr(RegionEnding, "_too_early", never)
    return World(requests_listed_after_seconds=200)


def settled_before_it_ends(patch: Patch) -> World:
    begun = Teardown._begun

    def early(self: Teardown, name: str, *args: Any) -> NameEnding:
        self._journal.append(name, Settled(self._clock.now()))
        return begun(self, name, *args)

    patch.setattr(Teardown, "_begun", early)
    return World()


def volumes_are_forgotten(patch: Patch) -> World:
    decide = region_ending.next_actions
    patch.setattr(region_ending, "next_actions", lambda seen, _: decide(seen, ()))
    return World()


def claim_is_released_first(patch: Patch) -> World:
    begun = Teardown._begun

    def early(self: Teardown, name: str, *args: Any) -> NameEnding:
        self._release(Target(name, self._journal.read(name)), ())
        return begun(self, name, *args)

    patch.setattr(Teardown, "_begun", early)
    return World()


def schedules_stay(patch: Patch) -> World:
    patch.setattr(Teardown, "_disarm", lambda *_: TeardownOutcome())
    return World()


def schedules_go_first(patch: Patch) -> World:
    begun = Teardown._begun

    def unguarded(self: Teardown, name: str, *args: Any) -> NameEnding:
        entries = self._journal.read(name)
        self._disarm(Target(name, entries), regions(entries))
        return begun(self, name, *args)

    patch.setattr(Teardown, "_begun", unguarded)
    return World()


# The sweep


def sweep_does_not_ask_for_the_owner(patch: Patch) -> World:
    region_inventory = FakeInventory.region_inventory

    def everything(self: FakeInventory, region: str, owner: str) -> RegionInventory:
        found, theirs = (
            region_inventory(self, region, owner),
            region_inventory(self, region, SOMEBODY),
        )
        return replace(found, resources=(*found.resources, *theirs.resources))

    patch.setattr(FakeInventory, "region_inventory", everything)
    patch.setattr(sweep, "is_ours", lambda resource, owner: True)
    return World()


def sweep_ends_what_is_young(patch: Patch) -> World:
    patch.setattr(sweep.Classifier, "_is_young", lambda *_: False)
    return World()


def sweep_takes_the_guard_first(patch: Patch) -> World:
    end = Sweep._end_name

    def unguarded(self: Sweep, step: SweepStep) -> None:
        self._end_things(t for t in step.resource_ids if t.kind == ResourceKind.SCHEDULE)
        end(self, step)

    patch.setattr(Sweep, "_end_name", unguarded)
    return World()


def sweep_keeps_what_was_given_back(patch: Patch) -> World:
    patch.setattr(lives, "ready_tokens", lives.known_tokens)
    return World()


@dataclass(frozen=True)
class Mutation:
    """A rule taken away, where the sweep should stumble over it, and over which invariant."""

    rule_removed: Callable[[Patch], World]
    plan: str
    delay_seconds: int
    recovery: str
    breach: str


MUTATIONS = (
    Mutation(journal_after_the_call, "box", 120, "eager", "left"),
    Mutation(no_client_token, "box", 0, "patient", "at once"),
    Mutation(a_token_for_all_pools, "guarded", 300, "eager", "left"),
    Mutation(no_tag_on_the_request, "by hand", 120, "eager", "left"),
    Mutation(no_tag_on_the_volume, "box", 0, "patient", "left"),
    Mutation(no_tag_on_instance_and_request, "once", 0, "patient", "left"),
    Mutation(no_claim, "rival", 0, "patient", "at once"),
    Mutation(guard_after_the_launch_was_reported, "guarded", 0, "sweep", "left"),
    Mutation(guard_terminates_before_it_cancels, "extended", 0, "absent", "reborn"),
    Mutation(terminate_first, "box", 0, "patient", "reborn"),
    Mutation(one_look_only, "box", 0, "patient", "left"),
    Mutation(no_window, "box", 120, "eager", "left"),
    Mutation(not_found_is_taken_for_gone, "box", 5, "eager", "reborn"),
    Mutation(settled_before_it_ends, "box", 120, "eager", "left"),
    Mutation(volumes_are_forgotten, "box", 0, "patient", "left"),
    Mutation(claim_is_released_first, "handed over", 0, "patient", "at once"),
    Mutation(schedules_stay, "guarded", 0, "patient", "left"),
    Mutation(schedules_go_first, "guarded", 0, "absent", "left"),
    Mutation(sweep_does_not_ask_for_the_owner, "box", 0, "sweep", "touched"),
    Mutation(sweep_ends_what_is_young, "sweep beside a launch", 0, "patient", "touched"),
    Mutation(sweep_takes_the_guard_first, "sweep of a forgotten one", 0, "absent", "left"),
    Mutation(sweep_keeps_what_was_given_back, "box", 0, "sweep", "left"),
)


def test_many_rules_are_tried() -> None:
    assert len({each.rule_removed for each in MUTATIONS}) >= FEWEST_MUTATIONS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: each.rule_removed.__name__)
@pytest.mark.one_in(3)
def test_the_sweep_notices_every_rule_that_is_taken_away(home: Path, mutation: Mutation) -> None:
    plain = Trial(mutation.plan, mutation.delay_seconds, mutation.recovery)
    with pytest.MonkeyPatch.context() as patch:
        world = mutation.rule_removed(patch)
        theatre = Theatre(home, world)
        trials = singles(theatre, plain)
        caught = next((each for each in trials if stumbles(theatre, each, mutation.breach)), None)
    assert caught is not None, "the sweep is blind to this"
    assert Theatre(home, replace(world, untagged=(), forgets_tokens=False)).breaches(caught) == []


def stumbles(theatre: Theatre, trial: Trial, breach: str) -> bool:
    """Whether this invariant is breached; a program that only breaks does not count."""
    return any(
        told.startswith(breach) or told.endswith(breach) for told in theatre.breaches(trial)
    )
