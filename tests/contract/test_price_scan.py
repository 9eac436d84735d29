"""The scan of all regions over HTTP, with servers that are slow, broken, confused or hostile.

Whatever happens in a region: either exactly the rows that boto3 reads, or its name with a reason.
"""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.price_look import (
    ASKED,
    KEYS,
    NOW,
    REGION,
    REGIONS,
    answered,
    look,
    problem_of,
    quick_calls,
)
from tests.fakes.price_server import (
    Handler,
    PriceServer,
    Reply,
    answer,
    body_of,
    page,
    raw,
    refusal,
    row,
    rows_of,
)

from spotkeeper.aws import price_line, price_pages, price_scan
from spotkeeper.aws.endpoint import Endpoint, Keys
from spotkeeper.aws.price_pages import Page
from spotkeeper.aws.price_scan import Question, scan
from spotkeeper.aws.session import AwsSession
from spotkeeper.errors import (
    CredentialsProblem,
    ExpiredCredentials,
    Interrupted,
    Throttled,
    Unreachable,
)
from spotkeeper.model.pool import LINUX
from spotkeeper.model.price_table import Latest


@pytest.fixture
def market(price_market: PriceServer) -> PriceServer:
    return price_market


def after(meeting: threading.Barrier, reply: Reply) -> Reply:
    def wait_and_reply(handler: Handler) -> None:
        meeting.wait()
        reply(handler)

    return wait_and_reply


@pytest.mark.parametrize("packed", [True, False], ids=["gzip", "identity"])
def test_regions_are_answered_in_the_order_asked_page_by_page(
    market: PriceServer, *, packed: bool
) -> None:
    for region in REGIONS:
        first, second, last = (rows_of(region, 5, begin=begin) for begin in (0, 5, 10))
        market.tell(region, page(first, "a&b=", packed=packed))
        market.tell(region, page(second, "p3", packed=packed), token="a&b=")
        market.tell(region, page(last, packed=packed), token="p3")

    tables = look(market, *REGIONS)

    assert [table.region for table in tables] == list(REGIONS)
    for table in tables:
        answered(table, rows_of(table.region, 15))
        assert market.asked(table.region) == ["", "a&b=", "p3"]
    assert all(call.quick for call in market.calls)


def test_the_slow_region_does_not_hold_up_the_others(market: PriceServer) -> None:
    meeting = threading.Barrier(len(REGIONS), timeout=20)
    for region in REGIONS:
        # Nobody is answered before all have asked: they must be asked side by side.
        market.tell(region, after(meeting, page([row(zone=f"{region}a")])))

    assert [table.problem for table in look(market, *REGIONS)] == [None] * len(REGIONS)


def test_what_is_asked_is_what_boto3_asks(market: PriceServer) -> None:
    session = AwsSession(endpoint_url=market.url, static_credentials=KEYS, region=REGION)
    market.tell(REGION, page([], "more"), answer(503), page([], "more"))
    market.tell(REGION, page([row()]), token="more")
    asked = Question(NOW, ("g5.*", "m5.?large"))

    list(session.price_pages(REGION, asked, ""))
    (table,) = scan(session, (REGION,), asked)

    answered(table, [row()])
    slow, quick = market.calls[0], next(call for call in market.calls if call.quick)
    assert quick.form == slow.form
    assert quick.form["Filter.1.Value.2"] == "m5.?large"


def test_progress_is_told_page_by_page(market: PriceServer) -> None:
    market.tell("us-east-1", page(rows_of("us-east-1", 3), "p2"))
    market.tell("us-east-1", page(rows_of("us-east-1", 2, begin=3)), token="p2")
    market.tell("eu-west-1", page(rows_of("eu-west-1", 4)))
    told: list[tuple[int, int, int]] = []

    session = AwsSession(endpoint_url=market.url, static_credentials=KEYS, region=REGION)
    scan(session, ("us-east-1", "eu-west-1"), ASKED, lambda *news: told.append(news))

    assert told[-1] == (2, 2, 9)
    assert told == sorted(told)
    assert {prices for _, _, prices in told} >= {9}
    assert len({prices for _, _, prices in told} - {0}) == 3


def test_every_call_is_heard_of(market: PriceServer) -> None:
    market.tell(REGION, page([row()], "p2"))
    market.tell(REGION, page([row()]), token="p2")
    calls: list[tuple[str, str, str]] = []
    session = AwsSession(
        endpoint_url=market.url,
        static_credentials=KEYS,
        region=REGION,
        on_call=lambda *call: calls.append(call),
    )
    scan(session, (REGION,), ASKED)
    assert calls == [("ec2", "DescribeSpotPriceHistory", REGION)] * 2


def test_a_whole_history_is_folded_into_the_price_now(market: PriceServer) -> None:
    older = [row()._replace(since=f"2026-10-{day:02}T00:00:00.000Z") for day in (1, 3, 2)]
    market.tell(REGION, page([row(), *older[:1]], "p2"))
    market.tell(REGION, page([*older[1:], row("m5.large")]), token="p2")
    session = AwsSession(endpoint_url=market.url, static_credentials=KEYS, region=REGION)
    (table,) = scan(session, (REGION,), ASKED, gather=lambda: Latest(LINUX))
    answered(table, [row(), row("m5.large")])


def test_an_unusual_layout_is_read_without_boto3(market: PriceServer) -> None:
    unusual = body_of([row()]).replace(b"<item>", b"<item><tier>x</tier>")
    market.tell(REGION, raw(unusual))
    (table,) = look(market)
    answered(table, [row()])
    assert quick_calls(market) == [True]


def test_a_layout_that_only_botocore_reads_is_read_by_it(market: PriceServer) -> None:
    epoch = datetime(2026, 11, 1, 10, tzinfo=UTC).timestamp()
    page_of_numbers = body_of([row()]).replace(row()[3].encode(), f"{epoch:.0f}".encode())
    market.tell(REGION, raw(page_of_numbers))
    (table,) = look(market)
    assert table.problem is None
    (found,) = table.rows
    assert (*found[:3], *found[4:]) == (*row()[:3], *row()[4:])
    assert datetime.fromisoformat(found[3]) == datetime.fromisoformat(row()[3])
    assert quick_calls(market) == [True, False]


class NamedInChinese:
    """An endpoint whose name only boto3 can send; its pages come by boto3."""

    def endpoint(self, _: str) -> Endpoint:
        return Endpoint(
            "\u4e0a\u6d77.example", secure=False, keys=Keys("a", "b"), on_call=lambda: None
        )

    def price_pages(self, region: str, asked: Question, token: str) -> Iterator[Page]:
        yield Page([row()], "")


def test_an_endpoint_with_an_international_name_is_left_to_boto3() -> None:
    (table,) = scan(NamedInChinese(), (REGION,), ASKED)
    answered(table, [row()])


def test_a_server_on_this_computer_is_asked_without_a_proxy(
    market: PriceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    market.tell(REGION, page([row()]))
    answered(look(market)[0], [row()])
    assert quick_calls(market) == [False]  # proxies are boto3's business


def test_throttled_to_the_end_says_so(market: PriceServer) -> None:
    market.tell(REGION, page(rows_of(REGION, 4), "p2"))
    market.tell(REGION, refusal("RequestLimitExceeded", 503), token="p2")
    market.tell("eu-west-1", page([row(zone="eu-west-1a")]))

    failed, fine = look(market, REGION, "eu-west-1")

    assert isinstance(problem_of(failed), Throttled)
    assert list(failed.rows) == rows_of(REGION, 4)
    answered(fine, [row(zone="eu-west-1a")])


@pytest.mark.parametrize("packed", [True, False], ids=["gzip", "identity"])
@pytest.mark.parametrize("way", ["quick", "boto3"])
def test_a_token_that_comes_again_ends_the_chain(
    market: PriceServer, way: str, *, packed: bool
) -> None:
    if way == "boto3":
        market.tell(REGION, answer(503), page([row()], "p2", packed=packed))
    else:
        market.tell(REGION, page([row()], "p2", packed=packed))
    market.tell(REGION, page([row("m5.large")], "p3", packed=packed), token="p2")
    market.tell(REGION, page([row("m6.large")], "p2", packed=packed), token="p3")

    (table,) = look(market)

    assert "NextToken" in str(problem_of(table))
    assert market.asked(REGION)[-2:] == ["p2", "p3"]
    assert [each.instance_type for each in table.rows] == ["g5.xlarge", "m5.large", "m6.large"]


def test_an_empty_page_with_a_token_is_only_a_page(market: PriceServer) -> None:
    market.tell(REGION, page([], "p2"))
    market.tell(REGION, page([], "p3"), token="p2")
    market.tell(REGION, page([row()]), token="p3")
    answered(look(market)[0], [row()])


def test_empty_pages_for_ever_end(market: PriceServer) -> None:
    for number in range(100):
        token = f"p{number}" if number else ""
        market.tell(REGION, page([], f"p{number + 1}"), token=token)
    (table,) = look(market)
    assert "empty pages" in str(problem_of(table))
    assert len(market.calls) == price_scan.MAX_EMPTY_PAGES + 1


def test_a_region_that_hangs_is_named_and_the_others_are_answered(
    market: PriceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_line, "SCAN_TIMEOUT_SECONDS", 0.5)
    market.tell(REGION, page([row()], "p2"))
    market.tell(REGION, market.hang, token="p2")
    market.tell("eu-west-1", page([row(zone="eu-west-1a")]))

    silent, fine = look(market, REGION, "eu-west-1")

    assert "did not answer within 0.5 s" in str(problem_of(silent))
    assert list(silent.rows) == [row()]
    answered(fine, [row(zone="eu-west-1a")])
    assert len(market.asked(REGION)) == 2


@pytest.mark.parametrize("code", ["ExpiredToken", "RequestExpired"])
def test_credentials_that_expire_on_the_way_are_named(market: PriceServer, code: str) -> None:
    market.tell(REGION, page(rows_of(REGION, 4), "p2"))
    market.tell(REGION, refusal(code), token="p2")
    (table,) = look(market)
    problem = problem_of(table)
    assert isinstance(problem, ExpiredCredentials)
    assert problem.aws_code == code
    assert problem.exit_code == 4


@pytest.mark.parametrize(
    "code", ["RequestExpired", "SignatureDoesNotMatch", "AuthFailure", "InvalidSignatureException"]
)
@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_wrong_is_the_next_step(
    market: PriceServer, code: str, minutes: int
) -> None:
    theirs = datetime.now(UTC) + timedelta(minutes=minutes)
    market.tell(REGION, refusal(code, date=theirs.strftime("%a, %d %b %Y %H:%M:%S GMT")))
    market.others["DescribeRegions"] = refusal(
        code, date=theirs.strftime("%a, %d %b %Y %H:%M:%S GMT")
    )

    problem = look(market)[0].problem

    assert isinstance(problem, CredentialsProblem)
    assert "clock" in problem.next_step
    assert ("10m behind" if minutes > 0 else "10m ahead of") in problem.next_step


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
    f"<{price_pages.ROOT}><{price_pages.SET}><item><instanceType>&b;</instanceType></item>"
    f"</{price_pages.SET}></{price_pages.ROOT}>"
).encode()


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        b"<html><body>Welcome to the hotel's network</body></html>",
        b'{"SpotPriceHistory": []}',
        b"\x00\x01\x02",
        b"",
        b"<DescribeRegionsResponse/>",
    ],
    ids=["entity bomb", "another page", "JSON", "no text", "nothing", "another answer"],
)
def test_what_is_no_page_is_never_an_empty_market(market: PriceServer, body: bytes) -> None:
    market.tell(REGION, raw(body))
    (table,) = look(market)
    assert isinstance(problem_of(table), Unreachable)
    assert list(table.rows) == []


def test_a_reader_that_fails_in_an_unknown_way_is_named(
    market: PriceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endpoint(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(AwsSession, "endpoint", endpoint)
    assert "a fault of ours" in str(problem_of(look(market)[0]))


def test_ctrl_c_shows_what_has_arrived(market: PriceServer) -> None:
    market.tell("us-east-1", page([row()]))
    market.tell("eu-west-1", page([row(zone="eu-west-1a")], "p2"))
    market.tell("eu-west-1", market.hang, token="p2")
    market.tell("ap-south-1", market.hang)

    def told(answered: int, asked: int, prices: int) -> None:
        if prices == 2 and answered == 1:
            raise KeyboardInterrupt

    session = AwsSession(endpoint_url=market.url, static_credentials=KEYS, region=REGION)
    whole, half, none = scan(session, REGIONS, ASKED, told)

    answered(whole, [row()])
    assert list(half.rows) == [row(zone="eu-west-1a")]
    assert list(none.rows) == []
    for table in (half, none):
        assert isinstance(problem_of(table), Interrupted)
