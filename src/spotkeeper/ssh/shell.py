"""The ssh command line of a machine, and running it."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from spotkeeper.errors import NotFound, SandboxProblem
from spotkeeper.model.record import Record, Result

SSH_PORT = 22


@dataclass(frozen=True, slots=True, repr=False)
class Login(Result):
    """How to reach a machine. The host key is learnt once and pinned to the instance's id, since
    an address is somebody else's tomorrow. ``port`` is 0 where nothing can answer; ``tunnel`` is
    the command that leads there, where the address does not."""

    address: str
    user: str
    instance_id: str
    known_hosts: Path
    identity: Path | None = None
    port: int = 22
    tunnel: tuple[str, ...] = ()

    def to_dict(self) -> Record:
        """Where and as whom, and the line to paste into a shell."""
        return {
            "address": self.address,
            "user": self.user,
            "instance_id": self.instance_id,
            "ssh": self.line(),
        }

    @property
    def name(self) -> str:
        """The machine's."""
        return self.known_hosts.name

    def command(self, remote: Sequence[str] = (), options: Sequence[str] = ()) -> list[str]:
        """The argument list of ssh, with a command for the machine if one is given."""
        return [*self.client(options), "--", self.address, *remote]

    def client(self, options: Sequence[str] = ()) -> list[str]:
        """The same without the address: rsync adds that itself."""
        identity = ["-i", os.fspath(self.identity)] if self.identity else []
        settings = [f"{key}={value}" for key, value in self._settings()]
        return [
            "ssh",
            *options,
            *identity,
            *(["-p", str(self.port)] if self.port not in {0, SSH_PORT} else []),
            *chain.from_iterable(("-o", each) for each in settings),
            "-l",
            self.user,
        ]

    def config(self) -> str:
        """The same as a section of ``~/.ssh/config``, under the machine's name."""
        facts = [("HostName", self.address), ("User", self.user), ("Port", str(self.port))]
        facts += [("IdentityFile", _quoted(self.identity))] if self.identity else []
        lines = (f"    {key} {value}" for key, value in (*facts, *self._settings()))
        return "\n".join((f"Host {self.name}", *lines))

    def _settings(self) -> list[tuple[str, str]]:
        return [
            ("UserKnownHostsFile", _quoted(self.known_hosts)),
            ("HostKeyAlias", self.instance_id),
            ("StrictHostKeyChecking", "accept-new"),
            ("ForwardAgent", "no"),
            # of an agent with many keys sshd takes the first few only
            *([("IdentitiesOnly", "yes")] if self.identity else []),
            # % begins a token, and ssh puts ``exec`` before it
            *([("ProxyCommand", _doubled(shlex.join(self.tunnel)))] if self.tunnel else []),
        ]

    def line(self, remote: Sequence[str] = (), options: Sequence[str] = ()) -> str:
        """The same as one printable line to paste into a shell."""
        return " ".join(map(_word, self.command(remote, options)))


def refuse_simulated(login: Login) -> None:
    """Refuse to reach a machine that no processes stand behind.

    Raises:
        SandboxProblem: it is one.
    """
    if login.port == 0:
        raise SandboxProblem(
            f"{login.name} is simulated: nothing answers at {login.address}",
            next_step="`spot sandbox reset --guests jailed` begins anew with machines that run.",
        )


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
    """A path as an ssh option's value, where a blank would end it and % begins a token."""
    text = _doubled(os.fspath(path))
    return f'"{text}"' if any(character.isspace() for character in text) else text


def _doubled(text: str) -> str:
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """A word of a shell's line; what a terminal could act upon is written in bash's escapes."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{''.join(map(_visible, escaped))}'"


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    byte_of_a_name = "\udc80" <= character <= "\udcff"  # as Python reads what is no UTF-8
    errors = "surrogateescape" if byte_of_a_name else "surrogatepass"
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors=errors))
