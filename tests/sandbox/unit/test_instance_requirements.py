"""Attribute-based selection over the real catalogue."""

from typing import Any

import pytest

from ec2_sandbox import catalogue
from ec2_sandbox.instance_requirements import accelerators_of, matching_types, of_kind
from ec2_sandbox.protocol.refusal import EC2Error

ANY = {"VCpuCount": {"Min": 0}, "MemoryMiB": {"Min": 0}}


def found(**requirements: Any) -> set[str]:
    return set(matching_types(catalogue.zones_of_types("us-east-1"), {**ANY, **requirements}))


@pytest.mark.parametrize(
    ("requirements", "inside", "outside"),
    [
        ({"VCpuCount": {"Min": 4, "Max": 8}}, "m5.xlarge", "m5.large"),
        ({"VCpuCount": {"Min": 4, "Max": 8}}, "m5.2xlarge", "m5.4xlarge"),
        ({"MemoryMiB": {"Min": 8193}}, "m5.xlarge", "m5.large"),
        ({"MemoryGiBPerVCpu": {"Min": 8}}, "r5.large", "m5.large"),
        ({"CpuManufacturers": ["amazon-web-services"]}, "m6g.large", "m6i.large"),
        ({"CpuManufacturers": ["amd", "intel"]}, "m6a.large", "m6g.large"),
        ({"InstanceGenerations": ["previous"]}, "c3.large", "c6i.large"),
        ({"BareMetal": "required"}, "m5.metal", "m5.large"),
        ({}, "m5.large", "m5.metal"),
        ({}, "m5.large", "t3.large"),
        ({"BurstablePerformance": "included"}, "t3.large", "m5.metal"),
        ({"LocalStorage": "required"}, "m5d.large", "m5.large"),
        ({"LocalStorage": "excluded"}, "m5.large", "m5d.large"),
        ({"LocalStorageTypes": ["ssd"]}, "m5d.large", "d2.xlarge"),
        ({"TotalLocalStorageGB": {"Min": 100}}, "g5.xlarge", "m5.large"),
        ({"BaselineEbsBandwidthMbps": {"Min": 650}}, "m5.large", "m4.large"),
        ({"NetworkBandwidthGbps": {"Min": 100}}, "c6in.32xlarge", "m5.large"),
        ({"NetworkInterfaceCount": {"Max": 3}}, "m5.large", "m5.4xlarge"),
        ({"AcceleratorCount": {"Min": 4}}, "g5.12xlarge", "g5.xlarge"),
        ({"AcceleratorCount": {"Max": 0}}, "m5.large", "g5.xlarge"),
        ({"AcceleratorTypes": ["gpu"]}, "g5.xlarge", "inf2.xlarge"),
        ({"AcceleratorTypes": ["inference"]}, "inf2.xlarge", "g5.xlarge"),
        ({"AcceleratorManufacturers": ["nvidia"]}, "g5.xlarge", "inf2.xlarge"),
        ({"AcceleratorNames": ["a10g"]}, "g5.xlarge", "g4dn.xlarge"),
        ({"AcceleratorTotalMemoryMiB": {"Min": 40_000}}, "g6e.xlarge", "g5.xlarge"),
        ({"AllowedInstanceTypes": ["c5*", "m5.*"]}, "c5d.large", "r5.large"),
        ({"ExcludedInstanceTypes": ["c5*"]}, "m5.large", "c5d.large"),
        ({"RequireHibernateSupport": True}, "m5.large", "g5.xlarge"),
        ({"RequireEncryptionInTransit": True}, "m6i.large", "m5.large"),
    ],
)
@pytest.mark.one_in(3)
def test_an_attribute_chooses(requirements: dict[str, Any], inside: str, outside: str) -> None:
    types = found(**requirements)
    assert inside in types
    assert outside not in types


def test_attributes_add_up() -> None:
    wanted = {"VCpuCount": {"Min": 4, "Max": 4}, "AcceleratorNames": ["t4", "a10g"]}
    assert found(**wanted) == {"g4dn.xlarge", "g5.xlarge"}


def test_architecture_and_virtualization_choose() -> None:
    names = ["m6g.large", "m5.large", "c3.large"]
    assert of_kind(names, ["arm64"], ["hvm"]) == ["m6g.large"]
    assert of_kind(names, [], ["paravirtual"]) == ["c3.large"]
    assert of_kind(names, [], []) == names


def test_a_slice_of_a_gpu_counts_as_one() -> None:
    assert accelerators_of("g6f.large").devices == 1
    assert accelerators_of("m5.large").devices == 0


@pytest.mark.parametrize(
    ("requirements", "code"),
    [
        ({"VCpuCount": None}, "MissingParameter"),
        ({"MemoryMiB": {"Max": 5}}, "MissingParameter"),
        ({"VCpuCount": {"Min": 8, "Max": 4}}, "InvalidParameterValue"),
        ({"AcceleratorCount": {"Min": -1}}, "InvalidParameterValue"),
        ({"BareMetal": "maybe"}, "InvalidParameterValue"),
        (
            {"AllowedInstanceTypes": ["c5*"], "ExcludedInstanceTypes": ["c4*"]},
            "InvalidParameterCombination",
        ),
    ],
)
def test_what_no_type_can_fit_is_refused(requirements: dict[str, Any], code: str) -> None:
    with pytest.raises(EC2Error) as caught:
        found(**requirements)
    assert caught.value.code == code
