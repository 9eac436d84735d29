"""The machine's own guard, unchanged, and the metadata service: as it is, and with every fault."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from threading import Thread
from time import sleep
from urllib.parse import urlsplit

import pytest
from tests.conftest import Sandbox
from tests.sandbox.launching import tagged
from tests.sandbox.metadata_service import Service
from tests.unit.agent.machine_room import OFF, SYSTEMD, Room, furnished, linux_only

from spotkeeper.model.tags import TAG_DEADLINE, tag_time

pytestmark = [
    linux_only,
    pytest.mark.skipif(not shutil.which("curl"), reason="needs curl, as a machine does"),
]

HOUR = timedelta(hours=1)
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
    """Between a machine and its metadata service; the next ``times`` answers meet the fault."""

    daemon_threads = True

    def __init__(self, real: str) -> None:
        self.real, self.fault, self.times = urlsplit(real).netloc, READABLE[0], 0
        super().__init__(("127.0.0.1", 0), _Between)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def met(self, path: str) -> Fault:
        """What the answer to this question meets."""
        if self.times == 0 or not (self.fault.of_token or path.endswith(TAG_DEADLINE)):
            return READABLE[0]
        self.times -= 1
        return self.fault


class _Between(BaseHTTPRequestHandler):
    server: FaultyMetadata

    def _respond(self) -> None:
        with closing(HTTPConnection(self.server.real, timeout=10)) as connection:
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


class Machine:
    """A machine of the sandbox whose guard asks through the faults, by curl or without it."""

    def __init__(self, sandbox: Sandbox, folder: Path, client: str = "curl") -> None:
        self.sandbox = sandbox
        self.service = Service(
            sandbox,
            MetadataOptions={"HttpTokens": "required", "InstanceMetadataTags": "enabled"},
            TagSpecifications=tagged(spotkeeper__deadline="never"),
        )
        self.metadata = FaultyMetadata(self.service.url)
        Thread(target=self.metadata.serve_forever, args=(0.01,), daemon=True).start()
        self.room: Room = furnished(folder, SYSTEMD)
        name, line = {
            "curl": ("curl", f'exec {shutil.which("curl")} "$@" -m {PATIENCE_S}'),
            "bash": ("timeout", f'shift; exec {shutil.which("timeout")} {PATIENCE_S} "$@"'),
        }[client]
        program = self.room.folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)

    def in_hours(self, hours: int) -> str:
        return tag_time(self.sandbox.control.now() + hours * HOUR)

    def tag(self, deadline: str) -> None:
        tags = [{"Key": TAG_DEADLINE, "Value": deadline}]
        self.sandbox.client("ec2").create_tags(Resources=[self.service.id], Tags=tags)

    def look(self, endpoint: str | None = None) -> list[str]:
        """What the guard calls when it looks now."""
        self.room.forget()
        self.room.look(AWS_EC2_METADATA_SERVICE_ENDPOINT=endpoint or self.metadata.url)
        return self.room.calls


@pytest.fixture
def machines(sandbox: Sandbox, tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    made: list[Machine] = []

    def machine(client: str = "curl", begins: str | None = None) -> Machine:
        sandbox.reset(speed=0, begins=begins)
        made.append(Machine(sandbox, tmp_path, client))
        return made[-1]

    yield machine
    for each in made:
        each.metadata.shutdown()
        each.metadata.server_close()


by_client = pytest.mark.parametrize("client", ["curl", "bash"])


@pytest.mark.parametrize("client", ["curl", pytest.param("bash", marks=pytest.mark.soak)])
@pytest.mark.parametrize("fault", UNREADABLE, ids=lambda fault: fault.name)
def test_no_fault_ends_an_extended_machine_or_keeps_one_that_is_over(
    machines: Callable[..., Machine], fault: Fault, client: str
) -> None:
    machine = machines(client)
    past, extended = machine.in_hours(-1), machine.in_hours(1)
    machine.room.boot(past)
    machine.tag(extended)
    machine.metadata.fault, machine.metadata.times = fault, 1
    assert machine.look() == []  # the second try reads it
    assert machine.room.memory.read_text() == f"{extended}\n"
    machine.tag(past)
    machine.metadata.times = -1
    assert machine.look() == []
    machine.room.memory.write_text(f"{past}\n")
    machine.tag(extended)
    assert machine.look() == OFF


@by_client
@pytest.mark.parametrize("fault", READABLE, ids=lambda fault: fault.name)
def test_a_deadline_that_can_be_read_counts_whatever_time_comes_with_it(
    machines: Callable[..., Machine], fault: Fault, client: str
) -> None:
    machine = machines(client)
    machine.room.boot("never")
    machine.metadata.fault, machine.metadata.times = fault, -1
    for deadline, calls in [("never", []), (machine.in_hours(1), []), (machine.in_hours(-1), OFF)]:
        machine.tag(deadline)
        assert machine.look() == calls


@by_client
@pytest.mark.parametrize(("hours", "calls"), [(1, []), (-1, OFF)])
@pytest.mark.parametrize("begins", ["2022-01-05T00:00:00Z", "2998-01-05T00:00:00Z"])
def test_the_time_of_the_service_counts_and_not_the_clock_of_the_machine(
    machines: Callable[..., Machine], begins: str, hours: int, calls: list[str], client: str
) -> None:
    machine = machines(client, begins=begins)
    machine.room.boot("never")
    machine.tag(machine.in_hours(hours))
    assert machine.look(machine.service.url) == calls


def test_a_service_that_is_gone_leaves_what_was_read_last(
    sandbox: Sandbox, machines: Callable[..., Machine]
) -> None:
    machine = machines()
    machine.room.boot(machine.in_hours(-1))
    machine.tag("never")
    assert machine.look(machine.service.url) == []
    sandbox.client("ec2").terminate_instances(InstanceIds=[machine.service.id])
    assert machine.look(machine.service.url) == []
