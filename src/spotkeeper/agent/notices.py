"""Duty: hear from EC2 that it wants the machine back, and have the command told.

"Spot Instance interruption notices" of the EC2 User Guide: ``spot/instance-action`` is there from
about two minutes before the end, to be looked for every five seconds; 404 until then.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from spotkeeper.agent.metadata import Metadata, NoAnswer
from spotkeeper.agent.serve import Agent, Duty, say

NOTICE = "meta-data/spot/instance-action"
RECOMMENDATION = "meta-data/events/recommendations/rebalance"

#: Kept of a notice for the last set; twice what the latest set took, if that is more.
RESERVE_S = 10.0

#: What a notice is worth whose time cannot be read.
NOTICE_S = 120.0


class Notices(Duty):
    """Looks for a notice and a rebalance recommendation."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self._metadata = Metadata()
        self._was_silent = False

    def look(self) -> None:
        """Ask the metadata service."""
        self.every_s = self.agent.look_s
        try:
            notice = self._metadata.get(NOTICE)
            advice = self._metadata.get(RECOMMENDATION).text if not notice.text else ""
        except NoAnswer as problem:
            if not self._was_silent:
                say(f"the metadata service does not answer: {problem}")
            self._was_silent = True
            return
        self._was_silent = False
        if notice.text:
            self._heed(notice.text, *_read(notice.text, notice.at))
        elif advice and self.agent.is_working:
            words = "EC2 expects to interrupt this machine"
            self.agent.remark(f"rebalance {_hash(advice)}", words)

    def _heed(self, text: str, action: str, seconds: float) -> None:
        agent, ends_at = self.agent, self.agent.clock() + seconds
        if seconds <= 0:
            return
        attempt = agent.run.open_attempt
        if attempt and not attempt.asked:
            agent.disk.replace(agent.folder.paths.notice, text.encode(), mode=0o644)
        set_s = agent.run.sets[-1].took_s if agent.run.sets else 0.0
        reserve_s = min(seconds / 2, max(RESERVE_S, 2 * set_s))
        agent.ask("notice", until=ends_at - reserve_s, ends_at=ends_at)
        if agent.is_working:
            words = f"EC2 will {action} this machine in {seconds:.0f} s"
            agent.remark(f"notice {_hash(text)}", words)


def _read(text: str, at: float) -> tuple[str, float]:
    """What EC2 will do, and in how many seconds by its own clock."""
    try:
        found = json.loads(text)
        ends = datetime.fromisoformat(str(found["time"]).replace("Z", "+00:00"))
        return str(found.get("action", "stop")), ends.timestamp() - at
    except (ValueError, KeyError, TypeError, AttributeError):
        return "stop", NOTICE_S


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


DUTY = Notices
