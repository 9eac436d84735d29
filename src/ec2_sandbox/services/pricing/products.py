"""The Pricing API, which moto lacks: On-Demand and disk prices of EC2 as JSON in strings."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ec2_sandbox import catalogue
from ec2_sandbox.protocol.wire import Answer, Call, error, json_answer
from ec2_sandbox.services.json_paging import MOST, BadToken, page
from ec2_sandbox.services.pricing.disk_prices import DISK_FIELDS, disk_products
from ec2_sandbox.services.pricing.price_list import (
    COMMON,
    COMPUTE_FAMILIES,
    WAY_FIELDS,
    WAYS,
    Priced,
    Product,
    document,
    hardware_of,
    products,
)

Body = Mapping[str, Any]
Content = dict[str, Any]
Filters = list[Mapping[str, str]]

SERVICE = "AmazonEC2"
FORMAT = "aws_v1"

TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "TERM_MATCH": lambda value, wanted: value == wanted,
    "EQUALS": lambda value, wanted: value == wanted,
    "CONTAINS": lambda value, wanted: wanted in value,
    "ANY_OF": lambda value, wanted: value in wanted.split(","),
    "NONE_OF": lambda value, wanted: value not in wanted.split(","),
}


class PricingRefused(Exception):
    """An error of the Pricing API: code and message."""


def answer(call: Call) -> Answer | None:
    """The answer to a call of the Pricing API; None for what is not modelled."""
    carry_out = OPERATIONS.get(call.operation)
    if carry_out is None:
        return None
    try:
        body = json.loads(call.body or b"{}")
        _check_page(body)
        return json_answer(carry_out(body))
    except BadToken:
        return error(call, "InvalidNextTokenException", "The NextToken is not valid.")
    except PricingRefused as problem:
        code, message = problem.args
        return error(call, code, message)


def get_products(body: Body) -> Content:
    """Products by region and type, a hundred to a page."""
    _check_service(body.get("ServiceCode"))
    filters: Filters = body.get("Filters") or []
    if bad := [one for one in filters if one.get("Type") not in TESTS]:
        raise PricingRefused(
            "InvalidParameterException", f"Invalid filter type {bad[0].get('Type')}."
        )
    content = page("PriceList", list(_found(filters)), body)
    content["PriceList"] = [json.dumps(document(product)) for product in content["PriceList"]]
    return {"FormatVersion": FORMAT, **content}


def describe_services(body: Body) -> Content:
    """The one service whose prices are here, and what its products can be filtered by."""
    if body.get("ServiceCode"):
        _check_service(body["ServiceCode"])
    names = {"productFamily", *next(_found([])).attributes, "gpu", "gpuMemory", *DISK_FIELDS}
    rows = [{"ServiceCode": SERVICE, "AttributeNames": sorted(names)}]
    return {"FormatVersion": FORMAT, **page("Services", rows, body)}


def get_attribute_values(body: Body) -> Content:
    """Every value of one attribute."""
    _check_service(body.get("ServiceCode"))
    name = body.get("AttributeName", "")
    values = sorted(set(_values(name)))
    if not values:
        raise PricingRefused("InvalidParameterException", f"Invalid attribute name {name}.")
    return page("AttributeValues", [{"Value": value} for value in values], body)


OPERATIONS: Mapping[str, Callable[[Body], Content]] = {
    "DescribeServices": describe_services,
    "GetAttributeValues": get_attribute_values,
    "GetProducts": get_products,
}


def _check_service(code: str | None) -> None:
    if code != SERVICE:
        raise PricingRefused("NotFoundException", f"The service code {code} does not exist.")


def _check_page(body: Body) -> None:
    size = body.get("MaxResults")
    if size is not None and not 1 <= int(size) <= MOST:
        raise PricingRefused(
            "InvalidParameterException", f"MaxResults must be between 1 and {MOST}: {size}."
        )


def _found(filters: Filters) -> Iterator[Priced]:
    """What passes: instances, then disks."""
    by_family = [one for one in filters if one["Field"] == "productFamily"]
    if any(_fits({"productFamily": family}, by_family) for family in COMPUTE_FAMILIES):
        yield from _found_instances(filters)
    for region in catalogue.ENABLED_REGIONS:
        yield from (disk for disk in disk_products(region) if _fits(_fields(disk), filters))


def _found_instances(filters: Filters) -> Iterator[Product]:
    """Regions and ways to buy come first: there are a hundred thousand products."""
    by_region = [one for one in filters if one["Field"] == "regionCode"]
    by_way = [one for one in filters if one["Field"] in WAY_FIELDS]
    by_type = [one for one in filters if one["Field"] == "instanceType"]
    ways = tuple(way for way in WAYS if _fits(way.attributes, by_way))
    for region in catalogue.ENABLED_REGIONS:
        if _fits({"regionCode": region}, by_region):
            for product in products(region, ways):
                if _fits(product.hardware, by_type) and _fits(_fields(product), filters):
                    yield product


def _values(name: str) -> Iterator[str]:
    """Of every product; most attributes do not need the product whole."""
    if name in WAY_FIELDS:
        yield from (way.attributes[name] for way in WAYS)
    elif name in COMMON:
        yield COMMON[name]
    elif name in {"productFamily", "usagetype", *DISK_FIELDS}:
        yield from (_fields(one)[name] for one in _found([]) if name in _fields(one))
    else:
        for region in catalogue.ENABLED_REGIONS:
            yield from (one[name] for one in hardware_of(region) if name in one)


def _fields(product: Priced) -> Mapping[str, str]:
    return {**product.attributes, "productFamily": product.family}


def _fits(attributes: Mapping[str, str], filters: Filters) -> bool:
    return all(
        TESTS[one["Type"]](attributes.get(one["Field"], ""), one["Value"]) for one in filters
    )
