"""The ways in which a call goes wrong: the columns of the fault matrix.

Each is applied to an operation where it can happen; ``Kind.why_not`` says why it cannot elsewhere.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlencode

from tests.story.fault_proxy import Exchange, Fault, Reply

EVERY = 1_000_000
#: As many calls as two of ours are with all of botocore's repeats: each of them takes its time.
SLOW_CALLS = 10
#: EC2 catches up within minutes; commands look every few seconds.
LAGGING_CALLS = 6

#: Operations of ours that are asked page by page, and what a page has under which name.
PAGED: Mapping[str, str] = {
    "DescribeInstances": "reservationSet",
    "DescribeSpotInstanceRequests": "spotInstanceRequestSet",
    "DescribeTags": "tagSet",
    "DescribeVolumes": "volumeSet",
    "DescribeSubnets": "subnetSet",
    "DescribeSecurityGroups": "securityGroupInfo",
    "DescribeInstanceTypes": "instanceTypeSet",
    "DescribeSpotPriceHistory": "spotPriceHistorySet",
    "GetSpotPlacementScores": "spotPlacementScoreSet",
    "DescribeLaunchTemplates": "launchTemplates",
    "DescribeNetworkInterfaces": "networkInterfaceSet",
    "DescribeSnapshots": "snapshotSet",
    "GetProducts": "PriceList",
    "ListSchedules": "Schedules",
}

#: What AWS answers where it does not know (yet) what a call is about.
UNKNOWN: Mapping[str, str] = {
    "AuthorizeSecurityGroupIngress": "InvalidGroup.NotFound",
    "CancelSpotInstanceRequests": "InvalidSpotInstanceRequestID.NotFound",
    "CreateSchedule": "ResourceNotFoundException",
    "CreateTags": "InvalidInstanceID.NotFound",
    "DeleteLaunchTemplate": "InvalidLaunchTemplateId.NotFound",
    "DeleteNetworkInterface": "InvalidNetworkInterfaceID.NotFound",
    "DeleteSchedule": "ResourceNotFoundException",
    "DeleteSnapshot": "InvalidSnapshot.NotFound",
    "DescribeFleets": "InvalidFleetId.NotFound",
    "GetSchedule": "ResourceNotFoundException",
    "UpdateSchedule": "ResourceNotFoundException",
    "DeleteKeyPair": "InvalidKeyPair.NotFound",
    "DeleteSecurityGroup": "InvalidGroup.NotFound",
    "DeleteVolume": "InvalidVolume.NotFound",
    "DescribeImages": "InvalidAMIID.NotFound",
    "GetInstanceProfile": "NoSuchEntity",
    "GetParameter": "ParameterNotFound",
    "GetRole": "NoSuchEntity",
    "GetServiceQuota": "NoSuchResourceException",
    "GetAWSDefaultServiceQuota": "NoSuchResourceException",
    "RevokeSecurityGroupIngress": "InvalidPermission.NotFound",
    "RunInstances": "InvalidGroup.NotFound",
    "StartInstances": "InvalidInstanceID.NotFound",
    "StopInstances": "InvalidInstanceID.NotFound",
    "TerminateInstances": "InvalidInstanceID.NotFound",
}

#: Reads that may lag behind a change of a moment ago, and what is empty then.
LAGGING: Mapping[str, str] = {
    "DescribeFleets": "fleetSet",
    "DescribeInstances": "reservationSet",
    "DescribeKeyPairs": "keySet",
    "DescribeLaunchTemplates": "launchTemplates",
    "DescribeNetworkInterfaces": "networkInterfaceSet",
    "DescribeSecurityGroups": "securityGroupInfo",
    "DescribeSnapshots": "snapshotSet",
    "DescribeSpotInstanceRequests": "spotInstanceRequestSet",
    "DescribeTags": "tagSet",
    "DescribeVolumes": "volumeSet",
    "ListSchedules": "Schedules",
}

#: The limit that a call can meet.
LIMITS: Mapping[str, str] = {
    "AuthorizeSecurityGroupIngress": "RulesPerSecurityGroupLimitExceeded",
    "CreateSchedule": "ServiceQuotaExceededException",
    "CreateScheduleGroup": "ServiceQuotaExceededException",
    "CreateSecurityGroup": "SecurityGroupLimitExceeded",
    "CreateTags": "TagLimitExceeded",
    "RunInstances": "MaxSpotInstanceCountExceeded",
    "StartInstances": "MaxSpotInstanceCountExceeded",
}
LAUNCHES = frozenset({"RunInstances", "StartInstances"})
RUN = frozenset({"RunInstances"})

#: What AWS answers to a client token that came before with other parameters.
TOKEN_CODES: Mapping[str, str] = {
    "CreateLaunchTemplate": "IdempotentParameterMismatch",
    "CreateSchedule": "ConflictException",
    "CreateScheduleGroup": "ConflictException",
    "RunInstances": "IdempotentParameterMismatch",
    "UpdateSchedule": "ConflictException",
}

JSON_SERVICES = frozenset({"ssm", "pricing", "servicequotas", "scheduler"})
LOGIN_PAGE = b"<html><head><title>Log in to this network</title></head><body></body></html>"
TOKEN = "asked-for-by-a-test"


@dataclass(frozen=True)
class Kind:
    """One way to go wrong.

    ``make`` gives the fault for an operation; ``only`` names the operations that can meet it,
    ``None`` for all; ``why_not`` is said of the others. ``spread``: all calls after it fail too.
    ``lasting``: it is no accident of one call, and so is only met by every call; at the most
    by ``calls`` of them.
    """

    name: str
    make: Callable[[str], Fault]
    only: frozenset[str] | None = None
    why_not: str = ""
    spread: bool = False
    lasting: bool = False
    slow: bool = False
    calls: int = EVERY

    def meets(self, operation: str) -> bool:
        """Whether the operation can go wrong in this way."""
        return self.only is None or operation in self.only

    @property
    def scopes(self) -> tuple[bool, ...]:
        """Whether every call meets it, or only the first, or both in turn."""
        return (True,) if self.lasting else (False, True)


def _refused(codes: Callable[[Exchange], tuple[str, int]]) -> Callable[[str], Fault]:
    def fault(exchange: Exchange) -> None:
        exchange.send(Reply.refusal(exchange.call, *codes(exchange)))

    return lambda _: fault


def _coded(codes: Mapping[str, str], status: int = 400) -> Callable[[str], Fault]:
    """Each operation has a code of its own."""
    return lambda operation: _refused(lambda _: (codes[operation], status))(operation)


def _always(code: str, status: int) -> Callable[[str], Fault]:
    return _refused(lambda _: (code, status))


def _throttle(exchange: Exchange) -> tuple[str, int]:
    if exchange.call.is_ec2:
        return "RequestLimitExceeded", 503
    return "ThrottlingException" if _speaks_json(exchange) else "Throttling", 400


def _expired(exchange: Exchange) -> tuple[str, int]:
    if exchange.call.is_ec2:
        return "RequestExpired", 400
    return "ExpiredTokenException" if _speaks_json(exchange) else "ExpiredToken", 403


def _skewed(exchange: Exchange) -> None:
    """AWS's time is a quarter of an hour ahead, and it says so in the header."""
    code = "AuthFailure" if exchange.call.is_ec2 else "SignatureDoesNotMatch"
    code = "InvalidSignatureException" if _speaks_json(exchange) else code
    reply = Reply.refusal(exchange.call, code, 403)
    theirs = format_datetime(datetime.now(UTC) + timedelta(minutes=15), usegmt=True)
    exchange.send(reply._replace(headers=(*reply.headers, ("Date", theirs))))


def _bad_gateway(exchange: Exchange) -> None:
    page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
    exchange.send(Reply(502, (("Content-Type", "text/html"),), page))


def _login_page(exchange: Exchange) -> None:
    exchange.send(Reply(200, (("Content-Type", "text/html"),), LOGIN_PAGE))


def _hang_after(exchange: Exchange) -> None:
    exchange.forward()
    exchange.hang()


def _reset(exchange: Exchange) -> None:
    exchange.send_half(exchange.forward())


def _truncated(exchange: Exchange) -> None:
    reply = exchange.forward()
    exchange.send(reply._replace(body=reply.body[: len(reply.body) // 2]))


def _malformed(exchange: Exchange) -> None:
    reply = exchange.forward()
    broken = re.sub(rb">|:", b"", reply.body, count=len(reply.body) // 20 + 1)
    exchange.send(reply._replace(body=broken))


def _speaks_json(exchange: Exchange) -> bool:
    return exchange.call.service in JSON_SERVICES


def _next(exchange: Exchange, *, empty: bool) -> None:
    """A page that says that there is another one: the same again, or none before it."""
    asked, has_token = _without_token(exchange)
    reply = asked.forward()
    if not (empty and has_token):
        reply = _with_token(exchange, _emptied(exchange, reply, PAGED) if empty else reply)
    exchange.send(reply)


def _without_token(exchange: Exchange) -> tuple[Exchange, bool]:
    """The same question for the first page, and whether it was another one."""
    if not exchange.body:
        path, _, query = exchange.path.partition("?")
        rest, has_token = _fields_without_token(query)
        return replace(exchange, path=f"{path}?{rest}"), has_token
    if _speaks_json(exchange):
        document = json.loads(exchange.body)
        has_token = document.pop("NextToken", None) is not None
        return replace(exchange, body=json.dumps(document).encode()), has_token
    rest, has_token = _fields_without_token(exchange.body.decode())
    return replace(exchange, body=rest.encode()), has_token


def _fields_without_token(text: str) -> tuple[str, bool]:
    fields = dict(parse_qsl(text, keep_blank_values=True))
    has_token = fields.pop("NextToken", None) is not None
    return urlencode(fields), has_token


def _with_token(exchange: Exchange, reply: Reply) -> Reply:
    if _speaks_json(exchange):
        document = json.loads(reply.body) | {"NextToken": TOKEN}
        return reply._replace(body=json.dumps(document).encode())
    body = re.sub(rb"<nextToken\s*/>|<nextToken>.*?</nextToken>", b"", reply.body)
    end = body.rindex(b"</")
    return reply._replace(
        body=body[:end] + f"<nextToken>{TOKEN}</nextToken>".encode() + body[end:]
    )


def _emptied(exchange: Exchange, reply: Reply, names: Mapping[str, str]) -> Reply:
    """The answer without anything listed in it."""
    key = names[exchange.operation]
    if _speaks_json(exchange):
        return reply._replace(body=json.dumps(json.loads(reply.body) | {key: []}).encode())
    name = key.encode()
    body = re.sub(rb"<%b>.*</%b>" % (name, name), rb"<%b/>" % name, reply.body, flags=re.DOTALL)
    return reply._replace(body=body)


def _stale(exchange: Exchange) -> None:
    """What was answered before anything was made: nothing."""
    exchange.send(_emptied(exchange, exchange.forward(), LAGGING))


PAGES = frozenset(PAGED)
KINDS = (
    Kind("throttle", _refused(_throttle)),
    Kind(
        "500", _refused(lambda e: ("InternalFailure" if _speaks_json(e) else "InternalError", 500))
    ),
    Kind("502", lambda _: _bad_gateway),
    Kind("503", _always("ServiceUnavailable", 503)),
    Kind("connect timeout", lambda _: Exchange.hang, slow=True, calls=SLOW_CALLS),
    Kind("read timeout, no effect", lambda _: Exchange.hang, slow=True, calls=SLOW_CALLS),
    Kind("read timeout, effect", lambda _: _hang_after, slow=True, calls=SLOW_CALLS),
    Kind("reset mid-body", lambda _: _reset),
    Kind("truncated", lambda _: _truncated),
    Kind("malformed", lambda _: _malformed),
    Kind("wrong content type", lambda _: _login_page),
    Kind(
        "empty page",
        lambda _: lambda e: _next(e, empty=True),
        PAGES,
        "is not asked in pages",
        lasting=True,
    ),
    Kind(
        "repeated token",
        lambda _: lambda e: _next(e, empty=False),
        PAGES,
        "is not asked in pages",
        lasting=True,
    ),
    Kind(
        "NotFound",
        _coded(UNKNOWN),
        frozenset(UNKNOWN),
        "names nothing that may be unknown",
        calls=LAGGING_CALLS,
    ),
    Kind(
        "stale",
        lambda _: _stale,
        frozenset(LAGGING),
        "does not read what the tool changes",
        calls=LAGGING_CALLS,
    ),
    Kind("expired", _refused(_expired), spread=True, lasting=True),
    Kind("clock skew", lambda _: _skewed, spread=True, lasting=True),
    Kind(
        "no capacity", _always("InsufficientInstanceCapacity", 500), LAUNCHES, "launches nothing"
    ),
    Kind("quota", _coded(LIMITS), frozenset(LIMITS), "meets no quota but that of calls"),
    Kind(
        "token mismatch",
        _coded(TOKEN_CODES),
        frozenset(TOKEN_CODES),
        "is sent without a client token",
    ),
    Kind(
        "token of the dead",
        _always("IdempotentInstanceTerminated", 400),
        RUN,
        "launches nothing by a client token",
    ),
)
