"""Inside of the fence: loopback up, a fresh sandbox, a client's script in its environment."""

import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from ec2_sandbox import Sandbox

HERE = Path(__file__).parent
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
ELSEWHERE = ("192.0.2.1", 443)  # RFC 5737


def raise_loopback() -> None:
    """A new network namespace has a loopback that is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def check_fence() -> None:
    """Nothing but loopback may be reached from here; refused at once, not after a while."""
    with socket.socket() as probe:
        probe.settimeout(2)
        reached = probe.connect_ex(ELSEWHERE)
    if reached in {0, 11} or {name for _, name in socket.if_nameindex()} - {"lo"}:
        sys.exit("The fence does not hold: more than loopback can be reached.")


def main() -> None:
    """Run the script of the first argument with the environment of the second; see ``dwell``."""
    raise_loopback()
    check_fence()
    script, home = HERE / sys.argv[1], Path(sys.argv[2])
    options = {"scenario": "calm", "speed": 1, "dwell": float(sys.argv[3]), "begins": None}
    with tempfile.TemporaryDirectory() as work, Sandbox(**options) as ec2:
        found = {"FOREIGN": str(HERE), "CLIENT": str(home), "HOME": work}
        path = f"{home / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        runs = ["bash"] if script.suffix == ".sh" else [str(home / "bin" / "python")]
        env = {**ec2.environment(), **found, "PATH": path}
        env = {name: value for name, value in env.items() if not name.startswith("PIP_")}
        subprocess.run([*runs, str(script)], cwd=work, env=env, check=False)


if __name__ == "__main__":
    main()
