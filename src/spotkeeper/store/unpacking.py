"""A file as text, in pieces: plain or gz, in bounded memory, whatever it claims to be."""

import codecs
import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from spotkeeper.errors import BadInput, NotFound

PIECE_BYTES = 256 * 1024
GZIP = b"\x1f\x8b"
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

#: Price histories pack to a seventh; what unpacks to so much more is made to fill a computer.
MAX_RATIO = 100
SMALL_BYTES = 64 * 1024 * 1024
#: A row has some eighty characters.
MAX_LINE = 64 * 1024


class Unreadable(Exception):
    """The file cannot be read to its end; says why, in words that follow the file's name."""


def texts(path: Path) -> Iterator[str]:
    """The file's text in pieces, cut anywhere.

    Raises:
        NotFound: there is no such file.
        BadInput: it may not be read.
        Unreadable: it is cut off, damaged, no text, or unpacks without end.
    """
    try:
        with path.open("rb") as file:
            begin = file.peek(len(GZIP))[: len(GZIP)]
            decoder = codecs.getincrementaldecoder("utf-16" if begin in UTF16 else "utf-8-sig")()
            for piece in _unpacked(file) if begin == GZIP else _plain(file):
                if text := decoder.decode(piece):
                    yield text
            decoder.decode(b"", final=True)
    except FileNotFoundError:
        raise NotFound(
            f"There is no file {path}", next_step="Name a file that is there."
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
        raise Unreadable("is cut off or damaged") from problem
    except OSError as problem:
        raise BadInput(
            f"Cannot read {path}: {problem.strerror}", next_step="Name a file that you may read."
        ) from problem
    except UnicodeDecodeError as problem:
        raise Unreadable("is no text; if it is packed, only gz is understood") from problem


def _plain(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    size = 0
    with gzip.GzipFile(fileobj=file) as unpacker:
        while piece := unpacker.read(PIECE_BYTES):
            size += len(piece)
            if size > SMALL_BYTES and file.seekable() and size > MAX_RATIO * file.tell():
                raise Unreadable(f"unpacks to more than {MAX_RATIO} times its size")
            yield piece


def whole_lines(pieces: Iterable[str]) -> Iterator[str]:
    """The same text, cut behind the ends of lines.

    Raises:
        Unreadable: a line is longer than any row.
    """
    rest = ""
    for piece in pieces:
        head, end, tail = piece.rpartition("\n")
        if end:
            yield f"{rest}{head}\n"
            rest = tail
        else:
            rest += tail
        if len(rest) > MAX_LINE:
            raise Unreadable(f"has a line of more than {MAX_LINE:,} characters")
    if rest:
        yield rest
