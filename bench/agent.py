"""The agent on a machine made of this computer: how soon it hears, saves, starts, what it needs.

Exits with 1 when a limit is missed. The agent looks every five seconds, as on a machine; the
machine is a stand-in (`agent/stand_in.py`), so no boot of an operating system is in the figures.
"""

import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from spotkeeper.agent import control
from spotkeeper.agent.serve import LOOK_S
from spotkeeper.agent.stand_in import StandInMachine
from spotkeeper.work.contract import RunSpec
from spotkeeper.work.run import Run, SetTaken, read_line

NOTICES = 24
AT_ONCE = 4
SAVE_BYTES = 64_000_000
IDLE_S = 30.0

#: What must not be exceeded: seconds, percent of a core, megabytes.
LIMITS = {
    "notice there -> command signalled, median s": 4.0,
    "notice there -> command signalled, worst s": 8.0,
    "command over -> whole set of 64 MB on its disk, s": 3.0,
    "machine back -> command runs, s": 5.0,
    "agent without a run, % of a core": 0.5,
    "agent with a run, % of a core": 0.5,
    "agent with a run, MB": 40.0,
}

LISTENS = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit()); time.sleep(600)"
SAVES = (
    "import os, signal, time\n"
    "stop = []; signal.signal(signal.SIGTERM, lambda *_: stop.append(1))\n"
    "print('up', flush=True)\n"
    "while not stop: time.sleep(0.01)\n"
    "path = os.environ['SPOT_CHECKPOINT_DIR'] + '/state.bin'\n"
    f"with open(path + '.tmp', 'wb') as f: f.write(os.urandom({SAVE_BYTES})); f.flush()\n"
    "os.replace(path + '.tmp', path)"
)


class Stage:
    """A machine with a run of its own."""

    def __init__(self, folder: str, script: str = "") -> None:
        self.machine = StandInMachine(Path(folder), look_s=LOOK_S)
        self.run_id = f"bench-{Path(folder).name}"
        if script:
            control.prepare(self.machine.home, self.run_id, None)
            path = {"PATH": os.environ["PATH"]}
            command = (sys.executable, "-c", script)
            spec = RunSpec(self.run_id, "bench", command, environment=path, then="keep")
            control.start(self.machine.home, spec)
        self.machine.start()

    @property
    def run(self) -> Run:
        return control.read_run(self.machine.home.run(self.run_id))

    def until(self, done: Callable[[], object]) -> float:
        """When it is so."""
        while not done():
            time.sleep(0.01)
        return time.time()

    def output(self) -> bytes:
        folder = Path(self.machine.home.run(self.run_id).attempt(self.run.last_attempt), "log")
        return b"".join(path.read_bytes() for path in sorted(folder.glob("[0-9]*")))


def notice(number: int) -> float:
    """Seconds from a notice, at a random moment, to the signal."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(folder, LISTENS)
        try:
            stage.until(lambda: stage.run.open_attempt)
            time.sleep(random.Random(number).uniform(1.0, 1.0 + LOOK_S))  # noqa: S311 - a moment
            told = stage.machine.notice(seconds=120)
            stage.until(lambda: stage.run.attempts[-1].told_at)
            return stage.run.attempts[-1].told_at - told.at
        finally:
            stage.machine.close()


def saved_and_back() -> tuple[float, float]:
    """Seconds from the end of a command to its whole set, and from a boot to the command."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(folder, SAVES)
        try:
            stage.until(lambda: b"up" in stage.output())
            stage.machine.notice(seconds=120)
            stage.until(lambda: stage.run.sets)
            noted = Path(stage.machine.home.run(stage.run_id).attempt(1), "end.json")
            over_at = json.loads(noted.read_text())["at"]
            lines = Path(stage.machine.home.run(stage.run_id).record).read_text().splitlines()
            taken = next(line for line in map(read_line, lines) if isinstance(line, SetTaken))
            stage.machine.end()
            began = time.time()
            stage.machine.start()
            back = stage.until(lambda: stage.run.last_attempt > 1 and b"up" in stage.output())
            return taken.at - over_at, back - began
        finally:
            stage.machine.close()


def needs(script: str) -> tuple[float, float]:
    """Percent of a core, and megabytes, of an agent that has nothing to do but to look."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(folder, script)
        try:
            time.sleep(5.0)
            pid = stage.machine.agent_pid
            before, began = _cpu_s(pid), time.monotonic()
            time.sleep(IDLE_S)
            used = (_cpu_s(pid) - before) / (time.monotonic() - began)
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            return 100 * used, pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        finally:
            stage.machine.close()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Measure everything, print it, and say whether every limit was held."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        heard = list(pool.map(notice, range(NOTICES)))
    saved, back = saved_and_back()
    resting, _ = needs("")
    working, megabytes = needs(LISTENS)
    found = (statistics.median(heard), max(heard), saved, back, resting, working, megabytes)
    print(f"{NOTICES} notices, {AT_ONCE} machines at once\n")
    print(f"{'what':<52}{'found':>8}{'at most':>9}")
    for (what, limit), value in zip(LIMITS.items(), found, strict=True):
        print(f"{what:<52}{value:>8.2f}{limit:>9.1f}")
    return int(any(value > limit for value, limit in zip(found, LIMITS.values(), strict=True)))


if __name__ == "__main__":
    sys.exit(main())
