"""What is to be given back: which things are meant, which exist, and what may yet come."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from tests.unit.model.make import NOON, entry_of, instance, request

from spotkeeper.lifecycle.ports import Observation
from spotkeeper.lifecycle.target import Target
from spotkeeper.model.journal_entry import Entry, Intent, Launched, LaunchRefused, Settled
from spotkeeper.model.launch import ClaimNonce, Launches, LaunchToken
from spotkeeper.model.spot_request import RequestState
from spotkeeper.model.tags import TAG_CLAIM, TAG_LAUNCH
from spotkeeper.timings import VISIBILITY_WINDOW

REGION = "us-east-1"
LATER = NOON + timedelta(hours=1)


def intent(token: str, claim: str = "", at: datetime = NOON) -> Intent:
    return entry_of(Intent, at, {"region": REGION, "token": token, "claim": claim})


def launched(token: str, region: str = REGION, **ids: str) -> Launched:
    ids = ids or {"instance": f"i-{token}", "request": f"sir-{token}"}
    return entry_of(Launched, NOON, {"region": region, "token": token, **ids})


def launches(*tokens: str, nonces: Sequence[str] = ()) -> Launches:
    return Launches(frozenset(map(LaunchToken, tokens)), frozenset(map(ClaimNonce, nonces)))


def target(*entries: Entry, only: Launches | None = None, given: Sequence[str] = ()) -> Target:
    return Target("dev", entries, only, {REGION: frozenset(given)} if given else {})


REFUSED = LaunchRefused(NOON, token=LaunchToken("a"))
BOTH = (intent("a", "mine"), launched("a"), intent("b", "yours"), launched("b"))


@pytest.mark.parametrize(
    ("what", "ids"),
    [
        (target(*BOTH), {"i-a", "sir-a", "i-b", "sir-b"}),
        (target(*BOTH, only=launches("b")), {"i-b", "sir-b"}),
        (target(*BOTH, only=launches("b"), given=["i-c"]), {"i-b", "sir-b", "i-c"}),
        (target(launched("a", instance="i-a", request="")), {"i-a"}),
        (target(launched("a", "eu-west-1")), set()),
        (target(launched("a"), Settled(NOON)), set()),
    ],
)
def test_what_ec2_gave_to_the_launches_that_are_meant_exists(what: Target, ids: set[str]) -> None:
    assert what.exists(REGION) == ids


@pytest.mark.parametrize(
    ("entries", "only", "met", "age", "may"),
    [
        ([intent("a")], None, "", VISIBILITY_WINDOW - timedelta(seconds=1), True),
        ([intent("a")], None, "", VISIBILITY_WINDOW, False),
        ([intent("a"), launched("a")], None, "", timedelta(0), False),
        (
            [intent("a"), LaunchRefused(NOON, token=LaunchToken("a"))],
            None,
            "",
            timedelta(0),
            False,
        ),
        ([intent("a", "mine")], None, "mine", timedelta(0), False),
        ([intent("a", "mine")], None, "yours", timedelta(0), True),
        ([intent("a")], launches("a"), "", timedelta(0), True),
        ([intent("a")], launches("b"), "", timedelta(0), False),
        ([], None, "", timedelta(0), False),
    ],
)
def test_what_was_sent_a_moment_ago_without_an_answer_may_come(
    entries: Sequence[Entry], only: Launches | None, met: str, age: timedelta, *, may: bool
) -> None:
    what = target(*entries, only=only)
    what.met.add(ClaimNonce(met) if met else ClaimNonce("nobody"))
    assert what.may_come(NOON + age) is may


@pytest.mark.parametrize(
    ("only", "token", "nonce", "meant"),
    [
        (None, "", "", True),
        (launches("a", nonces=["mine"]), "a", "mine", True),
        (launches("a", nonces=["mine"]), "a", "", True),
        (launches("a", nonces=["mine"]), "a", "yours", False),
        (launches("a", nonces=["mine"]), "b", "mine", False),
        (launches("a"), None, None, False),
    ],
)
def test_a_thing_is_meant_by_its_token_and_never_against_its_nonce(
    only: Launches | None, token: str | None, nonce: str | None, *, meant: bool
) -> None:
    tags = {TAG_LAUNCH: token, TAG_CLAIM: nonce}
    told = {key: value for key, value in tags.items() if value is not None}
    assert target(only=only).covers(told) is meant


def test_a_thing_without_a_nonce_is_meant_by_its_token_alone() -> None:
    assert target(only=launches("a", nonces=["mine"])).covers({TAG_LAUNCH: "a"})
    assert not target(only=launches("a", nonces=["mine"])).covers({TAG_CLAIM: "mine"})


@pytest.mark.parametrize(
    ("only", "covers_life", "spent"),
    [
        (None, True, None),
        (launches("a", "b", nonces=["mine", "yours"]), True, {"mine", "yours"}),
        (launches("b", nonces=["mine", "yours"]), False, {"yours"}),
        (launches("c", nonces=["hers"]), False, {"hers"}),
    ],
)
def test_a_claim_is_spent_unless_another_machine_lives_on_it(
    only: Launches | None, *, covers_life: bool, spent: set[str] | None
) -> None:
    what = target(*BOTH, only=only)
    assert what.covers_life is covers_life
    assert what.spent == spent


def test_the_instance_of_a_request_that_is_meant_goes_with_it() -> None:
    mine, yours = {TAG_LAUNCH: "a"}, {TAG_LAUNCH: "b"}
    instances = (
        instance("i-1", tags={}, request_id="sir-1"),
        instance("i-2", tags=mine, request_id="sir-9"),
        instance("i-3", tags=yours, request_id="sir-2"),
    )
    requests = (request("sir-1", tags=mine), request("sir-2", tags=yours))
    part = target(only=launches("a")).part_of(Observation(REGION, instances, requests))
    assert part == Observation(REGION, instances[:2], requests[:1])


# When something may have come into being

OPEN = request("sir-1", state=RequestState.OPEN, status_code="instance-terminated-by-user")
DONE = request(state=RequestState.CANCELLED, status_since=LATER, instance_id="i-new")


@pytest.mark.parametrize(
    ("given", "seen", "at"),
    [
        (["i-1"], Observation(REGION, (instance("i-1", launched_at=LATER),)), set()),
        ([], Observation(REGION, (instance("i-1", launched_at=LATER),)), {LATER}),
        (["i-1"], Observation(REGION, (), (OPEN,)), {LATER + VISIBILITY_WINDOW}),
        (["i-1"], Observation(REGION, (), (request(status_since=LATER),)), set()),
        (["i-0"], Observation(REGION, (), (request(status_since=LATER),)), {LATER}),
        (["i-0"], Observation(REGION, (), (DONE,)), {LATER}),
        ([], Observation(REGION, (), (request(status_since=LATER),)), {LATER}),
        ([], Observation(REGION, (), (DONE,)), set()),
    ],
)
def test_what_ec2_launched_by_itself_was_born_then(
    given: Sequence[str], seen: Observation, at: set[datetime]
) -> None:
    what = target(given=given)
    what.note_relaunches(REGION, seen, LATER + VISIBILITY_WINDOW)
    assert what.relaunched_at == at
    assert what.born == max(at, default=None)


def test_what_was_launched_after_the_last_relaunch_was_born_then() -> None:
    what = target(intent("a", at=LATER))
    assert what.born == LATER
    what.relaunched_at.add(NOON)
    assert what.born == LATER
    what.relaunched_at.add(LATER + VISIBILITY_WINDOW)
    assert what.born == LATER + VISIBILITY_WINDOW
