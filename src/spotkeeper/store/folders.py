"""Where things are kept: what must not be lost, and what can be fetched again."""

import errno
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spotkeeper.errors import StoreProblem


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file in one step: it is the old one or the new one, never half of it.

    Raises:
        StoreProblem: the disk refuses; the old file, if any, is still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as problem:
        temporary.unlink(missing_ok=True)
        raise store_problem(path, problem) from problem


#: Overrides the platform's folders; state and cache then live side by side in it.
HOME_VARIABLE = "SPOT_HOME"

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600

#: A link is not followed, a pipe is not waited for, and Windows changes no line ends.
_CAREFULLY = (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True, slots=True)
class Folders:
    """The product's folders on this computer."""

    state: Path
    cache: Path

    @classmethod
    def of_user(cls, environment: Mapping[str, str]) -> "Folders":
        """The platform's folders, or those below ``SPOT_HOME``."""
        if home := environment.get(HOME_VARIABLE):
            return cls(Path(home) / "state", Path(home) / "cache")
        from platformdirs import user_cache_path, user_state_path

        return cls(user_state_path("spotkeeper"), user_cache_path("spotkeeper"))

    @property
    def journal(self) -> Path:
        """One file per machine name."""
        return self.state / "journal"

    @property
    def keys(self) -> Path:
        """Keys made for a machine."""
        return self.state / "keys"

    def private_keys(self) -> Path:
        """The folder of ``keys``, made if needed, readable by its owner only."""
        return private_folder(self.keys)

    @property
    def known_hosts(self) -> Path:
        """One file per machine name."""
        return self.state / "known_hosts"

    @property
    def sandbox(self) -> Path:
        """The sandbox's own files."""
        return self.state / "sandbox"

    @property
    def practice(self) -> "Folders":
        """What is kept of the machines of the sandbox, apart from those that are real."""
        return Folders(self.state / "practice", self.cache / "practice")


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can read, and those of its parents that are missing.

    Raises:
        StoreProblem: it cannot be made, or belongs to another user.
    """
    try:
        if path.exists():
            refuse_foreign(path, path.stat())
        elif path.is_symlink():
            raise StoreProblem(f"Cannot use {path}: it is a link that leads nowhere")
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in (*reversed(missing), path):
            folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            folder.chmod(PRIVATE_FOLDER)
        for folder in missing:
            sync_folder(folder.parent)
    except OSError as problem:
        raise store_problem(path, problem) from problem
    return path


def refuse_foreign(path: Path, found: os.stat_result) -> None:
    """Refuse what belongs to another user, who could have written anything into it.

    Raises:
        StoreProblem: it does.
    """
    if os.name != "nt" and found.st_uid != os.geteuid():
        raise StoreProblem(f"Cannot use {path}: it belongs to another user (uid {found.st_uid})")


def open_private(path: Path, flags: int) -> int:
    """Open a plain file of the user's own; the descriptor.

    Raises:
        FileNotFoundError: there is none, and the flags do not say to make it.
        StoreProblem: it is a link, a folder or another's, or cannot be opened.
    """
    try:
        descriptor = os.open(path, flags | _CAREFULLY, PRIVATE_FILE)
    except FileNotFoundError:
        raise
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            raise StoreProblem(f"Cannot use {path}: it is a link") from problem
        raise store_problem(path, problem) from problem
    try:
        found = os.fstat(descriptor)
        _refuse_odd(path, found)
        refuse_foreign(path, found)
    except StoreProblem:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_odd(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise StoreProblem(f"Cannot use {path}: it is no plain file")


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable, where the system knows how."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def store_problem(path: Path, problem: OSError) -> StoreProblem:
    """The error for a path that this computer refuses."""
    return StoreProblem(f"Cannot use {path}: {problem.strerror or problem}")


def write_private(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace a file in one step, readable by its owner only.

    What is not ``durable`` may be gone after a power cut, but is never half of it.

    Raises:
        StoreProblem: the disk refuses; the old file is still there.
    """
    private_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as problem:
        temporary.unlink(missing_ok=True)
        raise store_problem(path, problem) from problem
