"""Named rules; each refusal carries its reason."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.need import Need

T = TypeVar("T")

#: The rule that falls where only vCPUs and memory of a type are known.
GPUS_UNKNOWN = "its GPUs and architecture are not known without an AWS account"


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
                lambda row: not _matches(row.name, need.exclude),
                f"--exclude {' '.join(need.exclude)}",
            ),
        ),
        (_is_about_gpus(need), Rule(GPUS_UNKNOWN, lambda row: not row.partial)),
        *_accelerators(need),
        *_sizes(need),
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
                f"fewer than {need.gpus} GPUs",
                lambda row: row.gpu_count >= need.gpus,
                f"--gpus {need.gpus}",
            ),
        ),
        (
            need.gpu is not None,
            Rule(f"GPU is not {need.gpu}", lambda row: _has_gpu(row, need), f"--gpu {need.gpu}"),
        ),
        (
            need.gpu_memory_gib > 0,
            Rule(
                f"less than {need.gpu_memory_gib:g} GB per GPU",
                lambda row: _gb_each(row) >= need.gpu_memory_gib,
                f"--gpu-memory {need.gpu_memory_gib:g}",
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
    return bool(need.gpus or need.gpu is not None or need.gpu_memory_gib or need.arch)


def first_refusal(candidate: T, rules: Iterable[Rule[T]]) -> str:
    """The words of the first rule that a candidate falls to; "" when it meets them all."""
    return next((rule.reason for rule in rules if not rule.admits(candidate)), "")


def _matches(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _has_gpu(row: InstanceType, need: Need) -> bool:
    return row.gpus is not None and need.gpu is not None and row.gpus.is_called(need.gpu)


def _gb_each(row: InstanceType) -> float:
    """Whoever asks for 24 means a card sold with 24 GB, which EC2 lists with 22.4 GiB."""
    return row.gpus.memory_gb_each if row.gpus else 0
