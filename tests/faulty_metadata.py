"""The metadata service with every fault, between a machine and that of the sandbox."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread
from time import sleep
from urllib.parse import urlsplit

from spotkeeper.model.tags import TAG_DEADLINE
from tests.conftest import Sandbox
from tests.sandbox.launching import tagged
from tests.sandbox.metadata_service import Service

#: A look waits so long for an answer here; on a machine it is five seconds.
PATIENCE_S = 0.4


@dataclass(frozen=True)
class Fault:
    """What becomes of an answer on its way; ``None`` closes the connection without one."""

    name: str
    bent: Callable[[int, bytes], bytes | None]
    of_token: bool = False  # the token is met too
    lasts_s: float = 0


def http(status: str, body: bytes = b"", *headers: bytes) -> bytes:
    head = [f"HTTP/1.1 {status}".encode(), b"Connection: close", *headers]
    return b"\r\n".join([*head, b"", body])


def date(text: str) -> Callable[[int, bytes], bytes]:
    return lambda _, body: http("200 OK", body, b"Date: " + text.encode())


#: The tag cannot be read.
UNREADABLE = [
    Fault("gone", lambda *_: None, of_token=True),
    Fault("too slow", lambda _, body: http("200 OK", body), lasts_s=2 * PATIENCE_S),
    Fault("no token", lambda *_: http("403 Forbidden"), of_token=True),
    Fault("a page for a token", lambda *_: http("200 OK", b"<html>hello</html>"), of_token=True),
    Fault("401", lambda *_: http("401 Unauthorized", b"<html>401</html>")),
    Fault("404", lambda *_: http("404 Not Found", b"<html>404</html>")),
    Fault("404 with a time", lambda _, body: http("404 Not Found", body)),
    Fault("500", lambda *_: http("500 Internal Server Error")),
    Fault("503 with a time", lambda _, body: http("503 Service Unavailable 200 ", body)),
    Fault("elsewhere", lambda *_: http("302 Found", b"", b"Location: http://127.0.0.1:9/")),
    Fault("empty", lambda *_: http("200 OK")),
    Fault("a page", lambda *_: http("200 OK", b"<html>200 OK</html>")),
    Fault("bytes", lambda *_: bytes(range(256)) * 40),
    Fault("half a time", lambda _, body: http("200 OK", body[:13])),
    Fault("half a length", lambda _, body: http("200 OK", body[:13], b"Content-Length: 20")),
    Fault("a head only", lambda *_: b"HTTP/1.1 200 OK\r\nDate: Mon, 05 Jan 2026"),
    Fault("two times", lambda _, body: http("200 OK", body + b"\r\n" + body)),
]
#: It can, but its time cannot.
READABLE = [
    Fault("as it is", lambda _, body: http("200 OK", body)),
    Fault("no such day", date("Mon, 35 Jan 2026 25:00:00 GMT")),
    Fault("no such month", date("Mon, 05 Foo 2026 00:00:00 GMT")),
    Fault("another form", date("2026-01-05T00:00:00Z")),
]


class FaultyMetadata(ThreadingTCPServer):
    """Between a machine and the metadata service of its instance; the next ``times`` answers meet
    the fault, all of them if that is -1."""

    daemon_threads = True

    def __init__(self, sandbox: Sandbox) -> None:
        self.service = Service(
            sandbox,
            MetadataOptions={"HttpTokens": "required", "InstanceMetadataTags": "enabled"},
            TagSpecifications=tagged(spotkeeper__deadline="never"),
        )
        self.fault, self.times = UNREADABLE[0], 0
        super().__init__(("127.0.0.1", 0), _Between)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def says(self, deadline: str) -> None:
        """What the deadline tag of the instance is from now on."""
        tags = [{"Key": TAG_DEADLINE, "Value": deadline}]
        ec2 = self.service.sandbox.client("ec2")
        ec2.create_tags(Resources=[self.service.id], Tags=tags)

    def met(self, path: str) -> Fault:
        """What the answer to this question meets."""
        if self.times == 0 or not (self.fault.of_token or path.endswith(TAG_DEADLINE)):
            return READABLE[0]
        self.times -= 1
        return self.fault


@contextmanager
def serving(sandbox: Sandbox) -> Iterator[FaultyMetadata]:
    """The metadata service of a new instance, without a fault yet."""
    with FaultyMetadata(sandbox) as metadata:
        Thread(target=metadata.serve_forever, args=(0.01,), daemon=True).start()
        yield metadata
        metadata.shutdown()


class _Between(BaseHTTPRequestHandler):
    server: FaultyMetadata

    def _respond(self) -> None:
        with closing(
            HTTPConnection(urlsplit(self.server.service.url).netloc, timeout=10)
        ) as connection:
            headers = {key: value for key, value in self.headers.items() if key != "Host"}
            connection.request(self.command, self.path, headers=headers)
            answer = connection.getresponse()
            fault = self.server.met(self.path)
            bent = fault.bent(answer.status, answer.read())
        sleep(fault.lasts_s)
        if bent is not None:
            self.wfile.write(bent)

    do_GET = do_PUT = _respond  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""
