"""The caller's own address: through the proxy that boto3 uses, and only one that EC2 can see."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.utils import get_environ_proxies

from spotkeeper.aws.address import caller_cidr
from spotkeeper.aws.endpoint import USER_AGENT
from spotkeeper.errors import Unreachable

pytestmark = pytest.mark.world("one's own address", by="users' reports")

ADDRESS = "198.51.100.7"


class Echo(ThreadingHTTPServer):
    """An address service, which takes itself for a proxy where it is asked as one."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)
        self.told = ADDRESS.encode()
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Echo

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        self.send_response(404 if self.path == "/gone" else 200)
        self.end_headers()
        self.wfile.write(self.server.told)

    def do_CONNECT(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        self.send_error(502, "no tunnel here")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Iterator[Echo]:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with Echo() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_the_address_is_learnt_by_who_says_who_asks(echo: Echo) -> None:
    echo.told = b" 198.51.100.7\n"
    assert caller_cidr(echo.url) == "198.51.100.7/32"
    [(path, headers)] = echo.asked
    assert path == "/"
    assert headers["User-Agent"] == USER_AGENT


PROXIES: tuple[Mapping[str, str], ...] = (
    {},
    {"HTTP_PROXY": "{proxy}"},
    {"http_proxy": "{proxy}"},
    {"HTTPS_PROXY": "{proxy}"},
    {"https_proxy": "{proxy}"},
    {"ALL_PROXY": "{proxy}"},
    {"HTTP_PROXY": "{proxy}", "HTTPS_PROXY": "{proxy}", "NO_PROXY": "checkip.invalid"},
    {"HTTP_PROXY": "{proxy}", "HTTPS_PROXY": "{proxy}", "no_proxy": ".invalid,localhost"},
    {"HTTP_PROXY": "{proxy}", "HTTPS_PROXY": "{proxy}", "no_proxy": "other.invalid"},
    {"HTTP_PROXY": "{proxy}", "HTTPS_PROXY": "{proxy}", "no_proxy": "*"},
)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("settings", PROXIES, ids=str)
def test_the_proxy_is_asked_that_botocore_would_ask(
    echo: Echo, monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, str], scheme: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value.format(proxy=echo.url))
    url = f"{scheme}://checkip.invalid/me"
    by_proxy = scheme in get_environ_proxies(url)
    if by_proxy and scheme == "http":
        assert caller_cidr(url) == f"{ADDRESS}/32"
    else:
        with pytest.raises(Unreachable):
            caller_cidr(url)
    through = {"http": url, "https": "checkip.invalid:443"}
    assert [path for path, _ in echo.asked] == ([through[scheme]] if by_proxy else [])


def test_a_proxy_is_told_its_password_and_nobody_else_is(
    echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", echo.url.replace("//", "//me:secret@"))
    with pytest.raises(Unreachable, match="502") as caught:
        caller_cidr("https://checkip.invalid/")
    [(_, headers)] = echo.asked
    assert headers["Proxy-Authorization"].startswith("Basic ")
    assert "secret" not in str(caught.value)


def test_no_proxy_leads_to_this_computer(echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert caller_cidr(echo.url) == f"{ADDRESS}/32"


def test_an_address_of_version_six_is_one_of_its_own(echo: Echo) -> None:
    echo.told = b"2001:DB8::7\n"
    assert caller_cidr(echo.url) == "2001:db8::7/128"


@pytest.mark.allow_hosts(["127.0.0.1", "::1"])
@pytest.mark.skipif(not socket.has_ipv6, reason="this computer has no IPv6")
def test_machines_are_reached_over_version_four_so_that_address_counts_where_there_are_both(
    echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = echo.server_port
    hosts = [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))]

    def knowing(*families: int) -> Callable[..., list[object]]:
        known = [
            (each, socket.SOCK_STREAM, 6, "", place) for each, place in hosts if each in families
        ]
        return lambda _host, _port, family=0, *_: [e for e in known if family in (0, e[0])]

    with Echo("::1", port) as six:
        six.told = b"2001:db8::7"
        threading.Thread(target=six.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(socket, "getaddrinfo", knowing(socket.AF_INET, socket.AF_INET6))
        both = caller_cidr(f"http://checkip.invalid:{port}/")
        monkeypatch.setattr(socket, "getaddrinfo", knowing(socket.AF_INET6))
        alone = caller_cidr(f"http://checkip.invalid:{port}/")
        six.shutdown()
    assert (both, alone) == (f"{ADDRESS}/32", "2001:db8::7/128")


@pytest.mark.parametrize(
    "told",
    [
        *("10.20.30.40", "172.31.0.1", "192.168.1.2", "100.64.3.2"),
        *("127.0.0.1", "169.254.1.1", "0.1.2.3", "<html>", "", "\xff"),
        *("fd00::1", "fe80::1", "::1", "::ffff:10.0.0.1", "198.51.100.0/24"),
    ],
)
def test_what_ec2_cannot_see_is_refused(echo: Echo, told: str) -> None:
    echo.told = told.encode("latin-1")
    with pytest.raises(Unreachable, match="Cannot learn your public address") as caught:
        caller_cidr(echo.url)
    assert "--security-group" in caught.value.next_step


def test_an_error_is_no_address(echo: Echo) -> None:
    with pytest.raises(Unreachable, match="HTTP 404"):
        caller_cidr(f"{echo.url}/gone")


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1:9/", "http://127.0.0.1:no/", "http://[::1/", "file:///etc/passwd", ""],
)
def test_what_cannot_be_asked_at_all_is_told(
    echo: Echo, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere/bundle.pem")
    with pytest.raises(Unreachable, match="Cannot learn your public address"):
        caller_cidr(url)
    assert echo.asked == []
