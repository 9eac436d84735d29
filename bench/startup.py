"""Start-up against the AWS command line, side by side: CPU seconds of whole processes.

Exits with 1 when a limit is missed. The AWS CLI in the development tools is version 1.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 7
BIN = Path(sys.executable).parent

#: What is measured, and how many times less CPU than `aws --version` it must need.
LIMITS = ((["spot", "--help"], 4.0), (["spot", "--version"], 4.0))
AGAINST = ["aws", "--version"]


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    """CPU seconds of one run of a command, its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [str(BIN / command[0]), *command[1:]], env=environment, check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Run everything in turn, print a table, and say whether every limit was held."""
    with tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "PATH": os.environ["PATH"], "SPOT_HOME": home}
        commands = [AGAINST, *(command for command, _ in LIMITS)]
        runs: dict[str, list[float]] = {" ".join(command): [] for command in commands}
        for command in commands:
            cpu_seconds(command, environment)  # once for the compiled files
        for _ in range(ROUNDS):
            for command in commands:
                runs[" ".join(command)].append(cpu_seconds(command, environment))
    medians = {name: statistics.median(seconds) for name, seconds in runs.items()}
    base = medians[" ".join(AGAINST)]
    print(f"CPU seconds of whole processes, median of {ROUNDS}, in turn\n")
    print(f"{'command':<16}{'CPU s':>8}{'times less':>12}{'limit':>8}")
    print(f"{' '.join(AGAINST):<16}{base:>8.3f}{1:>12.1f}{'':>8}")
    missed = False
    for command, limit in LIMITS:
        name = " ".join(command)
        ratio = base / medians[name]
        missed |= ratio < limit
        print(f"{name:<16}{medians[name]:>8.3f}{ratio:>12.1f}{limit:>8.1f}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
