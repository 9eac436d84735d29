"""The machine under the agent: which life of it this is, where things are kept, its end."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time

from spotkeeper.agent.disk import make_folder, read_text
from spotkeeper.work.contract import RunPaths

HOME = "/var/lib/spotkeeper"


class RunFolder:
    """Where one run keeps everything; ``paths`` is what its command sees of it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.paths = RunPaths(folder)
        self.spec = f"{folder}/spec.json"  # holds the secrets, so it is root's
        self.record = f"{folder}/record.jsonl"
        self.cancel = f"{folder}/cancel"  # its being there asks for the end of the run
        self.environment = f"{folder}/environment.json"  # read once, the same for every attempt
        self.sets = f"{folder}/sets"

    def attempt(self, number: int) -> str:
        """Where an attempt keeps its order, end and output; 0 is set-up."""
        return f"{self.folder}/attempts/{number}"


class Home:
    """Where the agent keeps what it knows."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.current = f"{folder}/current"  # the id of the run that is here, over or not
        self.settings = f"{folder}/settings.json"
        self.lock = f"{folder}/agent.lock"  # held by the one agent that serves
        self.ballast = f"{folder}/ballast"

    def run(self, run_id: str) -> RunFolder:
        """Where a run keeps everything."""
        return RunFolder(f"{self.folder}/runs/{run_id}")

    def current_run(self) -> str:
        """The id of the run that is on the machine; "" before the first."""
        return read_text(self.current).strip()


class Host:
    """The machine. ``power_off`` is the command that ends it; "" leaves it on. A stand-in of a
    machine ends its agent for one reason only: because it ends."""

    def __init__(
        self, *, boot: str = "", power_off: str = "shutdown -h now", is_stand_in: bool = False
    ) -> None:
        self.boot = boot or boot_id()
        self._power_off, self.is_stand_in = power_off, is_stand_in
        self._began = time.time()

    def power_off(self) -> None:
        """Have the operating system end it; for a box EC2 then shows it as stopped."""
        if self._power_off:
            subprocess.run(self._power_off.split(), check=False, stdin=subprocess.DEVNULL)

    def up_s(self) -> float:
        """For how long this life of it has lasted."""
        told = read_text("/proc/uptime").split()
        return float(told[0]) if told and not self.is_stand_in else time.time() - self._began

    def is_shutting_down(self) -> bool:
        """Whether the operating system is ending, and not this program alone; where systemd does
        not tell, it is."""
        if self.is_stand_in:
            return True
        try:
            asked = ["systemctl", "is-system-running"]
            told = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=5)
        except (OSError, subprocess.SubprocessError):
            return True
        return told.stdout.strip() not in {"initializing", "starting", "running", "degraded"}


def boot_id() -> str:
    """A word that is another one after every start of the machine."""
    found = read_text("/proc/sys/kernel/random/boot_id").strip()
    if found:
        return found
    asked = ["sysctl", "-n", "kern.boottime"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def take_lock(path: str, *, waits: bool = False) -> int | None:
    """The open, locked file, to be closed or handed on; None if another process holds it."""
    make_folder(os.path.dirname(path))
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
    except OSError:
        os.close(file)
        return None
    return file


def is_locked(path: str) -> bool:
    """Whether some process holds the lock."""
    file = take_lock(path) if os.path.exists(path) else -1
    if file is not None and file >= 0:
        os.close(file)
    return file is None


def own_file() -> str:
    """The packed file that this program runs from."""
    return os.path.abspath(sys.argv[0])
