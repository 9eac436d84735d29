"""Duty: set-up waits for whoever installs packages, and nobody upgrades under a run.

Images update themselves at boot, and ``apt-get`` in a set-up script would fail by chance; an
upgrade of the GPU's driver under a run would end it.
"""

from __future__ import annotations

import os
import subprocess

from spotkeeper.agent.disk import read_text
from spotkeeper.agent.serve import Agent, Duty
from spotkeeper.work.run import Declared, Line, RunState, Starting

LOCK = "/var/lib/dpkg/lock-frontend"
TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")
PATIENCE_S = 900.0

#: Places in a line of /proc/locks.
_PROCESS, _FILE = 4, 5


class PackageLock(Duty):
    """Looks at dpkg's lock before set-up; holds apt's timers while a run is there."""

    every_s = 60.0

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self._waiting_since, self._holds_timers = 0.0, False

    def before_attempt(self) -> str:
        """Wait for the lock where set-up comes next."""
        agent, now = self.agent, self.agent.clock()
        needs_it = agent.spec is not None and agent.spec.setup and not agent.run.is_set_up
        holder = holder_of(LOCK) if needs_it else ""
        if holder:
            self._waiting_since = self._waiting_since or now
            agent.remark("package lock", f"set-up waits: {holder} is installing packages")
            if now - self._waiting_since > PATIENCE_S:
                why = f"set-up: {holder} held the package lock for {PATIENCE_S / 60:.0f} minutes"
                agent.write(Declared(now, RunState.FAILED, why))
        return holder

    def heard(self, line: Line) -> None:
        """No upgrade while a run is there."""
        is_real = not self.agent.machine.is_stand_in
        if isinstance(line, Starting) and is_real and not self._holds_timers:
            self._holds_timers = _have_timers("stop")

    def look(self) -> None:
        """Upgrades may come again when the run is over."""
        if self._holds_timers and not self.agent.is_working:
            self._holds_timers = not _have_timers("start")


def holder_of(path: str) -> str:
    """Who holds a lock on the file, in words; "" for nobody, or where nobody can tell."""
    if not os.path.exists(path):
        return ""
    found = os.stat(path)
    file = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    rows = (line.split() for line in read_text("/proc/locks").splitlines())
    pid = next((row[_PROCESS] for row in rows if row[_FILE : _FILE + 1] == [file]), "")
    return pid and f"{read_text(f'/proc/{pid}/comm').strip() or 'a program'} (process {pid})"


def _have_timers(verb: str) -> bool:
    if not os.path.exists(LOCK) or os.getuid() != 0:
        return False
    asked = ["systemctl", verb, "--no-block", *TIMERS]
    return subprocess.run(asked, capture_output=True, check=False, timeout=10).returncode == 0


DUTY = PackageLock
