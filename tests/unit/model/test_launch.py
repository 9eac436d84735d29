"""Client tokens: the same launch has the same, any other another."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import geography

from spotkeeper.model.launch import client_token, short_hash

POOL = geography.pool("g5.xlarge@us-east-1a")
ONE: dict[str, Any] = {"owner": "1:user/me", "name": "dev", "attempt": 1, "pool": POOL}


def test_a_token_is_the_same_every_time_and_on_every_computer() -> None:
    assert client_token(**ONE) == "99556273a0ec80042008ed8d159332ed895dd85a"


@pytest.mark.parametrize(
    "change",
    [
        {"owner": "2:user/me"},
        {"name": "dev2"},
        {"attempt": 2},
        {"pool": geography.pool("g5.xlarge@us-east-1b")},
        {"pool": geography.pool("g6.xlarge@us-east-1a")},
        {"pool": replace(POOL, platform="Windows")},
    ],
)
def test_another_launch_has_another_token(change: dict[str, Any]) -> None:
    assert client_token(**{**ONE, **change}) != client_token(**ONE)


@given(owner=st.text(max_size=200), name=st.text(max_size=60), attempt=st.integers(1, 10**9))
def test_a_token_is_short_and_ascii(owner: str, name: str, attempt: int) -> None:
    token = client_token(owner=owner, name=name, attempt=attempt, pool=POOL)
    assert len(token) <= 64
    assert token.isascii()
    assert token.isalnum()


def test_a_short_hash_fits_a_resource_name() -> None:
    assert len(short_hash("x" * 1000)) == 8
    assert short_hash("a") != short_hash("b")
