"""What is driven behind the fence reaches nothing but its own loopback."""

import shutil
import subprocess
import sys

import pytest
from tests.foreign.run import FENCE, fenced

INSIDE = """
import socket
from tests.foreign.fenced import check_fence, raise_loopback
raise_loopback()
check_fence()
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname(), timeout=2).close()
for elsewhere in ("192.0.2.1", "10.0.0.1", "169.254.169.254"):
    try:
        socket.create_connection((elsewhere, 80), timeout=2)
    except OSError as problem:
        print(elsewhere, problem.errno)
"""


def can_fence() -> bool:
    if shutil.which(FENCE[0]) is None:
        return False
    return subprocess.run([*FENCE, "true"], capture_output=True, check=False).returncode == 0


def test_nothing_but_loopback_is_reached_from_behind_the_fence() -> None:
    if not can_fence():
        pytest.skip("no network namespaces for this user")
    unreachable = "101"
    said = fenced([sys.executable, "-c", INSIDE]).split()
    assert said == [
        *("192.0.2.1", unreachable),
        *("10.0.0.1", unreachable),
        *("169.254.169.254", unreachable),
    ]
