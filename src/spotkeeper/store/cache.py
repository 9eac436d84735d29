"""Answers that change slowly, kept with the time they were given."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from spotkeeper.errors import StoreProblem
from spotkeeper.store.folders import write_private

#: Part of every file's name: a newer layout never reads an older file.
LAYOUT = 2
SUFFIX = ".cache"


class CachedDocument(NamedTuple):
    """One file of the cache: what it is about, since when, and its size on disk."""

    kind: str
    key: str
    at: datetime
    size_bytes: int


class Cache:
    """Documents by kind and key. A damaged or old one is as good as none.

    A file is one line of JSON about the document (time, key, checksum), then the document, so that
    its age is known before it is read and damage is noticed wherever it is.

    ``refresh``  nothing is read, only written: every answer is asked for anew.
    ``offline``  a document is good at any age: there is nobody to ask.
    """

    def __init__(
        self,
        folder: Path,
        now: Callable[[], datetime],
        *,
        refresh: bool = False,
        offline: bool = False,
    ) -> None:
        self._folder = folder / f"v{LAYOUT}"
        self._now = now
        self._refresh = refresh
        self._offline = offline

    def get(self, kind: str, key: str, *, younger_than: timedelta) -> Any | None:
        """The document, or ``None`` when there is none so young."""
        if self._refresh:
            return None
        try:
            about, _, body = self._path(kind, key).read_bytes().partition(b"\n")
            entry = json.loads(about)
            age = self._now() - datetime.fromisoformat(entry["at"])
            if entry["key"] != key or entry["sha256"] != hashlib.sha256(body).hexdigest():
                return None
            fresh = timedelta(0) <= age < younger_than
            return json.loads(body) if fresh or self._offline else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, kind: str, key: str, document: Any) -> None:
        """Keep a document. A cache that cannot be written is only slower, so that is no error."""
        body = json.dumps(document).encode()
        about = {
            "at": self._now().isoformat(),
            "key": key,
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        data = json.dumps(about).encode() + b"\n" + body
        with contextlib.suppress(StoreProblem):
            write_private(self._path(kind, key), data, durable=False)

    def drop(self, kind: str, key: str) -> None:
        """Forget one document, if there is one."""
        with contextlib.suppress(OSError):
            self._path(kind, key).unlink()

    def entries(self) -> Iterator[CachedDocument]:
        """Every document that can be read, by kind and key."""
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                with path.open("rb") as file:
                    about = json.loads(file.readline())
                at = datetime.fromisoformat(about["at"])
                kind = path.name.rpartition("-")[0]
                yield CachedDocument(kind, str(about["key"]), at, path.stat().st_size)

    def _path(self, kind: str, key: str) -> Path:
        digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:24]
        return self._folder / f"{kind}-{digest}{SUFFIX}"


def caches(root: Path) -> Iterator[tuple[str, Cache]]:
    """The caches below the cache folder, by name."""
    for folder in sorted(root.rglob(f"v{LAYOUT}")):
        name = folder.parent.relative_to(root).as_posix()
        yield name, Cache(folder.parent, lambda: datetime.now(UTC), offline=True)


def everything(root: Path) -> Iterator[tuple[str, CachedDocument]]:
    """Every document of every cache, with the cache's name."""
    for name, cache in caches(root):
        for entry in cache.entries():
            yield name, entry


def clear(root: Path) -> int:
    """Forget everything, what older versions left as well; how many files went."""
    gone = 0
    for path in root.rglob("*"):
        if path.is_file() and path.parent.name.startswith("v"):
            path.unlink(missing_ok=True)
            gone += 1
    return gone
