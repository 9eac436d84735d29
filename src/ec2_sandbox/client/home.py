"""The sandbox's folder: options, process record, notes, log, lock. Standard library only.

The folder is 0700 and every file in it 0600: the record holds the control token, and the snapshot
is read as code.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ec2_sandbox.options import SandboxOptions, usable

PRIVATE = 0o600

#: Of the files that only the client side reads.
FILES_VERSION = 1

#: Of the saved world; raised when what is saved changes its fields, or moves.
WORLD_SCHEMA = 8
WORLD = "state.snapshot"
OPTIONS = "options.json"

# Keys that open nothing: the sandbox accepts any.
ACCESS_KEY = "AKIASANDBOXSANDBOX00"
SECRET_KEY = "sandbox"  # noqa: S105
AWS_FILE = f"""# version {FILES_VERSION}
[default]
region = us-east-1
aws_access_key_id = {ACCESS_KEY}
aws_secret_access_key = {SECRET_KEY}
"""


@dataclass(frozen=True)
class Process:
    """A running daemon: where it listens, and how to know and command it."""

    pid: int
    port: int
    token: str
    instance: str
    version: str


@dataclass(frozen=True)
class Home:
    """The folder of one sandbox."""

    path: Path

    @property
    def log(self) -> Path:
        """What the daemon printed."""
        return self.path / "sandbox.log"

    @property
    def guests(self) -> Path:
        """The disks of machines that really run."""
        return self.path / "guests"

    @property
    def aws_file(self) -> Path:
        """A configuration with one profile, in place of the user's."""
        return self.path / "aws.ini"

    def create(self) -> None:
        """Make the folder, or make it private, and what is missing above it."""
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        for folder in (*reversed(missing), self.path):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
        self._write_text(self.aws_file.name, AWS_FILE)

    @property
    def is_set_up(self) -> bool:
        """Whether options were ever remembered here."""
        return (self.path / OPTIONS).exists()

    def options(self) -> SandboxOptions:
        """The options last used; the defaults at first, and for what another version wrote."""
        return self._options()[0]

    def unusable_options(self) -> list[str]:
        """``name=value`` of what another version wrote and this one does not know."""
        return self._options()[1]

    def _options(self) -> tuple[SandboxOptions, list[str]]:
        stored = self._read(OPTIONS, {})
        return usable(stored if isinstance(stored, dict) else {})

    def remember_options(self, options: SandboxOptions) -> None:
        """For the next start."""
        self._write(OPTIONS, asdict(options))

    def foreign_world(self) -> str:
        """Which version wrote the saved world, where that is not this one; empty where it is, or
        where there is none."""
        try:
            with (self.path / WORLD).open("rb") as file:
                header = json.loads(file.readline())
            found = (header["schema"], header["moto"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        own = (WORLD_SCHEMA, _installed("moto"))
        return "" if found == own else f"schema {found[0]} with moto {found[1]}"

    def trusted(self) -> frozenset[str]:
        """What may run without a jail: sha256 of scripts, see ``guests.user_data.digest``."""
        return frozenset(self._read("trusted.json", []))

    def trust(self, *digests: str) -> None:
        """These may, too."""
        if new := set(digests) - self.trusted():
            self._write("trusted.json", sorted(self.trusted() | new))

    def has_world(self) -> bool:
        """Whether there is a saved world to go on with."""
        return (self.path / WORLD).exists()

    def forget_world(self) -> None:
        """Begin anew at the next start."""
        (self.path / WORLD).unlink(missing_ok=True)

    def former_port(self) -> int | None:
        """The port of the last daemon, so that exported environments stay valid."""
        port: int | None = self._read("port.json", {}).get("port")
        return port

    def process(self) -> Process | None:
        """The daemon's record, if one was written."""
        try:
            return Process(**self._read("process.json", {}))
        except TypeError:  # there is none, or another version wrote it
            return None

    def remember_process(self, process: Process) -> None:
        """Written by the daemon when it is ready."""
        self._write("port.json", {"port": process.port})
        self._write("process.json", asdict(process))

    def forget_process(self) -> None:
        """The daemon is gone."""
        (self.path / "process.json").unlink(missing_ok=True)

    def add_note(self, note: str) -> None:
        """Something the user must hear at the next command."""
        self._write("notes.json", [*self._read("notes.json", []), note])

    def take_notes(self) -> tuple[str, ...]:
        """The notes, which are then gone."""
        notes = tuple(self._read("notes.json", []))
        if notes:
            (self.path / "notes.json").unlink(missing_ok=True)
        return notes

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time; the lock goes with the process that holds it."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, PRIVATE)
        try:
            _lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _read(self, name: str, otherwise: Any) -> Any:
        try:
            stored = json.loads((self.path / name).read_text())
        except (FileNotFoundError, ValueError):
            return otherwise
        if not isinstance(stored, dict) or "version" not in stored or "content" not in stored:
            return stored  # as it was before files had a version
        return stored["content"] if stored["version"] == FILES_VERSION else otherwise

    def _write(self, name: str, content: Any) -> None:
        self._write_text(name, json.dumps({"version": FILES_VERSION, "content": content}))

    def _write_text(self, name: str, text: str) -> None:
        temporary = self.path / f"{name}.{os.getpid()}.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        temporary.replace(self.path / name)


def own_version() -> str:
    """The installed version, for the process record."""
    return _installed("spotkeeper")


def _installed(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def without_port(options: SandboxOptions) -> SandboxOptions:
    """An explicit port holds for one start."""
    return replace(options, port=None)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
