"""The output of an attempt: bytes, pieces, places, last lines."""

import os
import time
from pathlib import Path

import pytest

from spotkeeper.agent import log
from spotkeeper.agent.log import LogReader, LogWriter

HOSTILE = b"a\rb\r\xff\xfe\0\x1b[31m" + b"x" * 5000 + "ü".encode()[:1]


def written(folder: Path, *pieces: bytes) -> LogReader:
    writer = LogWriter(str(folder))
    for piece in pieces:
        writer.write(piece)
    writer.close()
    return LogReader(str(folder))


def whole(reader: LogReader, place: int = 0) -> bytes:
    found = b""
    while True:
        place, data = reader.read(place, 1000)
        if not data:
            return found
        found, place = found + data, place + len(data)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    reader = written(tmp_path, HOSTILE, b"", b"end")
    assert whole(reader) == HOSTILE + b"end"
    assert reader.end == len(HOSTILE) + 3
    assert reader.last(5) == HOSTILE[-2:] + b"end"


def test_the_oldest_pieces_make_room_and_places_stay_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "PIECE_BYTES", 100)
    monkeypatch.setattr(log, "KEPT_PIECES", 4)
    output = b"".join(b"line %05d\n" % number for number in range(1000))
    reader = written(tmp_path, output[:777], output[777:])
    assert reader.end == len(output)
    assert len(list(tmp_path.iterdir())) == 4 + 2
    assert reader.read(0, 50) == (0, output[:50])
    place, data = reader.read(5000, 50)
    assert place > 5000
    assert data == output[place : place + 50]
    assert reader.read(len(output) - 20, 50) == (len(output) - 20, output[-20:])
    assert reader.read(len(output), 50) == (len(output), b"")
    assert whole(reader, reader.place_of_last_lines(15)) == output[-165:]
    assert reader.last(150) == output[-150:]
    kept = reader.read(5000, 1)[0]
    assert reader.place_of_last_lines(5000) == kept


@pytest.mark.parametrize(
    ("output", "lines", "wanted"),
    [
        (b"a\nb\nc\n", 1, b"c\n"),
        (b"a\nb\nc\n", 2, b"b\nc\n"),
        (b"a\nb\nc", 1, b"c"),
        (b"a\nb\nc", 9, b"a\nb\nc"),
        (b"\n\n\n", 2, b"\n\n"),
        (b"", 3, b""),
        (
            b"a" * 70_000 + b"\n" + b"b" * 70_000 + b"\n",
            2,
            b"a" * 70_000 + b"\n" + b"b" * 70_000 + b"\n",
        ),
        (b"x" * 200_000 + b"\nlast\n", 1, b"last\n"),
        (b"first\n" + b"x" * 200_000, 1, b"x" * 200_000),
    ],
)
def test_the_last_lines_are_found_from_the_end(
    tmp_path: Path, output: bytes, lines: int, wanted: bytes
) -> None:
    reader = written(tmp_path, output)
    assert whole(reader, reader.place_of_last_lines(lines)) == wanted


def test_a_place_is_found_by_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([100.0, 100.5, 110.0, 120.0])
    monkeypatch.setattr(time, "time", lambda: next(now))
    reader = written(tmp_path, b"one", b"two", b"three", b"four")
    with (tmp_path / "times").open("ab") as file:
        file.write(b"torn")
    places = [reader.place_at(at) for at in (0, 100, 101, 110, 115, 121)]
    assert places == [0, 0, 6, 6, 11, 15]


def test_a_disk_without_room_loses_output_and_says_how_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, write = LogWriter(str(tmp_path)), os.write
    writer.write(b"before\n")

    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    writer.write(b"lost one\n")
    writer.write(b"lost two\n")
    monkeypatch.setattr(os, "write", write)
    writer.write(b"after\n")
    writer.close()
    assert whole(LogReader(str(tmp_path))).startswith(b"before\n\n[spot: ")
    assert whole(LogReader(str(tmp_path))).endswith(b"bytes of output had no room]\nafter\n")


def test_of_an_attempt_without_output_nothing_is_read(tmp_path: Path) -> None:
    reader = LogReader(str(tmp_path / "none"))
    assert (reader.end, reader.read(5, 10), reader.place_at(0), reader.last(9)) == (
        0,
        (5, b""),
        0,
        b"",
    )
