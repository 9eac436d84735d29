"""The processes of a guest: who they are, and the end of all. Standard library, Python 3.9.

Three ways to know them: they are alone in a pid namespace, or in a control group, or bear a mark
in their environment or are below a process that adopts whoever loses its parent.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from typing import Protocol

PAUSE_S = 0.02
PATIENCE_S = 10.0

#: PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER of prctl.h.
SET_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36


def mark_of(home: os.PathLike[str]) -> str:
    """What every process of a sandbox's guests has in its environment."""
    digest = hashlib.blake2b(os.path.realpath(home).encode(), digest_size=8).hexdigest()
    return f"EC2_SANDBOX_GUEST={digest}"


class ProcessTree(Protocol):
    """All processes of one guest, but the one that asks."""

    def members(self) -> set[int]:
        """The numbers of those that are alive."""


class PidNamespace:
    """For the first process of a pid namespace: everybody else in it."""

    def members(self) -> set[int]:
        """Whoever /proc shows."""
        return {pid for pid in _parents() if pid != os.getpid()}


class ControlGroup:
    """Whoever is in a group of cgroup2: the folder tells."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @classmethod
    def made(cls, name: str) -> ControlGroup | None:
        """A new group below our own; None where none can be made."""
        mounts = (line.split() for line in _text("/proc/self/mounts").splitlines())
        root = next((fields[1] for fields in mounts if fields[2:3] == ["cgroup2"]), "")
        own = (line[3:] for line in _text("/proc/self/cgroup").splitlines() if line[:3] == "0::")
        folder = f"{root}{next(own, '').rstrip('/')}/{name}"
        with contextlib.suppress(OSError):
            if root:
                os.makedirs(folder, exist_ok=True)
            if os.access(f"{folder}/cgroup.procs", os.W_OK):
                return cls(folder)
        return None

    def add(self, pid: int) -> None:
        """The process, and all that it starts from now on."""
        with open(f"{self.folder}/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(pid))

    def members(self) -> set[int]:
        """Whoever the group lists and is more than its end."""
        listed = {int(pid) for pid in _text(f"{self.folder}/cgroup.procs").split()}
        return (listed & _parents().keys()) - {os.getpid()}

    def remove(self) -> None:
        """The empty group goes."""
        with contextlib.suppress(OSError):
            os.rmdir(self.folder)


class MarkedProcesses:
    """Whoever has a variable that begins with ``mark``, and everybody below ``root``, if any."""

    def __init__(self, mark: str, root: int = 0) -> None:
        self.mark, self.root = mark, root

    def members(self) -> set[int]:
        """By their environment, where /proc tells it, and by their parents."""
        parents, mark = _parents(), self.mark.encode()
        found = {p for p in parents if any(v.startswith(mark) for v in environment(p))}
        waiting = [self.root] if self.root else []
        while waiting:
            parent = waiting.pop()
            below = [pid for pid, its in parents.items() if its == parent and pid not in found]
            found.update(below)
            waiting += below
        return found - {os.getpid(), self.root}


def environment(pid: int) -> list[bytes]:
    """``NAME=value`` of a process as it was started; nothing where nobody may know."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def send(pids: Iterable[int], number: int) -> None:
    """The signal to those that are still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def kill_all(tree: ProcessTree, *, patience_s: float = PATIENCE_S) -> bool:
    """Kill until nobody is left; False where somebody still is."""
    until = time.monotonic() + patience_s
    while living := tree.members():
        if time.monotonic() > until:
            return False
        send(living, signal.SIGSTOP)  # who is stopped forks no more
        send(tree.members(), signal.SIGKILL)
        time.sleep(PAUSE_S)
    return True


def control_process(option: int, value: int) -> None:
    """``prctl``, where there is such a thing."""
    import ctypes  # which the client's side need not wait for

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _parents() -> dict[int, int]:
    """The parent of every process that is more than its end."""
    if not os.path.isdir("/proc/self"):
        listed = subprocess.run(
            ["/bin/ps", "-ax", "-o", "pid=,ppid="], capture_output=True, text=True, check=False
        )
        rows = (line.split() for line in listed.stdout.splitlines())
        return {int(pid): int(parent) for pid, parent in rows}
    found = {}
    for name in os.listdir("/proc"):
        fields = _text(f"/proc/{name}/stat").rpartition(")")[2].split() if name.isdigit() else []
        if fields and fields[0] not in "ZX":
            found[int(name)] = int(fields[1])
    return found


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
