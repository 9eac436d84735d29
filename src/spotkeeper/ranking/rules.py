"""Named rules; each refusal carries its reason."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.need import Need

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rule(Generic[T]):
    """A condition, with the words for whoever does not meet it."""

    reason: str
    admits: Callable[[T], bool]


def type_rules(need: Need) -> list[Rule[InstanceType]]:
    """The rules of a need that hardware alone decides; only those that the need states."""
    stated: list[tuple[bool, Rule[InstanceType]]] = [
        (True, Rule("not offered as Spot", lambda row: row.spot_supported)),
        (bool(need.exclude), Rule("excluded", lambda row: not _matches(row.name, need.exclude))),
        (need.gpus > 0, Rule(f"fewer than {need.gpus} GPUs", lambda r: r.gpu_count >= need.gpus)),
        (need.gpu is not None, Rule(f"GPU is not {need.gpu}", lambda row: _has_gpu(row, need))),
        (
            need.gpu_memory_gib > 0,
            Rule(
                f"less than {need.gpu_memory_gib:g} GB per GPU",
                lambda row: _gb_each(row) >= need.gpu_memory_gib,
            ),
        ),
        (need.vcpus > 0, Rule(f"fewer than {need.vcpus} vCPUs", lambda r: r.vcpus >= need.vcpus)),
        (
            need.memory_gib > 0,
            Rule(
                f"less than {need.memory_gib:g} GiB memory",
                lambda row: row.memory_gib >= need.memory_gib,
            ),
        ),
        (
            need.arch is not None,
            Rule(f"architecture is not {need.arch}", lambda row: need.arch in row.archs),
        ),
    ]
    return [rule for applies, rule in stated if applies]


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
