"""Duty: hear that the run was cancelled while this machine could not be asked.

"View tags for your EC2 instances using instance metadata" of the EC2 User Guide: a tag is at
``tags/instance/KEY``, at the latest when the instance was started again.
"""

from __future__ import annotations

import contextlib
import os

from spotkeeper.agent.metadata import Metadata, NoAnswer
from spotkeeper.agent.serve import Agent, Duty
from spotkeeper.work.contract import CANCEL_TAG

CANCELLED = f"meta-data/tags/instance/{CANCEL_TAG}"

#: A service that does not answer holds an attempt back for so long.
PATIENCE_S = 30.0


class CancelTag(Duty):
    """Looks for the run's id in the tag, and before every attempt."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self._metadata = Metadata()
        self._silent_since = 0.0

    def look(self) -> None:
        """Ask, while there is something to cancel."""
        self.every_s = self.agent.look_s
        if self.agent.is_working:
            with contextlib.suppress(NoAnswer):
                self._heed()

    def before_attempt(self) -> str:
        """No attempt begins that was cancelled."""
        try:
            self._heed()
        except NoAnswer as problem:
            now = self.agent.clock()
            self._silent_since = self._silent_since or now
            return str(problem) if now - self._silent_since < PATIENCE_S else ""
        self._silent_since = 0.0
        return "it was cancelled" if os.path.exists(self.agent.folder.cancel) else ""

    def _heed(self) -> None:
        agent = self.agent
        is_cancelled = self._metadata.get(CANCELLED).text == agent.run.run_id
        if is_cancelled and not os.path.exists(agent.folder.cancel):
            agent.disk.replace(agent.folder.cancel, b"")


DUTY = CancelTag
