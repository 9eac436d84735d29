"""What GetSpotPlacementScores is asked, checked; and how many different questions a day has."""

import json
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from ec2_sandbox import catalogue
from ec2_sandbox.instance_requirements import matching_types, of_kind
from ec2_sandbox.protocol.refusal import invalid_combination, invalid_value, missing, refuse

Params = Mapping[str, Any]

MOST_REGIONS = 10
MOST_TYPES = 1_000
MOST_TARGET = 2_000_000_000
PAGE_SIZES = range(10, 1_001)
UNITS = ("units", "vcpu", "memory-mib")

# AWS limits new configurations and does not say to how many; AWS's own sample tracker says ten.
NEW_CONFIGURATIONS = 10
PER = timedelta(hours=24)


@dataclass(frozen=True)
class PlacementQuery:
    """One configuration; ``types`` or ``requirements`` (with metadata) say what may run."""

    target: int
    unit: str
    single_zone: bool
    regions: tuple[str, ...]
    types: tuple[str, ...]
    requirements: Mapping[str, Any]

    def types_in(self, region: str) -> Sequence[str]:
        """The types that the request may use in a region."""
        if self.types:
            return self.types
        asked = self.requirements
        names = of_kind(
            catalogue.zones_of_types(region),
            asked.get("ArchitectureTypes") or (),
            asked.get("VirtualizationTypes") or (),
        )
        return matching_types(names, needed(asked, "InstanceRequirements"))

    @property
    def configuration(self) -> str:
        """The same for the same question, whatever the order of its lists."""
        text = json.dumps(_sorted(asdict(self)), sort_keys=True)
        return blake2b(text.encode(), digest_size=12).hexdigest()


def needed(params: Params, name: str) -> Any:
    """A parameter that must be there."""
    if (value := params.get(name)) in (None, [], {}):
        raise missing(name)
    return value


def read(params: Params) -> PlacementQuery:
    """The query, or EC2's error."""
    query = PlacementQuery(
        target=int(needed(params, "TargetCapacity")),
        unit=params.get("TargetCapacityUnitType") or "units",
        single_zone=bool(params.get("SingleAvailabilityZone")),
        regions=tuple(params.get("RegionNames") or ()),
        types=tuple(dict.fromkeys(params.get("InstanceTypes") or ())),
        requirements=params.get("InstanceRequirementsWithMetadata") or {},
    )
    _check_numbers(query, params)
    _check_regions(query)
    _check_types(query)
    return query


def admit(query: PlacementQuery, known: MutableMapping[str, datetime], now: datetime) -> bool:
    """Whether the question may be asked; a question of the last 24 hours always may."""
    for configuration, since in list(known.items()):
        if now - since >= PER:
            del known[configuration]
    if query.configuration in known:
        return True
    if len(known) >= NEW_CONFIGURATIONS:
        return False
    known[query.configuration] = now
    return True


def _check_numbers(query: PlacementQuery, params: Params) -> None:
    if not 1 <= query.target <= MOST_TARGET:
        raise invalid_value(f"Invalid value '{query.target}' for TargetCapacity.")
    if query.unit not in UNITS:
        raise invalid_value(f"Invalid value '{query.unit}' for TargetCapacityUnitType.")
    size = params.get("MaxResults")
    if size is not None and int(size) not in PAGE_SIZES:
        raise invalid_value(f"Invalid value '{size}' for MaxResults: it is from 10 to 1000.")


def _check_regions(query: PlacementQuery) -> None:
    if len(query.regions) > MOST_REGIONS:
        raise invalid_value(f"RegionNames can have at most {MOST_REGIONS} Regions.")
    if unknown := sorted(set(query.regions) - set(catalogue.ENABLED_REGIONS)):
        raise invalid_value(f"Invalid region: [{unknown[0]}]")


def _check_types(query: PlacementQuery) -> None:
    if query.types and query.requirements:
        raise invalid_combination(
            "InstanceTypes and InstanceRequirementsWithMetadata can not be specified together."
        )
    if not query.types and not query.requirements:
        raise refuse(
            "MissingParameter",
            "The request must contain InstanceTypes or InstanceRequirementsWithMetadata",
        )
    if len(query.types) > MOST_TYPES:
        raise invalid_value(f"InstanceTypes can have at most {MOST_TYPES} instance types.")
    if unknown := sorted(set(query.types) - set(catalogue.instance_types())):
        raise invalid_value(f"The instance types [{', '.join(unknown)}] are not valid.")


def _sorted(value: Any) -> Any:
    """Lists in an order of their own, at every depth."""
    if isinstance(value, Mapping):
        return {name: _sorted(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return sorted((_sorted(one) for one in value), key=str)
    return value
