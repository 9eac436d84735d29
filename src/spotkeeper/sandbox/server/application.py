"""The WSGI application: control verbs, the services moto lacks, and moto behind one lock.

Nothing here knows EC2; it routes, counts calls, injects faults, turns moto's tracebacks into AWS
errors, and saves after every change.
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

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from spotkeeper.sandbox import images
from spotkeeper.sandbox.catalogue import ENABLED_REGIONS, all_regions
from spotkeeper.sandbox.faults import Fault, take
from spotkeeper.sandbox.neighbours import pricing
from spotkeeper.sandbox.protocol import wire
from spotkeeper.sandbox.protocol.wire import Answer, Call
from spotkeeper.sandbox.server import control_verbs, state
from spotkeeper.sandbox.world import Call as SeenCall
from spotkeeper.sandbox.world import region_backends, world

PREFIX = "/_sandbox/"
HEALTH = f"{PREFIX}health"
MARK = ("x-spotkeeper-sandbox", "simulated")

# Pure functions of the catalogue and the seed: they need no lock and change nothing.
LOCK_FREE = {
    "DescribeSpotPriceHistory",
    "DescribeInstanceTypes",
    "DescribeInstanceTypeOfferings",
    "GetProducts",
}
READS = ("Describe", "Get", "List")


@dataclass(frozen=True)
class Identity:
    """How a client knows that it talks to its own sandbox, and may command it."""

    token: str
    instance: str


class Lost(ConnectionError):
    """The connection was dropped on purpose; werkzeug lets connection errors be."""


class Application:
    """One sandbox as a WSGI application."""

    def __init__(self, home: Path, identity: Identity, *, stop: Callable[[], None]) -> None:
        self.home = home
        self.identity = identity
        self.stop = stop
        self.lock = RLock()
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.last_used = time.monotonic()
        self.regions_saved = 0
        self.regions_with_parameters: set[str] = set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one HTTP request."""
        path = environ.get("PATH_INFO", "")
        if path != HEALTH:
            self.last_used = time.monotonic()
        if path.startswith(PREFIX):
            answer = self.control(path.removeprefix(PREFIX), environ)
        else:
            answer = self.aws(environ)
        headers = [
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            MARK,
        ]
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
        return [answer.body]

    # Control

    def control(self, verb: str, environ: dict[str, Any]) -> Answer:
        """Health for everybody, the verbs for whoever has the token."""
        if verb == "health":
            return _json(200, {"instance": self.identity.instance})
        given = environ.get("HTTP_X_SPOTKEEPER_TOKEN", "")
        if not compare_digest(given, self.identity.token):
            return _json(403, {"kind": "sandbox", "message": "the control token is wrong"})
        body = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        with self.lock:
            if verb == "stop":
                state.save(self.home)
                self.stop()
                return _json(200, {})
            if verb == "reset":
                self.regions_with_parameters.clear()
            status, content = control_verbs.carry_out(verb, body)
            if verb not in control_verbs.LOOKS:
                state.save(self.home)
        return _json(status, content)

    # AWS

    def aws(self, environ: dict[str, Any]) -> Answer:
        """One AWS call: refused, failed by request, or carried out."""
        call = wire.read_call(environ)
        world().calls.append(SeenCall(call.operation, call.region))
        if call.region in all_regions() and call.region not in ENABLED_REGIONS:
            message = "AWS was not able to validate the provided access credentials"
            return wire.error(call, "AuthFailure", message, status=401)
        fault = self._take_fault(call)
        if fault and not fault.after_effect:
            return wire.error(call, fault.code, fault.message, status=fault.http_status)
        answer = self._carried_out(call, environ)
        if fault is None:
            return answer
        if fault.http_status == 0:
            environ["werkzeug.socket"].shutdown(SHUT_RDWR)
            raise Lost
        return wire.error(call, fault.code, fault.message, status=HTTPStatus.SERVICE_UNAVAILABLE)

    def _take_fault(self, call: Call) -> Fault | None:
        with self.lock:
            fault, rest = take(world().faults, call.operation, call.region)
            world().faults[:] = rest
        return fault

    def _carried_out(self, call: Call, environ: dict[str, Any]) -> Answer:
        if call.operation in LOCK_FREE:
            return self._answered(call, environ)
        with self.lock:
            world().clock.tick()
            world().catch_up()
            answer = self._answered(call, environ)
            world().catch_up()
            if not call.operation.startswith(READS) or self._regions_grew():
                state.save(self.home)
        return answer

    def _regions_grew(self) -> bool:
        """A region is made when it is first looked at, with ids that must stay."""
        before, self.regions_saved = self.regions_saved, len(region_backends())
        return before != self.regions_saved

    def _answered(self, call: Call, environ: dict[str, Any]) -> Answer:
        if call.service in {"pricing", "servicequotas"} and (own := pricing.answer(call)):
            return own
        if call.service == "ssm" and call.region not in self.regions_with_parameters:
            images.publish_parameters(call.region)
            self.regions_with_parameters.add(call.region)
        try:
            return _through(self.moto, environ)
        except Exception:
            # Whatever moto raises, the client gets an AWS error.
            traceback.print_exc(file=sys.stderr)
            message = f"The sandbox does not model this use of {call.operation}."
            return wire.error(call, "InternalError", message, status=500)


def _through(application: Any, environ: dict[str, Any]) -> Answer:
    """What another WSGI application answers."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        started.append((status, headers))

    body = b"".join(application(environ, start_response))
    status, headers = started[-1]
    kind = {name.lower(): value for name, value in headers}.get("content-type", "text/xml")
    if status.startswith("500") and b"<!doctype html" in body[:200].lower():
        raise RuntimeError(body.decode("utf-8", "replace")[-2_000:])
    return Answer(int(status.split()[0]), kind, body)


def _json(status: int, content: Any) -> Answer:
    return Answer(status, "application/json", json.dumps(content).encode())
