"""The state on disk: written after every change, read at the start, never from elsewhere.

One line of JSON (schema, moto's version, checksum), then a pickle. A pickle can run code when it
is read, so a file that is not ours alone is not read at all.
"""

import gc
import hashlib
import json
import os
import pickle
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ec2_sandbox.client.home import WORLD_SCHEMA

PRIVATE = 0o600


class Unusable(Exception):
    """A snapshot that must not, or cannot, be read; the text says why."""


@dataclass(frozen=True)
class Header:
    """What must be the same for the rest to be readable."""

    schema: int
    moto: str
    sha256: str


def write(path: Path, content: Any, *, moto_version: str) -> str:
    """Replace the snapshot in one step: the old one or the new one, never half of one.

    The disk is not waited for: what was written is there after a crash of the process, and a file
    that a crash of the computer cut short is told by its checksum, which is answered.
    """
    return write_blob(path, dumps(content), moto_version=moto_version)


def dumps(content: Any) -> bytes:
    """The content as bytes."""
    return pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)


def write_blob(path: Path, blob: bytes, *, moto_version: str) -> str:
    """Write what ``dumps`` made; its checksum."""
    header = Header(WORLD_SCHEMA, moto_version, hashlib.sha256(blob).hexdigest())
    temporary = path.with_suffix(".new")
    with private_file(temporary) as file:
        file.write(json.dumps(vars(header)).encode() + b"\n")
        file.write(blob)
    temporary.replace(path)
    return header.sha256


def private_file(path: Path, *, append: bool = False) -> IO[bytes]:
    """Open a file of ours alone for writing."""
    how = os.O_APPEND if append else os.O_TRUNC
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | how, PRIVATE), "wb")


def read(path: Path, *, moto_version: str) -> tuple[Any, str]:
    """What ``write`` was given, and its checksum; ``Unusable`` with the reason otherwise."""
    check_is_ours(path)
    line, _, blob = path.read_bytes().partition(b"\n")
    try:
        header = Header(**json.loads(line))
    except (ValueError, TypeError):
        raise Unusable("it is damaged: no header") from None
    if (header.schema, header.moto) != (WORLD_SCHEMA, moto_version):
        raise Unusable(f"it was written by schema {header.schema}, moto {header.moto}")
    if hashlib.sha256(blob).hexdigest() != header.sha256:
        raise Unusable("it is damaged: the checksum does not fit")
    try:
        with _without_collection():
            return pickle.loads(blob), header.sha256  # noqa: S301 - the file is ours alone
    except Exception as problem:
        raise Unusable(f"it cannot be read: {problem}") from problem


@contextmanager
def _without_collection() -> Iterator[None]:
    """Nothing that is read is garbage; to look for some took four fifths of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def move_aside(path: Path) -> Path:
    """Keep an unusable snapshot for whoever wants to look; returns where it went."""
    aside = path.with_suffix(".unusable")
    path.replace(aside)
    return aside


def check_is_ours(path: Path) -> None:
    """``Unusable`` for what others may have written: it is read as code."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise Unusable("it is not a plain file")
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        raise Unusable("it belongs to somebody else")
    if os.name == "posix" and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Unusable("others may write to it")
