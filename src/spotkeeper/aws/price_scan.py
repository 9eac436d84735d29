"""Current Spot prices of many regions at once: one chain of pages per region, side by side.

The quick way is a signed form over HTTP, read by ``price_pages``. It takes nothing but a
clean page: any other answer, and any page that it cannot read, is handed over to boto3 at the same
place in the chain, which owns retries and errors. Reads only: what costs money goes through boto3.

A thread per region waits for the network. Pages are read, and their rows kept, by the caller's
thread alone: to read is the processor's work, so nothing is lost, and there is one page at a time
in memory.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

from spotkeeper.aws.endpoint import Endpoint
from spotkeeper.aws.price_line import Answer, RegionConnection, UnexpectedResponse
from spotkeeper.aws.price_pages import BadPage, Page, read_page
from spotkeeper.errors import Interrupted, SpotkeeperError, Unreachable
from spotkeeper.market.feeds import Progress
from spotkeeper.model.pool import LINUX
from spotkeeper.model.price_table import PriceTable, RawPrice
from spotkeeper.timings import SCAN_SILENCE_SECONDS, SCAN_TICK_SECONDS

ROWS_PER_PAGE = 1_000
API_VERSION = "2016-11-15"

#: EC2 may send a few pages without rows; a chain of them is a fault.
MAX_EMPTY_PAGES = 20


class Question(NamedTuple):
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


class Endpoints(Protocol):
    """How a region is reached without boto3, and with it."""

    def endpoint(self, region: str) -> Endpoint | None:
        """Address and keys; ``None`` where only boto3 can know the way."""

    def price_pages(self, region: str, asked: Question, token: str) -> Iterator[Page]:
        """The pages from ``token`` on, by boto3."""


class Gathered(Protocol):
    """What is kept of a region's rows while its pages arrive."""

    @property
    def rows(self) -> Sequence[RawPrice]:
        """What was kept."""

    def add(self, rows: Sequence[RawPrice]) -> None:
        """Take the rows of one page."""


class Everything:
    """Every row."""

    def __init__(self) -> None:
        self.rows: list[RawPrice] = []

    def add(self, rows: Sequence[RawPrice]) -> None:
        """Keep all of them."""
        self.rows += rows


def scan(
    endpoints: Endpoints,
    regions: Sequence[str],
    asked: Question,
    told: Progress | None = None,
    *,
    gather: Callable[[], Gathered] = Everything,
) -> list[PriceTable]:
    """The prices of every region, in the order of ``regions``.

    A region that fails, or is silent for too long, is answered with its problem and what had
    arrived. Ctrl-C does the same for every region that has not answered to the end.
    """
    messages: SimpleQueue[_Message] = SimpleQueue()
    collector = _Collector({region: gather() for region in regions}, asked.moment)
    try:
        for region in regions:
            reader = _PageReader(endpoints, region, asked, messages)
            # Daemons: a region that hangs must not keep the command from ending.
            threading.Thread(target=reader.run, daemon=True).start()
        while collector.waits:
            collector.wait(messages)
            if told:
                told(len(collector.tables), len(regions), collector.prices)
    except KeyboardInterrupt:
        collector.give_up(collector.waiting, _interrupted)
    return [collector.tables[region] for region in regions]


class _Step(NamedTuple):
    """What the reader of a region must know of a page."""

    next_token: str
    prices: int


class _Message(NamedTuple):
    """From a region's reader: a page, whose step or problem is awaited, or nothing any more."""

    region: str
    page: Answer | Page | None
    reply: "SimpleQueue[_Step | Exception]"
    problem: SpotkeeperError | None = None


class _Collector:
    """Reads the pages of all regions; waits for each region, but not too long."""

    def __init__(self, gathered: dict[str, Gathered], moment: datetime) -> None:
        self.tables: dict[str, PriceTable] = {}
        self.prices = 0
        self._gathered = gathered
        self._moment = moment
        self._heard_at = dict.fromkeys(gathered, time.monotonic())

    @property
    def waits(self) -> bool:
        """Whether a region has neither answered nor been given up."""
        return bool(self._heard_at)

    @property
    def waiting(self) -> list[str]:
        """The regions that are waited for."""
        return list(self._heard_at)

    def wait(self, messages: "SimpleQueue[_Message]") -> None:
        """Take the next message; give up the regions that have been silent for too long."""
        try:
            self._take(messages.get(timeout=min(SCAN_TICK_SECONDS, SCAN_SILENCE_SECONDS)))
        except Empty:
            latest = time.monotonic() - SCAN_SILENCE_SECONDS
            silent = [region for region, at in self._heard_at.items() if at <= latest]
            self.give_up(silent, lambda region: _too_slow(region, SCAN_SILENCE_SECONDS))

    def give_up(self, regions: Sequence[str], why: Callable[[str], SpotkeeperError]) -> None:
        """No more waiting for these regions."""
        for region in regions:
            self._end(region, why(region))

    def _take(self, message: _Message) -> None:
        if message.region not in self._heard_at:
            return  # given up before
        self._heard_at[message.region] = time.monotonic()
        if message.page is None:
            self._end(message.region, message.problem)
            return
        try:
            message.reply.put(self._read(message.page, self._gathered[message.region]))
        except (BadPage, SpotkeeperError) as problem:
            message.reply.put(problem)

    def _read(self, page: Answer | Page, gathered: Gathered) -> _Step:
        rows, next_token = page if isinstance(page, Page) else read_page(page.unpacked())
        gathered.add(rows)
        self.prices += len(rows)
        return _Step(next_token, len(rows))

    def _end(self, region: str, problem: SpotkeeperError | None) -> None:
        del self._heard_at[region]
        rows = self._gathered.pop(region).rows
        self.tables[region] = PriceTable(region, rows, self._moment, problem)


class _PageReader:
    """Asks one region for page after page, in a thread of its own."""

    def __init__(
        self, endpoints: Endpoints, region: str, asked: Question, messages: "SimpleQueue[_Message]"
    ) -> None:
        self._endpoints = endpoints
        self._region = region
        self._asked = asked
        self._messages = messages
        self._reply: SimpleQueue[_Step | Exception] = SimpleQueue()

    def run(self) -> None:
        """Send every page to the collector, and last of all what went wrong, if anything did."""
        problem: SpotkeeperError | None = None
        try:
            self._follow()
        except SpotkeeperError as known:
            problem = known
        except Exception as unknown:  # whatever it is, the other regions are answered
            told = f"{self._region} could not be read: {unknown!r}"
            problem = Unreachable(told, region=self._region)
        self._messages.put(_Message(self._region, None, self._reply, problem))

    def _follow(self) -> None:
        """To the last page, which not every server ever sends."""
        seen, empty = {""}, 0
        for token, prices in self._steps():
            empty = 0 if prices else empty + 1
            if token and token in seen:
                raise Unreachable(
                    f"{self._region} repeats a page for ever: its NextToken is one it gave before",
                    region=self._region,
                )
            if token and empty > MAX_EMPTY_PAGES:
                raise Unreachable(
                    f"{self._region} sends empty pages for ever", region=self._region
                )
            seen.add(token)

    def _steps(self) -> Iterator[_Step]:
        """All pages, the quick way as far as it goes."""
        token = ""
        if endpoint := self._endpoints.endpoint(self._region):
            try:
                with RegionConnection(endpoint, self._region) as connection:
                    while True:
                        step = self._read(connection.ask(self._asked.form(token)))
                        yield step
                        token = step.next_token
                        if not token:
                            return
            except TimeoutError:
                raise _too_slow(self._region, connection.patience_seconds) from None
            except (UnexpectedResponse, BadPage, OSError, UnicodeError):
                pass  # boto3 goes on from here, with its retries and its words for what is wrong
        for page in self._endpoints.price_pages(self._region, self._asked, token):
            yield self._read(page)

    def _read(self, page: Answer | Page) -> _Step:
        """Have the collector read a page."""
        self._messages.put(_Message(self._region, page, self._reply))
        reply = self._reply.get()
        if isinstance(reply, Exception):
            raise reply
        return reply


def _too_slow(region: str, seconds: float) -> Unreachable:
    return Unreachable(f"{region} did not answer within {seconds:g} s", region=region)


def _interrupted(region: str) -> Interrupted:
    return Interrupted(
        f"interrupted before {region} had answered",
        next_step="Run the command again for the regions that are missing.",
        region=region,
    )
