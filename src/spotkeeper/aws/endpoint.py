"""How EC2's regions are reached without boto3: address, keys and certificates.

Only what is certain is answered here. Proxies, FIPS or dual-stack endpoints, and every source of
credentials but plain keys in the environment are botocore's business.
"""

import hmac
import json
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from spotkeeper import __version__
from spotkeeper.errors import BadInput
from spotkeeper.timings import CALL_TIMEOUT_SECONDS

if TYPE_CHECKING:
    import ssl


#: Who asks, in every call: AWS keeps it in CloudTrail.
USER_AGENT = f"spotkeeper/{__version__}"

#: For lines on which AWS takes long to answer, or never does.
TIMEOUT_VARIABLE = "SPOT_TIMEOUT"


class Timeouts(NamedTuple):
    """Seconds to wait for a connection, for the answer of a call, and of a launch.

    A launch is given longer: to give one up is to look for what came of it.
    """

    connect: float
    read: float
    launch: float


def timeouts(environment: Mapping[str, str]) -> Timeouts:
    """Those for calls that take up to ``SPOT_TIMEOUT`` seconds.

    Raises:
        BadInput: the variable is not a number of seconds.
    """
    named = environment.get(TIMEOUT_VARIABLE)
    try:
        read = float(named) if named else CALL_TIMEOUT_SECONDS
    except ValueError:
        read = math.nan
    if not 0 < read < math.inf:
        raise BadInput(
            f"{TIMEOUT_VARIABLE} is {named!r}",
            next_step="Give it the seconds to wait for an answer of AWS, such as 60.",
        )
    return Timeouts(connect=read / 4, read=read, launch=read * 3)


ALGORITHM = "AWS4-HMAC-SHA256"
FORM = "application/x-www-form-urlencoded; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Keys:
    """What a caller signs with; never printed."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


class SigningScope(NamedTuple):
    """Whose call it is: a signature holds for one service in one region on one day."""

    region: str
    service: str


def signed_headers(
    body: bytes, *, host: str, scope: SigningScope, keys: Keys, now: datetime
) -> Mapping[str, str]:
    """The headers of a POST of ``body`` to ``/`` at ``host``, the signature among them."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"content-type": FORM, "host": host, "x-amz-date": stamp}
    if keys.session_token:
        headers["x-amz-security-token"] = keys.session_token
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"POST\n/\n\n{lines}\n{names}\n{sha256(body).hexdigest()}"
    credential = f"{stamp[:8]}/{scope.region}/{scope.service}/aws4_request"
    told = f"{ALGORITHM}\n{stamp}\n{credential}\n{sha256(request.encode()).hexdigest()}"
    signature = _signature(keys.secret_key, credential, told)
    authorization = (
        f"{ALGORITHM} Credential={keys.access_key}/{credential}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return {**headers, "authorization": authorization}


def _signature(secret_key: str, credential: str, told: str) -> str:
    return hmac.digest(_signing_key(secret_key, credential), told.encode(), "sha256").hex()


@cache
def _signing_key(secret_key: str, credential: str) -> bytes:
    """The key of a day, a region and a service."""
    key = f"AWS4{secret_key}".encode()
    for part in credential.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
VARIANTS = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")
#: What a profile may say of endpoints; then only botocore knows the way.
CONFIGURED = {"endpoint_url", "services", "use_fips_endpoint", "use_dualstack_endpoint"}
BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")


class Endpoint(NamedTuple):
    """An EC2 endpoint, ``host`` with its port, and the keys to sign with.

    ``on_call`` hears of every call that is made through it.
    """

    host: str
    secure: bool
    keys: Keys
    on_call: Callable[[], None]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


def tls() -> "ssl.SSLContext":
    """Certificates are always checked, against those that botocore would use."""
    return _tls(next((os.environ[name] for name in BUNDLES if os.environ.get(name)), None))


@cache
def _tls(bundle: str | None) -> "ssl.SSLContext":
    """One context for all regions: to read the certificates takes longer than to use them."""
    import ssl

    return ssl.create_default_context(cafile=bundle or _botocores_bundle())


def _botocores_bundle() -> str | None:
    """The certificates that boto3 would use."""
    return str(found) if (found := _botocores("cacert.pem")) else None


def _botocores(name: str) -> Path | None:
    """A file that comes with botocore, found without importing it."""
    spec = find_spec("botocore")
    folders = spec.submodule_search_locations if spec else None
    files = [Path(folder) / name for folder in folders or ()]
    return next((file for file in files if file.exists()), None)


@cache
def _dns_suffixes() -> dict[str, str]:
    """The end of every endpoint's name by region, in all partitions that botocore knows."""
    file = _botocores("data/partitions.json")
    partitions = json.loads(file.read_bytes())["partitions"] if file else ()
    return {
        region: partition["outputs"]["dnsSuffix"]
        for partition in partitions
        for region in partition["regions"]
    }


def usual_address(region: str) -> str | None:
    """EC2's own endpoint; ``None`` in a region that botocore's data do not name."""
    suffix = _dns_suffixes().get(region)
    return f"https://ec2.{region}.{suffix}" if suffix else None


def may_be_configured(environment: Mapping[str, str]) -> bool:
    """Whether the user's configuration file says anything of endpoints, in whatever profile."""
    file = Path(environment.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(setting in text for setting in CONFIGURED)


def endpoint_to(url: str, keys: Keys, on_call: Callable[[], None]) -> Endpoint | None:
    """The door at an endpoint's address; none where the address is more than a host."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or parts.path.strip("/") or not parts.hostname:
        return None
    return Endpoint(parts.netloc.rpartition("@")[2], parts.scheme == "https", keys, on_call)


def is_on_this_computer(url: str) -> bool:
    """Whether a server is one of this computer, such as the sandbox: no proxy leads there."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or bool(re.fullmatch(r"127(\.\d+){3}", host))


def keys_in(environment: Mapping[str, str]) -> Keys | None:
    """Plain keys, which win over every profile that is not named on the command line."""
    access, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not access or not secret:
        return None
    return Keys(access, secret, environment.get("AWS_SESSION_TOKEN", ""))


def endpoint_in(environment: Mapping[str, str]) -> str | None:
    """An endpoint for EC2 that the environment names."""
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return environment.get("AWS_ENDPOINT_URL_EC2") or environment.get("AWS_ENDPOINT_URL") or None


def refuse_bytes(environment: Mapping[str, str]) -> None:
    """Refuse a setting that is no text before botocore trips over it.

    Raises:
        BadInput: names the variable; its value may be a secret.
    """
    for name, value in environment.items():
        if name.startswith("AWS_") and any("\udc80" <= each <= "\udcff" for each in value):
            raise BadInput(f"{name} is not UTF-8 text", next_step=f"Set {name} again.")


def is_plain(environment: Mapping[str, str]) -> bool:
    """Whether nothing in the environment asks for a way that only botocore knows."""
    return not any(environment.get(name) for name in (*PROXIES, *VARIANTS))
