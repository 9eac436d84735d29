"""Current Spot prices of many regions at once: one chain of pages per region, side by side.

The quick way is a signed form over http.client, read by ``price_pages``. It takes nothing but a
clean page: any other answer, and any page that it cannot read, is handed over to boto3 at the same
place in the chain, which owns retries and errors. Reads only: what costs money goes through boto3.
"""

import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from queue import SimpleQueue
from typing import Any, Protocol
from urllib.parse import urlencode

from spotkeeper.aws.doors import Door
from spotkeeper.aws.price_pages import BadPage, Page, read_page
from spotkeeper.aws.signing import Scope, signed_headers
from spotkeeper.errors import Interrupted, SpotkeeperError, Unreachable
from spotkeeper.market.feeds import Progress
from spotkeeper.model.pool import LINUX
from spotkeeper.model.price_table import PriceTable, Row

ROWS_PER_PAGE = 1_000
API_VERSION = "2016-11-15"
OK = 200

#: A region that takes longer for one page, or for one step of a page, is said not to answer.
PATIENCE_SECONDS = 10.0
#: EC2 lets an account ask 100 times at once and then 20 times a second in each region.
BURST_CALLS = 100
SECONDS_PER_CALL = 1 / 20
#: EC2 may send a few pages without rows; a chain of them is a fault.
MAX_EMPTY_PAGES = 20
MAX_PAGE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Question:
    """Which prices: those in effect at ``moment``, of the types that fit a pattern (all for none).

    ``patterns`` are EC2's own: ``*`` and ``?`` stand for other characters.
    """

    moment: datetime
    patterns: tuple[str, ...] = ()
    product: str = LINUX

    def form(self, token: str) -> bytes:
        """The call as EC2's query protocol has it."""
        fields = {
            "Action": "DescribeSpotPriceHistory",
            "Version": API_VERSION,
            "MaxResults": str(ROWS_PER_PAGE),
            "ProductDescription.1": self.product,
            "StartTime": self.moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if self.patterns:
            fields["Filter.1.Name"] = "instance-type"
            numbered = enumerate(self.patterns, start=1)
            fields |= {f"Filter.1.Value.{number}": text for number, text in numbered}
        if token:
            fields["NextToken"] = token
        return urlencode(fields).encode()

    def parameters(self, token: str) -> dict[str, Any]:
        """The same call as boto3 has it."""
        asked: dict[str, Any] = {
            "MaxResults": ROWS_PER_PAGE,
            "ProductDescriptions": [self.product],
            "StartTime": self.moment,
        }
        if self.patterns:
            asked["Filters"] = [{"Name": "instance-type", "Values": list(self.patterns)}]
        return {**asked, "NextToken": token} if token else asked


class Doors(Protocol):
    """How a region is reached without boto3, and with it."""

    def door(self, region: str) -> Door | None:
        """Address and keys; ``None`` where only boto3 can know the way."""

    def price_pages(self, region: str, asked: Question, token: str) -> Iterator[Page]:
        """The pages from ``token`` on, by boto3."""


def scan(
    doors: Doors, regions: Sequence[str], asked: Question, told: Progress | None = None
) -> list[PriceTable]:
    """The prices of every region, in the order of ``regions``.

    A region that fails is answered with its problem. Ctrl-C answers with what has arrived: the
    regions that have not are said to be interrupted.
    """
    answers: SimpleQueue[PriceTable] = SimpleQueue()
    tables: dict[str, PriceTable] = {}
    for region in regions:
        # Daemons: a region that hangs must not keep the command from ending.
        threading.Thread(
            target=lambda region=region: answers.put(_table(doors, region, asked)), daemon=True
        ).start()
    prices = 0
    try:
        while len(tables) < len(regions):
            table = answers.get()
            tables[table.region] = table
            prices += len(table.rows)
            if told:
                told(len(tables), len(regions), prices)
    except KeyboardInterrupt:
        problem = Interrupted("interrupted before it answered")
        for region in regions:
            tables.setdefault(region, PriceTable(region, (), asked.moment, problem))
    return [tables[region] for region in regions]


def _table(doors: Doors, region: str, asked: Question) -> PriceTable:
    rows: list[Row] = []
    try:
        for page in _chain(doors, region, asked):
            rows += page.rows
    except SpotkeeperError as problem:
        return PriceTable(region, rows, asked.moment, problem)
    except Exception as problem:
        told = Unreachable(f"{region} could not be read: {problem!r}", region=region)
        return PriceTable(region, rows, asked.moment, told)
    return PriceTable(region, rows, asked.moment)


def _chain(doors: Doors, region: str, asked: Question) -> Iterator[Page]:
    """All pages of a region, the quick way as far as it goes."""
    token, seen, empty = "", {""}, 0
    for page in _either_way(doors, region, asked):
        yield page
        token = page.next_token
        empty = 0 if page.rows else empty + 1
        if token and (token in seen or empty > MAX_EMPTY_PAGES):
            raise Unreachable(
                f"{region} answers with the same or empty pages for ever", region=region
            )
        seen.add(token)


def _either_way(doors: Doors, region: str, asked: Question) -> Iterator[Page]:
    token = ""
    if door := doors.door(region):
        try:
            with _Line(door, region) as line:
                while True:
                    page = line.page(asked.form(token))
                    yield page
                    token = page.next_token
                    if not token:
                        return
        except TimeoutError:
            raise Unreachable(
                f"{region} did not answer within {PATIENCE_SECONDS:.0f} s", region=region
            ) from None
        except (_Unclean, BadPage, HTTPException, OSError):
            pass  # boto3 goes on from here, with its retries and its words for what is wrong
    yield from doors.price_pages(region, asked, token)


class _Unclean(Exception):
    """An answer that is not simply a page."""


class _Line:
    """One connection to a region."""

    def __init__(self, door: Door, region: str) -> None:
        self._door = door
        self._scope = Scope(region, "ec2")
        self._calls = 0
        self._connection: HTTPConnection = (
            HTTPSConnection(door.host, timeout=PATIENCE_SECONDS, context=door.tls())
            if door.secure
            else HTTPConnection(door.host, timeout=PATIENCE_SECONDS)
        )

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def page(self, form: bytes) -> Page:
        """One call, at EC2's pace."""
        self._calls += 1
        if self._calls > BURST_CALLS:
            time.sleep(SECONDS_PER_CALL)
        door = self._door
        door.on_call()
        headers = signed_headers(
            form, host=door.host, scope=self._scope, keys=door.keys, now=door.now()
        )
        self._connection.request(
            "POST", "/", body=form, headers={**headers, "accept-encoding": "gzip"}
        )
        answer = self._connection.getresponse()
        body = answer.read(MAX_PAGE_BYTES + 1)
        if answer.status != OK or len(body) > MAX_PAGE_BYTES:
            raise _Unclean
        if answer.headers.get("content-encoding") == "gzip":
            body = _unzipped(body)
        return read_page(body)


def _unzipped(body: bytes) -> bytes:
    """The page, unless it unpacks to more than any page has."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(body, MAX_PAGE_BYTES)
    except zlib.error as problem:
        raise BadPage(f"the page cannot be unpacked: {problem}") from None
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise BadPage("the page is cut off, or too large when unpacked")
    return plain
