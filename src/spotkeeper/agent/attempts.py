"""One attempt of a command as processes and files: begun, looked at, told, killed, ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from spotkeeper.agent.disk import Storage, read_text
from spotkeeper.agent.holder import Order, end_file, holder_file, order_file
from spotkeeper.agent.machine import is_locked, own_file, take_lock
from spotkeeper.agent.processes import Processes, remove_group
from spotkeeper.work.telling import Process

#: What a killed attempt's holder may take to keep the last of the output.
_LAST_OUTPUT_S = 2.0


@dataclass(frozen=True)
class CommandEnd:
    """How the command itself ended, as the holder noted it."""

    at: float
    code: int | None = None
    signal: int | None = None
    why: str = ""


class Attempts:
    """The attempts of one run, by their folders. A test has a world of its own in its place."""

    def __init__(self, disk: Storage, run_id: str) -> None:
        self._disk, self._run_id = disk, run_id
        self._known: dict[str, Processes] = {}
        self._holders: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self, folder: str, order: Order) -> None:
        """Start the holder of the command, with the attempt's lock in its hands from before."""
        lock = take_lock(_lock(folder))
        if lock is None:
            raise BlockingIOError(f"{folder} is held already")
        try:
            self._disk.replace(order_file(folder), order.to_json().encode())
            self._holders[folder] = subprocess.Popen(
                [sys.executable, own_file(), "hold", folder],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(lock,),
                start_new_session=True,
                cwd="/",
            )
        finally:
            os.close(lock)

    def is_alive(self, folder: str) -> bool:
        """Whether the holder is there, or somebody that it left behind."""
        return not self.is_let_go(folder) or bool(self.processes(folder).alive())

    def is_let_go(self, folder: str) -> bool:
        """Whether no holder has the attempt in its hands, nor will have."""
        if folder in self._holders:
            self._holders[folder].poll()
        return not is_locked(_lock(folder))

    def end_of_command(self, folder: str) -> CommandEnd | None:
        """How the command itself ended; None while it runs, or where nobody saw its end."""
        text = read_text(end_file(folder))
        if not text.strip():
            return None
        found = json.loads(text)
        del found["schema"]
        return CommandEnd(**found)

    def alive(self, folder: str, number: int) -> Sequence[Process]:
        """Everybody but the holder; whether they listen is said of this signal."""
        return self.processes(folder).alive(number)

    def send(self, folder: str, processes: Sequence[Process], number: int) -> None:
        """The signal to these."""
        self.processes(folder).send(processes, number)

    def kill(self, folder: str) -> None:
        """Kill everybody, and wait for the holder, which keeps what was said last."""
        gone = self.processes(folder).kill()
        until = time.monotonic() + _LAST_OUTPUT_S
        while gone and not self.is_let_go(folder) and time.monotonic() < until:
            time.sleep(0.02)

    def forget(self, folder: str) -> None:
        """Nobody is left: take away what held them."""
        remove_group(_group(folder))
        self._known.pop(folder, None)
        if folder in self._holders:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._holders.pop(folder).wait(_LAST_OUTPUT_S)

    def processes(self, folder: str) -> Processes:
        """The processes of the attempt in this folder."""
        noted = read_text(holder_file(folder))
        if not noted:
            return Processes(0, "", mark=self._run_id, group=_group(folder))
        if folder not in self._known:
            found = json.loads(noted)
            self._known[folder] = Processes(
                found["pid"], found["started"], mark=self._run_id, group=_group(folder)
            )
        return self._known[folder]


def _group(folder: str) -> str:
    return str(json.loads(read_text(order_file(folder)) or "{}").get("group", ""))


def _lock(folder: str) -> str:
    return f"{folder}/lock"


def signal_number(name: str) -> int:
    """The number of ``TERM``, ``USR1`` or ``USR2`` here."""
    return int(signal.Signals[f"SIG{name}"])
