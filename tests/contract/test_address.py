"""The caller's own address: through the proxy that boto3 uses, and only one that EC2 can see."""

import threading
from collections.abc import Iterator, Mapping
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

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
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
