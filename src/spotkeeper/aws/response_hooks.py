"""What looks at an answer before botocore reads it.

No answer of AWS is believed unless it is one: a page for people, or half an answer, is none.
botocore takes every well-formed page for an answer without fields, and JSON that is cut off too;
to a tool that asks what is still there, such an answer would say "nothing".

A page of prices is read here: botocore's own reading is slow. It is left an answer with nothing
but the token, so that retries, errors, paging and credentials stay botocore's. A page that we
cannot read is left to botocore as it came, unless it is none at all.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from spotkeeper.aws.price_pages import ROOT, BadPage, NoPage, Page, read_page
from spotkeeper.model.price_table import RawPrice

if TYPE_CHECKING:
    import boto3

EVENT = "before-parse.ec2.DescribeSpotPriceHistory"
KEPT = "SpotkeeperPage"
OK = 200
EMPTY = f"<{ROOT}/>".encode()

MEMBERS = (
    "InstanceType",
    "ProductDescription",
    "SpotPrice",
    "Timestamp",
    "AvailabilityZone",
    "AvailabilityZoneId",
)


def read_prices_quickly(client: Any) -> Callable[[Mapping[str, Any]], Page]:
    """Make a client read prices quickly; the function gives the page of one of its answers."""
    client.meta.events.register(EVENT, _take_page, unique_id="spotkeeper-prices")
    return _page_of


def _take_page(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    from botocore.parsers import ResponseParserError

    if response_dict["status_code"] != OK:
        return
    try:
        customized_response_dict[KEPT] = read_page(response_dict["body"])
    except NoPage as problem:
        raise ResponseParserError(str(problem)) from problem
    except BadPage:
        return
    response_dict["body"] = EMPTY


def _page_of(answer: Mapping[str, Any]) -> Page:
    page: Page | None = answer.get(KEPT)
    if page is not None:
        return page
    rows = [_row(described) for described in answer.get("SpotPriceHistory", ())]
    return Page(rows, answer.get("NextToken") or "")


def _row(described: Mapping[str, Any]) -> RawPrice:
    parts = (described.get(name, "") for name in MEMBERS)
    return RawPrice(
        *(part.isoformat() if isinstance(part, datetime) else str(part) for part in parts)
    )


#: Every answer of the query protocols is one element that is named after its operation.
XML = rb"\s*(<\?[^>]*\?>\s*)?<\w*Response\b([^<>]*/>|(?s:.*)Response>)\s*"
REFUSED = 300  # and above: errors are read by botocore, which expects pages for people there


def demand_whole_answers(session: "boto3.Session") -> None:
    """Have every answer looked at before botocore reads it."""
    session.events.register("before-parse", _refuse_half)


def _refuse_half(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    from botocore.parsers import ResponseParserError

    body, protocol = response_dict["body"], operation_model.service_model.resolved_protocol
    if response_dict["status_code"] >= REFUSED:
        return
    if not body and "json" in protocol and not _tells(operation_model):
        return
    if not is_whole(body, protocol):
        raise ResponseParserError(f"the answer is not one of AWS, or is cut off: {body[:60]!r}")


def is_whole(body: bytes, protocol: str) -> bool:
    """Whether a body is an answer from its beginning to its end; XML only by the look of it, as
    botocore refuses what is not well-formed."""
    if "json" not in protocol:
        return bool(re.fullmatch(XML, body))
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _tells(operation_model: Any) -> bool:
    """Whether the answer has anything to tell besides that all went well."""
    shape = operation_model.output_shape
    return bool(shape and shape.members)
