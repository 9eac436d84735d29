"""Which quota a type counts against, and how soon more is granted."""

from datetime import timedelta

import pytest

from ec2_sandbox import catalogue
from ec2_sandbox.services.service_quotas import quotas
from ec2_sandbox.services.service_quotas.quota_requests import decided_after


@pytest.mark.parametrize(
    ("instance_type", "spot", "on_demand"),
    [
        ("m5.large", "L-34B43A08", "L-1216C47A"),
        ("c7gn.xlarge", "L-34B43A08", "L-1216C47A"),
        ("im4gn.large", "L-34B43A08", "L-1216C47A"),
        ("g5.xlarge", "L-3819A6DF", "L-DB2E81BA"),
        ("gr6.4xlarge", "L-3819A6DF", "L-DB2E81BA"),
        ("vt1.3xlarge", "L-3819A6DF", "L-DB2E81BA"),
        ("p3.2xlarge", "L-7212CCBC", "L-417A185B"),
        ("p5.48xlarge", "L-C4BD4855", "L-417A185B"),
        ("trn1.2xlarge", "L-6B0D517C", "L-2C3B7624"),
        ("inf2.xlarge", "L-B5D1601B", "L-1945791B"),
        ("dl1.24xlarge", "L-85EED4F7", "L-6E869C2A"),
        ("f2.6xlarge", "L-88CF9481", "L-74FC7D96"),
        ("x2idn.16xlarge", "L-E3A00192", "L-7295265B"),
    ],
)
def test_a_type_counts_against_the_quota_of_its_family(
    instance_type: str, spot: str, on_demand: str
) -> None:
    found = quotas.quota_of(instance_type), quotas.quota_of(instance_type, spot=False)
    assert [quota.code if quota else None for quota in found] == [spot, on_demand]


def test_only_high_memory_and_mac_have_no_quota_here() -> None:
    without = [name for name in catalogue.instance_types() if quotas.quota_of(name) is None]
    assert without
    assert all(name.startswith(("u-", "u7", "mac")) for name in without)


def test_no_type_counts_twice() -> None:
    for name in catalogue.instance_types():
        for kind in (quotas.SPOT_QUOTAS, quotas.ON_DEMAND_QUOTAS):
            assert sum(quota.covers(name) for quota in kind) <= 1


def test_a_new_account_has_five_vcpus_and_no_gpu() -> None:
    allowed = {quota.code: quota.fresh for quota in quotas.QUOTAS if quota.fresh}
    assert allowed == {"L-34B43A08": 5, "L-1216C47A": 5}


def test_codes_are_distinct() -> None:
    assert len(quotas.BY_CODE) == len(quotas.QUOTAS)


@pytest.mark.parametrize(
    ("present", "desired", "hours"),
    [(0, 64, 2), (0, 65, 24), (640, 2_560, 2), (640, 2_561, 24)],
)
def test_a_little_more_is_soon_granted(present: float, desired: float, hours: int) -> None:
    assert decided_after(present, desired) == timedelta(hours=hours)
