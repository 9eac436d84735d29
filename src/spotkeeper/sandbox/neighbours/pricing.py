"""The JSON services that moto lacks: Pricing GetProducts and EC2's Service Quotas."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from spotkeeper.sandbox import catalogue, quotas
from spotkeeper.sandbox.market.money import usd
from spotkeeper.sandbox.protocol.paging import decode, encode
from spotkeeper.sandbox.protocol.wire import Answer, Call, error, json_answer
from spotkeeper.sandbox.world import world

Body = Mapping[str, Any]

NO_SUCH_QUOTA = "The request failed because the specified service or quota does not exist."
PRODUCTS_PER_PAGE = 100

TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "TERM_MATCH": lambda value, wanted: value == wanted,
    "EQUALS": lambda value, wanted: value == wanted,
    "CONTAINS": lambda value, wanted: wanted in value,
    "ANY_OF": lambda value, wanted: value in wanted.split(","),
    "NONE_OF": lambda value, wanted: value not in wanted.split(","),
}

# What every simulated product has in common.
FIXED_ATTRIBUTES = {
    "servicecode": "AmazonEC2",
    "servicename": "Amazon Elastic Compute Cloud",
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
    "operation": "RunInstances",
    "licenseModel": "No License required",
    "locationType": "AWS Region",
}


def answer(call: Call) -> Answer | None:
    """The answer to a call of these services; None when moto is to answer."""
    body = json.loads(call.body or b"{}")
    if call.service == "pricing" and call.operation == "GetProducts":
        return get_products(call, body)
    if call.service == "servicequotas" and body.get("ServiceCode") == "ec2":
        if call.operation == "ListServiceQuotas":
            return json_answer({"Quotas": [_quota(q, call.region) for q in quotas.QUOTAS]})
        if call.operation == "ListAWSDefaultServiceQuotas":
            return json_answer({"Quotas": [_quota(q, None) for q in quotas.QUOTAS]})
        if call.operation in {"GetServiceQuota", "GetAWSDefaultServiceQuota"}:
            return _one_quota(call, body)
    return None


def _one_quota(call: Call, body: Body) -> Answer:
    quota = quotas.BY_CODE.get(body.get("QuotaCode", ""))
    if quota is None:
        return error(call, "NoSuchResourceException", NO_SUCH_QUOTA)
    region = call.region if call.operation == "GetServiceQuota" else None
    return json_answer({"Quota": _quota(quota, region)})


def _quota(quota: quotas.Quota, region: str | None) -> dict[str, Any]:
    """The applied value of a region; without a region AWS's default."""
    value = quotas.limit(world(), quota, region) if region else quota.fresh
    return {
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": f"arn:aws:servicequotas:{region or 'us-east-1'}:{catalogue.ACCOUNT_ID}:ec2/"
        f"{quota.code}",
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": float(value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


def get_products(call: Call, body: Body) -> Answer:
    """On-Demand prices as AmazonEC2 products: JSON in strings, a hundred to a page."""
    if body.get("ServiceCode") != "AmazonEC2":
        return error(call, "NotFoundException", "The service code does not exist.")
    filters = body.get("Filters", [])
    if bad := [one for one in filters if one.get("Type") not in TESTS]:
        return error(call, "InvalidParameterException", f"Invalid filter type {bad[0]}.")
    size = min(int(body.get("MaxResults") or PRODUCTS_PER_PAGE), PRODUCTS_PER_PAGE)
    start = int(decode(body["NextToken"])) if body.get("NextToken") else 0
    found = [attributes for attributes in _candidates(filters) if _fits(attributes, filters)]
    page = [json.dumps(_product(attributes)) for attributes in found[start : start + size]]
    content: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": page}
    if start + size < len(found):
        content["NextToken"] = encode(str(start + size))
    return json_answer(content)


def _candidates(filters: list[Body]) -> Iterator[Mapping[str, str]]:
    """Only the regions asked for: the whole list has fifty thousand products."""
    asked = [f for f in filters if f["Field"] == "regionCode"]
    for region in catalogue.ENABLED_REGIONS:
        if _fits({"regionCode": region}, asked):
            yield from _products_of(region)


def _fits(attributes: Mapping[str, str], filters: list[Body]) -> bool:
    return all(
        TESTS[one["Type"]](attributes.get(one["Field"], ""), one["Value"]) for one in filters
    )


@cache
def _products_of(region: str) -> tuple[Mapping[str, str], ...]:
    return tuple(_attributes(region, name) for name in catalogue.zones_of_types(region))


def _attributes(region: str, name: str) -> dict[str, str]:
    described = catalogue.instance_types()[name]
    gib = described["MemoryInfo"]["SizeInMiB"] / 1024
    attributes = {
        **FIXED_ATTRIBUTES,
        "instanceType": name,
        "instanceFamily": "GPU instance" if "GpuInfo" in described else "General purpose",
        "regionCode": region,
        "location": region,
        "vcpu": str(catalogue.vcpus(name)),
        "memory": f"{gib:g} GiB",
        "usagetype": f"BoxUsage:{name}",
        "currentGeneration": "Yes" if described.get("CurrentGeneration") else "No",
    }
    if gpus := described.get("GpuInfo", {}).get("Gpus"):
        attributes["gpu"] = str(gpus[0].get("Count") or 0)
    return attributes


def _product(attributes: Mapping[str, str]) -> dict[str, Any]:
    region, name = attributes["regionCode"], attributes["instanceType"]
    sku = f"SIM{region}{name}".upper().replace("-", "").replace(".", "")
    price = f"{usd(catalogue.on_demand(region, name))}0000"
    dimension = {
        "rateCode": f"{sku}.JRTCKXETXF.6YS6EN2CT7",
        "unit": "Hrs",
        "beginRange": "0",
        "endRange": "Inf",
        "description": f"${price} per simulated On Demand Linux {name} Instance Hour",
        "pricePerUnit": {"USD": price},
        "appliesTo": [],
    }
    term = {
        "sku": sku,
        "offerTermCode": "JRTCKXETXF",
        "effectiveDate": "2026-11-01T00:00:00Z",
        "termAttributes": {},
        "priceDimensions": {dimension["rateCode"]: dimension},
    }
    return {
        "product": {"sku": sku, "productFamily": "Compute Instance", "attributes": attributes},
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {f"{sku}.JRTCKXETXF": term}},
        "version": "simulated",
        "publicationDate": "2026-11-01T00:00:00Z",
    }
