"""Thirty machines of the sandbox that really run: how soon ssh answers, and what they need.

Exits with 1 when a limit is passed. Needs bubblewrap; loopback addresses only.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from servers import CALM, Sandbox, cpu_seconds, sandbox

MACHINES, ONE_BY_ONE = 30, 10
READY_LIMIT_S, MEMORY_LIMIT_MB = 0.5, 100
IDLE_S = 5.0
IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"


def launched(server: Sandbox, count: int) -> float:
    """Seconds from the call, which ends with running machines, until ssh listens on all."""
    wanted = listening(server) + count
    begins = time.monotonic()
    order = {"ImageId": IMAGE, "InstanceType": "t3.nano", "MinCount": count, "MaxCount": count}
    server.call("RunInstances", **order, **{"SecurityGroup.1": "ssh"})
    while listening(server) < wanted:
        time.sleep(0.005)
    return time.monotonic() - begins


def listening(server: Sandbox) -> int:
    """How many machines can be logged in to."""
    return sum(each["port"] > 0 for each in server.control.logins()["machines"].values())


def holder(server: Sandbox) -> int:
    """The process that holds the guests."""
    asked = ["pgrep", "-P", str(server.pid), "-f", "guests.host"]
    return int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)


def resident_mb(pid: int) -> float:
    """What a process has in memory."""
    asked = ["ps", "-o", "rss=", "-p", str(pid)]
    return int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout) / 1024


def main() -> int:
    """Measure, print, and say whether both limits were held."""
    options = replace(CALM, guests="jailed", dwell=0)
    with tempfile.TemporaryDirectory() as name, sandbox(Path(name) / "home", options) as server:
        server.call("CreateSecurityGroup", GroupName="ssh", GroupDescription="ssh")
        rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "127.0.0.1/32"}
        server.call("AuthorizeSecurityGroupIngress", GroupName="ssh", **rule)
        first = launched(server, 1)
        singles = [launched(server, 1) for _ in range(ONE_BY_ONE)]
        rest = MACHINES - ONE_BY_ONE - 1
        together = launched(server, rest)
        pid = holder(server)
        memory = resident_mb(pid)
        before = cpu_seconds(pid) + cpu_seconds(server.pid)
        time.sleep(IDLE_S)
        idle = (cpu_seconds(pid) + cpu_seconds(server.pid) - before) / IDLE_S
    ready = max(first, *singles)
    print(f"ssh listens after `running`: the first guest {first:.2f} s, which starts the server;")
    print(f"  the next {ONE_BY_ONE}: median {statistics.median(singles):.2f} s, worst ", end="")
    print(f"{max(singles):.2f} s; {rest} at once: {together:.2f} s (limit for one: 0.5 s)")
    print(
        f"{MACHINES} guests: one server of {memory:.0f} MB (limit {MEMORY_LIMIT_MB} MB); ", end=""
    )
    print(f"idle they and EC2 take {100 * idle:.1f} % of a core")
    return int(ready > READY_LIMIT_S or memory > MEMORY_LIMIT_MB)


if __name__ == "__main__":
    sys.exit(main())
