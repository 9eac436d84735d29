"""Hardware, and GPU names as people type them."""

import pytest
from tests.unit.model.make import A10G, hardware

from spotkeeper.model.instance_type import Gpus


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("A10G", "A10G"),
        ("A10G", "a10g"),
        ("A100-80GB", "A100-80GB"),
        ("A100-80GB", "A100 80GB"),
        ("A100-80GB", "a100_80gb"),
        ("A100-80GB", "A100"),
        ("V100-32GB", "v100"),
        ("L40S", "l40s"),
    ],
)
def test_a_gpu_answers_to_its_name_as_typed(name: str, typed: str) -> None:
    assert Gpus(name, "NVIDIA", 1, 1024).is_called(typed)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("A10G", "A10"),
        ("A100", "A10"),
        ("A100", "A100-80GB"),
        ("T4g", "T4"),
        ("L40S", "L4"),
        ("A10G", ""),
    ],
)
def test_a_gpu_does_not_answer_to_another_name(name: str, typed: str) -> None:
    assert not Gpus(name, "NVIDIA", 1, 1024).is_called(typed)


def test_memory_is_told_in_gib() -> None:
    assert A10G.memory_gib_each == 22.4
    assert hardware(memory_mib=512).memory_gib == 0.5


@pytest.mark.parametrize(
    ("archs", "arch"),
    [
        (("x86_64",), "x86_64"),
        (("i386", "x86_64"), "x86_64"),
        (("arm64",), "arm64"),
    ],
)
def test_an_image_must_have_the_64_bit_architecture(archs: tuple[str, ...], arch: str) -> None:
    assert hardware(archs=archs).arch == arch


def test_a_type_without_gpus_has_none() -> None:
    assert hardware("m5.large", gpus=None).gpu_count == 0
    assert hardware().gpu_count == 1


def test_the_family_is_what_stands_before_the_dot() -> None:
    assert hardware("p4de.24xlarge").family == "p4de"


@pytest.mark.parametrize(
    ("mib", "gb"),
    [
        *((16_384, 16), (40_960, 40), (144_384, 141)),
        *((22_888, 24), (45_776, 48), (2_861, 3), (11_444, 12)),
        *((183_359, 180), (275_040, 270)),
        *((0, 0), (96, 0.1)),
    ],
)
def test_gpu_memory_is_told_as_the_card_is_sold(mib: int, gb: float) -> None:
    assert Gpus("some", "NVIDIA", 1, mib).memory_gb_each == gb
