"""The sandbox's problems in our own words, with our exit codes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spotkeeper.agent import boot_script
from spotkeeper.errors import BadInput, NotFound, SandboxProblem, SpotkeeperError
from spotkeeper.ssh.shell import SSH_PORT

if TYPE_CHECKING:
    from ec2_sandbox.client import Control, SandboxError


@contextmanager
def sandbox_problems() -> Iterator[None]:
    """Raise what the sandbox cannot do as a ``SpotkeeperError``."""
    from ec2_sandbox.client import SandboxError

    try:
        yield
    except SandboxError as problem:
        raise _ours(problem) from problem


def _ours(problem: "SandboxError") -> SpotkeeperError:
    from ec2_sandbox import client

    kinds: dict[type[client.SandboxError], type[SpotkeeperError]] = {
        client.BadInput: BadInput,
        client.NotFound: NotFound,
    }
    kind = kinds.get(type(problem), SandboxProblem)
    return kind(problem.message, next_step=problem.next_step)


def sandbox_home(folder: Path) -> Path:
    """The user's sandbox, whose machines run unless it was set up otherwise."""
    from ec2_sandbox.client import daemon

    daemon.set_up(folder, boot_script(), guests="jailed")
    return folder


class GuestReach:
    """Machines of the sandbox are reached where it says; one that is a name only needs nothing
    more than to run."""

    def __init__(self, control: "Control") -> None:
        self._control = control
        self._known: dict[str, Any] = {}

    def answers(self, address: str) -> bool:
        """Whether it lets this computer in now."""
        self._known = self._control.logins()
        return self._known["guests"] == "none" or bool(self._login(address).get("port"))

    def ssh_port(self, address: str) -> int:
        """Where its server listens now, which changes with every boot; 22 while it does not, 0
        where machines are names only."""
        if self._known.get("guests") != "none":
            self._known = self._control.logins()
        if self._known["guests"] == "none":
            return 0
        return self._login(address).get("port") or SSH_PORT

    def _login(self, address: str) -> Mapping[str, Any]:
        machines = self._known.get("machines", {}).values()
        return next((each for each in machines if each["address"] == address), {})
