"""Duty: give a death of want of memory its name."""

from __future__ import annotations

from dataclasses import replace

from spotkeeper.agent.disk import read_text
from spotkeeper.agent.log import LogReader
from spotkeeper.agent.serve import Agent, Duty
from spotkeeper.work.outcome import AttemptEnd
from spotkeeper.work.run import Attempt, Line, Starting

#: In the last words of a program that was refused memory, and what it means.
LAST_WORDS = (
    (b"CUDA out of memory", "out of GPU memory"),
    (b"torch.OutOfMemoryError", "out of GPU memory"),
    (b"CUDA_ERROR_OUT_OF_MEMORY", "out of GPU memory"),
    (b"MemoryError", "out of memory"),
    (b"std::bad_alloc", "out of memory"),
    (b"Cannot allocate memory", "out of memory"),
)
_LAST_BYTES = 8 << 10


class Memory(Duty):
    """Compares the kernel's count of those it killed for memory (``oom_kill`` of /proc/vmstat)."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self._killed = _number("/proc/vmstat", "oom_kill")

    def heard(self, line: Line) -> None:
        """Count from the start of an attempt."""
        if isinstance(line, Starting):
            self._killed = _number("/proc/vmstat", "oom_kill")

    def after_attempt(self, attempt: Attempt, ending: AttemptEnd) -> AttemptEnd:
        """Name it where the attempt did not end well."""
        if ending.code == 0 or ending.is_unseen:
            return ending
        if _number("/proc/vmstat", "oom_kill") > self._killed:
            has_gb = _number("/proc/meminfo", "MemTotal:") * 1024 / 1e9
            return replace(ending, out_of_memory=f"out of memory (of {has_gb:.0f} GB)")
        last = LogReader(f"{self.agent.attempt_folder}/log").last(_LAST_BYTES)
        name = next((name for words, name in LAST_WORDS if words in last), "")
        return replace(ending, out_of_memory=name)


def _number(path: str, key: str) -> int:
    rows = (line.split() for line in read_text(path).splitlines())
    return next((int(row[1]) for row in rows if row and row[0] == key), 0)


DUTY = Memory
