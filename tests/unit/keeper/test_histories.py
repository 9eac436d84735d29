"""A persistent request, whatever befalls it: `ls` tells the truth, and `down` is the end of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.edges import home_with_key
from tests.fakes.threads import without_threads
from tests.unit.keeper.histories import DELAYS_SECONDS, Life, history, lived

SEEDS = 60
SEEDS_OF_A_SOAK = 2000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    without_threads(monkeypatch)
    return home_with_key(tmp_path)


def interrupted(life: Life) -> None:
    life.interrupt()
    life.wait(minutes=3)


def stopped_by_hand(life: Life) -> None:
    life.by_hand("stop")
    life.wait(minutes=1)


def terminated_by_hand(life: Life) -> None:
    life.by_hand("terminate")


def terminated_by_hand_and_launched_again(life: Life) -> None:
    life.by_hand("terminate")
    life.wait(minutes=2)


def cancelled_by_hand(life: Life) -> None:
    life.by_hand("cancel")


def cancelled_by_hand_while_stopped(life: Life) -> None:
    stopped_by_hand(life)
    life.by_hand("cancel")
    life.wait(minutes=1)


def cancelled_while_interrupted(life: Life) -> None:
    interrupted(life)
    life.by_hand("cancel")
    life.wait(minutes=1)


def expired(life: Life) -> None:
    life.expire()


def expired_while_stopped(life: Life) -> None:
    stopped_by_hand(life)
    life.expire()


def expired_while_interrupted(life: Life) -> None:
    interrupted(life)
    life.ec2.dry[life.request.order.pool] = None  # for ever
    life.expire()
    life.wait(minutes=1)


def interrupted_while_being_stopped(life: Life) -> None:
    life.by_hand("stop")
    life.interrupt()
    life.wait(minutes=3)


def stopped_while_being_interrupted(life: Life) -> None:
    life.interrupt()
    life.by_hand("stop")
    life.wait(minutes=3)


def terminated_while_being_interrupted(life: Life) -> None:
    life.interrupt()
    life.by_hand("terminate")


#: What befell the box, and what `ls` says of it; nothing where the box is gone.
FATES: tuple[tuple[Callable[[Life], None], str | None], ...] = (
    (interrupted, "interrupted 09:02, waiting for capacity"),
    (stopped_by_hand, "stopped by you 09:0"),
    (terminated_by_hand, "shutting down; its request launches another one"),
    (terminated_by_hand_and_launched_again, "running"),
    (cancelled_by_hand, "request cancelled 09:00, the instance still runs"),
    (cancelled_by_hand_while_stopped, None),
    (cancelled_while_interrupted, None),
    (expired, "request cancelled 09:00, the instance still runs"),
    (expired_while_stopped, "stopped by you 09:0"),
    (expired_while_interrupted, None),
    (interrupted_while_being_stopped, "stopped by you 09:0"),
    (stopped_while_being_interrupted, "stopped by you 09:0"),
    (terminated_while_being_interrupted, "its request launches another one"),
)


@pytest.mark.parametrize(("fate", "words"), FATES, ids=lambda each: getattr(each, "__name__", ""))
def test_ls_and_show_say_what_befell_a_box_in_plain_words(
    home: Path, fate: Callable[[Life], None], words: str | None
) -> None:
    life = Life(home)
    fate(life)
    told = life.told()
    assert told == words or (told and words and words in told), told
    assert life.lies() == []


@pytest.mark.parametrize("delay_seconds", DELAYS_SECONDS)
@pytest.mark.parametrize("fate", [fate for fate, _ in FATES], ids=lambda each: each.__name__)
def test_down_ends_it_and_nothing_is_born_within_a_month(
    home: Path, fate: Callable[[Life], None], delay_seconds: int
) -> None:
    life = Life(home, delay_seconds=delay_seconds)
    fate(life)
    assert life.ends_for_good() == []


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_befalls_a_box_is_told_and_ended(home: Path, seed: int) -> None:
    assert lived(seed, home) == [], f"seed {seed}: {', '.join(history(seed))}"


@pytest.mark.soak
def test_nothing_is_born_after_any_of_many_histories(home: Path) -> None:
    wrong = {seed: told for seed in range(SEEDS, SEEDS_OF_A_SOAK) if (told := lived(seed, home))}
    assert wrong == {}
