"""A web server on this computer that sends what a test tells it to, however odd."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RANGES = [
    {"index": 0, "label": "<5%", "dots": 0, "max": 5},
    {"index": 1, "label": "5-10%", "dots": 1, "max": 11},
    {"index": 2, "label": ">20%", "dots": 4, "max": 100},
]
ADVICE = {
    "g5.xlarge": {"s": 64, "r": 1},
    "m5.large": {"s": 71, "r": 0},
    "p5.48xlarge": {"s": 12, "r": 2},
}


def advisor(types: Mapping[str, Any] = ADVICE, **other: Any) -> dict[str, Any]:
    """A feed of the Spot Advisor's shape."""
    regions = {"us-east-1": {"Linux": dict(types), "Windows": {}}}
    sizes = {"m5.large": {"cores": 2, "ram_gb": 8.0}, "g5.xlarge": {"cores": 4, "ram_gb": 16.0}}
    return {"ranges": RANGES, "instance_types": sizes, "spot_advisor": regions, **other}


@dataclass
class Sent:
    """One answer; a ``stream`` writes the body itself, for as long as it likes."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Callable[[Callable[[bytes], object]], None] | None = None


def as_json(document: Any, **headers: str) -> Sent:
    """A document, as any server would send it."""
    return Sent(json.dumps(document).encode(), headers=headers)


@dataclass
class FeedServer:
    """What it sends now, and what it was asked: path and headers, names in small letters."""

    url: str
    sends: Sent = field(default_factory=Sent)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[FeedServer]:
    """A server on a free port, for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.asked.append((self.path, headers))
            sent = found.sends
            with suppress(OSError):  # whoever asked may have heard enough
                self.send_response(sent.status)
                for name, value in sent.headers.items():
                    self.send_header(name, value)
                if sent.stream is None:
                    self.send_header("content-length", str(len(sent.body)))
                self.end_headers()
                if sent.stream is None:
                    self.wfile.write(sent.body)
                else:
                    sent.stream(self.wfile.write)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = FeedServer(f"http://127.0.0.1:{server.server_port}/feed.json")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
