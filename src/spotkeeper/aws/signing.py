"""Signature Version 4 for the one kind of call that is made without botocore: a form, by POST.

Importing botocore's own signer costs more than scanning a region. This one is compared with it
byte for byte in the tests.
Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import NamedTuple

ALGORITHM = "AWS4-HMAC-SHA256"
FORM = "application/x-www-form-urlencoded; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Keys:
    """What a caller signs with; never printed."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


class Scope(NamedTuple):
    """Whose call it is: a signature holds for one service in one region on one day."""

    region: str
    service: str


def signed_headers(
    body: bytes, *, host: str, scope: Scope, keys: Keys, now: datetime
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
