"""Repairs of EC2's own hardware data where it is known to be wrong.

Source: AWS.md 2.6; the same quirks are patched by other tools that read DescribeInstanceTypes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from spotkeeper.model.instance_type import InstanceType

#: Families whose GPU EC2 names wrongly or too broadly.
GPU_NAMES: Mapping[str, str] = {
    "p5en": "H200",
    "p4de": "A100-80GB",
    "p3dn": "V100-32GB",
}

#: Types whose GPU count EC2 reports wrongly.
GPU_COUNTS: Mapping[str, int] = {"p5.4xlarge": 1}


#: What makes a type's name a pattern.
WILDCARDS = frozenset("*?[")


def exact_names(globs: Iterable[str]) -> list[str]:
    """Those that name one type and are no pattern."""
    return [glob for glob in globs if not WILDCARDS & set(glob)]


#: Memory of the whole GPU of which g6f and gr6f give a fraction (L4).
L4_MIB = 22_888


def repaired(found: InstanceType) -> InstanceType:
    """The type with the name, count and share of its GPUs as the hardware really has them."""
    gpus = found.gpus
    if gpus is None:
        return found
    share = gpus.share
    if gpus.count == 0 and share >= 1:  # an older answer that does not name the fraction
        share = gpus.memory_mib_each / L4_MIB
    count = 0 if share < 1 else GPU_COUNTS.get(found.name, gpus.count)
    name = GPU_NAMES.get(found.family, gpus.name)
    return replace(found, gpus=replace(gpus, name=name, count=count, share=share))
