"""The journal: an append-only file per machine name, durable before the call it announces."""

import contextlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spotkeeper.errors import Busy, StoreProblem
from spotkeeper.model.disk import disks_noted, noted_disks
from spotkeeper.model.journal_entry import KINDS, Damaged, Entry, Launched, Ready
from spotkeeper.model.tags import is_name, parse_tag_time, tag_time
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


#: Fields whose name in the file is shorter than in the code.
_SHORT = {"zone_name": "zone", "instance_type": "type"}
_MOMENTS = frozenset({"since", "launched", "born"})
_DEADLINES = frozenset({"deadline", "before"})
_CLASS_OF = {each.kind: each for each in KINDS}


def line(entry: Entry) -> bytes:
    """An entry as one line of the file."""
    record = {"v": VERSION, "at": entry.at.isoformat(), "what": entry.kind, **_fields(entry)}
    text = json.dumps(record, separators=(",", ":"), sort_keys=True).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def entries(data: bytes, *, written: datetime) -> tuple[Entry, ...]:
    """All entries of a file that was last ``written`` then, oldest first.

    An entry that cannot be read is as old as the one after it, or younger than it really is.

    Raises:
        TooNew: one of them has a later version.
    """
    found: list[Entry] = []
    unread = 0
    for told in _lines(data):
        if not told:
            unread += 1
            continue
        found += [Damaged(told[0].at)] * unread
        found += told
        unread = 0
    latest = max([written, *(entry.at for entry in found[-1:])])
    return (*found, *[Damaged(latest)] * unread)


def _lines(data: bytes) -> Iterator[tuple[Entry, ...]]:
    """What each line says; nothing for one that was damaged, and those cut off are left out."""
    *lines, last = data.split(b"\n")
    for each in lines:
        told = _parse(each.rstrip(CUT))
        if told or (each and not each.endswith(CUT)):
            yield told
    # The last is whole but for its end, or for the mark that was being set; else it was cut off.
    whole = _parse(last.rstrip(CUT)) or _parse(last[:-1])
    if whole:
        yield whole


def _parse(text: bytes) -> tuple[Entry, ...]:
    checksum, _, body = text.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        return ()
    try:
        record = json.loads(body)
        version = int(record.pop("v"))
        at = datetime.fromisoformat(record.pop("at"))
        kind = str(record.pop("what"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ()
    if version > VERSION or kind not in _CLASS_OF:
        raise TooNew
    if at.tzinfo is None or not _are_text(record.values()):
        return ()
    return _as_of_now(_entry(kind, at, record), version)


def _are_text(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _as_of_now(entry: Entry, version: int) -> tuple[Entry, ...]:
    """The entry as this version would have written it."""
    if version == 1 and isinstance(entry, Launched):
        return (entry, Ready(entry.at, entry.token))
    return (entry,)


def _fields(entry: Entry) -> dict[str, str]:
    """What an entry says, as text; what it does not say is left out."""
    found = {each.name: getattr(entry, each.name) for each in fields(entry) if each.name != "at"}
    said = {name: value for name, value in found.items() if value or name in _DEADLINES}
    return {_SHORT.get(name, name): _text(name, value) for name, value in said.items()}


def _text(name: str, value: Any) -> str:
    if name in _DEADLINES:
        return tag_time(value)
    if name in _MOMENTS:
        return str(value.isoformat())
    if name == "disks":
        return disks_noted(value)
    return " ".join(sorted(value)) if isinstance(value, frozenset) else str(value)


def _entry(kind: str, at: datetime, record: Mapping[str, str]) -> Entry:
    """The entry that a record stands for; of an older version's fields only those of now are
    read, and what cannot be is left out."""
    known = {each.name for each in fields(_CLASS_OF[kind])} - {"at"}
    told = {name: record[short] for name in known if (short := _SHORT.get(name, name)) in record}
    return _CLASS_OF[kind](at, **{name: _value(name, text) for name, text in told.items()})


def _value(name: str, text: str) -> Any:
    if name in _DEADLINES or name in _MOMENTS:
        return parse_tag_time(text)
    if name == "only":
        return frozenset(text.split())
    if name == "disks":
        return noted_disks(text)
    if name == "attempt":
        return int(text) if text.isdecimal() else 0
    return text


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

    def append(self, name: str, entry: Entry) -> None:
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
                _write_whole(descriptor, line(entry))
            finally:
                os.close(descriptor)
            sync_folder(self._folder)

    def read(self, name: str) -> Sequence[Entry]:
        """All entries, oldest first; ``Damaged`` in place of those that cannot be read.

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
            return entries(data, written=written)
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
