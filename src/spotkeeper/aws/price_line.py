"""One connection to a region's EC2 without boto3: a signed question, an answer as it arrives.

To import http.client, with the parser of mails behind it, takes longer than to read a region's
market. So this is as much of HTTP as a plain page needs: a length or chunks, whole or packed. All
else is ``Unclean``, and then boto3's business.
"""

import os
import socket
import time
import zlib
from collections.abc import Mapping
from io import BufferedReader
from typing import NamedTuple, Self, cast
from urllib.parse import urlsplit

from spotkeeper.aws.endpoint import (
    USUAL_SECONDS,
    Endpoint,
    SigningScope,
    signed_headers,
    timeouts,
    tls,
)
from spotkeeper.aws.price_pages import BadPage
from spotkeeper.errors import Unreachable

#: A region that sends nothing at all for so long is said not to answer.
PATIENCE_SECONDS = 10.0
#: EC2 lets an account ask 100 times at once and then 20 times a second in each region.
BURST_CALLS = 100
SECONDS_PER_CALL = 1 / 20
#: A thousand prices are under half a MB.
MAX_PAGE_BYTES = 64 * 1024 * 1024
MAX_LINE_BYTES, MAX_LINES = 8 * 1024, 100
READ_AHEAD_BYTES = 64 * 1024
GZIP = 31  # zlib's name for the format

OK = [b"HTTP/1.1", b"200"]
END_OF_LINE = b"\r\n"
HTTP_PORT, HTTPS_PORT = 80, 443


class Unclean(Exception):
    """An answer that is not simply a page."""


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


class Line:
    """A connection that is kept open from page to page."""

    def __init__(self, endpoint: Endpoint, region: str) -> None:
        self.patience_seconds = PATIENCE_SECONDS * timeouts(os.environ).read / USUAL_SECONDS
        self._endpoint = endpoint
        self._scope = SigningScope(region, "ec2")
        self._calls = 0
        self._socket: socket.socket | None = None
        self._reader: BufferedReader | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def ask(self, form: bytes) -> Answer:
        """One call, at EC2's pace.

        Raises:
            Unclean: EC2 says something else than a page.
            BadPage: the answer is cut off.
            Unreachable: the answer is larger than any page; not for boto3, which would read on.
            OSError: there is no answer.
        """
        self._calls += 1
        if self._calls > BURST_CALLS:
            time.sleep(SECONDS_PER_CALL)
        self._endpoint.on_call()
        reader = self._send(form)
        told = _headers(reader)
        body = self._body(reader, told)
        if told.get("connection", "").lower() == "close":
            self._close()
        return Answer(body, told.get("content-encoding") == "gzip", self._scope.region)

    def _send(self, form: bytes) -> BufferedReader:
        endpoint = self._endpoint
        headers = signed_headers(
            form, host=endpoint.host, scope=self._scope, keys=endpoint.keys, now=endpoint.now()
        )
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        more = f"accept-encoding: gzip\r\ncontent-length: {len(form)}\r\n\r\n"
        if self._socket is None or self._reader is None:
            self._socket = self._connected()
            self._reader = cast("BufferedReader", self._socket.makefile("rb", READ_AHEAD_BYTES))
        self._socket.sendall(f"POST / HTTP/1.1\r\n{lines}{more}".encode("ascii") + form)
        return self._reader

    def _connected(self) -> socket.socket:
        parts = urlsplit(f"//{self._endpoint.host}")
        host = parts.hostname or ""
        port = parts.port or (HTTPS_PORT if self._endpoint.secure else HTTP_PORT)
        # As bytes, since a text would have the tables of international names imported first.
        address = cast("tuple[str, int]", (host.encode("ascii"), port))
        plain = socket.create_connection(address, self.patience_seconds)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._endpoint.secure:
            return plain
        try:
            return tls().wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def _body(self, reader: BufferedReader, told: Mapping[str, str]) -> bytes:
        coding, length = told.get("transfer-encoding"), told.get("content-length", "")
        if coding == "chunked":
            return self._chunks(reader)
        if coding or not (length.isascii() and length.isdecimal()):
            raise Unclean
        return self._read(reader, int(length))

    def _chunks(self, reader: BufferedReader) -> bytes:
        parts: list[bytes] = []
        left = MAX_PAGE_BYTES
        while size := _chunk_size(reader):
            if size > left:
                raise _too_large(self._scope.region)
            left -= size
            parts.append(self._read(reader, size))
            if _line(reader):
                raise Unclean
        while _line(reader):
            pass  # nobody asked for what comes after the page
        return b"".join(parts)

    def _read(self, reader: BufferedReader, size: int) -> bytes:
        if size > MAX_PAGE_BYTES:
            raise _too_large(self._scope.region)
        body = reader.read(size)
        if len(body) < size:
            raise BadPage("the connection was closed in the middle of a page")
        return body

    def _close(self) -> None:
        for each in (self._reader, self._socket):
            if each is not None:
                each.close()
        self._reader = self._socket = None


def _headers(reader: BufferedReader) -> dict[str, str]:
    """The headers of a page, names in small letters."""
    if _line(reader).split(b" ", 2)[:2] != OK:
        raise Unclean
    told: dict[str, str] = {}
    while line := _line(reader):
        name, _, value = line.decode("latin-1").partition(":")
        before = told.get(name.lower())
        told[name.lower()] = f"{before}, {value.strip()}" if before else value.strip()
        if len(told) > MAX_LINES or len(told[name.lower()]) > MAX_LINE_BYTES:
            raise Unclean
    return told


def _line(reader: BufferedReader) -> bytes:
    """One line without its end; empty after the last header."""
    line = reader.readline(MAX_LINE_BYTES)
    if not line.endswith(END_OF_LINE):
        raise Unclean
    return line[: -len(END_OF_LINE)]


def _chunk_size(reader: BufferedReader) -> int:
    """How many bytes come next; 0 after the last."""
    digits = _line(reader).partition(b";")[0].strip()
    if not digits.isalnum():  # no sign, no prefix
        raise Unclean
    try:
        return int(digits, 16)
    except ValueError:
        raise Unclean from None


def _too_large(region: str) -> Unreachable:
    return Unreachable(
        f"{region} sent a page of more than {MAX_PAGE_BYTES // 1024**2} MB", region=region
    )
