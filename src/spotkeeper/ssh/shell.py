"""The ssh command line of a machine, and running it."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spotkeeper.errors import NotFound


@dataclass(frozen=True, slots=True)
class Login:
    """How to reach a machine. The host key is learnt once and pinned to the instance's id, since
    an address is somebody else's tomorrow."""

    address: str
    user: str
    instance_id: str
    known_hosts: Path
    identity: Path | None = None

    def command(self, remote: Sequence[str] = ()) -> list[str]:
        """The argument list of ssh, with a command for the machine if one is given."""
        identity = ["-i", os.fspath(self.identity)] if self.identity else []
        return [
            "ssh",
            *identity,
            "-o",
            f"UserKnownHostsFile={_quoted(self.known_hosts)}",
            "-o",
            f"HostKeyAlias={self.instance_id}",
            "-o",
            "StrictHostKeyChecking=accept-new",
            "-o",
            "ForwardAgent=no",
            "-l",
            self.user,
            "--",
            self.address,
            *remote,
        ]

    def line(self, remote: Sequence[str] = ()) -> str:
        """The same as one line to paste into a shell."""
        return shlex.join(self.command(remote))


def run(command: Sequence[str]) -> int:
    """Run ssh on the user's terminal; its exit code is ours.

    Raises:
        NotFound: there is no OpenSSH client.
    """
    program = shutil.which(command[0])
    if program is None:
        raise NotFound(
            "There is no ssh on this computer",
            next_step="Install the OpenSSH client, or use `spot ssh NAME --print`.",
        )
    return subprocess.run([program, *command[1:]], check=False).returncode  # noqa: S603


def _quoted(path: Path) -> str:
    """A path as an ssh option's value, where a blank would end it."""
    text = os.fspath(path)
    return f'"{text}"' if any(character.isspace() for character in text) else text
