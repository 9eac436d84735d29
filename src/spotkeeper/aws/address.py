"""The caller's own address as AWS sees it."""

from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

from spotkeeper.aws import web
from spotkeeper.errors import Unreachable
from spotkeeper.timings import ADDRESS_TIMEOUT_SECONDS

#: AWS's own echo service, named by the EC2 User Guide.
CHECKIP_URL = "https://checkip.amazonaws.com"

#: Overrides the service, for networks that have their own.
CHECKIP_VARIABLE = "SPOT_CHECKIP_URL"

_MAX_BYTES = 64
_OK = 200

#: Addresses that mean nothing outside a network: EC2 sees a caller with such a one as another.
_INNER_NETWORKS = (
    *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16"),
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
    *("::/96", "::ffff:0:0/96", "fc00::/7", "fe80::/10", "ff00::/8"),
)


def caller_cidr(url: str = CHECKIP_URL) -> str:
    """The caller's public address as a network of its own: IPv4 with /32, IPv6 with /128.

    It is asked for over IPv4, by which machines are reached, and otherwise only where that fails.

    Raises:
        Unreachable: no answer, or not an address that EC2 could see.
    """
    try:
        return _own_network(_page(url), url)
    except Unreachable as problem:
        raise Unreachable(
            f"Cannot learn your public address: {problem.message}",
            next_step="Name a security group of your own with --security-group.",
        ) from None


def _page(url: str) -> web.WebPage:
    ask = partial(web.get, url, most_bytes=_MAX_BYTES, timeout_seconds=ADDRESS_TIMEOUT_SECONDS)
    if _has_ipv4(url):
        with suppress(Unreachable):
            return ask(over_ipv4=True)
    return ask()


def _has_ipv4(url: str) -> bool:
    """Whether the server of an address has one of IPv4, as far as this computer knows."""
    import socket

    try:
        return bool(socket.getaddrinfo(urlsplit(url).hostname, None, socket.AF_INET))
    except (OSError, ValueError):
        return False


def _own_network(page: web.WebPage, url: str) -> str:
    import ipaddress  # a look at the market does without

    if page.status != _OK:
        raise Unreachable(f"{url} answered with HTTP {page.status}")
    text = page.body.decode("ascii", "replace").strip()
    try:
        network = ipaddress.ip_network(str(ipaddress.ip_address(text)))
    except ValueError:
        raise Unreachable(f"{url} sent {text!r}, which is no address") from None
    inner = map(ipaddress.ip_network, _INNER_NETWORKS)
    if any(network.overlaps(each) for each in inner if each.version == network.version):
        raise Unreachable(f"{url} sent {text}, which is not the one that EC2 sees")
    return str(network)
