"""Answers kept with the time they were given."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.model.make import NOON

from spotkeeper.store.cache import Cache

DAY = timedelta(days=1)


class Clock:
    """A time that a test can move."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(tmp_path: Path, clock: Clock) -> Cache:
    return Cache(tmp_path / "cache", clock)


def only_file(tmp_path: Path) -> Path:
    (found,) = (path for path in tmp_path.rglob("*.json"))
    return found


def test_a_document_is_read_back_as_it_was(cache: Cache) -> None:
    document = {"prices": ["0.1", None], "ünï": {"x": 1}}
    cache.put("prices", "us-east-1", document)
    assert cache.get("prices", "us-east-1", younger_than=DAY) == document


def test_what_was_never_kept_is_none(cache: Cache) -> None:
    assert cache.get("prices", "us-east-1", younger_than=DAY) is None


def test_two_keys_and_two_kinds_do_not_meet(cache: Cache) -> None:
    cache.put("prices", "us-east-1", 1)
    cache.put("prices", "us-east-2", 2)
    cache.put("types", "us-east-1", 3)
    assert cache.get("prices", "us-east-1", younger_than=DAY) == 1
    assert cache.get("prices", "us-east-2", younger_than=DAY) == 2
    assert cache.get("types", "us-east-1", younger_than=DAY) == 3


@pytest.mark.parametrize("key", ["../../etc/passwd", "a/b", "", "x" * 5000, "ü\n"])
def test_any_text_is_a_key(cache: Cache, tmp_path: Path, key: str) -> None:
    cache.put("prices", key, 1)
    assert cache.get("prices", key, younger_than=DAY) == 1
    assert only_file(tmp_path).is_relative_to(tmp_path / "cache")


def test_a_document_is_good_until_its_age(cache: Cache, clock: Clock) -> None:
    cache.put("prices", "k", 1)
    clock.at = NOON + DAY - timedelta(seconds=1)
    assert cache.get("prices", "k", younger_than=DAY) == 1
    clock.at = NOON + DAY
    assert cache.get("prices", "k", younger_than=DAY) is None


def test_a_document_from_the_future_is_not_believed(cache: Cache, clock: Clock) -> None:
    cache.put("prices", "k", 1)
    clock.at = NOON - timedelta(seconds=1)
    assert cache.get("prices", "k", younger_than=DAY) is None


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b"3", b'"x"', b"\xff\xfe", b"{}", b'{"at": 5, "document": 1}'],
)
def test_a_damaged_file_is_as_good_as_none_and_can_be_replaced(
    cache: Cache, tmp_path: Path, damage: bytes
) -> None:
    cache.put("prices", "k", 1)
    only_file(tmp_path).write_bytes(damage)
    assert cache.get("prices", "k", younger_than=DAY) is None
    cache.put("prices", "k", 2)
    assert cache.get("prices", "k", younger_than=DAY) == 2


def test_a_time_without_a_zone_is_damage(cache: Cache, tmp_path: Path) -> None:
    cache.put("prices", "k", 1)
    record = {"at": "2026-11-23T12:00:00", "key": "k", "document": 1}
    only_file(tmp_path).write_text(json.dumps(record))
    assert cache.get("prices", "k", younger_than=DAY) is None


def test_a_file_of_another_key_is_not_believed(cache: Cache, tmp_path: Path) -> None:
    cache.put("prices", "k", 1)
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"k"', b'"x"'))
    assert cache.get("prices", "k", younger_than=DAY) is None


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    blocked = Cache(tmp_path / "cache", clock)
    blocked.put("prices", "k", 1)
    assert blocked.get("prices", "k", younger_than=DAY) is None
    blocked.drop("prices", "k")


def test_what_was_dropped_is_gone(cache: Cache) -> None:
    cache.put("prices", "k", 1)
    cache.drop("prices", "k")
    cache.drop("prices", "k")
    assert cache.get("prices", "k", younger_than=DAY) is None


def test_no_half_written_file_is_left(cache: Cache, tmp_path: Path) -> None:
    cache.put("prices", "k", 1)
    cache.put("prices", "k", 2)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1
