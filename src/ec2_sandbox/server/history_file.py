"""The history on disk: one JSON line for every happening, only ever appended to.

The snapshot says how much of the file belongs to it. What was appended for a snapshot that was
never written is overwritten by the next one, so that the two always fit together.
"""

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from ec2_sandbox.history import Happening, History, from_json

NAME = "history.jsonl"
PRIVATE = 0o600


def append(home: Path, history: History) -> None:
    """Move what is unsaved to the end of the file; a history of nothing saved begins it anew."""
    if not history.unsaved and history.saved:
        return
    lines = "".join(f"{happening.as_json()}\n" for happening in history.unsaved).encode()
    descriptor = os.open(home / NAME, os.O_RDWR | os.O_CREAT, PRIVATE)
    with os.fdopen(descriptor, "r+b") as file:
        file.seek(history.saved_bytes)
        file.truncate()
        file.write(lines)
    history.saved += len(history.unsaved)
    history.saved_bytes += len(lines)
    history.unsaved.clear()


def fit(home: Path, history: History) -> bool:
    """Cut off what the snapshot does not know; False when lines are missing that it does know."""
    path = home / NAME
    size = path.stat().st_size if path.exists() else 0
    if size > history.saved_bytes:
        os.truncate(path, history.saved_bytes)
    if size >= history.saved_bytes:
        return True
    whole = path.read_bytes().rpartition(b"\n")[0] + b"\n" if size else b""
    history.saved, history.saved_bytes = whole.count(b"\n"), len(whole)
    return False


def read(home: Path, history: History) -> Iterator[Happening]:
    """Every happening, oldest first."""
    return chain(_saved(home, history), list(history.unsaved))


def _saved(home: Path, history: History) -> Iterator[Happening]:
    if not history.saved:
        return
    with (home / NAME).open(encoding="utf-8") as file:
        for _, line in zip(range(history.saved), file, strict=False):
            yield from_json(line)
