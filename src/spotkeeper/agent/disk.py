"""What the agent writes on the disk: whole or not at all, and there after a power cut."""

from __future__ import annotations

import contextlib
import os

#: Kept free for the record's own lines when the command has filled the disk.
BALLAST_BYTES = 1 << 20

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


class Storage:
    """Every write that decides something goes through here, so that a test can stop at each."""

    def __init__(self, ballast: str = "") -> None:
        self._ballast = ballast

    def append(self, path: str, text: str) -> None:
        """Add one line, on the disk when this returns; a line torn by a power cut stays alone."""
        self._make_room()
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, PRIVATE_FILE)
        try:
            size = os.fstat(file).st_size
            is_torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
            try:
                _write_all(file, (("\n" if is_torn else "") + text + "\n").encode())
            except OSError:
                os.ftruncate(file, size)
                raise
            os.fsync(file)
        finally:
            os.close(file)
        if size == 0:
            sync_folder(os.path.dirname(path))

    def replace(self, path: str, data: bytes, *, mode: int = PRIVATE_FILE) -> None:
        """The file has this content from now on; at no moment half of it."""
        self._make_room()
        partial, flags = f"{path}.partial", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        file = os.open(partial, flags, mode)
        try:
            os.fchmod(file, mode)
            _write_all(file, data)
            os.fsync(file)
        finally:
            os.close(file)
        self.rename(partial, path)

    def rename(self, old: str, new: str) -> None:
        """The name is the other's from now on, also after a power cut."""
        os.replace(old, new)
        sync_folder(os.path.dirname(new))

    def keep_ballast(self) -> None:
        """Lay down what a full disk will make us throw away."""
        if self._ballast and not os.path.exists(self._ballast):
            with contextlib.suppress(OSError), open(self._ballast, "wb") as file:
                file.write(b"\0" * BALLAST_BYTES)

    def _make_room(self) -> None:
        """Throw the ballast away where there is hardly any room."""
        if self._ballast and os.path.exists(self._ballast):
            found = os.statvfs(os.path.dirname(self._ballast))
            if found.f_bavail * found.f_frsize < BALLAST_BYTES:
                os.unlink(self._ballast)


def read_text(path: str) -> str:
    """The text of a file; "" where there is none. Bytes that are no text survive."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def make_folder(path: str, *, mode: int = PRIVATE_FOLDER) -> str:
    """The folder, made where it was missing."""
    os.makedirs(path, mode=mode, exist_ok=True)
    return path


def sync_folder(path: str) -> None:
    """The names in a folder are on the disk."""
    file = os.open(path or ".", os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
