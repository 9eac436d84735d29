"""Two at once: exactly one machine, the loser ends with 9, nobody's machine is ended unasked.

A failing play is printed whole; ``breaches(Play(...), home)`` runs it again, step by step.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.edges import home_with_key
from tests.fakes.name_claims import FakeNameClaims
from tests.fakes.threads import without_threads
from tests.unit.keeper.interleavings import DELAYS_SECONDS, Command, Play, Stage, breaches

from spotkeeper.errors import NameTaken
from spotkeeper.keeper.results import MachineReport
from spotkeeper.lifecycle.name_claim import NameClaim
from spotkeeper.lifecycle.ports import Claim
from spotkeeper.model.lives import known_nonces

VERBS = (
    ("up",),
    ("up", "ls"),
    ("up", "down"),
    ("up", "stop", "start", "ls"),
    ("up", "down", "stop", "start", "ls"),
    ("up", "sweep"),
    ("up", "down", "ls", "sweep"),
)

#: Seeds of every mixture of verbs at every delay.
SEEDS = 12
SEEDS_OF_A_SOAK = 500


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    without_threads(monkeypatch)
    return home_with_key(tmp_path)


@pytest.mark.parametrize("verbs", VERBS, ids="-".join)
@pytest.mark.one_in(4)
def test_commands_about_one_name_at_once_never_make_two_machines(
    home: Path, verbs: tuple[str, ...]
) -> None:
    assert broken(home, verbs, range(SEEDS)) == []


@pytest.mark.soak
@pytest.mark.parametrize("verbs", VERBS, ids="-".join)
def test_nor_do_they_in_many_thousand_orders(home: Path, verbs: tuple[str, ...]) -> None:
    assert broken(home, verbs, range(SEEDS, SEEDS_OF_A_SOAK)) == []


def broken(home: Path, verbs: tuple[str, ...], seeds: Iterable[int]) -> list[str]:
    """The plays that broke a promise, and which."""
    plays = [Play.drawn(seed, verbs, delay) for seed in seeds for delay in DELAYS_SECONDS]
    return [f"{play}: {', '.join(told)}" for play in plays if (told := breaches(play, home))]


def test_a_play_is_the_same_every_time(home: Path) -> None:
    play = Play.drawn(3, ("up", "down"), 120)
    first, again = Stage(play, home), Stage(play, home)
    for stage in (first, again):
        stage.prepare()
        stage.perform()
    assert first.fate.seen == again.fate.seen
    assert first.spans == again.spans


@pytest.mark.parametrize("launches", range(2, 9))
def test_of_up_to_eight_launches_at_once_on_as_many_computers_one_wins(
    home: Path, launches: int
) -> None:
    commands = tuple(Command("up", at % 3, 0) for at in range(launches))
    stage = Stage(Play(launches, 120, "nothing", 0, 0, commands), home)
    told = stage.perform()
    won = [each for each in told if isinstance(each, MachineReport)]
    lost = [each for each in told if isinstance(each, NameTaken)]
    assert (len(won), len(lost)) == (1, launches - 1)
    assert {each.exit_code for each in lost} == {9}
    assert stage.running() == 1


# What follows takes a rule away; the plays must notice.


def nobody_claims(patch: pytest.MonkeyPatch) -> None:
    claimed = FakeNameClaims.claim

    def another_title(self: FakeNameClaims, region: str, title: str, **rest: object) -> Claim:
        return claimed(self, region, f"{title}-{rest['token']}", **rest)  # type: ignore[arg-type]

    patch.setattr(FakeNameClaims, "claim", another_title)


def anybodys_claim_is_replaced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(NameClaim, "_may_replace", lambda _, holder: True)


def our_own_claim_is_replaced_without_a_look(patch: pytest.MonkeyPatch) -> None:
    def ours(self: NameClaim, holder: Claim) -> bool:
        return holder.nonce in known_nonces(self._ports.journal.read(self._name))

    patch.setattr(NameClaim, "_may_replace", ours)


@dataclass(frozen=True)
class Mutation:
    """A rule taken away, and where the plays should stumble over it."""

    rule_removed: Callable[[pytest.MonkeyPatch], None]
    verbs: tuple[str, ...]
    delay_seconds: int


MUTATIONS = (
    Mutation(nobody_claims, ("up",), 120),
    Mutation(anybodys_claim_is_replaced, ("up",), 0),
    Mutation(our_own_claim_is_replaced_without_a_look, ("up",), 120),
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: each.rule_removed.__name__)
def test_the_plays_notice_every_rule_that_is_taken_away(home: Path, mutation: Mutation) -> None:
    plays = [Play.drawn(seed, mutation.verbs, mutation.delay_seconds) for seed in range(400)]
    with pytest.MonkeyPatch.context() as patch:
        mutation.rule_removed(patch)
        caught = next((play for play in plays if makes_two(play, home)), None)
    assert caught is not None, "the plays are blind to this"
    assert breaches(caught, home) == []


def makes_two(play: Play, home: Path) -> bool:
    """Whether two machines live at the same time."""
    return any(told.endswith("at once") for told in breaches(play, home))
