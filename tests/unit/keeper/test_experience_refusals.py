"""From the journal's entries to what happened to us in each pool."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from tests.unit.model.make import NOON

from spotkeeper.keeper.experience import refusals
from spotkeeper.market.risk import experiences
from spotkeeper.model.journal_entry import Entry, Intent, LaunchRefused
from spotkeeper.model.launch import LaunchToken

A, B = ("g5.xlarge", "us-east-1a"), ("g5.xlarge", "us-east-1b")
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Ran:
    """A stretch, as the costs have it too."""

    instance_type: str = A[0]
    zone_name: str = A[1]
    begin: datetime = NOON - 3 * HOUR
    end: datetime = NOON - HOUR
    interrupted: bool = False


def intent(pool: str, token: str, at: datetime = NOON) -> Entry:
    return Intent(at, pool=pool, token=LaunchToken(token), region="us-east-1")


def refused(token: str, code: str = "no-capacity", at: datetime = NOON) -> Entry:
    return LaunchRefused(at, token=LaunchToken(token), code=code, region="us-east-1")


def test_a_refusal_for_want_of_room_makes_its_pool_dry() -> None:
    entries = [
        intent("g5.xlarge@us-east-1a", "one"),
        refused("one"),
        intent("g5.xlarge@us-east-1b", "two"),
        refused("two", at=NOON + HOUR),
    ]
    assert list(refusals(entries)) == [(A, NOON), (B, NOON + HOUR)]


@pytest.mark.parametrize("code", ["quota", "price-too-low", "not-offered", "stale-token", ""])
def test_another_refusal_says_nothing_about_room(code: str) -> None:
    assert list(refusals([intent("g5.xlarge@us-east-1a", "one"), refused("one", code)])) == []


@pytest.mark.parametrize("pool", ["", "g5.xlarge", "@us-east-1a"])
def test_an_entry_without_a_pool_is_passed_over(pool: str) -> None:
    assert list(refusals([intent(pool, "one"), refused("one")])) == []
    assert list(refusals([refused("never meant")])) == []


def test_hours_and_interruptions_are_counted_by_pool() -> None:
    ran = [Ran(), Ran(interrupted=True, begin=NOON - HOUR, end=NOON), Ran(zone_name=B[1])]
    found = experiences(ran, [(B, NOON)], NOON)
    assert found[A].hours == pytest.approx(3, rel=0.01)
    assert found[A].interrupted_at == (NOON,)
    assert found[B].hours == pytest.approx(2, rel=0.02)
    assert (found[B].interrupted_at, found[B].dry_at) == ((), (NOON,))


def test_what_is_still_to_come_has_not_happened() -> None:
    later = NOON + HOUR
    assert experiences([Ran(end=later)], [], NOON) == {}
    assert experiences([], [(A, later)], NOON)[A].dry_at == ()


def test_a_stretch_without_a_place_is_passed_over() -> None:
    assert experiences([Ran(zone_name=""), Ran(instance_type="")], [], NOON) == {}
