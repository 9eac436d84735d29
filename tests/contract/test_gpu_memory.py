"""GPU memory as the cards are sold, for every GPU that EC2's own list has."""

from collections.abc import Mapping

from ec2_sandbox.catalogue import instance_types
from spotkeeper.aws.feeds import instance_type
from spotkeeper.market.market import repaired

#: By the data sheets of the makers, but for the parts of an L4, which are AWS's.
SOLD_GB: Mapping[str, set[float]] = {
    "A10G": {24},
    "A100": {40},
    "A100-80GB": {80},
    "B200": {180},
    "B300": {270},
    "H100": {80},
    "H200": {141},
    "K80": {12},
    "L4": {24, 12, 6, 3},
    "L40S": {48},
    "M60": {8},
    "RTX PRO 4500": {32},
    "RTX PRO Server 6000": {96},
    "T4": {16},
    "T4g": {16},
    "V100": {16},
    "V100-32GB": {32},
}


def test_every_gpu_has_the_memory_that_its_card_is_sold_with() -> None:
    found: dict[str, set[float]] = {}
    for described in instance_types().values():
        if gpus := repaired(instance_type(described)).gpus:
            found.setdefault(gpus.name, set()).add(gpus.memory_gb_each)
    assert found == SOLD_GB
