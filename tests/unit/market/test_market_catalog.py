"""EC2's hardware data is repaired where it is known to be wrong."""

import pytest
from tests.unit.model.make import hardware

from spotkeeper.market.market import repaired
from spotkeeper.model.instance_type import Gpus


@pytest.mark.parametrize(
    ("instance_type", "told", "name"),
    [
        ("p5en.48xlarge", "H100", "H200"),
        ("p4de.24xlarge", "A100", "A100-80GB"),
        ("p3dn.24xlarge", "V100", "V100-32GB"),
        ("p4d.24xlarge", "A100", "A100"),
        ("g5.xlarge", "A10G", "A10G"),
    ],
)
def test_a_gpu_is_called_what_it_is(instance_type: str, told: str, name: str) -> None:
    found = repaired(hardware(instance_type, gpus=Gpus(told, "NVIDIA", 8, 1024)))
    assert found.gpus == Gpus(name, "NVIDIA", 8, 1024)


@pytest.mark.parametrize(
    ("instance_type", "told", "count"),
    [("p5.4xlarge", 8, 1), ("p5.48xlarge", 8, 8), ("g5.12xlarge", 4, 4)],
)
def test_gpus_are_counted_as_the_hardware_has_them(
    instance_type: str, told: int, count: int
) -> None:
    found = repaired(hardware(instance_type, gpus=Gpus("L4", "NVIDIA", told, 1024)))
    assert found.gpu_count == count


def test_a_type_without_gpus_is_left_alone() -> None:
    plain = hardware("m5.large", gpus=None)
    assert repaired(plain) is plain


def test_repairing_twice_changes_nothing_more() -> None:
    once = repaired(hardware("p4de.24xlarge", gpus=Gpus("A100", "NVIDIA", 8, 81920)))
    assert repaired(once) == once


def test_a_fraction_of_a_gpu_is_no_whole_gpu() -> None:
    told = Gpus("L4", "NVIDIA", 0, 2861, share=0.125)
    assert repaired(hardware("g6f.large", gpus=told)).gpus == told


def test_an_older_answer_that_does_not_name_the_fraction_is_completed() -> None:
    found = repaired(hardware("g6f.large", gpus=Gpus("L4", "NVIDIA", 0, 2861))).gpus
    assert found is not None
    assert found.count == 0
    assert found.share == pytest.approx(1 / 8, abs=0.001)


def test_the_memory_of_a_fraction_follows_from_its_share() -> None:
    found = repaired(hardware("g6f.xlarge", gpus=Gpus("L4", "NVIDIA", 0, 0, share=0.125))).gpus
    assert found is not None
    assert (found.memory_mib_each, found.memory_gb_each) == (2_861, 3)
