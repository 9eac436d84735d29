"""Hardware of the GPU types that AWS's list, and so moto's, no longer carries: G3, P2, P3.

Figures from the instance type pages of AWS: M60 8 GiB, K80 12 GiB, V100 16 GiB per GPU.
"""

from typing import Any, NamedTuple

IN_COMMON: dict[str, Any] = {
    "CurrentGeneration": True,
    "FreeTierEligible": False,
    "SupportedUsageClasses": ["on-demand", "spot"],
    "SupportedRootDeviceTypes": ["ebs"],
    "SupportedVirtualizationTypes": ["hvm"],
    "BareMetal": False,
    "Hypervisor": "xen",
    "ProcessorInfo": {"SupportedArchitectures": ["x86_64"], "Manufacturer": "Intel"},
    "InstanceStorageSupported": False,
    "EbsInfo": {
        "EbsOptimizedSupport": "default",
        "EncryptionSupport": "supported",
        "NvmeSupport": "unsupported",
    },
    "HibernationSupported": False,
    "BurstablePerformanceSupported": False,
    "DedicatedHostsSupported": False,
    "AutoRecoverySupported": True,
    "SupportedBootModes": ["legacy-bios"],
}

REGIONS = ("us-east-1", "us-west-2", "eu-west-1")


class OldType(NamedTuple):
    """One row of the table below; memory in GiB."""

    name: str
    vcpus: int
    memory_gib: float
    gpu: str
    gpus: int
    gpu_gib: int


TABLE = (
    OldType("g3s.xlarge", 4, 30.5, "M60", 1, 8),
    OldType("g3.4xlarge", 16, 122, "M60", 1, 8),
    OldType("g3.8xlarge", 32, 244, "M60", 2, 8),
    OldType("g3.16xlarge", 64, 488, "M60", 4, 8),
    OldType("p2.xlarge", 4, 61, "K80", 1, 12),
    OldType("p2.8xlarge", 32, 488, "K80", 8, 12),
    OldType("p2.16xlarge", 64, 732, "K80", 16, 12),
    OldType("p3.2xlarge", 8, 61, "V100", 1, 16),
    OldType("p3.8xlarge", 32, 244, "V100", 4, 16),
    OldType("p3.16xlarge", 64, 488, "V100", 8, 16),
)


def described(old: OldType) -> dict[str, Any]:
    """The type as DescribeInstanceTypes shows it."""
    return {
        **IN_COMMON,
        "InstanceType": old.name,
        "VCpuInfo": {
            "DefaultVCpus": old.vcpus,
            "DefaultCores": old.vcpus // 2,
            "DefaultThreadsPerCore": 2,
        },
        "MemoryInfo": {"SizeInMiB": int(old.memory_gib * 1024)},
        "GpuInfo": {
            "Gpus": [
                {
                    "Name": old.gpu,
                    "Manufacturer": "NVIDIA",
                    "Count": old.gpus,
                    "MemoryInfo": {"SizeInMiB": old.gpu_gib * 1024},
                }
            ],
            "TotalGpuMemoryInMiB": old.gpus * old.gpu_gib * 1024,
        },
    }
