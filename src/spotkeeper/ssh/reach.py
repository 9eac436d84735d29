"""Whether a machine's ssh server answers, and by which way."""

import os
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from typing import IO, cast

from spotkeeper.errors import NotFound
from spotkeeper.model.connect import WAYS, Connect, Route
from spotkeeper.model.machine import Instance
from spotkeeper.ssh.shell import SSH_PORT
from spotkeeper.timings import SSH_PORT_TIMEOUT_SECONDS, TUNNEL_SECONDS

#: What an ssh server says first (RFC 4253, 4.2).
BANNER = b"SSH-"


class SshPort:
    """Reachable means that the ssh port takes connections; EC2's own checks lag minutes behind.

    Tunnels are in the name of an AWS ``profile``, the environment's where that is not named.
    """

    def __init__(self, profile: str | None = None) -> None:
        self._profile = profile

    def require(self, connect: Connect) -> None:
        """Make sure that this computer has what a way needs.

        Raises:
            NotFound: a program is missing, or too old.
        """
        way = WAYS[connect]
        for program, step in way.programs:
            if shutil.which(program) is None:
                raise NotFound(
                    f"--connect {connect} needs {program}, which is not on this computer",
                    next_step=step,
                )
        if way.too_old and (found := _version()).startswith(way.too_old):
            raise NotFound(
                f"--connect {connect} needs version 2 of the AWS CLI; here is {found}",
                next_step=way.programs[0][1],
            )

    def answers(self, instance: Instance) -> bool:
        """Whether the port is open, or a server at the end of the tunnel says who it is."""
        route = self.route(instance)
        if route.tunnel:
            return _has_banner(route.tunnel)
        place = (route.address, route.port)
        try:
            with socket.create_connection(place, timeout=SSH_PORT_TIMEOUT_SECONDS):
                return True
        except OSError:
            return False

    def route(self, instance: Instance) -> Route:
        """Machines of AWS have their ssh server where everybody has it."""
        words = WAYS[instance.connect].tunnel
        if not words:
            return Route(instance.public_ip or "", SSH_PORT)
        named = ("--profile", self._profile) if self._profile else ()
        filled = (word.format(id=instance.id, region=instance.region) for word in words)
        return Route(instance.id, SSH_PORT, (*filled, *named))


def _version() -> str:
    """What the AWS CLI calls itself; empty where it does not say."""
    command = ["aws", "--version"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed line
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TUNNEL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout or done.stderr).decode(errors="replace").partition(" ")[0]


def _has_banner(tunnel: Sequence[str]) -> bool:
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell reads the words
            tunnel,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    with process:
        try:
            output = cast("IO[bytes]", process.stdout)
            ready, _, _ = select.select([output], [], [], TUNNEL_SECONDS)
            return bool(ready) and os.read(output.fileno(), len(BANNER)) == BANNER
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # and the plugin that it started
