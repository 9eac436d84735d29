"""The parent of the command: one process that outlives every restart of the agent.

It starts the command, keeps its output, notes how it ended, and is gone when nobody of it is left.
While it lives it holds a lock that the agent took before it was started, so that nobody can ever
take a command that runs for one that does not.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from spotkeeper.agent.disk import Storage, read_text
from spotkeeper.agent.log import LogWriter
from spotkeeper.agent.processes import become_subreaper, read_one
from spotkeeper.work.contract import NO_SUCH_COMMAND, NOT_EXECUTABLE, SCHEMA

#: Read at once; as much as a pipe of Linux can hold when it is asked to (F_SETPIPE_SZ).
PIECE_BYTES = 1 << 20
_SET_PIPE_SIZE = 1031

#: Kept from the start for the note of the end; the name of a command is cut to fit.
END_BYTES = 1024

#: Signals that are meant for others, such as those to a whole session.
_DEAF_TO = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@dataclass(frozen=True)
class Order:
    """What the holder is to start, and where; a file of the attempt, for root's eyes only."""

    arguments: tuple[str, ...]
    folder: str
    environment: dict[str, str]
    group: str = ""
    user: str | None = None

    def to_json(self) -> str:
        """As it is kept in the attempt's folder."""
        return json.dumps({"schema": SCHEMA, **asdict(self)})


def one_after_another(steps: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """One command that runs the steps until one fails; no argument is ever read by the shell."""
    arguments: list[str] = []
    script = []
    for step in steps:
        first = len(arguments) + 1
        script.append(" ".join(f'"${{{first + place}}}"' for place in range(len(step))))
        arguments += step
    return ("sh", "-c", " && ".join(script), "set-up", *arguments)


def order_file(attempt_folder: str) -> str:
    """Where the order of an attempt stands."""
    return f"{attempt_folder}/order.json"


def end_file(attempt_folder: str) -> str:
    """Where the holder notes how the command itself ended."""
    return f"{attempt_folder}/end.json"


def holder_file(attempt_folder: str) -> str:
    """Where the holder notes who it is."""
    return f"{attempt_folder}/holder.json"


def hold(attempt_folder: str) -> None:
    """Start the command of the attempt and stay until nobody of it is left."""
    for number in _DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
    sees_all = become_subreaper()
    disk, itself = Storage(), read_one(os.getpid())
    noted = {"schema": SCHEMA, "pid": os.getpid(), "started": itself.started if itself else ""}
    disk.replace(end_file(attempt_folder), b" " * END_BYTES)
    disk.replace(holder_file(attempt_folder), json.dumps(noted).encode())
    found = json.loads(read_text(order_file(attempt_folder)))
    del found["schema"]
    _Holder(Order(**found), attempt_folder, sees_all=sees_all).run()


class _Holder:
    def __init__(self, order: Order, folder: str, *, sees_all: bool) -> None:
        self._order, self._folder, self._sees_all = order, folder, sees_all
        self._log = LogWriter(f"{folder}/log")
        self._leader = 0
        self._woken, self._wake = os.pipe()

    def run(self) -> None:
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        output, inner = os.pipe()
        with contextlib.suppress(OSError):
            fcntl.fcntl(output, _SET_PIPE_SIZE, PIECE_BYTES)
        try:
            self._start(inner)
        except (OSError, subprocess.SubprocessError) as problem:
            self._cannot_start(problem)
        os.close(inner)
        self._keep_output(output)
        self._log.close()

    def _start(self, output: int) -> None:
        command = subprocess.Popen(
            self._order.arguments,
            cwd=self._order.folder,
            env=self._order.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=self._become_the_command,  # noqa: PLW1509 - there are no threads here
        )
        self._leader = command.pid
        command.returncode = 0  # it is ours to wait for, not the module's

    def _become_the_command(self) -> None:
        """In the new process: what is ours alone goes, and so does the user root."""
        for number in (*_DEAF_TO, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        # When memory runs out the agent is spared, and the command is not.
        written = {f"{self._order.group}/cgroup.procs": "0", "/proc/self/oom_score_adj": "0"}
        for path, text in written.items():
            with contextlib.suppress(OSError), open(path, "w") as file:
                file.write(text)
        entry = pwd.getpwnam(self._order.user) if self._order.user is not None else None
        if entry is not None and entry.pw_uid != os.getuid():  # else it is that user already
            os.initgroups(entry.pw_name, entry.pw_gid)
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)

    def _cannot_start(self, problem: Exception) -> None:
        name, code = self._order.arguments[0], NOT_EXECUTABLE
        why = f"it cannot be executed: {getattr(problem, 'strerror', problem)}"
        if isinstance(problem, FileNotFoundError):
            code, why = NO_SUCH_COMMAND, "there is no such command"
            if shutil.which(name, path=self._order.environment.get("PATH")):
                why = "its first line names a program that is not there"
        self._log.write(f"spot: {name}: {why}\n".encode("utf-8", "surrogateescape"))
        self._note(code=code, why=f"{name[:200]}: {why}")

    def _note(self, **how: Any) -> None:
        """In the room that was kept for it, since the command may have filled the disk."""
        text = json.dumps({"schema": SCHEMA, "at": time.time(), **how}).encode()
        file = os.open(end_file(self._folder), os.O_WRONLY)
        os.pwrite(file, text[:END_BYTES].ljust(END_BYTES), 0)
        os.fsync(file)
        os.close(file)

    def _keep_output(self, output: int) -> None:
        """Until it is closed, and nobody is left who could write any."""
        is_open, anybody = True, self._leader != 0
        while is_open or anybody:
            nobody_writes = not anybody and self._sees_all
            watched = [self._woken, output] if is_open else [self._woken]
            ready, _, _ = select.select(watched, [], [], 0 if nobody_writes else None)
            if self._woken in ready:
                os.read(self._woken, 4096)
            if output in ready:
                piece = os.read(output, PIECE_BYTES)
                self._log.write(piece)
                is_open = bool(piece)
            elif nobody_writes:
                return
            anybody = anybody and self._reap()

    def _reap(self) -> bool:
        """Take leave of those who ended; whether anybody is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._leader:
                how = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
                self._note(code=None if how else os.WEXITSTATUS(status), signal=how)
