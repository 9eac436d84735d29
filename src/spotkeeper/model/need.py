"""What the user asks for."""

from dataclasses import dataclass
from decimal import Decimal

ANY_REGION = "any"


@dataclass(frozen=True, slots=True)
class Need:
    """Every field is a condition; the defaults ask for nothing.

    ``types`` and ``exclude`` are shell-style globs over type names; ``regions`` and ``zones`` are
    names (zones also by id), empty for "the one of the profile" and "all of them".
    """

    types: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    gpus: int = 0
    gpu: str | None = None
    gpu_memory_gb: float = 0
    vcpus: int = 0
    memory_gib: float = 0
    arch: str | None = None
    max_spot_usd_per_hour: Decimal | None = None
    max_interruption_percent: int | None = None

    @property
    def is_about_hardware(self) -> bool:
        """Whether more than its name decides whether a type fits."""
        sizes = (self.gpus, self.gpu_memory_gb, self.vcpus, self.memory_gib)
        return any(sizes) or bool(self.gpu or self.arch)
