"""The two servers side by side, and what they cost: CPU seconds and memory of their processes."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlencode

from ec2_sandbox.client import daemon
from ec2_sandbox.client.control import Control
from ec2_sandbox.options import SandboxOptions

SIGNED = "AWS4-HMAC-SHA256 Credential=BENCH/20261101/us-east-1/ec2/aws4_request, Signature=0"
API_VERSION = "2016-11-15"
TIMEOUT = 300.0
READY_WITHIN = 120.0
OK = 200

#: Nothing happens by itself: what is measured is the call.
CALM = SandboxOptions(scenario="calm", speed=0, begins="2026-01-05T00:00:00+00:00")


class Server:
    """A process that answers EC2 on a port."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)

    def call(self, action: str, **params: object) -> bytes:
        """One signed call without an SDK, whose cost would be larger than the server's."""
        body = urlencode({"Action": action, "Version": API_VERSION, **params})
        headers = {
            "Authorization": SIGNED,
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        }
        self.connection.request("POST", "/", body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != OK:
            raise SystemExit(f"{action}: {answer.status} {content[:500].decode()}")
        return content

    def cpu_seconds(self) -> float:
        """CPU seconds of the process since its start, all threads, user and system."""
        return cpu_seconds(self.pid)

    def memory_mb(self) -> float:
        """What the process holds in memory, in MB."""
        shown = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self.pid)], capture_output=True, text=True, check=True
        )
        return int(shown.stdout) / 1024


class Sandbox(Server):
    """Ours, with the verbs that move it."""

    def __init__(self, home: Path, options: SandboxOptions) -> None:
        status = daemon.start(home, options=options)
        if status.pid is None or status.port is None:
            raise SystemExit("the sandbox did not start")
        super().__init__(status.pid, status.port)
        self.home = home
        self.control = Control(status)

    def reset(self, options: SandboxOptions) -> None:
        """Another market and account in the same process."""
        daemon.reset(self.home, options=options)


class Moto(Server):
    """Plain moto of the same version."""

    def reset(self) -> None:
        """Forget everything."""
        self.connection.request("POST", "/moto-api/reset")
        self.connection.getresponse().read()


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process, to the nanosecond on Linux and the hundredth elsewhere."""
    if sys.platform == "linux":
        return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3)
    shown = subprocess.run(
        ["ps", "-o", "time=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    total = 0.0
    for part in shown.stdout.strip().replace("-", ":").split(":"):
        total = total * 60 + float(part)
    return total


@contextmanager
def sandbox(home: Path, options: SandboxOptions = CALM) -> Iterator[Sandbox]:
    """Our daemon, ``python -m ec2_sandbox``, up to its first answered call."""
    server = Sandbox(home, options)
    try:
        server.call("DescribeRegions")
        yield server
    finally:
        server.connection.close()
        daemon.stop(home)


@contextmanager
def moto() -> Iterator[Moto]:
    """``python -m moto.server`` with its default settings, up to its first answered call."""
    port = _free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("MOTO_")}
    process = subprocess.Popen(
        command, env=quiet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        server = Moto(process.pid, port)
        _first_call(server)
        yield server
    finally:
        process.terminate()
        process.wait()


def _first_call(server: Server) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        with suppress(OSError, HTTPException):
            server.call("DescribeRegions")
            return
        server.connection.close()  # it is in the middle of a request that never left
        time.sleep(0.02)
    raise SystemExit("moto.server did not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
