"""One guest as the daemon knows it."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ec2_sandbox.ec2.boot_text import KEYS_BEGIN, KEYS_END

CONSOLE_BYTES = 64 * 1024  # that EC2 keeps (APIReference/API_GetConsoleOutput.html)


@dataclass
class Guest:
    """A guest as it was ordered, and what it told since."""

    run: str
    address: str
    is_open: bool
    booted_at: datetime
    boot_ends: float  # on the clock of this process: the boot is not waited for any longer
    is_booting: bool = True
    is_off: bool = False
    is_over: bool = False
    has_listened: bool = False
    timers_at: float = 0.0
    wakes_at_s: float = 0.0  # seconds of the sandbox's time after the boot, where it said so
    awaits_timers: bool = False
    port: int = 0
    host_key: str = ""
    fingerprint: str = ""
    failure: str = ""
    console: str = ""

    @property
    def is_awaited(self) -> bool:
        """Whether it boots, and not for ever."""
        return self.is_booting and time.monotonic() < self.boot_ends

    def login(self) -> dict[str, Any]:
        """Where its ssh server listens."""
        port = self.port if self.is_open else 0
        told = {"address": self.address, "port": port, "host_key": self.host_key}
        return {**told, "failure": self.failure}

    def console_text(self) -> str:
        """Its console, with the fingerprint of its host key as cloud-init prints it."""
        keys = (KEYS_BEGIN, self.fingerprint, KEYS_END) if self.fingerprint else ()
        lines = (*self.console.splitlines(), *keys)
        return "".join(f"{line}\r\n" for line in lines)[-CONSOLE_BYTES:]

    def hear(self, word: str, **told: Any) -> None:
        """What it told of itself."""
        if word == "console":
            self.console = (self.console + told["text"])[-CONSOLE_BYTES:]
        elif word == "listening":
            self.port, self.host_key = told["port"], told["host_key"]
            self.fingerprint = told["fingerprint"]
        elif word == "wakes":
            self.wakes_at_s = float(told["at_s"])
        elif word == "failed":
            self.failure = told["why"]
            self.hear("console", text=f"the machine failed: {self.failure}\n")
        self.is_off = self.is_off or word == "off"
        self.is_booting = self.is_booting and word not in {"booted", "failed", "off"}
        is_answer = word in {"timers", "failed", "off", "power"}
        self.awaits_timers = self.awaits_timers and not is_answer
