"""One connection to a region's EC2 without boto3: a signed question, an answer as it arrives.

To import boto3 takes longer than to read a region's market. What is not simply a page is
``UnexpectedResponse``, and then boto3's business.
"""

import os
import time
import zlib
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import NamedTuple, Self

from spotkeeper.aws.endpoint import (
    USER_AGENT,
    Endpoint,
    SigningScope,
    signed_headers,
    timeouts,
    tls,
)
from spotkeeper.aws.price_pages import BadPage
from spotkeeper.errors import Unreachable
from spotkeeper.timings import CALL_TIMEOUT_SECONDS, SCAN_TIMEOUT_SECONDS

#: EC2 lets an account ask 100 times at once and then 20 times a second in each region.
BURST_CALLS = 100
SECONDS_PER_CALL = 1 / 20
#: A thousand prices are under half a MB.
MAX_PAGE_BYTES = 64 * 1024 * 1024
READ_BYTES = 64 * 1024
GZIP = 31  # zlib's name for the format

OK = 200


class UnexpectedResponse(Exception):
    """An answer that is not a page, or not the whole of one."""


class Answer(NamedTuple):
    """A page as it arrived."""

    body: bytes
    packed: bool
    region: str

    def unpacked(self) -> bytes:
        """The page itself.

        Raises:
            BadPage: it is damaged or cut off.
            Unreachable: it is larger than any page.
        """
        if not self.packed:
            return self.body
        unpacker = zlib.decompressobj(wbits=GZIP)
        try:
            plain = unpacker.decompress(self.body, MAX_PAGE_BYTES)
        except zlib.error as problem:
            raise BadPage(f"the page cannot be unpacked: {problem}") from None
        if len(plain) == MAX_PAGE_BYTES:
            raise _too_large(self.region)
        if not unpacker.eof:
            raise BadPage("the page is cut off")
        return plain


class RegionConnection:
    """A connection that is kept open from page to page."""

    def __init__(self, endpoint: Endpoint, region: str) -> None:
        self.patience_seconds = (
            SCAN_TIMEOUT_SECONDS * timeouts(os.environ).read / CALL_TIMEOUT_SECONDS
        )
        self._endpoint = endpoint
        self._scope = SigningScope(region, "ec2")
        self._calls = 0
        self._http = (
            HTTPSConnection(endpoint.host, timeout=self.patience_seconds, context=tls())
            if endpoint.secure
            else HTTPConnection(endpoint.host, timeout=self.patience_seconds)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask(self, form: bytes) -> Answer:
        """One call, at EC2's pace.

        Raises:
            UnexpectedResponse: EC2 says something else than a page, or less than it announced.
            Unreachable: the answer is larger than any page; not for boto3, which would read on.
            OSError: there is no answer.
        """
        self._calls += 1
        if self._calls > BURST_CALLS:
            time.sleep(SECONDS_PER_CALL)
        self._endpoint.on_call()
        try:
            self._http.request("POST", "/", form, self._headers(form))
            with self._http.getresponse() as response:
                if response.status != OK:
                    raise UnexpectedResponse
                packed = response.headers.get("content-encoding") == "gzip"
                return Answer(self._body(response), packed, self._scope.region)
        except HTTPException:
            raise UnexpectedResponse from None

    def _headers(self, form: bytes) -> dict[str, str]:
        endpoint = self._endpoint
        signed = signed_headers(
            form, host=endpoint.host, scope=self._scope, keys=endpoint.keys, now=endpoint.now()
        )
        return {**signed, "accept-encoding": "gzip", "user-agent": USER_AGENT}

    def _body(self, response: HTTPResponse) -> bytes:
        """The whole body; bit by bit, since a size that is announced may be any number."""
        parts: list[bytes] = []
        left = MAX_PAGE_BYTES
        while part := response.read1(READ_BYTES):
            parts.append(part)
            left -= len(part)
            if left < 0:
                raise _too_large(self._scope.region)
        if response.length:
            raise UnexpectedResponse
        return b"".join(parts)


def _too_large(region: str) -> Unreachable:
    return Unreachable(
        f"{region} sent a page of more than {MAX_PAGE_BYTES // 1024**2} MB", region=region
    )
