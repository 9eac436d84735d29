"""boto3's own calls for prices, without botocore's slow reading of them.

botocore lets a handler see an answer before it is parsed. Ours reads the page and leaves botocore
an answer with nothing but the token, so that retries, errors, paging and credentials stay
botocore's. A page that we cannot read is left to botocore as it came, unless it is none at all.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from spotkeeper.aws.price_pages import ROOT, BadPage, NoPage, Page, read_page
from spotkeeper.model.price_table import Row

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


def installed(client: Any) -> Callable[[Mapping[str, Any]], Page]:
    """Make a client read prices quickly; the function gives the page of one of its answers."""
    client.meta.events.register(EVENT, _before_parse, unique_id="spotkeeper-prices")
    return _page_of


def _before_parse(
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


def _row(described: Mapping[str, Any]) -> Row:
    first, *rest = (described.get(name, "") for name in MEMBERS)
    texts = [part.isoformat() if isinstance(part, datetime) else str(part) for part in rest]
    return (str(first), *texts)  # type: ignore[return-value]
