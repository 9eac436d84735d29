"""The WSGI application: who may call, which of the three kinds of call it is, and the answer.

Nothing here knows EC2. AWS calls go through ``aws_calls``, control verbs through
``control_verbs``; both behind one lock, both saved before they are answered.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hmac import compare_digest
from http import HTTPStatus
from pathlib import Path
from socket import SHUT_RDWR
from threading import RLock
from typing import Any

from ec2_sandbox.guests import guests
from ec2_sandbox.protocol import wire
from ec2_sandbox.protocol.wire import Answer
from ec2_sandbox.server import control_verbs, guard, state
from ec2_sandbox.server.aws_calls import AwsCalls, Lost
from ec2_sandbox.server.guard import RequestRefused
from ec2_sandbox.services import public_feeds
from ec2_sandbox.services.imds import servers
from ec2_sandbox.world import world

PREFIX = "/_sandbox/"
HEALTH = f"{PREFIX}health"
PUBLIC = f"{PREFIX}public/"
MOTO_RESET = "/moto-api/reset"
MARK = ("x-spotkeeper-sandbox", "simulated")


@dataclass(frozen=True)
class Identity:
    """How a client knows that it talks to its own sandbox, and may command it."""

    token: str
    instance: str


class Application:
    """One sandbox as a WSGI application."""

    def __init__(self, home: Path, identity: Identity, *, stop: Callable[[], None]) -> None:
        self.home = home
        self.identity = identity
        self.stop = stop
        self.lock = RLock()
        self.aws = AwsCalls(home, self.lock)
        servers.serve_with(self.lock)
        self.guests = guests.Guests(home, self.lock, lambda: state.save(home))
        guests.serve_with(self.guests)
        self.last_used = time.monotonic()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one HTTP request."""
        if environ.get("PATH_INFO", "") != HEALTH:
            self.last_used = time.monotonic()
        try:
            answer = self._answer(environ)
        except Lost:
            environ["werkzeug.socket"].shutdown(SHUT_RDWR)
            raise
        headers = [("Content-Type", answer.content_type), *answer.headers, MARK]
        if not any(name.lower() == "content-length" for name, _ in answer.headers):
            headers.append(("Content-Length", str(len(answer.body))))
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
        return [answer.body]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        path = environ.get("PATH_INFO", "")
        refused = guard.refusal(environ)
        if path.startswith(PREFIX):
            return _json_refusal(refused) if refused else self._own(path, environ)
        call = wire.read_call(environ)
        if refused:
            return wire.error(call, refused.code, refused.message, status=refused.status)
        try:
            if path == MOTO_RESET:
                return self._moto_reset()
            return self.aws.answer(call, environ)
        except Lost:
            raise
        except Exception:  # whatever is wrong in here, the client gets an AWS error
            traceback.print_exc(file=sys.stderr)
            message = f"The sandbox failed at {call.operation}."
            return wire.error(call, "InternalError", message, status=500)

    def _own(self, path: str, environ: dict[str, Any]) -> Answer:
        """Health and feeds for everybody, the verbs for whoever has the token."""
        try:
            if path.startswith(PUBLIC):
                return public_feeds.answer(path.removeprefix(PUBLIC), environ)
            return self._control(path.removeprefix(PREFIX), environ)
        except Exception as problem:
            traceback.print_exc(file=sys.stderr)
            return _json(500, {"kind": "sandbox", "message": f"The sandbox failed: {problem!r}"})

    def _control(self, verb: str, environ: dict[str, Any]) -> Answer:
        if verb == "health":
            return _json(200, {"instance": self.identity.instance})
        given = environ.get("HTTP_X_SPOTKEEPER_TOKEN", "")
        if not compare_digest(given.encode(), self.identity.token.encode()):
            return _json(403, {"kind": "sandbox", "message": "the control token is wrong"})
        try:
            body = json.loads(environ["wsgi.input"].read())
        except ValueError:
            return _json(400, {"kind": "bad-input", "message": "The body is not JSON"})
        with self.lock:
            if verb == "stop":
                state.save(self.home)
                self.stop()
                return _json(200, {})
            status, content = control_verbs.carry_out(verb, body, self.home)
            if verb not in control_verbs.LOOKS or world().history.unsaved:
                state.save(self.home)
        return _json(status, content)

    def _moto_reset(self) -> Answer:
        """What moto's own test suite, and tools built for it, ask for between two tests."""
        with self.lock:
            self.guests.clear()
            state.start_afresh(world().options)
            state.save(self.home)
        return _json(200, {"status": "ok"})


def _json_refusal(refused: RequestRefused) -> Answer:
    return _json(refused.status, {"kind": "sandbox", "message": refused.message})


def _json(status: int, content: Any) -> Answer:
    return Answer(status, "application/json", json.dumps(content).encode())
