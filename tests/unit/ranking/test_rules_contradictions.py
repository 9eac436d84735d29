"""Needs that nothing can meet: the options that exclude each other are named."""

import pytest
from tests.unit.model.make import NOON, hardware

from spotkeeper.errors import BadInput
from spotkeeper.model.instance_type import Gpus
from spotkeeper.model.need import Need
from spotkeeper.model.price_table import PriceTable, RawPrice
from spotkeeper.ranking.rules import (
    contradiction,
    refuse_contradictions,
    refuse_unknown_gpu,
)

A100 = Gpus("A100", "NVIDIA", 8, 40_960)
T4G = Gpus("T4g", "NVIDIA", 1, 16_384)
TYPES = [
    hardware("p4d.24xlarge", gpus=A100, vcpus=96),
    hardware("g5g.xlarge", gpus=T4G, archs=("arm64",)),
    hardware("m7g.large", gpus=None, archs=("arm64",)),
    hardware("g5.xlarge"),
]
AT = "2026-11-23T11:00:00Z"
ROW = RawPrice("g5.xlarge", "Linux/UNIX", "0.4", AT, "us-east-1a", "use1-az1")
TABLES = [PriceTable("us-east-1", [ROW], NOON)]


@pytest.mark.parametrize(
    ("need", "told"),
    [
        (Need(arch="arm64", gpu="A100"), "--gpu A100 and --arch arm64 exclude each other"),
        (Need(gpus=4, arch="arm64"), "--gpus 4 and --arch arm64 exclude each other"),
        (Need(gpus=2, gpu="T4g"), "--gpus 2 and --gpu T4g exclude each other"),
        (Need(vcpus=999), "none of the types on sale here (4) meets --vcpus 999"),
        (
            Need(types=("g5.*",), vcpus=999),
            "--type g5.* and --vcpus 999 exclude each other",
        ),
        (Need(zones=("use1-az9",)), "nothing is sold in --zone use1-az9"),
        (Need(gpus=1, arch="arm64"), ""),
        (Need(zones=("use1-az1",)), ""),
    ],
)
def test_the_fewest_options_that_leave_nothing_are_named(need: Need, told: str) -> None:
    found = contradiction(need, TABLES, TYPES)
    assert found.startswith(told)
    assert bool(found) == bool(told)


def test_three_options_may_be_needed() -> None:
    types = [
        hardware("a.b", vcpus=8),
        hardware("c.d", vcpus=8, archs=("arm64",), gpus=None),
        hardware("e.f", vcpus=2, archs=("arm64",)),
    ]
    told = contradiction(Need(gpus=1, vcpus=8, arch="arm64"), [], types)
    assert told.startswith("--gpus 1, --arch arm64 and --vcpus 8 exclude each other")


def test_where_nothing_is_on_sale_no_option_is_blamed() -> None:
    assert contradiction(Need(gpus=1), [], []) == ""


@pytest.mark.parametrize(
    "need",
    [
        Need(types=("g5.*",), exclude=("g5.*",)),
        Need(types=("g5.xlarge", "g5.2xlarge"), exclude=("g5.*", "m5.*")),
        Need(types=("g5.xlarge",), exclude=("*",)),
    ],
)
def test_types_that_are_all_excluded_are_refused_at_once(need: Need) -> None:
    with pytest.raises(BadInput, match=r"--type g5.* and --exclude .* exclude each other"):
        refuse_contradictions(need, ["us-east-1"])


@pytest.mark.parametrize("zone", ["eu-west-1a", "us-west-2b", "us-west-2-lax-1a"])
def test_a_zone_of_another_region_is_refused_at_once(zone: str) -> None:
    with pytest.raises(BadInput, match=f"--zone {zone} is not in us-east-1") as caught:
        refuse_contradictions(Need(zones=(zone,)), ["us-east-1"])
    assert "--region" in caught.value.next_step


@pytest.mark.parametrize(
    "need",
    [
        Need(types=("g5.*",), exclude=("g5.xlarge",)),
        Need(types=("g5.xlarge", "m5.large"), exclude=("g5.*",)),
        Need(zones=("us-east-1a", "eu-west-1a")),
        Need(zones=("use1-az1",)),
        Need(),
    ],
)
def test_a_need_that_may_be_met_passes(need: Need) -> None:
    refuse_contradictions(need, ["us-east-1"])


@pytest.mark.parametrize(
    ("wanted", "near"), [("A10", "A10G"), ("H10O", "H100"), ("l40", "L40S"), ("B20", "B200")]
)
def test_the_nearest_gpu_is_named(wanted: str, near: str) -> None:
    with pytest.raises(BadInput, match=f"No GPU on EC2 is called '{wanted}'") as caught:
        refuse_unknown_gpu(Need(gpu=wanted), {})
    assert near in caught.value.next_step


def test_where_nothing_is_near_all_are_named() -> None:
    with pytest.raises(BadInput) as caught:
        refuse_unknown_gpu(Need(gpu="xyz9876"), {})
    assert "A10G, " in caught.value.next_step


@pytest.mark.parametrize("wanted", ["a10g", "H200", "a100 80gb", "rtx9999", None])
def test_a_gpu_that_somebody_has_passes(wanted: str | None) -> None:
    sold = {"g9.xlarge": hardware("g9.xlarge", gpus=Gpus("RTX9999", "NVIDIA", 1, 1))}
    refuse_unknown_gpu(Need(gpu=wanted), sold)
