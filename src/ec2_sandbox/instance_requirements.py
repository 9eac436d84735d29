"""Attribute-based instance type selection: which types fit an ``InstanceRequirements``.

Meanings and defaults are those of InstanceRequirementsRequest in the EC2 API reference. Price
protection (SpotMaxPricePercentageOverLowestPrice and the like) and BaselinePerformanceFactors
choose nothing here; Trainium counts as an inference accelerator.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from ec2_sandbox import catalogue
from ec2_sandbox.protocol.filters import matches
from ec2_sandbox.protocol.refusal import invalid_combination, invalid_value, missing

Described = Mapping[str, Any]
Requirements = Mapping[str, Any]

MANUFACTURER = {"AWS": "amazon-web-services"}

# Where DescribeInstanceTypes keeps the accelerators of a kind; the later only without the former.
ACCELERATORS = (
    ("gpu", "GpuInfo", "Gpus", "TotalGpuMemoryInMiB"),
    ("fpga", "FpgaInfo", "Fpgas", "TotalFpgaMemoryInMiB"),
    ("media", "MediaAcceleratorInfo", "Accelerators", "TotalMediaMemoryInMiB"),
    ("inference", "InferenceAcceleratorInfo", "Accelerators", "TotalInferenceMemoryInMiB"),
    ("inference", "NeuronInfo", "NeuronDevices", "TotalNeuronDeviceMemoryInMiB"),
)


class Accelerators(NamedTuple):
    """The accelerators of a type, in the words of InstanceRequirements."""

    kind: str = ""
    manufacturers: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    devices: int = 0
    memory_mib: int = 0


def matching_types(names: Iterable[str], requirements: Requirements) -> list[str]:
    """The types among ``names`` that have all the attributes."""
    _check(requirements)
    return [name for name in names if _fits(name, requirements)]


def of_kind(
    names: Iterable[str], architectures: Sequence[str], virtualization: Sequence[str]
) -> list[str]:
    """The types among ``names`` with one of the architectures and virtualizations; none: any."""
    return [
        name
        for name in names
        if not architectures or set(architectures) & set(catalogue.architectures(name))
        if not virtualization
        or set(virtualization)
        & set(catalogue.instance_types()[name]["SupportedVirtualizationTypes"])
    ]


@cache
def accelerators_of(name: str) -> Accelerators:
    """The accelerators of a type; a slice of a GPU counts as one."""
    described = catalogue.instance_types()[name]
    for kind, section, devices, memory in ACCELERATORS:
        if found := described.get(section, {}).get(devices):
            return Accelerators(
                kind=kind,
                manufacturers=tuple(
                    _manufacturer(one.get("Manufacturer", "AWS")) for one in found
                ),
                names=tuple(one["Name"].lower().replace(" ", "-") for one in found),
                devices=sum(one.get("Count") or 1 for one in found),
                memory_mib=described[section].get(memory, 0),
            )
    return Accelerators()


def _manufacturer(name: str) -> str:
    return MANUFACTURER.get(name, name.lower())


def _memory_per_vcpu(name: str, described: Described) -> float:
    return float(described["MemoryInfo"]["SizeInMiB"]) / 1024 / catalogue.vcpus(name)


def _interfaces(_name: str, described: Described) -> int:
    return int(described.get("NetworkInfo", {}).get("MaximumNetworkInterfaces", 0))


def _network_gbps(_name: str, described: Described) -> float:
    cards = described.get("NetworkInfo", {}).get("NetworkCards", ())
    return float(sum(card.get("BaselineBandwidthInGbps", 0) for card in cards))


def _ebs_mbps(_name: str, described: Described) -> int:
    optimized = described.get("EbsInfo", {}).get("EbsOptimizedInfo", {})
    return int(optimized.get("BaselineBandwidthInMbps", 0))


def _storage_gb(_name: str, described: Described) -> int:
    return int(described.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0))


#: The number that a range of the requirements bounds.
NUMBERS: Mapping[str, Callable[[str, Described], float]] = {
    "VCpuCount": lambda name, _: catalogue.vcpus(name),
    "MemoryMiB": lambda _, described: described["MemoryInfo"]["SizeInMiB"],
    "MemoryGiBPerVCpu": _memory_per_vcpu,
    "NetworkInterfaceCount": _interfaces,
    "NetworkBandwidthGbps": _network_gbps,
    "TotalLocalStorageGB": _storage_gb,
    "BaselineEbsBandwidthMbps": _ebs_mbps,
    "AcceleratorCount": lambda name, _: accelerators_of(name).devices,
    "AcceleratorTotalMemoryMiB": lambda name, _: accelerators_of(name).memory_mib,
}

#: The words of a type of which a list of the requirements must have one.
WORDS: Mapping[str, Callable[[str, Described], Sequence[str]]] = {
    "CpuManufacturers": lambda _, described: [
        _manufacturer(described["ProcessorInfo"].get("Manufacturer", "Intel"))
    ],
    "InstanceGenerations": lambda _, described: [
        "current" if described["CurrentGeneration"] else "previous"
    ],
    "AcceleratorTypes": lambda name, _: [accelerators_of(name).kind],
    "AcceleratorManufacturers": lambda name, _: accelerators_of(name).manufacturers,
    "AcceleratorNames": lambda name, _: accelerators_of(name).names,
}

#: What is included, excluded or required: the fact of a type, and what holds by default.
PRESENCE = {
    "BareMetal": ("BareMetal", "excluded"),
    "BurstablePerformance": ("BurstablePerformanceSupported", "excluded"),
    "LocalStorage": ("InstanceStorageSupported", "included"),
}


def _fits(name: str, requirements: Requirements) -> bool:
    described = catalogue.instance_types()[name]
    return (
        _is_allowed(name, requirements)
        and all(
            _within(number(name, described), requirements.get(attribute))
            for attribute, number in NUMBERS.items()
        )
        and all(
            set(requirements[attribute]) & set(words(name, described))
            for attribute, words in WORDS.items()
            if requirements.get(attribute)
        )
        and all(
            _is_present(described[fact], requirements.get(attribute) or default)
            for attribute, (fact, default) in PRESENCE.items()
        )
        and _has_the_rest(described, requirements)
    )


def _is_allowed(name: str, requirements: Requirements) -> bool:
    allowed = requirements.get("AllowedInstanceTypes") or ["*"]
    excluded = requirements.get("ExcludedInstanceTypes") or []
    return matches(name, allowed) and not matches(name, excluded)


def _within(number: float, bounds: Mapping[str, float] | None) -> bool:
    if not bounds:
        return True
    most = bounds.get("Max")
    return number >= (bounds.get("Min") or 0) and (most is None or number <= most)


def _is_present(has: bool, wanted: str) -> bool:  # noqa: FBT001 - a fact of the type
    return wanted == "included" or has is (wanted == "required")


def _has_the_rest(described: Described, requirements: Requirements) -> bool:
    """Hibernation, encryption in transit, and the kind of local disks where there are any."""
    kinds = {disk["Type"] for disk in described.get("InstanceStorageInfo", {}).get("Disks", ())}
    wanted = set(requirements.get("LocalStorageTypes") or kinds)
    encrypts = described.get("NetworkInfo", {}).get("EncryptionInTransitSupported")
    return (
        (not kinds or bool(kinds & wanted))
        and (not requirements.get("RequireHibernateSupport") or described["HibernationSupported"])
        and (not requirements.get("RequireEncryptionInTransit") or bool(encrypts))
    )


def _check(requirements: Requirements) -> None:
    """Refuse what no type can fit or EC2 does not understand."""
    for needed in ("VCpuCount", "MemoryMiB"):
        if (requirements.get(needed) or {}).get("Min") is None:
            raise missing(f"{needed}.Min")
    if requirements.get("AllowedInstanceTypes") and requirements.get("ExcludedInstanceTypes"):
        raise invalid_combination(
            "AllowedInstanceTypes and ExcludedInstanceTypes can not be specified together."
        )
    for attribute in NUMBERS:
        bounds = requirements.get(attribute) or {}
        least, most = bounds.get("Min") or 0, bounds.get("Max")
        if least < 0 or (most is not None and most < least):
            raise invalid_value(f"The range of {attribute} is not valid.")
    for attribute in PRESENCE:
        value = requirements.get(attribute)
        if value not in {None, "included", "excluded", "required"}:
            raise invalid_value(f"Invalid value '{value}' for {attribute}.")
