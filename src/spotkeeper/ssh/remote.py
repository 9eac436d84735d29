"""Commands on a machine, over the user's own OpenSSH and without anybody at the keyboard."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import IO, TYPE_CHECKING, cast

from spotkeeper.errors import (
    CredentialsProblem,
    NotFound,
    PermissionDenied,
    SpotkeeperError,
    Unreachable,
)
from spotkeeper.timings import (
    SSH_ALIVE_SECONDS,
    SSH_ALIVE_TIMES,
    SSH_CONNECT_SECONDS,
    TUNNEL_SECONDS,
)

if TYPE_CHECKING:
    from spotkeeper.ssh.shell import Login

#: ssh's own end; a command may end so, too (ssh(1), "EXIT STATUS").
SSH_FAILED = 255


def unattended(login: Login) -> tuple[str, ...]:
    """Options of ssh with which nobody is asked anything, and a machine that says nothing any more
    is given up."""
    seconds = TUNNEL_SECONDS if login.tunnel else SSH_CONNECT_SECONDS
    return (
        *("-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-T"),
        *("-o", f"ConnectTimeout={seconds}"),
        *("-o", f"ServerAliveInterval={SSH_ALIVE_SECONDS}"),
        *("-o", f"ServerAliveCountMax={SSH_ALIVE_TIMES}"),
    )


#: What ssh, or a tunnel where there is one, says → our kind of error, what happened, and the next
#: step. The first that fits; where it ends without a word, the machine closed the connection, or
#: somebody ended ssh.
TROUBLES = tuple(
    (re.compile(words), kind, happened, step, of_tunnel)
    for of_tunnel, words, kind, happened, step in (
        (
            True,
            r"An error occurred \(\w*(AccessDenied|Unauthorized)",
            PermissionDenied,
            "The tunnel to {name} is denied: {said}",
            "Ask for the permissions that `spot policy {way}` prints.",
        ),
        (
            True,
            r"An error occurred \(|aws: (command )?not found|Plugin is not found|Invalid choice",
            Unreachable,
            "There is no tunnel to {name}: {said}",
            "`spot doctor --connect {way}` looks at what it needs; see `spot show {name}`.",
        ),
        (
            False,
            "HOST IDENTIFICATION HAS CHANGED|Host key verification failed",
            CredentialsProblem,
            "{name} at {address} does not show the host key that was learnt from it",
            "If you changed its ssh server yourself, forget the key: ssh-keygen -R {instance} -f "
            "{known_hosts}. If not, somebody else may answer there: see `spot show {name}`.",
        ),
        (
            False,
            r"Permission denied \([a-z]|Too many authentication failures|UNPROTECTED PRIVATE KEY",
            CredentialsProblem,
            "{name} does not let {user} in with the key of this computer",
            "It takes the key that it was launched with: have that one in ~/.ssh, and unlock it "
            "with `ssh-add` where it has a passphrase.",
        ),
        (
            False,
            r"\A\s*\Z|Connection to .* closed by remote|client_loop|server .* not responding"
            "|[Bb]roken pipe|connection unexpectedly closed|Connection reset",
            Unreachable,
            "The connection to {name} was lost",
            "See `spot show {name}`: it may have been interrupted. Then repeat the command.",
        ),
        (
            False,
            "ssh: connect to|timed out|Connection refused|Connection closed|No route to host"
            "|Could not resolve|kex_exchange_identification|banner exchange",
            Unreachable,
            "{name} does not answer at {address}: {said}",
            "See `spot show {name}`: it may be on its way up or down, or a firewall on yours.",
        ),
    )
)


def run_remote(
    login: Login, command: Sequence[str], *, stdin: bytes = b""
) -> tuple[int, bytes, bytes]:
    """Run a command on a machine to its end: its exit code, output and errors.

    Raises:
        NotFound: there is no OpenSSH client here.
        CredentialsProblem: the machine's host key is another one, or it does not take ours.
        Unreachable: it does not answer, or the connection was lost.
    """
    with started(ssh_line(login, command), subprocess.PIPE) as process:
        out, err = process.communicate(stdin)
    return _ended(login, process.returncode, err, out)


def follow_remote(
    login: Login, command: Sequence[str]
) -> Generator[bytes, None, tuple[int, bytes, bytes]]:
    """The output of a command as it comes; in the end what ``run_remote`` gives, without it.

    Raises:
        SpotkeeperError: as ``run_remote``.
    """
    with tempfile.TemporaryFile() as errors:
        with started(ssh_line(login, command), subprocess.DEVNULL, errors) as process:
            pipe = cast("IO[bytes]", process.stdout)
            while piece := os.read(pipe.fileno(), 1 << 16):
                yield piece
        errors.seek(0)
        return _ended(login, process.returncode, errors.read())


def hold_ports(login: Login, ports: Sequence[str], opened: Callable[[], None]) -> None:
    """Have ports of this computer, written as ``-L`` takes them, lead to the machine until the
    connection is lost; ``opened`` is called once they do.

    Raises:
        SpotkeeperError: as ``run_remote``, always in the end.
    """
    wanted = [word for port in ports for word in ("-L", port)]
    tell = ("-N", "-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo open")
    options = (*unattended(login), "-o", "ExitOnForwardFailure=yes", *tell, *wanted)
    with tempfile.TemporaryFile() as errors:
        with started(login.command(options=options), subprocess.DEVNULL, errors) as process:
            if cast("IO[bytes]", process.stdout).readline():
                opened()
            process.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    raise trouble(login, said) or Unreachable(f"ssh ended: {said.strip()}")


def ssh_line(login: Login, command: Sequence[str]) -> list[str]:
    """The argument list; ssh hands one line to the machine's shell, so each word is quoted."""
    return login.command((shlex.join(command),), options=unattended(login))


@contextlib.contextmanager
def started(
    command: Sequence[str], stdin: int | IO[bytes], errors: int | IO[bytes] = subprocess.PIPE
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours, which is over when the block is."""
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell of this computer reads the words
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=errors
        )
    except FileNotFoundError as problem:
        raise NotFound(
            f"There is no {command[0]} on this computer", next_step="Install the OpenSSH client."
        ) from problem
    try:
        with process:
            yield process
    finally:
        process.kill()


def _ended(login: Login, code: int, err: bytes, out: bytes = b"") -> tuple[int, bytes, bytes]:
    said = err.decode(errors="replace")
    if login.tunnel and said.strip():
        said += "Connection closed"  # which ssh does not always say of a tunnel that ended at once
    if (code == SSH_FAILED or code < 0) and (problem := trouble(login, said)):
        raise problem
    return code, out, err


def trouble(login: Login, said: str) -> SpotkeeperError | None:
    """What ssh's own words mean; ``None`` where it says nothing of the kind."""
    for words, kind, happened, step, of_tunnel in TROUBLES:
        if words.search(said) and (login.tunnel or not of_tunnel):
            facts = {
                "name": login.name,
                "address": login.address,
                "user": login.user,
                "instance": login.instance_id,
                "way": "ssm" if "ssm" in login.tunnel else "endpoint",
                "known_hosts": shlex.quote(str(login.known_hosts)),
                # a tunnel says why before ssh says that it is closed
                "said": (said.strip().splitlines() or [""])[0 if login.tunnel else -1],
            }
            return kind(happened.format(**facts), next_step=step.format(**facts))
    return None
