"""Every rule admits, refuses, and says why."""

from typing import Any

import pytest
from tests.unit.model.make import hardware

from spotkeeper.model.instance_type import Gpus, InstanceType
from spotkeeper.model.need import Need
from spotkeeper.ranking.rules import NO_DRIVER, first_refusal, type_rules

G5 = hardware()
G3S = hardware("g3s.xlarge")
M5 = hardware("m5.large", gpus=None, vcpus=2, memory_mib=8192, hibernation_supported=True)
G5G = hardware("g5g.xlarge", archs=("arm64",))


def verdict(need: Need, row: InstanceType) -> str | None:
    """The reason why the need refuses the hardware; none when it is admitted."""
    return first_refusal(row, type_rules(need)) or None


@pytest.mark.parametrize(
    ("need", "admitted", "refused", "reason"),
    [
        (Need(exclude=("m5.*",)), G5, M5, "excluded"),
        (Need(gpus=1), G5, M5, "no GPU"),
        (Need(gpus=1), G5, G3S, NO_DRIVER),
        (Need(gpu_memory_gb=16), G5, G3S, NO_DRIVER),
        (Need(gpu="a10g"), G5, M5, "GPU is not a10g"),
        (Need(gpu_memory_gb=24), G5, M5, "less than 24 GB per GPU"),
        (Need(vcpus=4), G5, M5, "fewer than 4 vCPUs"),
        (Need(memory_gib=16), G5, M5, "less than 16 GiB memory"),
        (Need(arch="x86_64"), G5, G5G, "architecture is not x86_64"),
        (Need(arch="arm64"), G5G, G5, "architecture is not arm64"),
        (Need(), G5, hardware(spot_supported=False), "not offered as Spot"),
    ],
)
def test_a_rule_of_the_hardware_admits_and_refuses_with_its_reason(
    need: Need, admitted: InstanceType, refused: InstanceType, reason: str
) -> None:
    assert verdict(need, admitted) is None
    assert verdict(need, refused) == reason


@pytest.mark.parametrize(
    ("need", "reason"),
    [
        (Need(gpus=2), "fewer than 2 GPUs"),
        (Need(gpu="A100"), "GPU is not A100"),
        (Need(gpu_memory_gb=24.5), "less than 24.5 GB per GPU"),
        (Need(exclude=("p4d.*", "g?.xlarge")), "excluded"),
    ],
)
def test_one_too_little_is_too_little(need: Need, reason: str) -> None:
    assert verdict(need, G5) == reason


@pytest.mark.parametrize("named", [{"types": ("g3s.*",)}, {"gpu": "A10G"}])
def test_an_old_gpu_that_is_named_is_meant(named: dict[str, Any]) -> None:
    assert verdict(Need(gpus=1, **named), G3S) is None


def test_a_need_that_asks_for_nothing_only_asks_for_spot() -> None:
    assert [rule.reason for rule in type_rules(Need())] == ["not offered as Spot"]


def test_a_candidate_falls_to_the_first_rule_it_fails() -> None:
    assert verdict(Need(gpus=4, vcpus=64), M5) == "fewer than 4 GPUs"


def test_gpu_memory_is_that_of_one_gpu() -> None:
    four = hardware("g5.12xlarge", gpus=Gpus("A10G", "NVIDIA", 4, 22_888))
    assert verdict(Need(gpu_memory_gb=25), four) == "less than 25 GB per GPU"


def test_a_fraction_of_a_gpu_is_not_one_gpu() -> None:
    part = hardware("g6f.large", gpus=Gpus("L4", "NVIDIA", 0, 2861, share=0.125))
    assert verdict(Need(gpus=1), part) == "no GPU"
    assert verdict(Need(gpu="L4"), part) is None
