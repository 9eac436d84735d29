"""Duty: tell a machine whose GPUs are missing or broken from a program that fails.

The fatal numbers are those after which "Analyzing Xid Errors with the Xid Catalog" of NVIDIA's
documentation has the GPU reset or the machine restarted: 48 and 95 (errors of memory that could
not be corrected), 64 (a row that could not be remapped), 74 (NVLink), 79 (fallen off the bus),
119 (its own processor does not answer).
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import subprocess
import time
from dataclasses import replace

from spotkeeper.agent.disk import read_text
from spotkeeper.agent.serve import Agent, Duty
from spotkeeper.work.outcome import AttemptEnd
from spotkeeper.work.run import Attempt, Declared, Line, RunState, Starting

FATAL_XIDS = frozenset({48, 64, 74, 79, 95, 119})

#: Drivers come up late after a boot; a machine without its cards is given so long.
PATIENCE_S = 300.0
ASKED_EVERY_S = 10.0
TIMEOUT_S = 60.0

#: A record of /dev/kmsg: priority, number, microseconds since boot, and what the driver says.
_XID = re.compile(rb"^\d+,\d+,(\d+),.*?;NVRM: Xid \([^)]*\): (\d+)", re.MULTILINE)


class GpuWatch(Duty):
    """Counts the cards before an attempt, and after one that failed."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self._missing_since = self._asked_at = self._began_s = 0.0

    def heard(self, line: Line) -> None:
        """Faults before the start are no fault of this attempt."""
        if isinstance(line, Starting):
            self._began_s, self._missing_since = time.monotonic(), 0.0

    def before_attempt(self) -> str:
        """Wait for the cards that the machine's type has; then say that it is unfit."""
        expected, now = self.agent.spec.gpus if self.agent.spec else 0, self.agent.clock()
        if not expected:
            return ""
        if not shutil.which("nvidia-smi"):
            if has_card():
                self.agent.remark("GPUs", "the GPUs have no driver: there is no nvidia-smi")
            return ""
        if self._missing_since and now - self._asked_at < ASKED_EVERY_S:
            return "waiting for GPUs"
        self._asked_at, fault = now, fault_of(expected)
        if fault:
            self.agent.remark("GPUs", f"the command waits for its GPUs: {fault}")
            self._missing_since = self._missing_since or now
            is_known = self.agent.run.state is RunState.UNFIT
            if now - self._missing_since > PATIENCE_S and not is_known:
                self.agent.write(Declared(now, RunState.UNFIT, fault))
        return fault

    def after_attempt(self, attempt: Attempt, ending: AttemptEnd) -> AttemptEnd:
        """A failure on a machine that is broken is the machine's."""
        expected = self.agent.spec.gpus if self.agent.spec else 0
        if not expected or ending.code == 0 or attempt.asked or not shutil.which("nvidia-smi"):
            return ending
        numbers = sorted(FATAL_XIDS & xids_since(self._began_s))
        fault = f"the GPU reports Xid {numbers[0]}" if numbers else fault_of(expected)
        return replace(ending, fault=fault)


def fault_of(expected: int) -> str:
    """What is wrong with the GPUs, in words; "" if as many answer as the machine has."""
    asked = ["nvidia-smi", "-L"]
    try:
        told = subprocess.run(
            asked, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError) as problem:
        return f"nvidia-smi does not answer: {getattr(problem, 'strerror', 'timed out')}"
    found = sum(line.startswith("GPU ") for line in told.stdout.splitlines())
    if told.returncode:
        said = (told.stdout + told.stderr).strip().splitlines() or [f"exit {told.returncode}"]
        return f"nvidia-smi: {said[0]}"
    return "" if found >= expected else f"{found} of {expected} GPUs answer"


def has_card(devices: str = "/sys/bus/pci/devices") -> bool:
    """Whether a device of NVIDIA is on the bus, with a driver or without."""
    vendors = glob.glob(f"{glob.escape(devices)}/*/vendor")
    return any(read_text(each).strip() == "0x10de" for each in vendors)


def xids_since(since_s: float, path: str = "/dev/kmsg") -> set[int]:
    """The numbers of the faults that the driver told the kernel's log since then, in seconds of
    the monotonic clock."""
    told = b""
    with contextlib.suppress(OSError):  # BlockingIOError ends it: there is no more
        log = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with contextlib.closing(os.fdopen(log, "rb", buffering=0)) as records:
            while piece := records.read(8192):
                told += piece
    return {int(number) for at, number in _XID.findall(told) if int(at) / 1e6 >= since_s}


DUTY = GpuWatch
