"""Named rules; each refusal carries its reason."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations
from typing import Generic, TypeVar

from spotkeeper.errors import BadInput
from spotkeeper.model.instance_type import OLD_GPU_FAMILIES, Gpus, InstanceType
from spotkeeper.model.need import Need
from spotkeeper.model.price_table import PriceTable
from spotkeeper.model.spelling import did_you_mean

T = TypeVar("T")

#: Whoever names such a type or its GPU brings an image for it.
NO_DRIVER = "the Deep Learning image has no driver for it: see --type, --image"

#: The rule that falls where only vCPUs and memory of a type are known.
GPUS_UNKNOWN = "its GPUs and architecture are not known"


@dataclass(frozen=True, slots=True)
class Rule(Generic[T]):
    """A condition, with the words for whoever does not meet it; ``option`` is what states it."""

    reason: str
    admits: Callable[[T], bool]
    option: str = ""


def type_rules(need: Need) -> list[Rule[InstanceType]]:
    """The rules of a need that hardware alone decides; only those that the need states."""
    stated: list[tuple[bool, Rule[InstanceType]]] = [
        (True, Rule("not offered as Spot", lambda row: row.spot_supported)),
        (
            bool(need.exclude),
            Rule(
                "excluded",
                lambda row: not matches(row.name, need.exclude),
                f"--exclude {' '.join(need.exclude)}",
            ),
        ),
        (_is_about_gpus(need), Rule(GPUS_UNKNOWN, lambda row: not row.partial)),
        *_accelerators(need),
        *_sizes(need),
        (
            not (need.types or need.gpu) and bool(need.gpus or need.gpu_memory_gb),
            Rule(NO_DRIVER, lambda row: row.family not in OLD_GPU_FAMILIES),
        ),
    ]
    return [rule for applies, rule in stated if applies]


def _sizes(need: Need) -> list[tuple[bool, Rule[InstanceType]]]:
    """Of these much is known without an account too."""
    return [
        (
            need.vcpus > 0,
            Rule(
                f"fewer than {need.vcpus} vCPUs",
                lambda row: row.vcpus >= need.vcpus,
                f"--vcpus {need.vcpus}",
            ),
        ),
        (
            need.memory_gib > 0,
            Rule(
                f"less than {need.memory_gib:g} GiB memory",
                lambda row: row.memory_gib >= need.memory_gib,
                f"--memory {need.memory_gib:g}",
            ),
        ),
    ]


def _accelerators(need: Need) -> list[tuple[bool, Rule[InstanceType]]]:
    return [
        (
            need.gpus > 0,
            Rule(
                f"fewer than {need.gpus} GPUs" if need.gpus > 1 else "no GPU",
                lambda row: row.gpu_count >= need.gpus,
                f"--gpus {need.gpus}",
            ),
        ),
        (
            need.gpu is not None,
            Rule(f"GPU is not {need.gpu}", lambda row: _has_gpu(row, need), f"--gpu {need.gpu}"),
        ),
        (
            need.gpu_memory_gb > 0,
            Rule(
                f"less than {need.gpu_memory_gb:g} GB per GPU",
                lambda row: _gb_each(row) >= need.gpu_memory_gb,
                f"--gpu-memory {need.gpu_memory_gb:g}",
            ),
        ),
        (
            need.arch is not None,
            Rule(
                f"architecture is not {need.arch}",
                lambda row: need.arch in row.archs,
                f"--arch {need.arch}",
            ),
        ),
    ]


def _is_about_gpus(need: Need) -> bool:
    """Whether vCPUs and memory are not enough to judge a type."""
    return bool(need.gpus or need.gpu is not None or need.gpu_memory_gb or need.arch)


def first_refusal(candidate: T, rules: Iterable[Rule[T]]) -> str:
    """The words of the first rule that a candidate falls to; "" when it meets them all."""
    return next((rule.reason for rule in rules if not rule.admits(candidate)), "")


def matches(name: str, globs: Iterable[str]) -> bool:
    """Whether a type's name fits one of the globs."""
    return any(fnmatchcase(name, glob) for glob in globs)


def globs(fitting: Collection[str], known: Iterable[str]) -> tuple[str, ...]:
    """The types that fit, a family of which all known types do as one glob."""
    partly = {_family(name) for name in known if name not in fitting}
    named = (each if (of := _family(each)) in partly else f"{of}.*" for each in sorted(fitting))
    return tuple(dict.fromkeys(named))


def _family(name: str) -> str:
    return name.partition(".")[0]


def _has_gpu(row: InstanceType, need: Need) -> bool:
    return row.gpus is not None and need.gpu is not None and row.gpus.is_called(need.gpu)


def _gb_each(row: InstanceType) -> float:
    return row.gpus.memory_gb_each if row.gpus else 0


ZONE_NAME = r"(?P<region>[a-z]{2,5}(?:-[a-z]+)+-\d+)(?:-[a-z]{3}-\d+)?[a-z]"

#: More than three options are seldom needed to exclude every type.
MOST_OPTIONS = 3

#: GPUs that EC2 has sold as Spot, by EC2's names. A name that is neither here nor on sale is
#: mistyped; the list only helps to tell it from one that is not sold where we looked.
KNOWN_GPUS = (
    *("A100", "A100-80GB", "A10G", "B200", "Gaudi HL-205", "H100", "H200", "K520", "K80", "L4"),
    *("L40S", "M60", "Radeon Pro V520", "RTX PRO Server 6000", "T4", "T4g", "V100", "V100-32GB"),
)


def refuse_contradictions(need: Need, regions: Sequence[str]) -> None:
    """Refuse a need that contradicts itself, whatever is on sale.

    Raises:
        BadInput: with the options that exclude each other.
    """
    if need.types and need.exclude and all(_is_excluded(glob, need) for glob in need.types):
        raise _excluding(f"--type {' '.join(need.types)}", f"--exclude {' '.join(need.exclude)}")
    places = [re.fullmatch(ZONE_NAME, zone) for zone in need.zones]
    elsewhere = [place["region"] for place in places if place and place["region"] not in regions]
    if need.zones and len(elsewhere) == len(need.zones):
        raise BadInput(
            f"--zone {' '.join(need.zones)} is not in {', '.join(regions)}",
            next_step=f"Add --region {elsewhere[0]}, or leave --zone out.",
        )


def refuse_unknown_gpu(need: Need, hardware: Mapping[str, InstanceType]) -> None:
    """Refuse the name of a GPU that nobody has.

    Raises:
        BadInput: with the nearest name that somebody has.
    """
    if need.gpu is None:
        return
    sold = {row.gpus.name for row in hardware.values() if row.gpus is not None}
    known = sorted(sold | set(KNOWN_GPUS))
    wanted = need.gpu
    if any(Gpus(name, "", 1, 0).is_called(wanted) for name in known):
        return
    hint = did_you_mean(wanted, known, f"GPUs on EC2: {', '.join(known)}.")
    raise BadInput(f"No GPU on EC2 is called {wanted!r}", next_step=hint)


def contradiction(
    need: Need, tables: Collection[PriceTable], types: Collection[InstanceType]
) -> str:
    """Which options leave nothing together; "" where single pools fell to single rules."""
    zones = {zone for table in tables for row in table.rows for zone in (row.zone, row.zone_id)}
    if need.zones and not zones & set(need.zones):
        sold = ", ".join(sorted({row.zone for table in tables for row in table.rows}))
        return f"nothing is sold in --zone {' '.join(need.zones)}, but in {sold or 'no zone'}"
    if need.types and not types:
        return f"no type on sale here is called {' '.join(need.types)}"
    rules = [rule for rule in type_rules(need) if rule.option]
    admitted = {rule.option: {row.name for row in types if rule.admits(row)} for rule in rules}
    for count in range(1, MOST_OPTIONS + 1):
        for options in combinations(admitted, count):
            if types and not set.intersection(*(admitted[option] for option in options)):
                return _told(need, options, len(types))
    return ""


def _told(need: Need, options: Sequence[str], count: int) -> str:
    stated = [f"--type {' '.join(need.types)}", *options] if need.types else list(options)
    if len(stated) == 1:
        return f"none of the types on sale here ({count}) meets {stated[0]}"
    together = f"{', '.join(stated[:-1])} and {stated[-1]}"
    return f"{together} exclude each other: none of the types on sale ({count}) meets them all"


def _is_excluded(glob: str, need: Need) -> bool:
    return any(fnmatchcase(glob, exclude) for exclude in need.exclude)


def _excluding(one: str, other: str) -> BadInput:
    return BadInput(f"{one} and {other} exclude each other", next_step="Leave one of them out.")
