"""Answers that change slowly, kept with the time they were given."""

import contextlib
import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from spotkeeper.errors import StoreProblem
from spotkeeper.store.folders import write_private

#: Part of every file's name: a newer layout never reads an older file.
LAYOUT = 1


class Cache:
    """JSON documents by kind and key. A damaged or old one is as good as none.

    With ``refresh`` nothing is read, only written: every answer is asked for anew.
    """

    def __init__(
        self, folder: Path, now: Callable[[], datetime], *, refresh: bool = False
    ) -> None:
        self._folder = folder
        self._now = now
        self._refresh = refresh

    def get(self, kind: str, key: str, *, younger_than: timedelta) -> Any | None:
        """The document, or ``None`` when there is none so young."""
        if self._refresh:
            return None
        try:
            record = json.loads(self._path(kind, key).read_bytes())
            at = datetime.fromisoformat(record["at"])
            fresh = timedelta(0) <= self._now() - at < younger_than
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return record.get("document") if fresh and record.get("key") == key else None

    def put(self, kind: str, key: str, document: Any) -> None:
        """Keep a document. A cache that cannot be written is only slower, so that is no error."""
        record = {"at": self._now().isoformat(), "key": key, "document": document}
        try:
            write_private(self._path(kind, key), json.dumps(record).encode())
        except StoreProblem:
            return

    def drop(self, kind: str, key: str) -> None:
        """Forget one document, if there is one."""
        with contextlib.suppress(OSError):
            self._path(kind, key).unlink()

    def _path(self, kind: str, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()[:24]
        return self._folder / f"v{LAYOUT}" / f"{kind}-{digest}.json"
