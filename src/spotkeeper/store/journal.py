"""The journal: an append-only file per machine name, durable before the call it announces."""

import contextlib
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from spotkeeper.errors import StoreProblem
from spotkeeper.model.event import Event, What
from spotkeeper.model.naming import is_name
from spotkeeper.store.folders import PRIVATE_FILE, private_folder, store_problem, sync_folder

_SUFFIX = ".jsonl"


class FileJournal:
    """Lines of ``CHECKSUM JSON``. A line that does not match its checksum was cut off; it is
    skipped, since an intent that was not written whole was never acted upon."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the machine for this process; the system lets go of it when the process dies.

        Raises:
            StoreProblem: another process holds it.
        """
        private_folder(self._folder)
        path = self._folder / f"{name}.lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        except OSError as problem:
            raise store_problem(path, problem) from problem
        try:
            _hold(descriptor, name)
            yield
        finally:
            os.close(descriptor)

    def append(self, name: str, event: Event) -> None:
        """Write the entry and ``fsync`` file and folder: whoever made the file may have died.

        Raises:
            StoreProblem: the disk is full or refuses; nothing may be created then.
        """
        path = self._path(name)
        private_folder(self._folder)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
            try:
                _write_whole(descriptor, _line(event))
            finally:
                os.close(descriptor)
            sync_folder(self._folder)
        except OSError as problem:
            raise store_problem(path, problem) from problem

    def read(self, name: str) -> Sequence[Event]:
        """All entries that were written whole, oldest first."""
        path = self._path(name)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as problem:
            raise store_problem(path, problem) from problem
        return tuple(event for line in data.splitlines() if (event := _parse(line)))

    def names(self) -> tuple[str, ...]:
        """Every name with a record."""
        found = self._folder.glob(f"*{_SUFFIX}") if self._folder.is_dir() else ()
        return tuple(sorted(path.stem for path in found if is_name(path.stem)))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"


def _line(event: Event) -> bytes:
    record = {"v": 1, "at": event.at.isoformat(), "what": event.what, **dict(event.fields)}
    text = json.dumps(record, separators=(",", ":"), sort_keys=True).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _parse(line: bytes) -> Event | None:
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    with contextlib.suppress(ValueError, KeyError, TypeError):
        record = json.loads(text)
        del record["v"]
        at = datetime.fromisoformat(record.pop("at"))
        return Event(at, What(record.pop("what")), record)
    return None


def _write_whole(descriptor: int, line: bytes) -> None:
    """Append a line; begin a new one first where the last was cut off."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    if end:
        os.lseek(descriptor, end - 1, os.SEEK_SET)
        if os.read(descriptor, 1) != b"\n":
            line = b"\n" + line
    view = memoryview(line)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def _hold(descriptor: int, name: str) -> None:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise StoreProblem(
            f"Another spot command is working on {name}",
            next_step="Wait for it to end, then repeat the command.",
        ) from None
