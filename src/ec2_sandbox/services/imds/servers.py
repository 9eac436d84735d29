"""The metadata service of each instance, on a local port of its own.

Opened when somebody asks for it, closed when the instance stops or ends, opened again on the same
port when it starts again. Programs of the instance find it by AWS_EC2_METADATA_SERVICE_ENDPOINT.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

from ec2_sandbox.history import Happening, HappeningKind
from ec2_sandbox.world import instances, world

if TYPE_CHECKING:
    from ec2_sandbox.services.imds.answers import Reply

HOST = "127.0.0.1"
POLL = 0.05  # seconds of real time until a closed port refuses
ANSWERS = {"pending", "running", "stopping", "shutting-down"}

Answerer = Callable[[str, str, dict[str, str]], "Reply | None"]


def instance_of(instance_id: str) -> Any:
    """moto's instance, of whatever region; None when EC2 does not know it."""
    return next((one for one in instances() if one.id == instance_id), None)


class MetadataServers:
    """The open ports; ``lock`` is that of everything that touches the world."""

    def __init__(self, lock: AbstractContextManager[Any]) -> None:
        self._lock = lock
        self._open: dict[str, _Endpoint] = {}
        self._ports: dict[str, int] = {}
        self._closing: dict[str, Thread] = {}

    def endpoint(self, instance_id: str) -> str:
        """The URL of a running instance's service."""
        if instance_id not in self._open:
            self._open[instance_id] = self._opened(instance_id)
        self._ports[instance_id] = self._open[instance_id].port
        return f"http://{HOST}:{self._ports[instance_id]}"

    def hear(self, happening: Happening) -> None:
        """Close and open with the instance."""
        if happening.kind is not HappeningKind.INSTANCE or happening.subject not in self._ports:
            return
        if happening.facts.get("state") in ANSWERS:
            self.endpoint(happening.subject)
        else:
            self._close(happening.subject)

    def close_all(self) -> None:
        """Nothing of a former world answers any more."""
        for instance_id in list(self._open):
            self._close(instance_id)
        self._ports.clear()
        self._closing.clear()

    def answer(self, instance_id: str, method: str, path: str, headers: dict[str, str]) -> Any:
        """A reply; None when the instance is not there to give one."""
        from ec2_sandbox.guests import guests
        from ec2_sandbox.services.imds.answers import reply

        with self._lock:
            world().catch_up()
            instance = instance_of(instance_id)
            if instance is None or instance.state not in ANSWERS:
                self._close(instance_id)
                return None
            if here := guests.guests():
                here.heard_question(instance_id, path)
            return reply(instance, method, path, headers)

    def _opened(self, instance_id: str) -> "_Endpoint":
        def answered(method: str, path: str, headers: dict[str, str]) -> "Reply | None":
            found: Reply | None = self.answer(instance_id, method, path, headers)
            return found

        if instance_id in self._closing:
            self._closing.pop(instance_id).join()
        try:
            endpoint = _Endpoint(self._ports.get(instance_id, 0), answered)
        except OSError:  # somebody else has its former port
            endpoint = _Endpoint(0, answered)
        Thread(target=endpoint.serve_forever, args=(POLL,), daemon=True).start()
        return endpoint

    def _close(self, instance_id: str) -> None:
        self._closing = {key: one for key, one in self._closing.items() if one.is_alive()}
        if endpoint := self._open.pop(instance_id, None):
            self._closing[instance_id] = Thread(target=endpoint.end, daemon=True)
            self._closing[instance_id].start()


class _Endpoint(ThreadingTCPServer):
    """One instance's port. Not an HTTPServer: that asks DNS for the name of this computer."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, answered: Answerer) -> None:
        self.answered = answered
        super().__init__((HOST, port), _Handler)

    @property
    def port(self) -> int:
        """The port that it got."""
        return int(self.server_address[1])

    def end(self) -> None:
        """Refuse connections from now on; waits for the loop, so not from within it."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """HTTP to replies and back."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "EC2ws", ""
    server: _Endpoint

    def _respond(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "")
        self.rfile.read(int(length) if length.isdecimal() else 0)
        found = self.server.answered(self.command, self.path, headers)
        self.close_connection = self.close_connection or found is None
        if found is None:
            return
        self.send_response(found.status)
        self.send_header("Content-Type", found.content_type)
        self.send_header("Content-Length", str(len(found.body)))
        for name, value in found.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(found.body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _respond  # noqa: N815 - http.server's names

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The ``Date`` of an answer: sandbox time, like every time in the answers."""
        at = world().now if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
        return format_datetime(at, usegmt=True)

    def log_message(self, *_: Any) -> None:
        """Agents poll every few seconds; nobody reads that."""


class _ServedMachine:
    """The servers of this process."""

    servers: MetadataServers | None = None


def serve_with(lock: AbstractContextManager[Any]) -> None:
    """From now on metadata can be asked for; whoever asks takes the lock."""
    close_all()
    _ServedMachine.servers = MetadataServers(lock)


def servers() -> MetadataServers:
    """Those of this process."""
    if _ServedMachine.servers is None:
        raise RuntimeError("no application serves metadata in this process")
    return _ServedMachine.servers


def hear(happening: Happening) -> None:
    """An observer of the history."""
    if _ServedMachine.servers is not None:
        _ServedMachine.servers.hear(happening)


def close_all() -> None:
    """The world was replaced."""
    if _ServedMachine.servers is not None:
        _ServedMachine.servers.close_all()
