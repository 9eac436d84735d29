"""Payloads in what AWS answers: taken as the texts they are, left out, or refused by name."""

import json
import re
from typing import Any
from xml.sax.saxutils import escape

import pytest
from botocore.exceptions import ClientError
from tests import hostile
from tests.unit.aws.test_price_pages import botocores, ours

from spotkeeper.aws import shapes
from spotkeeper.aws.failures import Place, explained, from_client_error
from spotkeeper.aws.price_list import _hourly_price
from spotkeeper.aws.price_pages import BadPage
from spotkeeper.errors import SpotkeeperError, without_secrets
from spotkeeper.market.advisor import NoAdvisor, packed, read_advisor, read_sizes, unpacked
from spotkeeper.market.public_prices import NoPrices, read_prices

PAYLOADS = hostile.payloads()
PLACE = Place("ec2", "RunInstances", "us-east-1")
NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")


def refusal(code: Any, message: Any) -> ClientError:
    told = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return ClientError(told, "RunInstances")  # type: ignore[arg-type]


def test_an_error_of_any_code_and_words_is_told_in_a_paragraph() -> None:
    for payload in PAYLOADS:
        problem = from_client_error(refusal(payload, payload), PLACE)
        assert isinstance(problem, SpotkeeperError)
        assert payload.strip() in problem.message or "***" in problem.message
        assert problem.aws_code == payload
        assert problem.paragraph()


@pytest.mark.parametrize("told", [None, 5, [], {}])
def test_an_error_without_words_is_told_as_well(told: Any) -> None:
    assert from_client_error(refusal(told, told), PLACE).paragraph()


def test_tags_are_what_they_are() -> None:
    described = [{"Key": payload, "Value": payload} for payload in PAYLOADS]
    assert shapes.tags(described) == {payload: payload for payload in PAYLOADS}


def page(text: str) -> bytes:
    """A page with the text in every field that may hold any."""
    fields = "".join(
        f"<{name}>{told}</{name}>"
        for name, told in (
            ("instanceType", text),
            ("productDescription", text),
            ("spotPrice", "0.4021"),
            ("timestamp", "2026-11-01T10:00:00.000Z"),
            ("availabilityZone", text),
            ("availabilityZoneId", text),
        )
    )
    root = "DescribeSpotPriceHistoryResponse"
    rows = f"<spotPriceHistorySet><item>{fields}</item></spotPriceHistorySet><nextToken/>"
    return f"<{root}>{rows}</{root}>".encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("quoted", [True, False])
def test_a_page_of_prices_is_read_as_botocore_reads_it_or_refused(quoted: bool) -> None:  # noqa: FBT001
    read = 0
    for payload in PAYLOADS:
        body = page(escape(payload) if quoted else payload)
        try:
            rows, token = ours(body)
        except BadPage:
            continue
        assert (rows, token) == botocores(body), payload
        if quoted and "\r" not in payload:
            assert rows[0][0] == payload.replace("\r\n", "\n")
        read += 1
    assert read > len(PAYLOADS) / 2


def test_the_advisors_feed_gives_no_name_that_is_not_one() -> None:
    for payload in PAYLOADS:
        band = {"index": 0, "label": payload, "max": 5}
        good = {"index": 1, "label": "<5%", "max": 5}
        row = {"s": 64, "r": 1}
        regions = {payload: {"Linux": {payload: row}}, "us-east-1": {"Linux": {payload: row}}}
        sizes = {payload: {"cores": 2, "ram_gb": 8.0}}
        feed = {"ranges": [band, good], "instance_types": sizes, "spot_advisor": regions}
        advisor = read_advisor(json.loads(json.dumps(feed)))
        names = {*advisor.regions, *(name for types in advisor.regions.values() for name in types)}
        assert all(NAME.fullmatch(name) for name in names | set(read_sizes(feed))), payload
        assert all(not hostile.unsafe(each.label, lines=False) for each in advisor.ranges)
        assert unpacked(packed(advisor)) == advisor
    for document in (*PAYLOADS, *([payload] for payload in PAYLOADS)):
        with pytest.raises(NoAdvisor):
            read_advisor(document)


def test_the_public_file_of_prices_gives_no_name_or_price_that_is_not_one() -> None:
    for payload in PAYLOADS:
        size = {"size": payload, "valueColumns": [{"name": "linux", "prices": {"USD": "0.1"}}]}
        odd = {"size": "m5.large", "valueColumns": [{"name": "linux", "prices": {"USD": payload}}]}
        regions = [
            {"region": region, "instanceTypes": [{"type": payload, "sizes": [size, odd]}]}
            for region in (payload, "us-east-1")
        ]
        try:
            prices = read_prices({"config": {"regions": regions}})
        except NoPrices:
            continue
        assert all(NAME.fullmatch(name) for name in prices), payload
        assert all(NAME.fullmatch(name) for types in prices.values() for name in types), payload


def test_the_price_list_gives_a_price_or_nothing() -> None:
    for payload in PAYLOADS:
        usd = {"pricePerUnit": {"USD": payload}, "unit": "Hrs"}
        product = {
            "product": {"attributes": {"instanceType": payload}},
            "terms": {"OnDemand": {payload: {"priceDimensions": {payload: usd}}}},
        }
        for text in (payload, json.dumps(product), json.dumps(payload), json.dumps([payload])):
            found = _priced(text)
            assert found is None or (found[0] == payload and found[1] > 0), payload


def _priced(text: str) -> Any:
    """What the feed makes of one product, or nothing where its caller is told of a bad answer."""
    try:
        return _hourly_price(text)
    except (SpotkeeperError, ValueError):
        return None


SECRET = "c4nary/Secret+Value=="
IN_ADDRESS = SECRET.replace("/", "%2F")
LEAKS = (
    f'Could not connect to the endpoint URL: "https://me:{IN_ADDRESS}@ec2.test/"',
    f'Failed to connect to proxy URL: "http://me:{IN_ADDRESS}@proxy.test:8080"',
    f"The Canonical String should have been\n'POST\n/\n\nx-amz-security-token:{SECRET}\n'",
    f"Invalid header value b'{SECRET}\\n'",
    f"not a valid key=value pair in Authorization header: 'AWS4-HMAC-SHA256 Credential={SECRET}'",
)


@pytest.mark.parametrize("message", LEAKS)
def test_what_others_put_into_their_words_is_not_repeated(message: str) -> None:
    problem = from_client_error(refusal("SignatureDoesNotMatch", message), PLACE)
    told = problem.paragraph() + str(problem) + repr(problem.args)
    assert SECRET not in told
    assert IN_ADDRESS not in told
    assert "***" in told


@pytest.mark.parametrize("message", ["see https://docs.aws.amazon.com/x?y=a@b", "a@b", "x: y"])
def test_what_is_no_secret_is_told(message: str) -> None:
    assert without_secrets(message) == message


def test_what_python_says_of_a_header_is_explained() -> None:
    with pytest.raises(SpotkeeperError) as caught, explained(PLACE):
        raise ValueError(f"Invalid header value b'{SECRET}\\n'")
    assert SECRET not in caught.value.paragraph()
