"""The output of an attempt: bytes in pieces, the oldest of which make room for the newest.

A piece is named by the place in the whole output at which it begins, so that a place stays valid
whatever was thrown away. The first piece stays: set-up and settings are told there.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time

from spotkeeper.agent.disk import make_folder

PIECE_BYTES = 8 << 20
KEPT_PIECES = 32

#: When which byte came: a pair (time, place) at most this often.
NOTED_EVERY_S = 1.0
_NOTE = struct.Struct("<dQ")

#: Laid down beforehand, for the last words of a command that filled the disk.
SPARE_BYTES = 64 << 10

#: Read at once to find where the last lines begin.
_STRIDE = 64 << 10


class LogWriter:
    """Writes the output of one attempt. A disk without room loses output, never the command."""

    def __init__(self, folder: str) -> None:
        self._folder = make_folder(folder)
        self._place = self._left = self._lost = 0
        self._piece, self._noted_at = -1, 0.0
        self._spare = f"{folder}/spare"
        with contextlib.suppress(OSError), open(self._spare, "wb") as spare:
            spare.write(b" " * SPARE_BYTES)
        self._notes = os.open(f"{folder}/times", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, data: bytes) -> None:
        """Add to the output; what has no room is counted, and told when there is room again."""
        if data and self._lost:
            data = f"\n[spot: {self._lost} bytes of output had no room]\n".encode() + data
        lost = self._written(data)
        if lost and os.path.exists(self._spare):
            os.unlink(self._spare)
            lost = self._written(data[-lost:])
        self._lost = self._lost + lost if lost else 0

    def _written(self, data: bytes) -> int:
        """How many bytes of the data had no room."""
        rest = memoryview(data)
        try:
            self._note_time()
            while rest:
                if not self._left:
                    self._next_piece()
                written = os.write(self._piece, rest[: self._left])
                rest = rest[written:]
                self._left -= written
                self._place += written
        except OSError:
            pass
        return len(rest)

    def _note_time(self) -> None:
        now = time.time()
        if now - self._noted_at >= NOTED_EVERY_S:
            os.write(self._notes, _NOTE.pack(now, self._place))
            self._noted_at = now

    def _next_piece(self) -> None:
        path = f"{self._folder}/{self._place:015d}"
        fresh = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if self._piece >= 0:
            os.close(self._piece)
        self._piece, self._left = fresh, PIECE_BYTES
        for start in _starts(self._folder)[1 : -(KEPT_PIECES - 1)]:
            os.unlink(f"{self._folder}/{start:015d}")

    def close(self) -> None:
        """Everything is on the disk."""
        for file in (self._piece, self._notes):
            with contextlib.suppress(OSError, ValueError):
                os.fsync(file)


class LogReader:
    """Reads the output of one attempt by places in it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    @property
    def end(self) -> int:
        """The place behind the last byte: how much there was in all."""
        starts = _starts(self._folder)
        return starts[-1] + self._size(starts[-1]) if starts else 0

    def _size(self, start: int) -> int:
        try:
            return os.path.getsize(f"{self._folder}/{start:015d}")
        except FileNotFoundError:
            return 0

    def read(self, place: int, size: int) -> tuple[int, bytes]:
        """Up to ``size`` bytes from the place on, and the place they begin at: a later one where
        what was asked for is gone."""
        for start in _starts(self._folder):
            if place < start + self._size(start):
                place = max(place, start)
                path = f"{self._folder}/{start:015d}"
                with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
                    file.seek(place - start)
                    return place, file.read(size)
        return place, b""

    def last(self, size: int) -> bytes:
        """The last so many bytes."""
        end = self.end
        return self._between(max(0, end - size), end)[1]

    def _between(self, begin: int, end: int) -> tuple[int, bytes]:
        """What is kept without a gap up to ``end``, from ``begin`` on or a later place."""
        at, found = begin, b""
        while at < end:
            start, data = self.read(at, end - at)
            if not data:
                break
            if start > at:
                begin, found = start, b""
            found += data[: max(0, end - start)]
            at = start + len(data)
        return begin, found

    def place_of_last_lines(self, lines: int) -> int:
        """Where the last so many lines begin; read from the end, so a big log costs no more."""
        end = place = self.end
        starts: list[int] = []  # of lines, the last first; what ends the output starts no line
        while place > 0 and len(starts) < lines:
            begin, data = self._between(max(0, place - _STRIDE), place)
            if not data:
                break
            found = [begin + at + 1 for at, byte in enumerate(data) if byte == ord("\n")]
            starts += [at for at in reversed(found) if at < end]
            place = begin
        return starts[lines - 1] if len(starts) >= lines else place

    def place_at(self, at: float) -> int:
        """Where what was written at this time begins, to the second; the end if nothing was."""
        with contextlib.suppress(FileNotFoundError), open(f"{self._folder}/times", "rb") as file:
            notes = file.read()
            for when, place in _NOTE.iter_unpack(notes[: len(notes) // _NOTE.size * _NOTE.size]):
                if when >= at:
                    return int(place)
        return self.end


def _starts(folder: str) -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir(folder) if name.isdigit())
    except FileNotFoundError:
        return []
