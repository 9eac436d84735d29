"""The Pricing API: how a type is sold, filters, pages, and what products can be filtered by."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from tests.conftest import Sandbox

from ec2_sandbox.bill import GB_MONTH_USD

pytestmark = pytest.mark.sandbox


def products(sandbox: Sandbox, **fields: str) -> list[dict[str, Any]]:
    filters = [{"Type": "TERM_MATCH", "Field": f, "Value": value} for f, value in fields.items()]
    pages = (
        sandbox.client("pricing")
        .get_paginator("get_products")
        .paginate(ServiceCode="AmazonEC2", Filters=filters)
    )
    return [json.loads(text) for page in pages for text in page["PriceList"]]


def usd(product: dict[str, Any]) -> Decimal:
    (term,) = product["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    return Decimal(dimension["pricePerUnit"]["USD"])


def test_who_names_only_a_type_gets_every_way_to_buy_it(sandbox: Sandbox) -> None:
    found = products(sandbox, regionCode="us-west-2", instanceType="m5.large")
    prices = {one["product"]["attributes"]["usagetype"]: usd(one) for one in found[:4]}
    linux = prices["USW2-BoxUsage:m5.large"]
    assert prices == {
        "USW2-BoxUsage:m5.large": linux,
        "USW2-UnusedBox:m5.large": linux,
        "USW2-Reservation:m5.large": 0,
        "USW2-DedicatedUsage:m5.large": pytest.approx(
            linux * Decimal("1.06"), rel=Decimal("0.001")
        ),
    }
    (windows,) = products(
        sandbox, regionCode="us-west-2", instanceType="m5.large", operatingSystem="Windows"
    )
    assert windows["product"]["attributes"]["operation"] == "RunInstances:0002"
    assert usd(windows) == linux + 2 * Decimal("0.046")
    assert len({one["product"]["sku"] for one in found}) == len(found) == 5


def test_arm_has_no_windows(sandbox: Sandbox) -> None:
    found = products(sandbox, regionCode="us-east-1", instanceType="m6g.large")
    assert {one["product"]["attributes"]["operatingSystem"] for one in found} == {"Linux"}


def test_a_product_is_described_as_by_aws(sandbox: Sandbox) -> None:
    (product,) = products(
        sandbox,
        location="EU (Ireland)",
        instanceType="g5.xlarge",
        operatingSystem="Linux",
        tenancy="Shared",
        capacitystatus="Used",
        productFamily="Compute Instance",
    )
    attributes = product["product"]["attributes"]
    assert attributes["usagetype"] == "EU-BoxUsage:g5.xlarge"
    expected = {
        "instanceFamily": "GPU instance",
        "regionCode": "eu-west-1",
        "vcpu": "4",
        "memory": "16 GiB",
        "gpu": "1",
        "storage": "1 x 250 SSD",
        "normalizationSizeFactor": "8",
        "licenseModel": "No License required",
        "marketoption": "OnDemand",
    }
    assert {name: attributes[name] for name in expected} == expected
    assert len(product["product"]["sku"]) == 16


def test_pages_hold_together(sandbox: Sandbox) -> None:
    pricing = sandbox.client("pricing")
    asked = {
        "ServiceCode": "AmazonEC2",
        "Filters": [
            {"Type": "EQUALS", "Field": "regionCode", "Value": "us-east-1"},
            {"Type": "CONTAINS", "Field": "instanceType", "Value": "m5."},
        ],
    }
    pages = list(
        pricing.get_paginator("get_products").paginate(**asked, PaginationConfig={"PageSize": 7})
    )
    texts = [text for page in pages for text in page["PriceList"]]
    assert len(texts) == len(set(texts)) > 7
    assert texts == pricing.get_products(**asked)["PriceList"]


def test_what_is_asked_wrongly_is_an_error(sandbox: Sandbox) -> None:
    pricing = sandbox.client("pricing")
    with pytest.raises(pricing.exceptions.NotFoundException):
        pricing.get_products(ServiceCode="AmazonNothing")
    with pytest.raises(pricing.exceptions.InvalidNextTokenException):
        pricing.get_products(ServiceCode="AmazonEC2", NextToken="nonsense")
    with pytest.raises(pricing.exceptions.InvalidParameterException):
        pricing.get_products(ServiceCode="AmazonEC2", MaxResults=101)
    with pytest.raises(pricing.exceptions.InvalidParameterException):
        pricing.get_attribute_values(ServiceCode="AmazonEC2", AttributeName="nonsense")


def test_attributes_and_their_values_are_listed(sandbox: Sandbox) -> None:
    pricing = sandbox.client("pricing")
    (service,) = pricing.describe_services(ServiceCode="AmazonEC2")["Services"]
    assert {"instanceType", "regionCode", "productFamily", "gpu"} <= set(service["AttributeNames"])
    values = pricing.get_attribute_values(ServiceCode="AmazonEC2", AttributeName="tenancy")
    assert [one["Value"] for one in values["AttributeValues"]] == ["Dedicated", "Shared"]


def test_disks_are_sold_by_type_and_region_at_the_prices_of_the_bill(sandbox: Sandbox) -> None:
    (gp3,) = products(
        sandbox, productFamily="Storage", volumeApiName="gp3", regionCode="eu-west-1"
    )
    assert gp3["product"]["attributes"]["usagetype"] == "EU-EBS:VolumeUsage.gp3"
    assert gp3["product"]["productFamily"] == "Storage"
    assert usd(gp3) == Decimal("0.08")

    found = products(
        sandbox, productFamily="Storage", regionCode="us-east-1", locationType="AWS Region"
    )
    prices = {one["product"]["attributes"]["volumeApiName"]: usd(one) for one in found}
    assert {name: Fraction(each) for name, each in prices.items()} == GB_MONTH_USD
    assert len({one["product"]["sku"] for one in found}) == len(found)


def test_the_types_of_disks_are_listed(sandbox: Sandbox) -> None:
    pricing = sandbox.client("pricing")
    values = pricing.get_attribute_values(ServiceCode="AmazonEC2", AttributeName="volumeApiName")
    assert [one["Value"] for one in values["AttributeValues"]] == sorted(GB_MONTH_USD)
