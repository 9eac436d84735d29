"""A machine to practise on, made of processes of this computer: it has a metadata service, runs
the packed agent, and ends as EC2 would end it. Not packed: it is what the agent is run on.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from spotkeeper.agent.attempts import Attempts
from spotkeeper.agent.build import packed_agent
from spotkeeper.agent.control import read_run
from spotkeeper.agent.disk import Storage
from spotkeeper.agent.machine import Home, RunFolder
from spotkeeper.agent.metadata import ENDPOINT_VARIABLE
from spotkeeper.agent.notices import NOTICE

#: How often this machine's agent looks for a notice and at the checkpoint folder.
LOOK_S = 0.5

_PAUSE_S = 0.02


class _MetadataService(ThreadingHTTPServer):
    """What EC2 would answer inside of this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        super().__init__(("127.0.0.1", 0), _MetadataAnswer)


class _MetadataAnswer(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        self._say(200, "token")

    def do_GET(self) -> None:
        answers: dict[str, str] = vars(self.server)["answers"]
        text = answers.get(self.path.removeprefix("/latest/"), "")
        self._say(200 if text else 404, text)

    def _say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@dataclass(frozen=True)
class Notice:
    """A notice that was given: when, and when it says that the machine ends, since 1970."""

    at: float
    ends_at: float


class StandInMachine:
    """One machine and its lives: started, interrupted, ended, started again on the same disk."""

    def __init__(self, folder: Path, *, look_s: float = LOOK_S) -> None:
        self._look_s = look_s
        self.home = Home(str(folder / "home"))
        self._file = folder / "agent.pyz"
        self._file.write_bytes(packed_agent()[0])
        self._said = (folder / "agent.log").open("ab")
        self._service = _MetadataService()
        Thread(target=self._service.serve_forever, daemon=True).start()
        self._agent: subprocess.Popen[bytes] | None = None
        self._life = 0

    def start(self) -> None:
        """The machine boots: its agent begins to serve."""
        self._life += 1
        self._service.answers.clear()
        self._serve()

    def _serve(self) -> None:
        endpoint = f"http://127.0.0.1:{self._service.server_port}"
        own = ["--home", self.home.folder, "serve", "--stand-in", "--parent", str(os.getpid())]
        life = ["--boot", f"life-{self._life}", "--power-off", "", "--look-s", str(self._look_s)]
        self._agent = subprocess.Popen(
            [sys.executable, str(self._file), *own, *life],
            env={**os.environ, ENDPOINT_VARIABLE: endpoint},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,
        )

    def notice(self, *, seconds: float) -> Notice:
        """EC2 says that it will stop the machine in so many seconds."""
        now = time.time()
        ends = datetime.now(UTC) + timedelta(seconds=seconds + 0.999)
        text = json.dumps({"action": "stop", "time": ends.strftime("%Y-%m-%dT%H:%M:%SZ")})
        self._service.answers[NOTICE] = text
        return Notice(now, ends.timestamp())

    @property
    def agent_pid(self) -> int:
        """The process number of its agent; 0 while it is off."""
        return self._agent.pid if self._agent is not None else 0

    @property
    def is_alive(self) -> bool:
        """Whether its agent serves."""
        return self._agent is not None and self._agent.poll() is None

    def restart_agent(self) -> None:
        """The agent is killed, and another one serves; nothing else changes."""
        if self._agent is not None:
            self._agent.kill()
            self._agent.wait()
        self._serve()

    def stop(self) -> None:
        """The operating system shuts down: the agent is told, and everything ends with it."""
        if self._agent is not None:
            self._agent.terminate()
            self._agent.wait()
        self.end()

    def end(self) -> None:
        """The machine is off: no process of it is left, and nobody was asked."""
        if self._agent is not None:
            self._agent.kill()
            self._agent.wait()
            self._agent = None
        current = self.home.current_run()
        if current:
            _end_processes(self.home.run(current), current)

    def close(self) -> None:
        """It is off for good."""
        self.end()
        self._service.shutdown()
        self._service.server_close()
        self._said.close()


def _end_processes(folder: RunFolder, run_id: str) -> None:
    attempt = read_run(folder).open_attempt
    if attempt is None:
        return
    path, attempts = folder.attempt(attempt.number), Attempts(Storage(), run_id)
    while attempts.is_alive(path):
        processes = attempts.processes(path)
        processes.alive()  # who is known now stays known when the holder is gone
        if processes.holder:
            with suppress(ProcessLookupError):
                os.kill(processes.holder, signal.SIGKILL)
        elif attempts.is_let_go(path):  # before that, a holder has only begun
            processes.kill()
        time.sleep(_PAUSE_S)
    attempts.forget(path)
