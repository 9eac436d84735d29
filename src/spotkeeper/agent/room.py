"""Duty: watch the disk, and make room of what is only kept for comfort."""

from __future__ import annotations

import os

from spotkeeper.agent import folders
from spotkeeper.agent.serve import Duty

#: Less than this share of the disk, and less than so many bytes, is nearly full.
NEARLY_FULL_SHARE = 0.05
NEARLY_FULL_BYTES = 2 << 30


class Room(Duty):
    """Says that the disk is nearly full; the output of older attempts goes first."""

    every_s = 30.0

    def look(self) -> None:
        """Look at the disk that everything is on."""
        if not self.agent.is_working:
            return
        found = os.statvfs(self.agent.home.folder)
        free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
        if free > min(NEARLY_FULL_BYTES, NEARLY_FULL_SHARE * size):
            return
        for attempt in self.agent.run.attempts[:-1]:
            folders.remove_all(f"{self.agent.folder.attempt(attempt.number)}/log")
        words = f"the disk is nearly full: {free >> 20} of {size >> 20} MB are free"
        self.agent.remark("disk", words, once_since=self.agent.clock() - 3600)


DUTY = Room
