"""Fetch files from a machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spotkeeper.agent.machine import HOME
from spotkeeper.errors import NotFound
from spotkeeper.keeper.push import progress
from spotkeeper.model.record import Record, Result
from spotkeeper.ssh import transfer
from spotkeeper.ssh.remote import run_remote

if TYPE_CHECKING:
    from spotkeeper.lifecycle.ports import Talk
    from spotkeeper.ssh.shell import Login

#: Prints the folder of the run that is on the machine, over or not; its id is root's to read.
_RUN_FOLDER = (
    'id=$(cat "$1/current" 2>/dev/null || sudo -n cat "$1/current" 2>/dev/null) && '
    'test -n "$id" && printf %s "$1/runs/$id"'
)


@dataclass(frozen=True, slots=True, repr=False)
class Pulled(Result):
    """What was fetched, and the folder of this computer where it is now."""

    name: str
    remote: str
    local: Path

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        return {"name": self.name, "remote": self.remote, "local": str(self.local)}


def pulled(login: Login, remote: str | None, local: Path | None, talk: Talk) -> Pulled:
    """Fetch a file, or what is in a folder, into a folder of this computer; by default the run's
    output. A relative path is of the run's folder, before the first run of the folder that
    ``push`` fills.

    Raises:
        NotFound: there is no such file or folder, or no run whose output it could be.
    """
    place = remote or "output"
    if not place.startswith(("/", "~")):
        _, out, _ = run_remote(login, ("sh", "-c", _RUN_FOLDER, "sh", HOME))
        if remote is None and not out:
            raise NotFound(
                f"No run was on {login.name} yet, so there is no output of one",
                next_step=f"Name what to fetch: `spot pull {login.name} FILE`.",
            )
        place = f"{out.decode() or login.name}/{place}"
    told = progress(talk, f"Pulling from {login.name}")
    return Pulled(login.name, place, transfer.pull(login, place, local, told=told))
