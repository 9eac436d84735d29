"""The caller's own address as AWS sees it."""

from spotkeeper.errors import Unreachable

#: AWS's own echo service, named by the EC2 User Guide.
CHECKIP_URL = "https://checkip.amazonaws.com"

#: Overrides the service, for networks that have their own.
CHECKIP_VARIABLE = "SPOT_CHECKIP_URL"

_TIMEOUT_SECONDS = 5.0
_MAX_BYTES = 64


def caller_cidr(url: str = CHECKIP_URL) -> str:
    """The caller's public IPv4 address as a /32.

    Raises:
        Unreachable: no answer, or not an address.
    """
    import ipaddress

    import urllib3  # a look at the market does without

    pool = urllib3.PoolManager(timeout=_TIMEOUT_SECONDS, retries=2)
    try:
        answer = pool.request("GET", url, preload_content=False)
        text = answer.read(_MAX_BYTES).decode("ascii", "replace").strip()
        answer.release_conn()
        return f"{ipaddress.IPv4Address(text)}/32"
    except (urllib3.exceptions.HTTPError, ValueError) as problem:
        raise Unreachable(
            f"Cannot learn your public address from {url}: {problem}",
            next_step="Name a security group of your own with --security-group.",
        ) from problem
