"""A market on 127.0.0.1 that answers each region as it is told, badly if need be."""

import gzip
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from spotkeeper.aws.price_pages import FIELDS, ROOT, SET
from spotkeeper.model.price_table import RawPrice

XMLNS = "http://ec2.amazonaws.com/doc/2016-11-15/"
XML = "text/xml;charset=UTF-8"

Handler = BaseHTTPRequestHandler
Reply = Callable[[Handler], None]


def row(name: str = "g5.xlarge", usd: str = "0.4021", zone: str = "us-east-1a") -> RawPrice:
    return RawPrice(name, "Linux/UNIX", usd, "2026-11-01T10:00:00.000Z", zone, f"{zone}-id")


def rows_of(region: str, count: int, *, begin: int = 0) -> list[RawPrice]:
    """Different pools of one region."""
    numbers = range(begin, begin + count)
    return [row(f"m5.{number}xlarge", f"0.{number + 1:04}", f"{region}a") for number in numbers]


def body_of(rows: Sequence[RawPrice], token: str = "") -> bytes:
    """A page as EC2 sends it."""
    items = "".join(
        "\n        <item>"
        + "".join(
            f"\n            <{name}>{escape(value)}</{name}>"
            for name, value in zip(FIELDS, each, strict=True)
        )
        + "\n        </item>"
        for each in rows
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{ROOT} xmlns="{XMLNS}">\n'
        f"    <requestId>59dbff89</requestId>\n    <{SET}>{items}\n    </{SET}>\n"
        f"    <nextToken>{escape(token)}</nextToken>\n</{ROOT}>"
    ).encode()


def send(handler: Handler, status: int, body: bytes, **headers: str) -> None:
    """An answer; header names are written with underscores."""
    handler.send_response_only(status)
    told = {"content_type": XML, "content_length": str(len(body)), **headers}
    for name, value in told.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def page(rows: Sequence[RawPrice], token: str = "", *, packed: bool = True) -> Reply:
    """A page; packed for those who take that."""
    return raw(body_of(rows, token), packed=packed)


def raw(body: bytes, *, packed: bool = True, **headers: str) -> Reply:
    """These bytes, with HTTP 200."""

    def reply(handler: Handler) -> None:
        if packed and "gzip" in handler.headers.get("accept-encoding", ""):
            send(handler, 200, gzip.compress(body), content_encoding="gzip", **headers)
        else:
            send(handler, 200, body, **headers)

    return reply


def answer(status: int, body: bytes = b"", **headers: str) -> Reply:
    """Any other answer."""
    return lambda handler: send(handler, status, body, **headers)


def refusal(code: str, status: int = 400, message: str = "told so", **headers: str) -> Reply:
    """EC2's own words for no."""
    return answer(
        status,
        f"<Response><Errors><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        "</Errors><RequestID>59dbff89</RequestID></Response>".encode(),
        **headers,
    )


def hardware(names: Sequence[str]) -> Reply:
    """DescribeInstanceTypes of these types, all alike."""
    items = "".join(
        f"<item><instanceType>{escape(name)}</instanceType>"
        "<supportedUsageClasses><item>spot</item></supportedUsageClasses><processorInfo>"
        "<supportedArchitectures><item>x86_64</item></supportedArchitectures></processorInfo>"
        "<vCpuInfo><defaultVCpus>4</defaultVCpus></vCpuInfo>"
        "<memoryInfo><sizeInMiB>16384</sizeInMiB></memoryInfo></item>"
        for name in names
    )
    body = f"<instanceTypeSet>{items}</instanceTypeSet>"
    action = "DescribeInstanceTypesResponse"
    return answer(200, f'<{action} xmlns="{XMLNS}">{body}</{action}>'.encode())


def no_products() -> Reply:
    """GetProducts knows no On-Demand price."""
    return answer(200, b'{"PriceList": []}', content_type="application/x-amz-json-1.1")


def cut_short(rows: Sequence[RawPrice]) -> Reply:
    """Half of a page, and the connection is gone."""

    def reply(handler: Handler) -> None:
        body = body_of(rows)
        send(handler, 200, body[: len(body) // 2], content_length=str(len(body)))
        handler.close_connection = True

    return reply


@dataclass(frozen=True)
class Call:
    """What was asked."""

    region: str
    token: str
    headers: Mapping[str, str]
    form: Mapping[str, str]

    @property
    def quick(self) -> bool:
        """Whether it came without boto3, which takes nothing packed."""
        return self.headers.get("accept-encoding") == "gzip"


@dataclass
class PriceServer:
    """Replies by region and token: one after another, the last one again and again."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    others: dict[str, Reply] = field(default_factory=dict)
    freed: threading.Event = field(default_factory=threading.Event)
    _replies: dict[tuple[str, str], list[Reply]] = field(default_factory=lambda: defaultdict(list))

    def tell(self, region: str, *replies: Reply, token: str = "") -> None:
        """What to reply to calls with a token ("" for the first page)."""
        self._replies[region, token] = list(replies)

    def hang(self, _: Handler) -> None:
        """No answer until the test is over."""
        self.freed.wait(60)

    def reply(self, call: Call) -> Reply:
        """The next one."""
        self.calls.append(call)
        action = call.form.get("Action") or call.headers.get("x-amz-target", ".").split(".")[1]
        if action != "DescribeSpotPriceHistory":
            return self.others.get(action, refusal("Unsupported", message=f"no {action} here"))
        waiting = self._replies[call.region, call.token]
        if not waiting:
            return refusal("InvalidParameterValue", message="nobody told me")
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def asked(self, region: str) -> list[str]:
        """The tokens of the calls to a region, in order."""
        return [call.token for call in self.calls if call.region == region]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Whoever asked has hung up."""


@contextmanager
def serving(tls: SSLContext | None = None) -> Iterator[PriceServer]:
    """A server until the end of the block."""
    market = PriceServer()

    class Connection(Handler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet per answer

        def do_POST(self) -> None:  # noqa: N802 - as http.server names it
            size = int(self.headers.get("content-length", 0))
            form = {n: v[0] for n, v in parse_qs(self.rfile.read(size).decode()).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            scope = headers.get("authorization", "").split("/")
            region = scope[2] if len(scope) > 2 else ""
            market.reply(Call(region, form.get("NextToken", ""), headers, form))(self)

        def log_message(self, *_: Any) -> None:
            """Not here."""

    server = _Server(("127.0.0.1", 0), Connection)
    scheme = "http"
    if tls:
        scheme, server.socket = "https", tls.wrap_socket(server.socket, server_side=True)
    market.url = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield market
    finally:
        market.freed.set()
        server.shutdown()
        server.server_close()
