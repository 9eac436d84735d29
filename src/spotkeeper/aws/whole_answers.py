"""No answer of AWS is believed unless it is one: a page for people, or half an answer, is none.

botocore takes every well-formed page for an answer without fields, and JSON that is cut off too.
To a tool that asks what is still there, such an answer would say "nothing".
"""

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import boto3

#: Every answer of the query protocols is one element that is named after its operation.
XML = rb"\s*(<\?[^>]*\?>\s*)?<\w*Response\b([^<>]*/>|(?s:.*)Response>)\s*"
REFUSED = 300  # and above: errors are read by botocore, which expects pages for people there


def demanded(session: "boto3.Session") -> None:
    """Have every answer looked at before botocore reads it."""
    session.events.register("before-parse", _before_parse)


def _before_parse(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
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
