"""Duty: a word to the user's own address when something happens to the run.

A POST of a small JSON, of which Slack's webhooks read ``text`` and ntfy shows the body.
"""

from __future__ import annotations

import json
import queue
import threading
import time
import urllib.request

from spotkeeper.agent.serve import Agent, Duty, say
from spotkeeper.work.run import Line, event_of

TRIES, TIMEOUT_S, PAUSE_S = 3, 10.0, 5.0


class Notify(Duty):
    """Sends beside the agent's own work, since an address may not answer."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self._waiting: queue.Queue[tuple[str, bytes]] = queue.Queue()
        threading.Thread(target=self._send_all, daemon=True).start()

    @property
    def is_busy(self) -> bool:
        """Whether a word is still to be sent; the end of the machine waits for it."""
        return self._waiting.unfinished_tasks > 0

    def heard(self, line: Line) -> None:
        """Put into words what a person wants to hear of."""
        url, event = str(self.agent.settings.get("notify_url") or ""), event_of(line)
        if url and event:
            name = self.agent.spec.name if self.agent.spec else ""
            text = ": ".join(part for part in (name, *event) if part)
            body = {"text": text, "name": name, "event": event[0], "detail": event[1]}
            self._waiting.put((url, json.dumps(body).encode()))

    def _send_all(self) -> None:
        while True:
            url, body = self._waiting.get()
            for attempt in range(TRIES):
                time.sleep(PAUSE_S * attempt)
                if _is_sent(url, body):
                    break
            self._waiting.task_done()


def _is_sent(url: str, body: bytes) -> bool:
    headers = {"Content-Type": "application/json", "User-Agent": "spotkeeper"}
    try:
        asked = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - the user's own
        with urllib.request.urlopen(asked, timeout=TIMEOUT_S):  # noqa: S310 - the user's own
            return True
    except (OSError, ValueError) as problem:
        say(f"the address of --notify does not take it: {type(problem).__name__}")
        return False


DUTY = Notify
