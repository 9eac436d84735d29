"""All caches of the user together: seen, and cleared."""

from datetime import UTC, datetime
from pathlib import Path

from spotkeeper.store import cache
from spotkeeper.store.cache import Cache


def now() -> datetime:
    return datetime.now(UTC)


def test_every_cache_is_seen_by_its_name(tmp_path: Path) -> None:
    Cache(tmp_path / "aws", now).put("prices", "us-east-1", 1)
    Cache(tmp_path / "practice" / "sandbox-calm", now).put("hardware", "all", 1)
    found = [(name, entry.kind, entry.key) for name, entry in cache.everything(tmp_path)]
    assert found == [
        ("aws", "prices", "us-east-1"),
        ("practice/sandbox-calm", "hardware", "all"),
    ]


def test_clearing_forgets_all_of_them_and_what_older_versions_left(tmp_path: Path) -> None:
    Cache(tmp_path / "aws", now).put("prices", "us-east-1", 1)
    (tmp_path / "aws" / "v1").mkdir()
    (tmp_path / "aws" / "v1" / "prices-1.json").write_text("{}")
    assert cache.clear(tmp_path) == 2
    assert list(cache.everything(tmp_path)) == []


def test_no_cache_at_all_is_an_empty_one(tmp_path: Path) -> None:
    assert list(cache.everything(tmp_path / "none")) == []
    assert cache.clear(tmp_path / "none") == 0
