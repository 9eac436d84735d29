"""One process at a time: a lock that the system lets go of when its holder dies."""

import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from spotkeeper.store.folders import open_private

#: Differs after every start of a Linux computer, and between computers (proc(5)).
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_MAX_NOTE_BYTES = 4096
_LOCKED_BYTE = 1 << 30  # far beyond the note, which can be read meanwhile; Windows only


@dataclass(frozen=True, slots=True)
class Holder:
    """The note that the holder of a lock leaves: who it is, and since when."""

    pid: int
    boot: str
    since: datetime


class Held(Exception):
    """Another process holds the lock; ``args[0]`` says which one, in words."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made if needed.

    The note in the file is for people; only the system's lock counts, so that the note of a
    process that was killed keeps nobody out.

    Raises:
        Held: another process has it.
        OSError: the file system knows no locks.
        StoreProblem: the file cannot be used.
    """
    descriptor = open_private(path, os.O_RDWR | os.O_CREAT)
    try:
        try:
            _take(descriptor)
        except BlockingIOError:
            raise Held(_told(_read(descriptor))) from None
        with contextlib.suppress(OSError):  # a full disk has no room for the note
            _write(descriptor, Holder(os.getpid(), boot_id(), datetime.now(UTC)))
        yield
    finally:
        os.close(descriptor)


def boot_id() -> str:
    """What tells this start of this computer from any other; empty where nothing does."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _told(holder: Holder | None) -> str:
    if holder is None:
        return "a process that left no note"
    where = "" if holder.boot == boot_id() else " of another computer that shares its folder"
    return f"process {holder.pid}{where}, since {holder.since:%Y-%m-%d %H:%M:%S} UTC"


def _write(descriptor: int, holder: Holder) -> None:
    note = {"pid": holder.pid, "boot": holder.boot, "since": holder.since.isoformat()}
    data = json.dumps(note).encode() + b"\n"
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, data)
    os.ftruncate(descriptor, len(data))


def _read(descriptor: int) -> Holder | None:
    try:
        note = json.loads(os.read(descriptor, _MAX_NOTE_BYTES))
        since = datetime.fromisoformat(note["since"]).astimezone(UTC)
        return Holder(int(note["pid"]), str(note["boot"]), since)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def _take(descriptor: int) -> None:
    """Raises ``BlockingIOError`` where another process has it."""
    if os.name == "nt":
        import msvcrt

        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        except OSError as problem:
            raise BlockingIOError from problem
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
