"""Answers kept with the time they were given."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
    (found,) = (path for path in tmp_path.rglob("*.cache"))
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
    path = only_file(tmp_path)
    about, _, body = path.read_bytes().partition(b"\n")
    told = {**json.loads(about), "at": "2026-11-23T12:00:00"}
    path.write_bytes(json.dumps(told).encode() + b"\n" + body)
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


@pytest.mark.parametrize("place", range(-12, 0))
def test_a_changed_byte_anywhere_is_damage(cache: Cache, tmp_path: Path, place: int) -> None:
    cache.put("prices", "k", {"usd": "0.4021"})
    path = only_file(tmp_path)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert cache.get("prices", "k", younger_than=DAY) is None


@given(cut=st.integers(0, 400))
def test_a_truncated_file_is_damage(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("cut")
    cache = Cache(folder, lambda: NOON)
    cache.put("prices", "k", "x" * 300)
    path = only_file(folder)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    found = cache.get("prices", "k", younger_than=DAY)
    assert found == ("x" * 300 if cut >= len(whole) else None)


def test_offline_a_document_is_good_at_any_age(tmp_path: Path, clock: Clock) -> None:
    Cache(tmp_path, clock).put("prices", "k", 1)
    clock.at = NOON + 90 * DAY
    assert Cache(tmp_path, clock, offline=True).get("prices", "k", younger_than=DAY) == 1


def test_refreshed_nothing_is_read_and_everything_is_kept(tmp_path: Path, clock: Clock) -> None:
    fresh = Cache(tmp_path, clock, refresh=True)
    fresh.put("prices", "k", 1)
    assert fresh.get("prices", "k", younger_than=DAY) is None
    assert Cache(tmp_path, clock).get("prices", "k", younger_than=DAY) == 1


def test_what_is_kept_can_be_listed_with_its_age_and_size(cache: Cache, tmp_path: Path) -> None:
    cache.put("on-demand", "us-east-1", {})
    (tmp_path / "cache" / "v2" / "broken-1.cache").write_text("{")
    (entry,) = cache.entries()
    assert (entry.kind, entry.key, entry.at) == ("on-demand", "us-east-1", NOON)
    assert entry.size_bytes == only_file_of(tmp_path, "on-demand").stat().st_size


def only_file_of(tmp_path: Path, kind: str) -> Path:
    (found,) = tmp_path.rglob(f"{kind}-*.cache")
    return found
