"""A proxy before the sandbox that answers badly when it is told to: real sockets, real HTTP."""

import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, NamedTuple, Self

from ec2_sandbox.protocol import wire
from ec2_sandbox.protocol.wire import Call

#: The sandbox's own verbs, which are no calls of AWS.
CONTROL = "/_sandbox/"
#: A socket that is closed like this sends a reset instead of an end.
RESET = struct.pack("ii", 1, 0)
OURS = {"connection", "content-length", "transfer-encoding", "accept-encoding"}
SCHEDULER = {"POST": "Create", "GET": "Get", "PUT": "Update", "DELETE": "Delete"}


class Reply(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def refusal(cls, call: Call, code: str, status: int) -> Self:
        """An error of AWS in the call's own protocol."""
        told = wire.error(call, code, f"{code} was asked for", status=status)
        return cls(told.status, (("Content-Type", told.content_type), *told.headers), told.body)


@dataclass(frozen=True)
class Exchange:
    """One call on its way: it may be passed on, or not, and answered, or not."""

    call: Call
    operation: str
    handler: "_Handler"
    path: str
    body: bytes

    def forward(self) -> Reply:
        """What the sandbox says to the call."""
        return self.handler.forwarded(self.path, self.body)

    def send(self, reply: Reply) -> None:
        """Answer the call."""
        self.handler.answer(reply, len(reply.body))

    def send_half(self, reply: Reply) -> None:
        """Announce an answer, send half of it, and reset the connection."""
        self.handler.answer(
            reply._replace(body=reply.body[: len(reply.body) // 2]), len(reply.body)
        )
        self.handler.wfile.flush()
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.handler.end()

    def hang(self) -> None:
        """Say nothing until the client has hung up."""
        self.handler.connection.recv(1)
        self.handler.end()


#: What is done with a call in place of passing it on.
Fault = Callable[[Exchange], None]


def _denied(exchange: Exchange) -> None:
    """What AWS answers to a caller who may not."""
    code = "UnauthorizedOperation" if exchange.call.is_ec2 else "AccessDeniedException"
    exchange.send(Reply.refusal(exchange.call, code, 403))


@dataclass
class Armed:
    """A fault waiting for its call; ``spread`` to all calls from the first one on."""

    operation: str
    fault: Fault
    times: int
    spread: bool = False
    hits: int = 0

    def takes(self, operation: str) -> bool:
        """Whether the fault is for this call, which is then counted."""
        meant = operation == self.operation or (self.spread and self.hits > 0)
        if not meant or self.hits >= self.times:
            return False
        self.hits += 1
        return True


@dataclass
class FaultyProxy:
    """The proxy as tests hold it; ``seen`` are the calls as IAM's actions, oldest first.

    ``denied`` says which actions the caller may not take; ``around`` a service is entered for the
    time in which a call to it is passed on.
    """

    upstream: int
    port: int = 0
    seen: list[str] = field(default_factory=list)
    armed: Armed | None = None
    denied: Callable[[str], bool] = lambda _: False
    around: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext()
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault_for(self, service: str, operation: str) -> Fault | None:
        """Note a call; the fault that it meets, if any."""
        action = f"{service}:{operation}"
        with self.lock:
            self.seen.append(action)
            if self.denied(action):
                return _denied
            return self.armed.fault if self.armed and self.armed.takes(operation) else None


@contextmanager
def before(port: int) -> Iterator[FaultyProxy]:
    """A proxy before the server at a port of this computer."""
    proxy = FaultyProxy(port)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    server = _Server(("127.0.0.1", 0), handler)
    proxy.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield proxy
    server.shutdown()
    server.server_close()
    thread.join()


def operation_of(call: Call, method: str, path: str) -> str:
    """The operation; Scheduler's is in its method and path."""
    if call.service != "scheduler":
        return call.operation
    folder, *names = path.partition("?")[0].strip("/").split("/")
    if not names and method == "GET":
        return "ListScheduleGroups" if folder == "schedule-groups" else "ListSchedules"
    return SCHEDULER[method] + ("ScheduleGroup" if folder == "schedule-groups" else "Schedule")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def shutdown_request(self, request: Any) -> None:
        self.close_request(request)  # no polite end before a reset


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultyProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path.startswith(CONTROL):
            reply = self.forwarded(self.path, body)
            self.answer(reply, len(reply.body))
            return
        call = self._call(body)
        operation = operation_of(call, self.command, self.path)
        exchange = Exchange(call, operation, self, self.path, body)
        fault = self.proxy.fault_for(call.service, operation)
        try:
            if fault:
                fault(exchange)
            else:
                with self.proxy.around(call.service):
                    reply = exchange.forward()
                exchange.send(reply)
        except OSError:  # the client is gone
            self.end()

    do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 - http.server's names

    def forwarded(self, path: str, body: bytes) -> Reply:
        line = http.client.HTTPConnection("127.0.0.1", self.proxy.upstream)
        headers = {name: text for name, text in self.headers.items() if name.lower() not in OURS}
        try:
            line.request(self.command, path, body, headers)
            answer = line.getresponse()
            kept = [(name, text) for name, text in answer.getheaders() if name.lower() not in OURS]
            return Reply(answer.status, tuple(kept), answer.read())
        finally:
            line.close()

    def answer(self, reply: Reply, length: int) -> None:
        self.send_response_only(reply.status)
        for name, text in (*reply.headers, ("Content-Length", str(length))):
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(reply.body)

    def end(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""

    def _call(self, body: bytes) -> Call:
        path, _, query = self.path.partition("?")
        call = wire.read_call(
            {
                "wsgi.input": BytesIO(body),
                "CONTENT_LENGTH": str(len(body)),
                "CONTENT_TYPE": self.headers.get("content-type", ""),
                "HTTP_AUTHORIZATION": self.headers.get("authorization", ""),
                "HTTP_X_AMZ_TARGET": self.headers.get("x-amz-target"),
                "PATH_INFO": path,
                "QUERY_STRING": query,
            }
        )
        # The Scheduler speaks JSON, also where there is nothing to say.
        return replace(call, content_type=wire.JSON) if call.service == "scheduler" else call
