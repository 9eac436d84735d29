"""AWS's public feeds, which need no account: fetched with care, kept, and shown with their age.

They are not documented, so a feed that cannot be had or read makes its facts unknown and nothing
else. Where an older copy is kept, that is used, with its age.
"""

import json
import threading
import zlib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from spotkeeper.aws import web
from spotkeeper.aws.memory import AnswerMemory
from spotkeeper.errors import Unreachable, without_secrets
from spotkeeper.market.advisor import Advisor, packed, read_advisor, read_sizes, unpacked
from spotkeeper.market.public_prices import read_prices
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.offer import Dated
from spotkeeper.timings import (
    ADVISOR_AGE,
    PUBLIC_FEED_KEPT_FOR,
    PUBLIC_FEED_PAUSE,
    PUBLIC_FEED_TIMEOUT_SECONDS,
    PUBLIC_PRICES_AGE,
)

ADVISOR_URL = "https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json"
PRICES_URL = "https://website.spot.ec2.aws.a2z.com/spot.json"
#: For tests, mirrors and closed networks.
ADVISOR_VARIABLE = "SPOT_ADVISOR_URL"
PRICES_VARIABLE = "SPOT_PRICES_URL"


MAX_BYTES = 16 * 1024 * 1024
LONGEST_ETAG = 256
OK, NOT_MODIFIED = 200, 304


class PublicAdvisor:
    """The Spot Advisor's feed, remembered for half a day."""

    def __init__(
        self, url: str, memory: AnswerMemory, now: Callable[[], datetime], *, offline: bool = False
    ) -> None:
        kept = Remembered("advice", without_secrets(url), ADVISOR_AGE, _part_read, offline=offline)
        self._feed = _Feed(kept, memory, now)

    def advice(self, regions: Collection[str] = ()) -> Dated[Advisor]:
        """How often EC2 interrupted each type, as of when the feed was fetched.

        Raises:
            Unreachable: neither the feed nor a copy of it can be had.
        """
        document = self._feed.document()
        return Dated(unpacked(document.value, regions), document.as_of)

    def sizes(self) -> Mapping[str, InstanceType]:
        """The vCPUs and the memory of each type.

        Raises:
            Unreachable: neither the feed nor a copy of it can be had.
        """
        return read_sizes(self._feed.document().value)


class PublicPrices:
    """The file of Spot prices behind AWS's pricing page, remembered for half an hour."""

    def __init__(
        self, url: str, memory: AnswerMemory, now: Callable[[], datetime], *, offline: bool = False
    ) -> None:
        shown = without_secrets(url)
        kept = Remembered("public-prices", shown, PUBLIC_PRICES_AGE, read_prices, offline=offline)
        self._feed = _Feed(kept, memory, now)

    def prices(self) -> Dated[Mapping[str, Mapping[str, str]]]:
        """Dollars per hour by region and type, as of when the file was fetched.

        Raises:
            Unreachable: neither the file nor a copy of it can be had.
        """
        return self._feed.document()


class Remembered(NamedTuple):
    """A feed, and how it is kept: the part of it that is read, and for how long it is good.

    ``reduced`` raises ``ValueError`` for what is not the feed.
    """

    kind: str
    url: str
    good_for: timedelta
    reduced: Callable[[Any], Any]
    offline: bool = False


class _Feed:
    """One document on the web, and its copy on this computer."""

    def __init__(
        self, kept: Remembered, memory: AnswerMemory, now: Callable[[], datetime]
    ) -> None:
        self._of = kept
        self._memory = memory
        self._now = now

    def document(self) -> Dated[Any]:
        """The document, as of when it was fetched.

        Raises:
            Unreachable: neither it nor a copy of it can be had.
        """
        kept = self._copy(self._of.good_for)
        if kept is None:
            kept = self._renewed(self._copy(PUBLIC_FEED_KEPT_FOR))
        return Dated(kept["feed"], datetime.fromisoformat(kept["at"]))

    def _copy(self, younger_than: timedelta) -> Any:
        return self._memory.get(self._of.kind, self._of.url, younger_than=younger_than)

    def _renewed(self, old: Any) -> Any:
        """A new copy; the old one where the server has no other, or sends nothing good."""
        try:
            self._refuse_to_ask()
            return self._fetched(old)
        except Unreachable:
            if old is None:
                raise
            return old

    def _refuse_to_ask(self) -> None:
        """Raise where nobody is to be asked, or the feed failed a moment ago."""
        if self._of.offline:
            raise Unreachable(f"Nothing is remembered of {self._of.url} (--offline)")
        if told := self._memory.get(self._failure, self._of.url, younger_than=PUBLIC_FEED_PAUSE):
            raise Unreachable(str(told))

    def _fetched(self, old: Any) -> Any:
        try:
            fetched = fetch(self._of.url, etag=old["etag"] if old else "")
            feed = old["feed"] if fetched.is_same else self._read(fetched.document)
        except Unreachable as problem:
            self._memory.put(self._failure, self._of.url, problem.message)
            raise
        kept = {"at": self._now().isoformat(), "etag": fetched.etag, "feed": feed}
        self._memory.put(self._of.kind, self._of.url, kept)
        return kept

    def _read(self, document: Any) -> Any:
        try:
            return self._of.reduced(document)
        except ValueError as problem:
            raise Unreachable(f"{self._of.url} sent something else: {problem}") from None

    @property
    def _failure(self) -> str:
        return f"{self._of.kind}-failed"


def _part_read(document: Any) -> Any:
    """The part of the advisor's feed that is read, once it is known to be one; half of it is about
    Windows."""
    advice = packed(read_advisor(document))
    return {**advice, "instance_types": document.get("instance_types")}


class Fetched(NamedTuple):
    """A document, and the tag its server knows it by; ``is_same`` when it is the one of before."""

    document: Any
    etag: str
    is_same: bool = False


def fetch(url: str, *, etag: str = "") -> Fetched:
    """A JSON document from a public address; never follows a redirect.

    Raises:
        Unreachable: no answer in time, not JSON, or larger than any such feed.
    """
    answers: SimpleQueue[Fetched | Unreachable] = SimpleQueue()
    # A timeout of the socket alone would wait for ever for a server that sends a byte at a time.
    threading.Thread(target=lambda: answers.put(_answer(url, etag)), daemon=True).start()
    try:
        answer = answers.get(timeout=PUBLIC_FEED_TIMEOUT_SECONDS)
    except Empty:
        raise Unreachable(
            f"{url} did not answer within {PUBLIC_FEED_TIMEOUT_SECONDS:g} s"
        ) from None
    if isinstance(answer, Unreachable):
        raise answer
    return answer


def _answer(url: str, etag: str) -> Fetched | Unreachable:
    headers = {"accept-encoding": "gzip", **({"if-none-match": etag} if etag else {})}
    try:
        page = web.get(
            url,
            most_bytes=MAX_BYTES + 1,
            timeout_seconds=PUBLIC_FEED_TIMEOUT_SECONDS,
            headers=headers,
        )
        return _read(page, url, etag)
    except Unreachable as problem:
        return problem


def _read(page: web.WebPage, url: str, etag: str) -> Fetched:
    if page.status == NOT_MODIFIED and etag:
        return Fetched(None, etag, is_same=True)
    if page.status != OK:
        raise Unreachable(f"{url} answered with HTTP {page.status}")
    body = page.body
    if page.headers.get("content-encoding") == "gzip":
        body = _unzipped(body, url)
    if len(body) > MAX_BYTES:
        raise Unreachable(f"{url} sent more than {MAX_BYTES // 1024**2} MB")
    tag = page.headers.get("etag", "")
    try:
        return Fetched(json.loads(body), tag if len(tag) <= LONGEST_ETAG else "")
    except (ValueError, RecursionError):
        raise Unreachable(f"{url} sent something that is no JSON") from None


def _unzipped(body: bytes, url: str) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        return unpacker.decompress(body, MAX_BYTES + 1)
    except zlib.error as problem:
        raise Unreachable(f"{url} sent something that cannot be unpacked: {problem}") from None
