"""Whether a machine answers on its ssh port."""

import socket

SSH_PORT = 22
TIMEOUT_SECONDS = 3.0


class SshPort:
    """Reachable means that the ssh port takes connections; EC2's own checks lag minutes behind."""

    def answers(self, address: str) -> bool:
        """Whether the port is open."""
        try:
            with socket.create_connection((address, SSH_PORT), timeout=TIMEOUT_SECONDS):
                return True
        except OSError:
            return False


class Simulated:
    """Machines of the sandbox have no network: one that runs counts as reachable."""

    def answers(self, address: str) -> bool:
        """Whether there is an address at all; nothing is ever contacted there."""
        return bool(address)
