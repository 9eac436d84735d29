"""The processes of a command: who they are, a signal to some, the end of all.

On Linux nothing gets away: whoever loses its parent becomes a child of the holder
(``agent/holder.py``), and where a control group can be made everybody is in it. Should the holder
itself be gone, the environment tells: ``SPOT_RUN_ID`` is in that of every process.

Elsewhere ``ps`` is asked: a process whose parents ended before it was seen is not seen.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator

from spotkeeper.work.telling import Process

#: Of /proc/PID/stat: forked and never turned into another program (PF_FORKNOEXEC of sched.h).
_FORKED_NOT_TURNED = 0x40

#: Places among the fields behind the name in /proc/PID/stat.
_PARENT, _FLAGS, _CPU_TICKS, _STARTED = 1, 6, slice(11, 13), 19

#: PR_SET_CHILD_SUBREAPER of prctl.h.
_SET_CHILD_SUBREAPER = 36

#: What a kill waits for the kernel between two looks, and in all.
KILL_PAUSE_S = 0.02
KILL_PATIENCE_S = 10.0


class Processes:
    """The processes of one attempt: those below the holder, and those of its control group."""

    def __init__(self, holder: int, started: str, *, mark: str, group: str = "") -> None:
        self._holder, self._started, self._group = holder, started, group
        self._mark = f"SPOT_RUN_ID={mark}".encode()
        self._seen: dict[int, str] = {}

    @property
    def holder(self) -> int:
        """Who holds them; 0 if nobody does any more."""
        return self._holder if _is(read_one(self._holder), self._started) else 0

    def alive(self, number: int = signal.SIGTERM) -> list[Process]:
        """Everybody who is alive; whether they listen is said of this signal."""
        everybody = {each.pid: each for each in read_all(number)}
        wanted = {pid for pid, start in self._seen.items() if _is(everybody.get(pid), start)}
        holder = {self._holder} if _is(everybody.get(self._holder), self._started) else set()
        if self._group:
            wanted |= {int(pid) for pid in _text(f"{self._group}/cgroup.procs").split()}
        if not holder:
            wanted |= {pid for pid in everybody if self._is_marked(pid)}
        wanted |= _below(holder | wanted, everybody)
        wanted -= holder | {os.getpid()}
        found = [everybody[pid] for pid in sorted(wanted) if pid in everybody]
        self._seen = {each.pid: each.started for each in found}
        return found

    def _is_marked(self, pid: int) -> bool:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                return self._mark in file.read().split(b"\0")
        except OSError:
            return False

    def send(self, processes: Iterable[Process], number: int) -> None:
        """The signal to these."""
        for each in processes:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(each.pid, number)

    def kill(self, *, patience_s: float = KILL_PATIENCE_S) -> bool:
        """Kill until nobody is left; False if somebody still is, as in a disk that hangs."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            if self._group:
                with contextlib.suppress(OSError), open(f"{self._group}/cgroup.kill", "w") as file:
                    file.write("1")
            living = self.alive()
            if not living:
                return True
            # Who is stopped forks no more: first all of them, then the end.
            self.send(living, signal.SIGSTOP)
            self.send(self.alive(), signal.SIGKILL)
            time.sleep(KILL_PAUSE_S)
        return False

    def written_files(self, folder: str) -> Iterator[str]:
        """Files below the folder that one of them holds open for writing, where /proc tells."""
        for each in self.alive():
            for path in _open_for_writing(each.pid):
                if path.startswith(f"{folder}/"):
                    yield path

    def cpu_s(self) -> float:
        """Processor seconds of all who are alive, where /proc tells."""
        fields = (_stat(each.pid) for each in self.alive())
        ticks = sum(int(tick) for row in fields for tick in row[_CPU_TICKS])
        return ticks / os.sysconf("SC_CLK_TCK")


def _is(process: Process | None, started: str) -> bool:
    return process is not None and process.started == started


def _below(roots: set[int], everybody: dict[int, Process]) -> set[int]:
    children: dict[int, list[int]] = {}
    for each in everybody.values():
        children.setdefault(each.parent, []).append(each.pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        below = [pid for pid in children.get(waiting.pop(), []) if pid not in found]
        found.update(below)
        waiting += below
    return found


def read_all(number: int) -> list[Process]:
    """Every process of the computer, as /proc tells, or ps where there is no /proc."""
    if not os.path.isdir("/proc/self"):
        return list(_from_ps())
    found = (read_one(int(name), number) for name in os.listdir("/proc") if name.isdigit())
    return [each for each in found if each is not None]


def read_one(pid: int, number: int = signal.SIGTERM) -> Process | None:
    """One process; None if there is none of this number, or nothing left of it but its end."""
    if not os.path.isdir("/proc/self"):
        return next((each for each in _from_ps() if each.pid == pid), None)
    fields = _stat(pid)
    if not fields or fields[0] in "ZX":
        return None
    command = _text(f"/proc/{pid}/cmdline")
    return Process(
        pid,
        int(fields[_PARENT]),
        fields[_STARTED],
        tuple(command.rstrip("\0").split("\0")) if command else (),
        is_copy=bool(int(fields[_FLAGS]) & _FORKED_NOT_TURNED),
        listens=_listens(pid, number),
    )


def _stat(pid: int) -> list[str]:
    return _text(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _listens(pid: int, number: int) -> bool:
    """Whether the signal is caught, or blocked to be taken from a queue, and not ignored."""
    rows = (line.partition(":") for line in _text(f"/proc/{pid}/status").splitlines())
    masks = {
        key: int(value, 16) for key, _, value in rows if key in {"SigBlk", "SigIgn", "SigCgt"}
    }
    heard = (masks.get("SigCgt", 0) | masks.get("SigBlk", 0)) & ~masks.get("SigIgn", 0)
    return bool(heard >> (number - 1) & 1)


def _from_ps() -> Iterator[Process]:
    """All as `ps` lists them; who listens is not told there, so everybody is taken to."""
    asked = ["ps", "-axww", "-o", "pid=,ppid=,lstart=,command="]
    listed = subprocess.run(asked, capture_output=True, text=True, errors="replace", check=False)
    rows = {int(row[0]): row for row in map(str.split, listed.stdout.splitlines())}
    for pid, (_, parent, *rest) in rows.items():
        started, command = " ".join(rest[:5]), rest[5:]
        is_copy = bool(command) and rows.get(int(parent), [])[7:] == command
        yield Process(pid, int(parent), started, tuple(command), is_copy=is_copy, listens=True)


def _open_for_writing(pid: int) -> Iterator[str]:
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            flags = _text(f"/proc/{pid}/fdinfo/{name}").partition("flags:")[2].split()
            if flags and int(flags[0], 8) & os.O_ACCMODE:
                with contextlib.suppress(OSError):
                    yield os.readlink(f"{folder}/{name}")


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def make_group(name: str) -> str:
    """A control group of this name below our own; "" where none can be made.

    It is used to list and to kill, never to limit, so that no controller is needed.
    """
    mounts = (line.split() for line in _text("/proc/self/mounts").splitlines())
    root = next((fields[1] for fields in mounts if fields[2:3] == ["cgroup2"]), "")
    own = (line[3:] for line in _text("/proc/self/cgroup").splitlines() if line.startswith("0::"))
    path = f"{root}{next(own, '').rstrip('/')}/{name}"
    if not root:
        return ""
    with contextlib.suppress(OSError):
        os.makedirs(path, exist_ok=True)
        return path if os.access(f"{path}/cgroup.procs", os.W_OK) else ""
    return ""


def remove_group(path: str) -> None:
    """The empty group is gone; one that is not empty stays."""
    if path:
        with contextlib.suppress(OSError):
            os.rmdir(path)


def become_subreaper() -> bool:
    """Whoever loses its parent below us becomes our child; False where there is no such thing."""
    try:
        return bool(ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False
