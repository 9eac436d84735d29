"""Session tokens: their lifetime, and whose they are."""

from datetime import UTC, datetime, timedelta

import pytest

from ec2_sandbox.services.imds.tokens import is_valid, issue, ttl_asked

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def token(ttl: int = 60, *, seed: int = 1) -> str:
    return issue("i-1", seed=seed, now=NOON, ttl=ttl)


@pytest.mark.parametrize("text", ["1", "60", "21600"])
def test_a_lifetime_is_a_number_of_seconds(text: str) -> None:
    assert ttl_asked(text) == int(text)


@pytest.mark.parametrize("text", [None, "", "0", "21601", "-1", "1.5", "sixty", "²", " 60"])
def test_anything_else_is_no_lifetime(text: str | None) -> None:
    assert ttl_asked(text) is None


def test_a_token_is_good_until_its_end() -> None:
    assert is_valid(token(), "i-1", seed=1, now=NOON)
    assert is_valid(token(), "i-1", seed=1, now=NOON + timedelta(seconds=59))
    assert not is_valid(token(), "i-1", seed=1, now=NOON + MINUTE)


def test_a_token_is_good_for_its_own_instance_only() -> None:
    assert not is_valid(token(), "i-2", seed=1, now=NOON)
    assert not is_valid(token(seed=2), "i-1", seed=1, now=NOON)


@pytest.mark.parametrize("given", ["", "no token", "AAAA", "ü", "A" * 56, "A" * 57])
def test_what_was_not_issued_is_no_token(given: str) -> None:
    assert not is_valid(given, "i-1", seed=1, now=NOON)


def test_a_token_cannot_be_made_to_last_longer() -> None:
    longer = issue("i-1", seed=1, now=NOON, ttl=600)
    assert not is_valid(longer[:12] + token()[12:], "i-1", seed=1, now=NOON)
