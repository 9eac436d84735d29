"""The lines of a journal: ``CHECKSUM JSON``, and what is left of them after an accident. Pure.

A process that dies while it writes, or a full disk, leaves a line that was cut off: at the end of
the file, or followed by the mark that the next writer sets. Nothing was done on the strength of
such a line, so it is passed over. Any other line that cannot be read was whole once and may have
said anything: it is read as an entry that says so.
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from spotkeeper.model.journal_entry import Event, What

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
