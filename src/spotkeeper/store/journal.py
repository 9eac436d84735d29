"""The journal: an append-only file per machine name, durable before the call it announces."""

import contextlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spotkeeper.errors import Busy, StoreProblem
from spotkeeper.model.journal_entry import Event, What
from spotkeeper.model.tags import is_name
from spotkeeper.store.folders import (
    open_private,
    private_folder,
    refuse_foreign,
    store_problem,
    sync_folder,
)

#: 1 had no READY: whatever it launched was taken for ready.
VERSION = 2

#: Ends a line that was cut off; a line that is whole ends with a brace.
CUT = b" #cut"


class TooNew(Exception):
    """A later version of spotkeeper wrote the line, and only that knows what it means."""


def line(event: Event) -> bytes:
    """An entry as one line of the file."""
    record = {"v": VERSION, "at": event.at.isoformat(), "what": event.what, **dict(event.fields)}
    text = json.dumps(record, separators=(",", ":"), sort_keys=True).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def events(data: bytes, *, written: datetime) -> tuple[Event, ...]:
    """All entries of a file that was last ``written`` then, oldest first.

    An entry that cannot be read is as old as the one after it, or younger than it really is.

    Raises:
        TooNew: one of them has a later version.
    """
    found: list[Event] = []
    unread = 0
    for entries in _entries(data):
        if not entries:
            unread += 1
            continue
        found += [Event(entries[0].at, What.DAMAGED)] * unread
        found += entries
        unread = 0
    latest = max([written, *(event.at for event in found[-1:])])
    return (*found, *[Event(latest, What.DAMAGED)] * unread)


def _entries(data: bytes) -> Iterator[tuple[Event, ...]]:
    """What each line says; nothing for one that was damaged, and those cut off are left out."""
    *lines, last = data.split(b"\n")
    for each in lines:
        entries = _parse(each.rstrip(CUT))
        if entries or (each and not each.endswith(CUT)):
            yield entries
    # The last is whole but for its end, or for the mark that was being set; else it was cut off.
    whole = _parse(last.rstrip(CUT)) or _parse(last[:-1])
    if whole:
        yield whole


def _parse(text: bytes) -> tuple[Event, ...]:
    checksum, _, body = text.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        return ()
    try:
        record = json.loads(body)
        version = int(record.pop("v"))
        at = datetime.fromisoformat(record.pop("at"))
        what = str(record.pop("what"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ()
    if version > VERSION or what not in set(What):
        raise TooNew
    if at.tzinfo is None or not _are_text(record.values()):
        return ()
    return _as_of_now(Event(at, What(what), record), version)


def _are_text(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _as_of_now(event: Event, version: int) -> tuple[Event, ...]:
    """The entry as this version would have written it."""
    if version == 1 and event.what is What.LAUNCHED:
        return (event, Event(event.at, What.READY, event.fields))
    return (event,)


_SUFFIX = ".jsonl"

#: A box that is interrupted every hour fills a hundredth of it in a year.
MAX_BYTES = 16 * 2**20

#: How many folders above the journal's may have been made by a process that died before they were
#: durable.
_LEVELS = 3

WAY_OUT = (
    "Make room or fix the path, then repeat the command; `spot sweep` lists what you have on AWS "
    "without it."
)
UPDATE = (
    "Update spotkeeper on this computer, then repeat the command; `spot sweep` lists what you "
    "have on AWS without it."
)


class FileJournal:
    """One file of lines per name, below a folder that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lasting = False  # whether the folders above are known to be durable

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the machine for this process; the system lets go of it when the process dies.

        Raises:
            Busy: another process holds it.
            StoreProblem: the file of the lock cannot be used.
        """
        path = self._folder / f"{name}.lock"
        with ExitStack() as held:
            with _explained(path):
                private_folder(self._folder)
                held.enter_context(_taken(path, name))
            yield

    def append(self, name: str, event: Event) -> None:
        """Write the entry and ``fsync`` file and folder: whoever made the file may have died.

        Raises:
            StoreProblem: the disk is full or refuses; nothing may be created then.
        """
        path = self._path(name)
        with _explained(path):
            private_folder(self._folder)
            self._make_lasting()
            descriptor = open_private(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            try:
                _write_whole(descriptor, line(event))
            finally:
                os.close(descriptor)
            sync_folder(self._folder)

    def read(self, name: str) -> Sequence[Event]:
        """All entries, oldest first; ``DAMAGED`` in place of those that cannot be read.

        Raises:
            StoreProblem: the file cannot be used, or a later version wrote it.
        """
        path = self._path(name)
        with _explained(path):
            if not self._exists():
                return ()
            try:
                data, written = _contents(path)
            except FileNotFoundError:
                return ()
        try:
            return events(data, written=written)
        except TooNew:
            raise StoreProblem(
                f"Cannot use {path}: a later version of spotkeeper wrote it", next_step=UPDATE
            ) from None

    def names(self) -> tuple[str, ...]:
        """Every name with a record.

        Raises:
            StoreProblem: the folder cannot be read.
        """
        with _explained(self._folder):
            found = list(self._folder.iterdir()) if self._exists() else []
        stems = (path.stem for path in found if path.suffix == _SUFFIX)
        return tuple(sorted(stem for stem in stems if is_name(stem)))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"

    def _exists(self) -> bool:
        """Whether there is a journal at all. One that cannot be reached is not taken for none."""
        try:
            found = self._folder.stat()
        except FileNotFoundError:
            if self._folder.is_symlink():
                raise
            return False
        refuse_foreign(self._folder, found)
        return True

    def _make_lasting(self) -> None:
        if self._lasting:
            return
        for folder in self._folder.parents[:_LEVELS]:
            with contextlib.suppress(PermissionError):
                sync_folder(folder)
        self._lasting = True


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Whatever the disk refuses, with the way to what the journal is about."""
    try:
        yield
    except StoreProblem as problem:
        raise StoreProblem(problem.message, next_step=WAY_OUT) from problem
    except OSError as problem:
        raise StoreProblem(store_problem(path, problem).message, next_step=WAY_OUT) from problem


@contextmanager
def _taken(path: Path, name: str) -> Iterator[None]:
    from spotkeeper.store import lock  # whoever only looks holds nothing

    try:
        with lock.locked(path):
            yield
    except lock.Held as held:
        raise Busy(f"Another spot command is working on {name}: {held}") from None


def _contents(path: Path) -> tuple[bytes, datetime]:
    """What is in the file, and when it was last written."""
    descriptor = open_private(path, os.O_RDONLY)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if found.st_size > MAX_BYTES:
            raise StoreProblem(
                f"Cannot use {path}: {found.st_size / 2**20:.0f} MB are too many for a journal"
            )
        return file.read(MAX_BYTES), datetime.fromtimestamp(found.st_mtime, UTC)


def _write_whole(descriptor: int, line: bytes) -> None:
    """Append a line; mark the last one, and begin anew, where it was cut off."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    if end:
        os.lseek(descriptor, end - 1, os.SEEK_SET)
        if os.read(descriptor, 1) != b"\n":
            line = CUT + b"\n" + line
    view = memoryview(line)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)
