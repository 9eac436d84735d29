"""Service Quotas of EC2: the vCPU quotas, and requests to raise them. moto has those of VPC."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from hashlib import blake2b
from typing import Any

from ec2_sandbox.agenda import Alarm
from ec2_sandbox.catalogue import ACCOUNT_ID
from ec2_sandbox.history import HappeningKind
from ec2_sandbox.protocol.wire import Answer, Call, error, json_answer
from ec2_sandbox.services.json_paging import BadToken, page
from ec2_sandbox.services.service_quotas import quotas
from ec2_sandbox.services.service_quotas.quota_requests import (
    CASE_AFTER,
    QuotaRequest,
    decided_after,
)
from ec2_sandbox.world import world

Body = Mapping[str, Any]
Content = dict[str, Any]

NO_SUCH = "The request failed because the specified service or quota does not exist."
SERVICES = {
    "ec2": "Amazon Elastic Compute Cloud (Amazon EC2)",
    "vpc": "Amazon Virtual Private Cloud (Amazon VPC)",
}


class QuotasRefused(Exception):
    """An error of Service Quotas: code and message."""


def answer(call: Call) -> Answer | None:
    """The answer to a call of Service Quotas; None when moto is to answer."""
    body = json.loads(call.body or b"{}")
    carry_out = OPERATIONS.get(call.operation)
    if carry_out is None or body.get("ServiceCode", "ec2") != "ec2":
        return None
    try:
        return json_answer(carry_out(call.region, body))
    except BadToken as problem:
        return error(call, "InvalidPaginationTokenException", str(problem))
    except QuotasRefused as problem:
        code, message = problem.args
        return error(call, code, message)


def list_services(_region: str, body: Body) -> Content:
    """The services with quotas here."""
    rows = [{"ServiceCode": code, "ServiceName": name} for code, name in SERVICES.items()]
    return page("Services", rows, body)


def list_quotas(region: str, body: Body) -> Content:
    """Applied values; one quota when it is named."""
    wanted = body.get("QuotaCode")
    rows = [_shown(q, region) for q in quotas.QUOTAS if wanted in {None, q.code}]
    return page("Quotas", rows, body)


def list_defaults(region: str, body: Body) -> Content:
    """AWS's own defaults, whatever the account has."""
    return page("Quotas", [_shown(q, region, q.fresh) for q in quotas.QUOTAS], body)


def get_quota(region: str, body: Body) -> Content:
    """One applied value."""
    return {"Quota": _shown(_quota(body), region)}


def get_default(region: str, body: Body) -> Content:
    """One default."""
    quota = _quota(body)
    return {"Quota": _shown(quota, region, quota.fresh)}


def request_increase(region: str, body: Body) -> Content:
    """Ask for more; granted on the sandbox's clock."""
    quota, desired = _quota(body), float(body["DesiredValue"])
    present = quotas.limit(world(), quota, region)
    if desired <= present:
        raise QuotasRefused(
            "IllegalArgumentException",
            "You must provide a quota value greater than the current quota value.",
        )
    if any(r.is_open and (r.region, r.code) == (region, quota.code) for r in _requests()):
        raise QuotasRefused(
            "ResourceAlreadyExistsException",
            "Only one open service quota increase request is allowed per quota.",
        )
    now = world().now
    request = QuotaRequest(_new_id(region, quota.code), quota.code, region, desired, now, now)
    world().quota_requests[request.id] = request
    world().plan(Alarm(request.id, now + CASE_AFTER, partial(_open_case, request)))
    return {"RequestedQuota": _request_shown(request)}


def get_request(region: str, body: Body) -> Content:
    """One request by its id."""
    request = world().quota_requests.get(body["RequestId"])
    if request is None or request.region != region:
        raise QuotasRefused("NoSuchResourceException", "The request does not exist.")
    return {"RequestedQuota": _request_shown(request)}


def list_requests(region: str, body: Body) -> Content:
    """The requests of the region, newest first; of one quota or status when it is named."""
    if body.get("QuotaCode"):
        _quota(body)
    wanted = [
        _request_shown(request)
        for request in reversed(list(_requests()))
        if request.region == region
        and body.get("QuotaCode") in {None, request.code}
        and body.get("Status") in {None, request.status}
    ]
    return page("RequestedQuotas", wanted, body)


OPERATIONS: Mapping[str, Callable[[str, Body], Content]] = {
    "GetAWSDefaultServiceQuota": get_default,
    "GetRequestedServiceQuotaChange": get_request,
    "GetServiceQuota": get_quota,
    "ListAWSDefaultServiceQuotas": list_defaults,
    "ListRequestedServiceQuotaChangeHistory": list_requests,
    "ListRequestedServiceQuotaChangeHistoryByQuota": list_requests,
    "ListServiceQuotas": list_quotas,
    "ListServices": list_services,
    "RequestServiceQuotaIncrease": request_increase,
}


def _quota(body: Body) -> quotas.Quota:
    quota = quotas.BY_CODE.get(body.get("QuotaCode", ""))
    if quota is None:
        raise QuotasRefused("NoSuchResourceException", NO_SUCH)
    return quota


def _requests() -> Iterable[QuotaRequest]:
    return world().quota_requests.values()


def _new_id(region: str, code: str) -> str:
    """The same for the same calls: what is asked, and how often something was asked before."""
    facts = f"{world().options.seed}|{region}|{code}|{len(world().quota_requests)}"
    return blake2b(facts.encode(), digest_size=20).hexdigest()


def _open_case(request: QuotaRequest) -> None:
    """Support looks at it."""
    now = world().now
    number = blake2b(request.id.encode(), digest_size=6).digest()
    request.case_id = f"{int.from_bytes(number) % 10**11:011}"
    request.change("CASE_OPENED", now)
    present = quotas.limit(world(), quotas.BY_CODE[request.code], request.region)
    at = request.created + decided_after(present, request.desired)
    world().plan(Alarm(request.id, at, partial(_grant, request)))


def _grant(request: QuotaRequest) -> None:
    """The new value applies at once."""
    quota, key = quotas.BY_CODE[request.code], (request.region, request.code)
    world().quotas[key] = max(request.desired, quotas.limit(world(), quota, request.region))
    request.change("APPROVED", world().now)
    facts = {"vcpus": f"{request.desired:g}", "by": "request"}
    world().tell(HappeningKind.QUOTA, request.code, request.region, facts)


def _shown(quota: quotas.Quota, region: str, value: float | None = None) -> Content:
    """A quota with its applied value, or with the value given."""
    dimensions = {
        "Class": quota.usage_class,
        "Resource": "vCPU",
        "Service": "EC2",
        "Type": "Resource",
    }
    return {
        **_named(quota, region),
        "Value": float(quotas.limit(world(), quota, region) if value is None else value),
        "Adjustable": True,
        "UsageMetric": {
            "MetricNamespace": "AWS/Usage",
            "MetricName": "ResourceCount",
            "MetricDimensions": dimensions,
            "MetricStatisticRecommendation": "Maximum",
        },
        "QuotaAppliedAtLevel": "ACCOUNT",
    }


def _request_shown(request: QuotaRequest) -> Content:
    shown = {
        **_named(quotas.BY_CODE[request.code], request.region),
        "Id": request.id,
        "DesiredValue": request.desired,
        "Status": request.status,
        "Created": request.created.timestamp(),
        "LastUpdated": request.updated.timestamp(),
        "Requester": f'{{"accountId":"{ACCOUNT_ID}"}}',
        "QuotaRequestedAtLevel": "ACCOUNT",
    }
    return {**shown, "CaseId": request.case_id} if request.case_id else shown


def _named(quota: quotas.Quota, region: str) -> Content:
    return {
        "ServiceCode": "ec2",
        "ServiceName": SERVICES["ec2"],
        "QuotaArn": f"arn:aws:servicequotas:{region}:{ACCOUNT_ID}:ec2/{quota.code}",
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Unit": "None",
        "GlobalQuota": False,
    }
