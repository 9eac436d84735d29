"""An HTTP request as an AWS call, an AWS error as an HTTP answer, for each protocol in use."""

import json
import re
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4
from xml.sax.saxutils import escape

CREDENTIAL = re.compile(r"Credential=[^/]*/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


@dataclass(frozen=True)
class Call:
    """One AWS call, as far as it can be told without moto."""

    service: str
    region: str
    operation: str
    body: bytes

    @property
    def speaks_json(self) -> bool:
        """JSON 1.x protocol: SSM, Pricing, Service Quotas."""
        return self.service in {"ssm", "pricing", "servicequotas"}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes


def read_call(environ: dict[str, Any]) -> Call:
    """Who is called: service and region from the signature's scope, the action from the rest."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    found = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    service, region = (found["service"], found["region"]) if found else ("", "us-east-1")
    return Call(service, region, _operation(environ, body), body)


def _operation(environ: dict[str, Any], body: bytes) -> str:
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rsplit(".", 1)[-1]
    query = body if body.startswith(b"Action=") or b"&Action=" in body else b""
    text = query.decode("utf-8", "replace") or environ.get("QUERY_STRING", "")
    return parse_qs(str(text)).get("Action", [""])[0]


def error(call: Call, code: str, message: str, *, status: int = 400) -> Answer:
    """An AWS error in the call's own protocol."""
    if call.speaks_json:
        body = json.dumps({"__type": code, "message": message, "Message": message})
        return Answer(status, "application/x-amz-json-1.1", body.encode())
    said = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if call.service in {"ec2", ""}:
        xml = f"<Response><Errors><Error>{said}</Error></Errors><RequestID>{uuid4()}</RequestID>"
        return Answer(status, "text/xml;charset=UTF-8", f"{xml}</Response>".encode())
    xml = f"<ErrorResponse><Error><Type>Sender</Type>{said}</Error><RequestId>{uuid4()}"
    return Answer(status, "text/xml", f"{xml}</RequestId></ErrorResponse>".encode())


def json_answer(content: Any) -> Answer:
    """A success of the JSON protocols."""
    return Answer(200, "application/x-amz-json-1.1", json.dumps(content).encode())
