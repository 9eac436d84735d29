"""What a machine is made of."""

from dataclasses import dataclass
from enum import StrEnum

MIB_PER_GIB = 1024
BYTES_PER_MIB = 1024**2
BYTES_PER_GB = 10**9
#: The part of its memory that a GPU with error correction in it does not offer: nvidia-smi tells
#: 183,359 MiB of a B200, which has 180 GB.
KEPT_BY_DRIVER = 1 / 192

#: GPU families that the open driver of the Deep Learning images does not serve.
OLD_GPU_FAMILIES = frozenset({"g2", "g3", "g3s", "p2", "p3", "p3dn"})


class Arch(StrEnum):
    """Processor architectures as EC2 names them."""

    X86_64 = "x86_64"
    ARM64 = "arm64"


@dataclass(frozen=True, slots=True)
class Gpus:
    """The accelerators of one machine: all of one kind.

    ``share`` is the part of one GPU that a machine with a fraction gets (``GpuPartitionSize``);
    such a machine has no whole GPU, so its ``count`` is 0.
    """

    name: str
    manufacturer: str
    count: int
    memory_mib_each: int
    share: float = 1.0

    @property
    def memory_gib_each(self) -> float:
        """Memory of one GPU in GiB, as EC2 tells it; 0 where it is not known."""
        return round(self.memory_mib_each / MIB_PER_GIB, 1)

    @property
    def memory_gb_each(self) -> float:
        """Memory of one GPU in GB, as the card is sold; 0 where it is not known.

        EC2 tells MiB of three kinds: the GB of the card taken for GiB (T4, A100, H100), GB of
        10^9 bytes (A10G, L4, L40S), or the former less what the driver keeps (B200, B300).
        """
        gib = self.memory_mib_each / MIB_PER_GIB
        if gib.is_integer():
            return gib
        gb = round(self.memory_mib_each * BYTES_PER_MIB / BYTES_PER_GB)
        if abs(self.memory_mib_each - gb * BYTES_PER_GB / BYTES_PER_MIB) < 1:
            return float(gb)
        return round(gib / (1 - KEPT_BY_DRIVER), 1)

    def is_called(self, wanted: str) -> bool:
        """Whether a name that a person types (``a10g``, ``A100 80GB``) means these GPUs."""
        return _folded(wanted) in (_folded(self.name), _folded(self.name.split("-")[0]))


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One row of DescribeInstanceTypes, repaired where EC2's data is known to be wrong.

    Of a type that is ``partial`` vCPUs and memory are known, and the architecture that its name
    tells; nothing of GPUs. No ``boot_modes`` are unknown ones.
    """

    name: str
    vcpus: int
    memory_mib: int
    archs: tuple[str, ...]
    gpus: Gpus | None
    spot_supported: bool
    hibernation_supported: bool
    partial: bool = False
    boot_modes: tuple[str, ...] = ()

    @property
    def memory_gib(self) -> float:
        """Memory of the machine."""
        return round(self.memory_mib / MIB_PER_GIB, 2)

    @property
    def arch(self) -> str:
        """The architecture an image must have; types with two list the 64-bit one first here."""
        return Arch.ARM64 if Arch.ARM64 in self.archs else Arch.X86_64

    @property
    def gpu_count(self) -> int:
        """Number of whole GPUs, 0 for none."""
        return self.gpus.count if self.gpus else 0

    @property
    def family(self) -> str:
        """The part before the dot: ``g5`` of ``g5.xlarge``."""
        return self.name.split(".", 1)[0]


def _folded(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
