"""Types, offerings, regions, images, On-Demand prices, quotas, identity: what exists."""

import json
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from tests.conftest import Sandbox

pytestmark = pytest.mark.sandbox

LINUX = [
    {"Type": "TERM_MATCH", "Field": field, "Value": value}
    for field, value in {
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
        "operation": "RunInstances",
    }.items()
]


def test_types_come_a_hundred_to_a_page(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    pages = list(ec2.get_paginator("describe_instance_types").paginate())
    assert {len(page["InstanceTypes"]) for page in pages[:-1]} == {100}
    names = [one["InstanceType"] for page in pages for one in page["InstanceTypes"]]
    assert len(names) == len(set(names)) > 1_000
    small = ec2.describe_instance_types(MaxResults=5)
    assert len(small["InstanceTypes"]) == 5


@pytest.mark.parametrize(
    ("name", "vcpus", "gib", "gpu"),
    [
        ("g3s.xlarge", 4, 30.5, ("M60", 1, 8)),
        ("g3.8xlarge", 32, 244, ("M60", 2, 8)),
        ("p2.16xlarge", 64, 732, ("K80", 16, 12)),
        ("p3.2xlarge", 8, 61, ("V100", 1, 16)),
    ],
)
def test_the_old_gpu_types_exist(
    sandbox: Sandbox, name: str, vcpus: int, gib: float, gpu: tuple[str, int, int]
) -> None:
    for region in ("us-east-1", "us-west-2", "eu-west-1"):
        ec2 = sandbox.client("ec2", region)
        found = ec2.describe_instance_types(InstanceTypes=[name])["InstanceTypes"][0]
        assert found["VCpuInfo"]["DefaultVCpus"] == vcpus
        assert found["MemoryInfo"]["SizeInMiB"] == gib * 1024
        device = found["GpuInfo"]["Gpus"][0]
        gpu_gib = device["MemoryInfo"]["SizeInMiB"] // 1024
        assert (device["Name"], device["Count"], gpu_gib) == gpu


def test_types_are_filtered(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    wanted = {
        "instance-type": ["g5.*", "g5g.*"],
        "supported-usage-class": ["spot"],
        "processor-info.supported-architecture": ["arm64"],
        "bare-metal": ["false"],
    }
    found = ec2.describe_instance_types(
        Filters=[{"Name": name, "Values": values} for name, values in wanted.items()]
    )["InstanceTypes"]
    assert found
    assert all(one["InstanceType"].startswith("g5g.") for one in found)


def test_an_unknown_type_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError, match="InvalidInstanceType"):
        sandbox.client("ec2").describe_instance_types(InstanceTypes=["zz.large"])


@pytest.mark.parametrize(
    ("kind", "location"),
    [
        ("region", "us-east-1"),
        ("availability-zone", "us-east-1a"),
        ("availability-zone-id", "use1-az6"),
    ],
)
def test_offerings_by_region_zone_and_zone_id(sandbox: Sandbox, kind: str, location: str) -> None:
    ec2 = sandbox.client("ec2")
    found = ec2.describe_instance_type_offerings(
        LocationType=kind,
        Filters=[
            {"Name": "instance-type", "Values": ["g5.xlarge"]},
            {"Name": "location", "Values": [location]},
        ],
    )["InstanceTypeOfferings"]
    assert found == [{"InstanceType": "g5.xlarge", "LocationType": kind, "Location": location}]


def test_regions_are_those_of_a_default_account(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    enabled = ec2.describe_regions()["Regions"]
    assert len(enabled) == 17
    assert {region["OptInStatus"] for region in enabled} == {"opt-in-not-required"}
    everything = ec2.describe_regions(AllRegions=True)["Regions"]
    others = [r for r in everything if r["OptInStatus"] == "not-opted-in"]
    assert len(everything) == 17 + len(others) > 25


def test_a_region_that_is_not_enabled_knows_nobody(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError, match=r"AuthFailure.*not able to validate"):
        sandbox.client("ec2", "me-south-1").describe_instances()


@pytest.mark.parametrize(
    ("parameter", "owner", "arch", "gb"),
    [
        (
            "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest"
            "/ami-id",
            "amazon",
            "x86_64",
            75,
        ),
        (
            "/aws/service/deeplearning/ami/arm64/base-oss-nvidia-driver-gpu-amazon-linux-2023"
            "/latest/ami-id",
            "amazon",
            "arm64",
            75,
        ),
        (
            "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
            "099720109477",
            "x86_64",
            8,
        ),
        (
            "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
            "amazon",
            "arm64",
            8,
        ),
    ],
)
def test_public_parameters_name_images_that_exist(
    sandbox: Sandbox, parameter: str, owner: str, arch: str, gb: int
) -> None:
    ids = set()
    for region in ("us-east-1", "sa-east-1"):
        ssm, ec2 = sandbox.client("ssm", region), sandbox.client("ec2", region)
        image_id = ssm.get_parameter(Name=parameter)["Parameter"]["Value"]
        ids.add(image_id)
        image = ec2.describe_images(ImageIds=[image_id], Owners=[owner])["Images"][0]
        assert image["Architecture"] == arch
        assert image["UsageOperation"] == "RunInstances"
        root = image["BlockDeviceMappings"][0]
        assert root["DeviceName"] == image["RootDeviceName"]
        assert root["Ebs"]["VolumeSize"] == gb
    assert len(ids) == 2


def test_images_are_found_by_name(sandbox: Sandbox) -> None:
    found = sandbox.client("ec2").describe_images(
        Owners=["amazon"],
        Filters=[
            {"Name": "name", "Values": ["Deep Learning Base OSS*Ubuntu 24.04*"]},
            {"Name": "architecture", "Values": ["x86_64"]},
        ],
    )["Images"]
    assert len(found) == 1


def products(sandbox: Sandbox, **fields: str) -> list[dict[str, Any]]:
    pricing = sandbox.client("pricing")
    pages = pricing.get_paginator("get_products").paginate(
        ServiceCode="AmazonEC2",
        Filters=[
            *LINUX,
            *({"Type": "TERM_MATCH", "Field": f, "Value": v} for f, v in fields.items()),
        ],
    )
    return [json.loads(text) for page in pages for text in page["PriceList"]]


def price(product: dict[str, Any]) -> Decimal:
    (term,) = product["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    assert dimension["unit"] == "Hrs"
    return Decimal(dimension["pricePerUnit"]["USD"])


def test_on_demand_prices_of_the_article(sandbox: Sandbox) -> None:
    for name, usd in {"p3.2xlarge": "3.305", "m4.2xlarge": "0.444"}.items():
        (product,) = products(sandbox, regionCode="eu-west-1", instanceType=name)
        assert price(product) == Decimal(usd)
        assert product["product"]["attributes"]["vcpu"] == "8"


def test_a_whole_region_of_on_demand_prices_is_paged(sandbox: Sandbox) -> None:
    found = products(sandbox, regionCode="us-east-1")
    assert len(found) > 1_000
    assert all(price(product) > 0 for product in found)


def test_any_of_asks_for_several(sandbox: Sandbox) -> None:
    asked = {"Type": "ANY_OF", "Field": "instanceType", "Value": "g5.xlarge,g5.2xlarge"}
    region = {"Type": "EQUALS", "Field": "regionCode", "Value": "us-east-1"}
    found = sandbox.client("pricing").get_products(
        ServiceCode="AmazonEC2", Filters=[*LINUX, asked, region]
    )
    assert len(found["PriceList"]) == 2


def test_spot_quotas(sandbox: Sandbox) -> None:
    asked = {"ServiceCode": "ec2", "QuotaCode": "L-3819A6DF"}
    quotas = sandbox.client("service-quotas")
    assert quotas.get_service_quota(**asked)["Quota"]["Value"] == 128
    assert quotas.get_aws_default_service_quota(**asked)["Quota"]["Value"] == 0
    sandbox.control.quota("L-3819A6DF", 8, region="us-east-1")
    listed = quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]
    assert {q["QuotaCode"]: q["Value"] for q in listed}["L-3819A6DF"] == 8
    with pytest.raises(quotas.exceptions.NoSuchResourceException):
        quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-00000000")


def test_a_fresh_account_has_new_quotas_and_no_spot_role(sandbox: Sandbox) -> None:
    iam = sandbox.client("iam")
    role = iam.get_role(RoleName="AWSServiceRoleForEC2Spot")["Role"]
    assert "spot.amazonaws.com" in role["Arn"]
    sandbox.reset(account="fresh")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="AWSServiceRoleForEC2Spot")
    quota = sandbox.client("service-quotas").get_service_quota(
        ServiceCode="ec2", QuotaCode="L-34B43A08"
    )
    assert quota["Quota"]["Value"] == 5


def test_the_caller_has_an_account(sandbox: Sandbox) -> None:
    assert sandbox.client("sts").get_caller_identity()["Account"] == "123456789012"


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        ("DescribeInstanceTypes", {"InstanceTypes": ["g5.xlarge", "p4d.24xlarge", "m5.large"]}),
        ("DescribeInstanceTypeOfferings", {}),
        ("DescribeSpotPriceHistory", {"InstanceTypes": ["g5.xlarge"]}),
        ("DescribeImages", {}),
        ("DescribeRegions", {"AllRegions": True}),
    ],
)
def test_answers_have_the_shape_of_the_model(
    sandbox: Sandbox, operation: str, asked: dict[str, Any]
) -> None:
    ec2 = sandbox.client("ec2")
    method = {name: method for method, name in ec2.meta.method_to_api_mapping.items()}[operation]
    answer = getattr(ec2, method)(**asked)
    answer.pop("ResponseMetadata")
    shape = ec2.meta.service_model.operation_model(operation).output_shape
    assert ParamValidator().validate(answer, shape).generate_report() == ""
