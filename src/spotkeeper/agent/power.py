"""Duty: power the machine off when its run is over, or when nobody has used it for long.

Never after a notice: EC2 ends the machine itself then, and charges nothing for one that it
interrupts within its first hour ("Billing for interrupted Spot Instances", EC2 User Guide).
"""

from __future__ import annotations

import os
import shutil
import subprocess

from spotkeeper.agent.disk import read_text
from spotkeeper.agent.serve import Agent, Duty, say
from spotkeeper.work.run import RunState

#: After the end of a run the machine stays so long, for who follows its log and fetches results.
LINGER_S = 60.0

#: More than this is use: of one core, of the network.
BUSY_CORES, BUSY_BYTES_PER_S = 0.1, 50_000.0

_SSH_PORT, _ESTABLISHED = ":0016", "01"


class Power(Duty):
    """Looks whether anybody uses the machine."""

    every_s = 15.0

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self._counted = (agent.clock(), *_counters())
        self._used_at = agent.clock()
        self._is_off = False

    def look(self) -> None:
        """Power off once, if it is time."""
        now = self.agent.clock()
        if self._use(now):
            self._used_at = now
        why = self._why(now)
        if why and not self._is_off and now >= self.agent.no_start_before:
            say(f"powering off: {why}")
            self._is_off = True
            self.agent.machine.power_off()

    def _why(self, now: float) -> str:
        run, spec, unused_s = self.agent.run, self.agent.spec, now - self._used_at
        idle_s = float(str(self.agent.settings.get("idle_s") or 0))
        if idle_s and unused_s >= idle_s:
            return f"nobody used it for {unused_s:.0f} s"
        ended_here = run.last_at > now - self.agent.machine.up_s()
        is_over = run.is_over or run.state is RunState.UNFIT
        if spec and spec.then == "stop" and is_over and ended_here and unused_s >= LINGER_S:
            return f"its run is over ({run.state.value})"
        return ""

    def _use(self, now: float) -> bool:
        """A run and its set-up, a login, a transfer, a program, a GPU: each is use."""
        before, self._counted = self._counted, (now, *_counters())
        passed_s = max(now - before[0], 0.001)
        cores, bytes_per_s = ((self._counted[i] - before[i]) / passed_s for i in (1, 2))
        is_run = self.agent.is_working and self.agent.run.state is not RunState.UNFIT
        is_busy = cores > BUSY_CORES or bytes_per_s > BUSY_BYTES_PER_S
        return is_run or is_busy or has_login() or gpu_is_used()


def _counters() -> tuple[float, float]:
    """Processor seconds in use since boot, and bytes over every interface but the loopback."""
    ticks = [int(field) for field in read_text("/proc/stat").partition("\n")[0].split()[1:]]
    rows = (line.replace(":", " ").split() for line in read_text("/proc/net/dev").splitlines()[2:])
    moved = sum(int(row[1]) + int(row[9]) for row in rows if row[0] != "lo")
    return sum(ticks[:3] + ticks[5:8]) / os.sysconf("SC_CLK_TCK"), moved


def has_login() -> bool:
    """Whether a connection to the ssh server is open, with somebody typing or not."""
    lines = (read_text("/proc/net/tcp") + read_text("/proc/net/tcp6")).splitlines()
    rows = (line.split() for line in lines)
    return any(row[1].endswith(_SSH_PORT) and row[3] == _ESTABLISHED for row in rows)


def gpu_is_used() -> bool:
    """Whether any card works, as nvidia-smi tells where there is one."""
    if not shutil.which("nvidia-smi"):
        return False
    asked = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return False
    return any(line.strip().isdigit() and int(line) > 0 for line in told.stdout.splitlines())


DUTY = Power
