"""Folders as states: looked at, copied whole, brought to the state of another.

Names are bytes, since the user's need not be text. What vanishes while it is looked at was not
there; links stay links, and empty folders, modes and times stay.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

#: Copied between two looks at whether to go on.
PIECE_BYTES = 64 << 20

#: So many files are synced one by one; more than that, and the whole disk is.
SYNCED_ONE_BY_ONE = 200

#: What a file system answers that cannot copy by itself.
_UNABLE = frozenset({errno.EINVAL, errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP})


class FileState(NamedTuple):
    """What is known of a name below a folder; ``target`` is where a link leads."""

    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    owner: int
    group: int
    target: bytes = b""

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def content(self) -> tuple[object, ...]:
        """What tells it from another of the same name. The times of a folder change with every
        file that comes and goes, so they tell nothing."""
        return (self.mode, self.target, *((self.size, self.mtime_ns) if self.is_file else ()))


State = Mapping[bytes, FileState]

#: By name: an entry as it once was, and a file that holds the same and never changes.
Known = Mapping[bytes, tuple[FileState, bytes]]


class Moved(Exception):
    """What was being copied changed meanwhile, or there is no time for it; the message is why."""


def look(folder: str, *, but: tuple[str, ...] = ()) -> dict[bytes, FileState]:
    """Everything below the folder, by name relative to it, but what ends like one of ``but``."""
    root = os.fsencode(folder)
    found: dict[bytes, FileState] = {}
    for path in _below(root, tuple(os.fsencode(each) for each in but)):
        with contextlib.suppress(OSError):
            found[path[len(root) + 1 :]] = _entry(path)
    return found


def _below(folder: bytes, but: tuple[bytes, ...]) -> Iterator[bytes]:
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if not (but and name.endswith(but)):
                yield path
                if os.path.isdir(path) and not os.path.islink(path):
                    yield from _below(path, but)


def _entry(path: bytes) -> FileState:
    found = os.lstat(path)
    target = os.readlink(path) if stat.S_ISLNK(found.st_mode) else b""
    times = (found.st_mtime_ns, found.st_ctime_ns)
    owners = (found.st_uid, found.st_gid)
    return FileState(found.st_mode, found.st_size, *times, found.st_ino, *owners, target)


def digest(state: State) -> str:
    """One word for the state, another one for every other; "" if there is nothing."""
    if not state:
        return ""
    told = hashlib.sha256()
    for name, entry in sorted(state.items()):
        told.update(repr((name, entry.content)).encode())
    return told.hexdigest()[:16]


def copy_state(
    source: str,
    target: str,
    state: State,
    *,
    known: Known | None = None,
    go_on: Callable[[], bool] = lambda: True,
) -> None:
    """Copy a state of one folder into another that does not exist yet, and have it on the disk.

    A file that is ``known`` is linked to and not copied. ``go_on`` is asked between two pieces.

    Raises:
        Moved: something is not as it was when the state was looked at, or ``go_on`` said no.
    """
    root, origin = os.fsencode(target), os.fsencode(source)
    os.makedirs(root, mode=0o700)
    for name, entry in sorted(state.items()):
        path = os.path.join(root, name)
        twin = twin_of(name, entry, known or {})
        try:
            if twin:
                os.link(twin, path)
            else:
                _copy(os.path.join(origin, name), path, entry, go_on)
        except FileNotFoundError:
            raise Moved(os.fsdecode(name)) from None
    _dress_folders(root, state)
    _sync_all((origin, root), state)


def twin_of(name: bytes, entry: FileState, known: Known) -> bytes:
    """A file that holds the same as the unchanged entry; b"" if there is none."""
    before, twin = known.get(name, (None, b""))
    return twin if entry.is_file and before is not None and entry[:5] == before[:5] else b""


def _copy(
    source: bytes, target: bytes, entry: FileState, go_on: Callable[[], bool] = lambda: True
) -> None:
    """One entry; folders are dressed later, when nothing in them changes any more."""
    if entry.is_folder:
        os.mkdir(target)
        return
    if stat.S_ISLNK(entry.mode):
        os.symlink(entry.target, target)
    elif entry.is_file:
        with open(source, "rb") as old, open(target, "xb") as new:
            while _copy_piece(old.fileno(), new.fileno()):
                if not go_on():
                    raise Moved("there is no time for it")
        if os.path.getsize(target) != entry.size:
            raise Moved(os.fsdecode(source))
    else:
        return
    _dress(target, entry)


def _copy_piece(old: int, new: int) -> int:
    """The next piece: without moving a byte where the file system can share them."""
    try:
        return os.copy_file_range(old, new, PIECE_BYTES)
    except AttributeError:  # not on this system
        pass
    except OSError as problem:
        if problem.errno not in _UNABLE:
            raise
    piece = rest = os.read(old, 1 << 20)
    while rest:
        rest = rest[os.write(new, rest) :]
    return len(piece)


def _dress(path: bytes, entry: FileState) -> None:
    """Owner, mode and times of the original."""
    with contextlib.suppress(PermissionError):
        os.chown(path, entry.owner, entry.group, follow_symlinks=False)
    if not stat.S_ISLNK(entry.mode):
        os.chmod(path, stat.S_IMODE(entry.mode))
    with contextlib.suppress(OSError, NotImplementedError):
        os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)


def _dress_folders(root: bytes, state: State) -> None:
    for name, entry in sorted(state.items(), reverse=True):
        if entry.is_folder:
            _dress(os.path.join(root, name), entry)


def dress_like(model: str, folder: str) -> None:
    """The folder has owner, mode and times of the other."""
    _dress(os.fsencode(folder), _entry(os.fsencode(model)))


def _sync_all(roots: tuple[bytes, ...], state: State) -> None:
    """The copies and what they were made from: a power cut finds both."""
    if len(state) > SYNCED_ONE_BY_ONE:
        os.sync()
        return
    kept = [name for name, entry in state.items() if entry.is_file or entry.is_folder]
    for path in (os.path.join(root, name) for root in roots for name in [*kept, b""]):
        with contextlib.suppress(OSError):
            file = os.open(path, os.O_RDONLY)
            try:
                os.fsync(file)
            finally:
                os.close(file)


def bring_to(source: str, target: str) -> None:
    """Make the target's content that of the source: what is the same stays, the rest goes."""
    wanted, there = look(source), look(target)
    root, origin = os.fsencode(target), os.fsencode(source)
    os.makedirs(root, exist_ok=True)
    for name, entry in sorted(there.items(), reverse=True):
        if not _may_stay(entry, wanted.get(name)):
            (os.rmdir if entry.is_folder else os.unlink)(os.path.join(root, name))
            del there[name]
    for name, entry in sorted(wanted.items()):
        if name not in there:
            _copy(os.path.join(origin, name), os.path.join(root, name), entry)
    _dress_folders(root, wanted)
    dress_like(source, target)


def _may_stay(entry: FileState, wanted: FileState | None) -> bool:
    if wanted is not None and entry.is_folder and wanted.is_folder:
        return True
    return wanted is not None and entry.content == wanted.content


def remove_all(path: str) -> None:
    """The file, or the folder and everything below it, is gone."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(os.fsencode(path), ignore_errors=True)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def make_usable(folder: str, owner: tuple[int, int] | None) -> None:
    """A folder that the command may write to: made where it was missing, and its user's."""
    os.makedirs(folder, mode=0o755, exist_ok=True)
    if owner is not None:
        os.chown(folder, *owner)
