"""Bring files to a machine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from spotkeeper.model.record import Record, Result
from spotkeeper.ssh import transfer
from spotkeeper.store.working_folder import WorkingFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from spotkeeper.lifecycle.ports import Talk
    from spotkeeper.ssh.shell import Login


@dataclass(frozen=True, slots=True, repr=False)
class Pushed(Result):
    """What was brought where, and what was ``deleted`` there; all paths of the machine are of the
    login's home."""

    name: str
    source: Path
    destination: str
    deleted: tuple[str, ...] = ()

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        facts = {"name": self.name, "source": str(self.source), "destination": self.destination}
        return {**facts, "deleted": list(self.deleted)}


def pushed(
    login: Login,
    source: Path,
    destination: str | None,
    talk: Talk,
    *,
    delete: bool,
) -> Pushed:
    """Bring a file, or what is in a folder, into a folder of the machine: by default one that is
    named like the machine. Of a folder that git knows, what git ignores neither goes nor is
    deleted."""
    destination = destination or login.name
    folder = WorkingFolder(source.expanduser())
    code = folder.known() if folder.path.is_dir() else None
    files = None if code is None else [str(each) for each in code]
    deleted: list[str] = []
    if delete:
        more = transfer.superfluous(login, source, destination, files)
        ignored = set() if files is None else folder.ignores(more)
        deleted = [each for each in more if each not in ignored]
        transfer.remove(login, destination, deleted)
    transfer.push(
        login, source, destination, files=files, told=progress(talk, f"Pushing to {login.name}")
    )
    return Pushed(login.name, source, destination, tuple(deleted))


def progress(talk: Talk, action: str) -> Callable[[str], None]:
    """Tells how far something is to who watches, and at times to a log that it goes on."""
    began = time.monotonic()
    return lambda text: talk.waiting(action, timedelta(seconds=time.monotonic() - began), text)
