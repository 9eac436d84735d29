"""Named rules; each refusal carries its reason."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.money import plain
from spotkeeper.model.need import Need
from spotkeeper.model.offer import Offer, Refusal

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


def offer_rules(need: Need) -> list[Rule[Offer]]:
    """The rules of a need that the zone and the price decide."""
    limit = need.max_usd_per_hour
    stated: list[tuple[bool, Rule[Offer]]] = [
        (
            bool(need.zones),
            Rule(
                "zone not asked for",
                lambda offer: bool({offer.pool.zone.name, offer.pool.zone.id} & set(need.zones)),
            ),
        ),
        (
            limit is not None,
            Rule(
                f"over your limit of ${plain(limit or Decimal(0))}/h",
                lambda offer: limit is None or offer.spot_usd_per_hour <= limit,
            ),
        ),
    ]
    return [rule for applies, rule in stated if applies]


def sift(
    candidates: Iterable[T], rules: Sequence[Rule[T]], *, named: Callable[[T], str]
) -> tuple[list[T], list[Refusal]]:
    """Split into kept and refused; a candidate is refused by the first rule it fails."""
    kept: list[T] = []
    refused: list[Refusal] = []
    for candidate in candidates:
        failed = next((rule for rule in rules if not rule.admits(candidate)), None)
        if failed is None:
            kept.append(candidate)
        else:
            refused.append(Refusal(named(candidate), failed.reason))
    return kept, refused


def _matches(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _has_gpu(row: InstanceType, need: Need) -> bool:
    return row.gpus is not None and need.gpu is not None and row.gpus.is_called(need.gpu)


def _gb_each(row: InstanceType) -> float:
    """Whoever asks for 24 means a card sold with 24 GB, which EC2 lists with 22.4 GiB."""
    return row.gpus.memory_gb_each if row.gpus else 0
