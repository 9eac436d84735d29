"""One connection to a region: whole pages, however they are sent, and boto3 for all else."""

import gzip
import itertools
import ssl
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.contract.price_look import ASKED, REGION, answered, look, problem_of, quick_calls
from tests.fakes.certificate import self_signed
from tests.fakes.price_server import (
    Handler,
    PriceServer,
    Reply,
    answer,
    body_of,
    cut_short,
    page,
    raw,
    refusal,
    row,
    rows_of,
    serving,
)

from spotkeeper.aws import price_line, price_scan
from spotkeeper.aws.price_scan import scan
from spotkeeper.aws.session import AwsSession
from spotkeeper.errors import Unreachable


@pytest.fixture
def market(price_market: PriceServer) -> PriceServer:
    return price_market


def chunked(body: bytes, size: int, *, ends: bytes = b"0\r\n\r\n") -> Reply:
    """A page in pieces, as servers send what they do not know the length of."""

    def reply(handler: Handler) -> None:
        handler.send_response_only(200)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for begin in range(0, len(body), size):
            piece = body[begin : begin + size]
            handler.wfile.write(f"{len(piece):X};quick=yes\r\n".encode() + piece + b"\r\n")
        handler.wfile.write(ends)

    return reply


@pytest.mark.parametrize("size", [1, 100, 10**6])
@pytest.mark.parametrize("ends", [b"0\r\n\r\n", b"00\r\nx-more: 1\r\nx-most: 2\r\n\r\n"])
def test_a_page_may_come_in_pieces(market: PriceServer, size: int, ends: bytes) -> None:
    market.tell(REGION, chunked(body_of(rows_of(REGION, 4), "p2"), size, ends=ends))
    market.tell(REGION, page(rows_of(REGION, 4, begin=4)), token="p2")
    answered(look(market)[0], rows_of(REGION, 8))
    assert quick_calls(market) == [True, True]


def test_a_server_may_hang_up_after_each_page(market: PriceServer) -> None:
    def last(reply: Reply) -> Reply:
        def reply_and_leave(handler: Handler) -> None:
            reply(handler)
            handler.close_connection = True

        return reply_and_leave

    for number in range(3):
        token, more = f"p{number}" if number else "", f"p{number + 1}" if number < 2 else ""
        body = body_of(rows_of(REGION, 2, begin=2 * number), more)
        market.tell(REGION, last(raw(body, connection="close")), token=token)
    answered(look(market)[0], rows_of(REGION, 6))
    assert quick_calls(market) == [True] * 3


def lines(*told: bytes) -> Reply:
    """An answer of which every byte is given; then the connection is gone."""

    def reply(handler: Handler) -> None:
        handler.wfile.write(b"\r\n".join(told))
        handler.close_connection = True

    return reply


PAGE = body_of(rows_of(REGION, 9))


LENGTH = f"content-length: {len(PAGE)}".encode()


CHUNKS = b"transfer-encoding: chunked"


OK = b"HTTP/1.1 200 OK"


BAD: dict[str, Reply] = {
    "no answer": lines(),
    "no HTTP": lines(b"SSH-2.0-OpenSSH_9.6"),
    "another status": lines(b"HTTP/1.1 2000 OK", LENGTH, b"", PAGE),
    "a length that is none": lines(OK, b"content-length: +9", b"", PAGE),
    "two lengths, the first too small": lines(OK, b"content-length: 9", LENGTH, b"", PAGE),
    "two lengths, the first too large": lines(OK, LENGTH + b"0", LENGTH, b"", PAGE),
    "no length, cut": lines(OK, b"", PAGE[:-1]),
    "an older HTTP, cut": lines(b"HTTP/1.0 200 OK", b"", PAGE[:-1]),
    "an unknown coding": lines(OK, b"transfer-encoding: gzip", b"", gzip.compress(PAGE)),
    "a length without end": lines(OK, b"content-length: 99999999999999999999", b"", PAGE),
    "a chunk without end": lines(OK, CHUNKS, b"", b"fffffffffff", PAGE),
    "headers cut": lines(OK, LENGTH),
    "a header without end": lines(OK, b"x: " + b"x" * 100_000, LENGTH, b"", PAGE),
    "headers without end": lines(OK, *(b"x-%d: y" % n for n in range(200)), LENGTH, b"", PAGE),
    "chunks cut": lines(OK, CHUNKS, b"", b"ff", PAGE[:100]),
    "chunks without end": lines(OK, CHUNKS, b"", b"%x" % len(PAGE), PAGE),
    "a negative chunk": lines(OK, CHUNKS, b"", b"-5", PAGE, b"0", b"", b""),
    "a chunk that is too short": lines(OK, CHUNKS, b"", b"5", PAGE, b"0", b"", b""),
    "a chunk of no size": lines(OK, CHUNKS, b"", b"five", PAGE, b"0", b"", b""),
    "unavailable": answer(503),
    "no XML with the error": answer(500, b"<html>oops"),
    "throttled": refusal("RequestLimitExceeded", 503),
    "internal error": refusal("InternalError", 500),
    "connection lost": cut_short(rows_of(REGION, 9)),
    "cut in the middle": raw(body_of(rows_of(REGION, 9))[:700]),
    "cut at the end": raw(body_of(rows_of(REGION, 9))[:-3], packed=False),
    "packing cut": answer(200, gzip.compress(body_of([row()]))[:-9], content_encoding="gzip"),
    "not packed at all": answer(200, b"not packed", content_encoding="gzip"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("token", ["", "p2"])
@pytest.mark.one_in(4)
def test_one_bad_answer_changes_nothing(market: PriceServer, bad: str, token: str) -> None:
    first, second = rows_of(REGION, 4), rows_of(REGION, 4, begin=4)
    market.tell(REGION, page(first, "p2"))
    market.tell(REGION, page(second), token="p2")
    good = page(second) if token else page(first, "p2")
    market.tell(REGION, BAD[bad], good, token=token)

    (table,) = look(market)

    answered(table, [*first, *second])
    assert market.asked(REGION).count("") == (1 if token else 2)
    assert quick_calls(market)[0]
    assert not quick_calls(market)[-1]


ODD: dict[str, Reply] = {
    "an older HTTP": lines(b"HTTP/1.0 200 OK", b"", PAGE),
    "no length": lines(OK, b"", PAGE),
    "one length twice": lines(OK, LENGTH, LENGTH, b"", PAGE),
    "an unknown coding that nothing is coded with": lines(OK, b"transfer-encoding: x", b"", PAGE),
    "a word before": lines(b"HTTP/1.1 100 Continue", b"", OK, LENGTH, b"", PAGE),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_whole_page_may_be_sent_in_an_odd_way(market: PriceServer, odd: str) -> None:
    market.tell(REGION, ODD[odd])
    answered(look(market)[0], rows_of(REGION, 9))
    assert quick_calls(market) == [True]


def test_a_region_that_trickles_is_not_waited_for_for_ever(
    market: PriceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_scan, "SCAN_SILENCE_SECONDS", 0.7)

    def trickle(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "100000")
        handler.end_headers()
        while not market.freed.wait(0.1):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    market.tell(REGION, trickle)
    assert "did not answer within 0.7 s" in str(problem_of(look(market)[0]))


def zip_bomb(handler: Handler) -> None:
    packer = zlib.compressobj(wbits=31)
    body = b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()
    answer(200, body, content_encoding="gzip")(handler)


@pytest.mark.parametrize(
    "reply",
    [
        zip_bomb,
        lines(OK, b"content-length: 99999999999999999999", b"", bytes(10**8)),
        lines(OK, b"", bytes(10**8)),
        lines(OK, CHUNKS, b"", b"fffffffffff", bytes(10**8)),
        lines(OK, CHUNKS, b"", b"-1", bytes(10**8)),
    ],
    ids=["zip bomb", "length", "no length", "chunk", "negative chunk"],
)
@pytest.mark.one_in(3)
def test_what_is_larger_than_any_page_is_not_read_to_the_end(
    market: PriceServer, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_line, "MAX_PAGE_BYTES", 1_000_000)
    market.tell(REGION, reply)
    assert "more than" in str(problem_of(look(market)[0]))
    assert quick_calls(market) == [True]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(market: PriceServer, status: int) -> None:
    with serving() as elsewhere:
        elsewhere.tell(REGION, page([row()]))
        market.tell(REGION, answer(status, location=f"{elsewhere.url}/"))
        (table,) = look(market)
        problem_of(table)
        assert elsewhere.calls == []
    assert list(table.rows) == []


def test_nobody_there_is_named(market: PriceServer) -> None:
    with serving() as gone:
        pass
    assert isinstance(problem_of(look(gone)[0]), Unreachable)


def test_a_session_token_is_sent(market: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-session")
    market.tell(REGION, page([row()]))

    (table,) = scan(AwsSession(endpoint_url=market.url, region=REGION), (REGION,), ASKED)

    answered(table, [row()])
    assert market.calls[0].headers["x-amz-security-token"] == "a-session"
    assert "ASIAEXAMPLE" in market.calls[0].headers["authorization"]


def test_a_long_chain_keeps_to_ec2s_pace(
    market: PriceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(price_line, "time", SimpleNamespace(sleep=slept.append))
    pages = price_line.BURST_CALLS + 5
    for number in range(pages):
        token = f"p{number}" if number else ""
        more = f"p{number + 1}" if number + 1 < pages else ""
        market.tell(REGION, page(rows_of(REGION, 1, begin=number), more), token=token)

    answered(look(market)[0], rows_of(REGION, pages))

    assert slept == list(itertools.repeat(price_line.SECONDS_PER_CALL, 5))


def test_a_certificate_that_nobody_signed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = self_signed(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(bundle)
    with serving(server) as market:
        market.tell(REGION, page([row()]))
        (table,) = look(market)
        assert "certificate" in str(problem_of(table)).lower()
        assert market.calls == []

        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
        answered(look(market)[0], [row()])
        assert market.calls[-1].quick
