"""Whether a machine answers on its ssh port."""

import socket

from spotkeeper.lifecycle.ports import Health

SSH_PORT = 22
TIMEOUT_SECONDS = 3.0


class SshPort:
    """Reachable means that the ssh port takes connections; EC2's own checks lag minutes behind."""

    def answers(self, address: str | None, health: Health) -> bool:
        """Whether the port is open; a machine without a public address counts by EC2's checks."""
        if address is None:
            return health.checks_passed
        try:
            with socket.create_connection((address, SSH_PORT), timeout=TIMEOUT_SECONDS):
                return True
        except OSError:
            return False


class StatusChecks:
    """Reachable means that EC2's checks pass: for machines whose network is only simulated."""

    def answers(self, address: str | None, health: Health) -> bool:
        """Whether both of EC2's status checks passed."""
        return health.checks_passed
