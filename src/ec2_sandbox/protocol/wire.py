"""An HTTP request as an AWS call, an AWS error as an HTTP answer, for each protocol in use."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import UUID
from xml.sax.saxutils import escape

# In the Authorization header, or in the query of a presigned URL.
CREDENTIAL = re.compile(r"Credential=[^/]*/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
RPC_PATH = re.compile(r"/service/[^/]+/operation/(?P<operation>\w+)$")
JSON = "application/x-amz-json-1.1"
EC2_XML = "text/xml;charset=UTF-8"
JSON_SERVICES = {"ssm", "pricing", "servicequotas", "scheduler", "fis"}

#: EventBridge Scheduler names its operations by method and path alone (botocore's model of it).
SCHEDULER_PATH = re.compile(r"/(?P<kind>schedules|schedule-groups)(?P<name>/[^/]+)?/?$")
SCHEDULER_VERBS = {"POST": "Create", "GET": "Get", "PUT": "Update", "DELETE": "Delete"}
SCHEDULER_NOUNS = {"schedules": "Schedule", "schedule-groups": "ScheduleGroup"}


@dataclass(frozen=True)
class Call:
    """One AWS call, as far as it can be told without moto."""

    service: str
    region: str
    operation: str
    body: bytes
    content_type: str = ""

    @property
    def speaks_json(self) -> bool:
        """A JSON protocol: SSM, Pricing, Service Quotas, EventBridge, Scheduler and others."""
        return self.service in JSON_SERVICES or "json" in self.content_type

    @property
    def is_ec2(self) -> bool:
        """Whether it is for EC2, as a call without a signature is."""
        return self.service in {"ec2", ""}

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The parameters of the query protocol."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; ``headers`` are those beside type and length."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def read_call(environ: dict[str, Any]) -> Call:
    """Who is called: service and region from the signature's scope, the action from the rest."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    query = environ.get("QUERY_STRING", "")
    signed = environ.get("HTTP_AUTHORIZATION") or unquote(query)
    found = CREDENTIAL.search(signed)
    service, region = (found["service"], found["region"]) if found else ("", "us-east-1")
    kind = environ.get("CONTENT_TYPE", "")
    operation = _scheduler(environ) if service == "scheduler" else _operation(environ, body)
    return Call(service, region, operation, body, kind)


def _scheduler(environ: dict[str, Any]) -> str:
    found = SCHEDULER_PATH.search(environ.get("PATH_INFO", ""))
    if found is None:
        return ""
    noun = SCHEDULER_NOUNS[found["kind"]]
    if found["name"] is None:
        return f"List{noun}s"
    return SCHEDULER_VERBS.get(environ.get("REQUEST_METHOD", ""), "") + noun


def _operation(environ: dict[str, Any], body: bytes) -> str:
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rsplit(".", 1)[-1]
    if found := RPC_PATH.search(environ.get("PATH_INFO", "")):
        return found["operation"]
    query = body if body.startswith(b"Action=") or b"&Action=" in body else b""
    text = query.decode("utf-8", "replace") or str(environ.get("QUERY_STRING", ""))
    return dict(parse_qsl(text)).get("Action", "")


def request_id(call: Call) -> str:
    """In place of a random one: the same call has the same."""
    told = f"{call.service}|{call.region}|{call.operation}|".encode()
    return str(UUID(bytes=blake2b(told + call.body, digest_size=16).digest(), version=4))


def error(call: Call, code: str, message: str, *, status: int = 400) -> Answer:
    """An AWS error in the call's own protocol."""
    if call.speaks_json:
        body = json.dumps({"__type": code, "message": message, "Message": message})
        return Answer(status, JSON, body.encode(), (("x-amzn-errortype", code),))
    said = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    identity = request_id(call)
    if call.is_ec2:
        xml = f"<Response><Errors><Error>{said}</Error></Errors><RequestID>{identity}</RequestID>"
        told = (("x-amzn-requestid", identity),)
        return Answer(status, EC2_XML, f"{xml}</Response>".encode(), told)
    xml = f"<ErrorResponse><Error><Type>Sender</Type>{said}</Error><RequestId>{identity}"
    return Answer(status, "text/xml", f"{xml}</RequestId></ErrorResponse>".encode())


def json_answer(content: Any) -> Answer:
    """A success of the JSON protocols."""
    return Answer(200, JSON, json.dumps(content).encode())
