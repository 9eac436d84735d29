"""Service Quotas of EC2: values, pages, and an increase that is granted on the sandbox's clock."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox

pytestmark = pytest.mark.sandbox

G_SPOT = {"ServiceCode": "ec2", "QuotaCode": "L-3819A6DF"}


@pytest.fixture
def fresh(sandbox: Sandbox) -> Sandbox:
    """A new account: no GPUs."""
    sandbox.reset(account="fresh", speed=0)
    return sandbox


def value(sandbox: Sandbox, region: str = "us-east-1") -> float:
    quotas = sandbox.client("service-quotas", region)
    return float(quotas.get_service_quota(**G_SPOT)["Quota"]["Value"])


def test_a_quota_says_how_its_use_is_measured(sandbox: Sandbox) -> None:
    quota = sandbox.client("service-quotas").get_service_quota(**G_SPOT)["Quota"]
    assert quota["UsageMetric"] == {
        "MetricNamespace": "AWS/Usage",
        "MetricName": "ResourceCount",
        "MetricDimensions": {
            "Class": "G/Spot",
            "Resource": "vCPU",
            "Service": "EC2",
            "Type": "Resource",
        },
        "MetricStatisticRecommendation": "Maximum",
    }
    assert quota["Adjustable"] is True


@pytest.mark.parametrize("method", ["list_service_quotas", "list_aws_default_service_quotas"])
def test_quotas_are_paged(sandbox: Sandbox, method: str) -> None:
    quotas = sandbox.client("service-quotas")
    pages = list(
        quotas.get_paginator(method).paginate(ServiceCode="ec2", PaginationConfig={"PageSize": 5})
    )
    codes = [quota["QuotaCode"] for page in pages for quota in page["Quotas"]]
    assert len(pages) > 2
    assert len(codes) == len(set(codes)) == 17
    with pytest.raises(quotas.exceptions.InvalidPaginationTokenException):
        getattr(quotas, method)(ServiceCode="ec2", NextToken="nonsense")


def test_a_small_increase_is_granted_in_two_hours(fresh: Sandbox) -> None:
    quotas = fresh.client("service-quotas")
    asked = quotas.request_service_quota_increase(**G_SPOT, DesiredValue=8)["RequestedQuota"]
    assert (asked["Status"], asked["DesiredValue"]) == ("PENDING", 8)
    assert value(fresh) == 0
    fresh.control.advance(timedelta(minutes=15))
    opened = quotas.get_requested_service_quota_change(RequestId=asked["Id"])["RequestedQuota"]
    assert opened["Status"] == "CASE_OPENED"
    assert opened["CaseId"].isdigit()
    fresh.control.advance(timedelta(hours=2))
    (granted,) = quotas.list_requested_service_quota_change_history_by_quota(**G_SPOT)[
        "RequestedQuotas"
    ]
    assert (granted["Id"], granted["Status"]) == (asked["Id"], "APPROVED")
    assert granted["LastUpdated"] - granted["Created"] == timedelta(hours=2)
    assert value(fresh) == 8
    assert value(fresh, "eu-west-1") == 0
    told = [row for row in fresh.control.events() if row["kind"] == "quota"]
    assert [row["facts"] for row in told] == [{"vcpus": "8", "by": "request"}]


def test_a_large_increase_takes_a_day(fresh: Sandbox) -> None:
    quotas = fresh.client("service-quotas")
    quotas.request_service_quota_increase(**G_SPOT, DesiredValue=1_000)
    fresh.control.advance(timedelta(hours=23))
    open_ones = quotas.list_requested_service_quota_change_history(Status="CASE_OPENED")
    assert len(open_ones["RequestedQuotas"]) == 1
    fresh.control.advance(timedelta(hours=1))
    assert value(fresh) == 1_000


def test_an_increase_is_more_and_one_at_a_time(fresh: Sandbox) -> None:
    quotas = fresh.client("service-quotas")
    with pytest.raises(quotas.exceptions.IllegalArgumentException):
        quotas.request_service_quota_increase(**G_SPOT, DesiredValue=0)
    quotas.request_service_quota_increase(**G_SPOT, DesiredValue=4)
    with pytest.raises(quotas.exceptions.ResourceAlreadyExistsException):
        quotas.request_service_quota_increase(**G_SPOT, DesiredValue=8)
    with pytest.raises(quotas.exceptions.NoSuchResourceException):
        quotas.request_service_quota_increase(
            ServiceCode="ec2", QuotaCode="L-00000000", DesiredValue=8
        )
    with pytest.raises(quotas.exceptions.NoSuchResourceException):
        quotas.get_requested_service_quota_change(RequestId="nonsense")


def test_the_granted_increase_lets_a_gpu_start(fresh: Sandbox) -> None:
    ec2 = fresh.client("ec2")
    order: dict[str, Any] = {
        "ImageId": "resolve:ssm:/aws/service/ami-amazon-linux-latest/"
        "al2023-ami-kernel-default-x86_64",
        "InstanceType": "g5.xlarge",
        "MinCount": 1,
        "MaxCount": 1,
        "InstanceMarketOptions": {"MarketType": "spot"},
    }
    with pytest.raises(ClientError, match="MaxSpotInstanceCountExceeded"):
        ec2.run_instances(**order)
    quotas = fresh.client("service-quotas")
    quotas.request_service_quota_increase(**G_SPOT, DesiredValue=4)
    fresh.control.advance(timedelta(hours=3))
    assert ec2.run_instances(**order)["Instances"]


def test_quotas_of_vpc_are_motos(sandbox: Sandbox) -> None:
    quotas = sandbox.client("service-quotas")
    services = {one["ServiceCode"] for one in quotas.list_services()["Services"]}
    assert services == {"ec2", "vpc"}
    found = quotas.list_aws_default_service_quotas(ServiceCode="vpc")["Quotas"]
    assert all(quota["ServiceCode"] == "vpc" for quota in found)
    assert found
