"""The Spot Advisor's feed at its worst: `find` still answers, and says what is unknown and why."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.story.conftest import Answer, Spot
from tests.story.feed_server import (
    ADVICE,
    RANGES,
    FeedServer,
    Sent,
    advisor,
    as_json,
    serving,
)

from spotkeeper.aws import public_feeds

FIND = ("find", "--type", "g5.xlarge", "--region", "us-east-1")
JSON = ("--output", "json")
MEGABYTE = 1024**2


@pytest.fixture
def feed(home: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedServer]:
    """The feed's server, which the command is told of."""
    with serving() as server:
        monkeypatch.setenv(public_feeds.ADVISOR_VARIABLE, server.url)
        yield server


def unknown(answer: Answer, reason: str) -> None:
    """There are prices, no risk, and the reason why."""
    assert answer.code == 0, answer.err
    assert answer.items
    for offer in answer.items:
        assert offer["spot_usd_per_hour"] > 0
        assert offer["interruption_band"] is None
        assert offer["expected_usd_per_useful_hour"] is None
    prices = [offer["spot_usd_per_hour"] for offer in answer.items]
    assert prices == sorted(prices)
    [told] = [each for each in answer.document["warnings"] if "interruption rates" in each]
    assert told.startswith("interruption rates are not known: ")
    assert reason in told


def endless(write: Callable[[bytes], object]) -> None:
    """A gigabyte, or as much of it as anybody takes."""
    for _ in range(1024):
        write(b" " * MEGABYTE)


def test_a_feed_of_a_gigabyte_is_not_read_to_its_end(spot: Spot, feed: FeedServer) -> None:
    written: list[int] = []

    def counted(write: Callable[[bytes], object]) -> None:
        def count(piece: bytes) -> None:
            write(piece)
            written.append(len(piece))

        endless(count)

    feed.sends = Sent(stream=counted)
    unknown(spot(*FIND, *JSON), "sent more than 16 MB")
    assert sum(written) < 200 * MEGABYTE


def test_a_zip_bomb_is_not_unpacked(spot: Spot, feed: FeedServer) -> None:
    bomb = gzip.compress(b" " * (128 * MEGABYTE), compresslevel=1)
    feed.sends = Sent(bomb, headers={"content-encoding": "gzip"})
    unknown(spot(*FIND, *JSON), "sent more than 16 MB")


NO_FEEDS = {
    "deep lists": (Sent(b"[" * 100_000 + b"]" * 100_000), "no JSON"),
    "deep objects": (Sent(b'{"a":' * 50_000), "no JSON"),
    "nothing": (Sent(b""), "no JSON"),
    "a page for people": (Sent(b"<html>not found</html>"), "no JSON"),
    "no text": (Sent(b"\xff\xfe\x00"), "no JSON"),
    "null": (Sent(b"null"), "no JSON object"),
    "NaN": (Sent(b"NaN"), "no JSON object"),
    "a number without end": (Sent(b"9" * 5_000), "no JSON"),
    "a list": (as_json([]), "no JSON object"),
    "no regions": (as_json({"ranges": RANGES}), "no regions"),
    "ranges of another type": (as_json({"ranges": "x", "spot_advisor": {}}), "no interruption"),
    "not found": (Sent(status=404, body=json.dumps(advisor()).encode()), "HTTP 404"),
    "a broken server": (Sent(status=500), "HTTP 500"),
    "not gzipped": (Sent(b"no", headers={"content-encoding": "gzip"}), "cannot be unpacked"),
}


@pytest.mark.parametrize("name", NO_FEEDS)
@pytest.mark.one_in(3)
def test_what_is_no_feed_is_told(spot: Spot, feed: FeedServer, name: str) -> None:
    feed.sends, reason = NO_FEEDS[name]
    unknown(spot(*FIND, *JSON), reason)


@pytest.mark.parametrize("place", ["file:///etc/passwd", "http://127.0.0.1:{port}/other.json"])
def test_a_redirect_is_followed_nowhere(spot: Spot, feed: FeedServer, place: str) -> None:
    port = feed.url.split(":")[2].split("/")[0]
    feed.sends = Sent(status=302, headers={"location": place.format(port=port)})
    unknown(spot(*FIND, *JSON), "HTTP 302")
    assert [path for path, _ in feed.asked] == ["/feed.json"]


def test_a_server_that_sends_a_byte_at_a_time_is_not_waited_for(
    spot: Spot, feed: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_feeds, "PUBLIC_FEED_TIMEOUT_SECONDS", 0.5)

    def drip(write: Callable[[bytes], object]) -> None:
        for _ in range(400):
            write(b" ")
            time.sleep(0.05)

    feed.sends = Sent(stream=drip)
    unknown(spot(*FIND, *JSON), "did not answer within 0.5 s")


def test_a_server_that_is_not_there_is_told(
    spot: Spot, home: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(public_feeds.ADVISOR_VARIABLE, "http://127.0.0.1:1/feed.json")
    unknown(spot(*FIND, *JSON), "does not answer")
    monkeypatch.setenv(public_feeds.ADVISOR_VARIABLE, "file:///etc/passwd")
    unknown(spot(*FIND, *JSON), "no web address")


ODD = [
    {"s": 64, "r": float("nan")},
    {"s": float("nan"), "r": 1},
    {"s": "64", "r": "1"},
    {"s": -10_000, "r": 1},
    {"s": 64, "r": True},
    {"s": 64, "r": -1},
    {"s": 64, "r": [1]},
    None,
    [64, 1],
    "\x1b[31m",
]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.one_in(3)
def test_a_row_that_makes_no_sense_is_unknown_and_the_others_are_read(
    spot: Spot, feed: FeedServer, odd: Any
) -> None:
    feed.sends = as_json(advisor({**ADVICE, "g5.xlarge": odd}))
    line = ("find", "--type", "g5.xlarge", "--type", "m5.large", "--limit", "99", *JSON)
    bands = {each["instance_type"]: each["interruption_band"] for each in spot(*line).items}
    assert bands == {"g5.xlarge": None, "m5.large": "<5%"}


def test_codes_for_the_terminal_never_reach_it(spot: Spot, feed: FeedServer) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J"
    document = advisor({**ADVICE, f"{evil}.xlarge": {"s": 1, "r": 0}}, **{evil: evil})
    document["spot_advisor"][evil] = document["spot_advisor"]["us-east-1"]
    document["ranges"] = [*RANGES, {"index": 3, "label": evil, "max": 50}]
    document["instance_types"][evil] = {"cores": 2, "ram_gb": 4}
    feed.sends = as_json(document, etag=evil.replace("\x1b", "").replace("\x07", ""))
    for answer in (spot(*FIND, "--why"), spot(*FIND, "--why", *JSON)):
        assert answer.code == 0
        assert "\x1b" not in answer.out + answer.err
        assert "owned" not in answer.out + answer.err
        assert "5-10%" in answer.out

    feed.sends = Sent(evil.encode())
    told = spot(*FIND, "--refresh")
    assert "\x1b" not in told.out + told.err
    assert "interruption rates are not known" in told.err


def test_an_older_copy_is_used_with_its_age_while_the_feed_is_down(
    spot: Spot, feed: FeedServer, sandbox: Sandbox
) -> None:
    feed.sends = as_json(advisor())
    [first] = {offer["interruption_band"] for offer in spot(*FIND, *JSON).items}
    assert first == "5-10%"

    sandbox.control.advance(timedelta(hours=13))
    feed.sends = Sent(status=500)
    answer = spot(*FIND, *JSON)
    assert {offer["interruption_band"] for offer in answer.items} == {"5-10%"}
    sources = {source["fact"]: source["as_of"] for source in answer.items[0]["sources"]}
    assert sources["interruption_band"] < sources["spot_usd_per_hour"]
    assert "bands (Spot Advisor) 13h old" in spot(*FIND).err


def test_a_feed_that_failed_is_left_alone_for_some_minutes(
    spot: Spot, feed: FeedServer, sandbox: Sandbox
) -> None:
    feed.sends = Sent(status=500)
    unknown(spot(*FIND, *JSON), "HTTP 500")
    feed.sends = as_json(advisor())
    unknown(spot(*FIND, *JSON), "HTTP 500")
    assert len(feed.asked) == 1

    sandbox.control.advance(timedelta(minutes=6))
    assert spot(*FIND, *JSON).items[0]["interruption_band"] == "5-10%"


def test_a_feed_that_has_not_changed_is_not_sent_again(
    spot: Spot, feed: FeedServer, sandbox: Sandbox
) -> None:
    feed.sends = as_json(advisor(), etag='"one"')
    spot(*FIND)
    spot(*FIND)
    assert len(feed.asked) == 1

    sandbox.control.advance(timedelta(hours=13))
    feed.sends = Sent(status=304)
    answer = spot(*FIND, *JSON)
    assert feed.asked[1][1]["if-none-match"] == '"one"'
    assert answer.items[0]["interruption_band"] == "5-10%"
    told = {source["fact"]: source["as_of"] for source in answer.items[0]["sources"]}
    band, price = (
        datetime.fromisoformat(told[fact]) for fact in ("interruption_band", "spot_usd_per_hour")
    )
    assert abs(band - price) < timedelta(minutes=1)  # as fresh as what was asked for just now


def test_a_gzipped_feed_is_read(spot: Spot, feed: FeedServer) -> None:
    body = gzip.compress(json.dumps(advisor()).encode())
    feed.sends = Sent(body, headers={"content-encoding": "gzip"})
    assert spot(*FIND, *JSON).items[0]["interruption_band"] == "5-10%"
