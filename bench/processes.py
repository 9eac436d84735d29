"""What whole processes cost: CPU seconds, their children's included, and memory at its peak."""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROUNDS = 5
#: Of a command that is over quickly.
RUNS_IN_A_TURN = 5
#: Bytes of ``ru_maxrss``.
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """One run, or the sum of several."""

    cpu_seconds: float
    peak_mb: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.cpu_seconds + other.cpu_seconds, max(self.peak_mb, other.peak_mb))


def run(
    command: Sequence[str | Path], environment: Mapping[str, str], *, into: Path | None = None
) -> Cost:
    """Run a command to its end; its output goes into a file, or nowhere."""
    with open(into or os.devnull, "wb") as output:  # noqa: PTH123 - or the null device
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.PIPE)
        told = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.stderr:
            process.stderr.close()
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: {told.decode()}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * MAXRSS_BYTES / 1e6)


def run_often(command: Sequence[str | Path], environment: Mapping[str, str]) -> Cost:
    """The mean of several runs: a third of a second says little on a machine that others share."""
    costs = [run(command, environment) for _ in range(RUNS_IN_A_TURN)]
    mean = statistics.mean(cost.cpu_seconds for cost in costs)
    return Cost(mean, max(cost.peak_mb for cost in costs))


def medians(jobs: Mapping[str, Callable[[], Cost]], rounds: int = ROUNDS) -> dict[str, float]:
    """CPU seconds of each job, the median of several rounds in which they take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            seconds[name].append(job().cpu_seconds)
    return {name: statistics.median(found) for name, found in seconds.items()}
