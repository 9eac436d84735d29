"""EC2's instance metadata service, version 2: a token first, then questions with it.

"Use the Instance Metadata Service to access instance metadata" of the EC2 User Guide: the token
comes from a PUT to ``/latest/api/token`` and is sent with every GET; 401 means that another one is
needed, 404 that there is nothing of that name.
"""

from __future__ import annotations

import http.client
import os
import time
import urllib.parse
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

ENDPOINT_VARIABLE = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
ENDPOINT = "http://169.254.169.254"
TIMEOUT_S = 2.0

#: The longest that the service gives.
TOKEN_S = 21600

_OK, _UNAUTHORIZED, _NOT_FOUND = 200, 401, 404


class NoAnswer(Exception):
    """The service did not answer, or not with what can be used."""


@dataclass(frozen=True)
class MetadataAnswer:
    """An answer; ``text`` is "" where there is nothing of that name. ``at`` is the service's own
    clock, seconds since 1970: times in its answers are to be compared with it and no other."""

    text: str
    at: float


class Metadata:
    """Asks the service; keeps its token."""

    def __init__(self) -> None:
        self._url = urllib.parse.urlsplit(os.environ.get(ENDPOINT_VARIABLE) or ENDPOINT)
        self._token, self._token_ends = "", 0.0

    def get(self, path: str) -> MetadataAnswer:
        """What the service says of ``meta-data/...``.

        Raises:
            NoAnswer: nothing that can be used came within two seconds.
        """
        for is_last in (False, True):
            if time.monotonic() > self._token_ends:
                ttl = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_S)}
                status, said = self._ask("PUT", "api/token", ttl)
                if status != _OK or not said.text.isprintable():
                    raise NoAnswer(f"no token: HTTP {status}")
                self._token, self._token_ends = said.text, time.monotonic() + TOKEN_S - 60
            status, said = self._ask("GET", path, {"X-aws-ec2-metadata-token": self._token})
            if status in {_OK, _NOT_FOUND}:
                return said if status == _OK else MetadataAnswer("", said.at)
            self._token_ends = 0.0
            if is_last or status != _UNAUTHORIZED:
                break
        raise NoAnswer(f"{path}: HTTP {status}")

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, MetadataAnswer]:
        host, port = self._url.hostname or "", self._url.port or 80
        link = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        try:
            link.request(method, f"{self._url.path.rstrip('/')}/latest/{path}", headers=headers)
            answer = link.getresponse()
            text = answer.read(1 << 16).decode("utf-8", "replace")
            return answer.status, MetadataAnswer(text, _seconds(answer.getheader("Date")))
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise NoAnswer(str(problem) or type(problem).__name__) from None
        finally:
            link.close()


def _seconds(date: str | None) -> float:
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError, IndexError):
        return time.time()
