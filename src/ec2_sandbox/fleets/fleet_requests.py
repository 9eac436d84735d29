"""CreateFleet and ModifyFleet read and checked: parameters in, a frozen request out, or an error.

Every rule is stated in the documentation strings of CreateFleetRequest and its members in the EC2
API model, unless another source is given. What only a launch can tell (a missing image, a type
that a zone does not offer) is not checked here: it becomes one of the fleet's errors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ec2_sandbox.clock import utc
from ec2_sandbox.fleets.allocation import Options
from ec2_sandbox.protocol.client_tokens import fingerprint
from ec2_sandbox.protocol.refusal import (
    EC2Error,
    invalid_combination,
    invalid_value,
    missing,
    refuse,
)
from ec2_sandbox.protocol.tag_specifications import Tags, read_tags
from ec2_sandbox.spot_requests.spot_terms import price_limit

MOST_OVERRIDES = 300  # of a request or maintain fleet, over all its templates
MOST_UNITS = 10_000  # target capacity of one fleet (UserGuide/fleet-quotas.html)
TOKEN_LENGTH = 64
TERMINATION_DELAYS = range(120, 7_201)  # seconds

SPOT_STRATEGIES = (
    "lowest-price",
    "diversified",
    "capacity-optimized",
    "capacity-optimized-prioritized",
    "price-capacity-optimized",
)
ON_DEMAND_STRATEGIES = ("lowest-price", "prioritized")
TAGGED_BY_INSTANT = ("instance", "volume", "network-interface")
ONLY_INSTANT = (
    "ImageId",
    "KeyName",
    "BlockDeviceMappings",
    "IamInstanceProfile",
    "MetadataOptions",
)


class FleetType(StrEnum):
    """How long EC2 cares for a fleet."""

    INSTANT = "instant"
    REQUEST = "request"
    MAINTAIN = "maintain"


@dataclass(frozen=True)
class Target:
    """Units of capacity: what is On-Demand, what is Spot, and how it was asked for."""

    on_demand: int
    spot: int
    asked: Mapping[str, Any]

    @property
    def total(self) -> int:
        """Both together."""
        return self.on_demand + self.spot

    @property
    def default(self) -> str:
        """What is not claimed by either part."""
        return str(self.asked.get("DefaultTargetCapacityType") or "on-demand")

    @property
    def unit(self) -> str:
        """What a unit is: an instance (or its weight), a vCPU, or a MiB of memory."""
        return str(self.asked.get("TargetCapacityUnitType") or "units")


@dataclass(frozen=True)
class Rebalance:
    """What to do about an instance that EC2 advises to leave; the delay in seconds."""

    terminates: bool
    delay: int


@dataclass(frozen=True)
class FleetRequest:
    """A fleet that can be carried out. ``params`` are the parameters as they came."""

    type: FleetType
    target: Target
    spot: Options
    on_demand: Options
    interruption_behavior: str
    rebalance: Rebalance | None
    ends_excess: bool
    ends_with_expiration: bool
    valid_from: datetime | None
    valid_until: datetime | None
    tags: Mapping[str, Mapping[str, str]]
    params: Mapping[str, Any] = field(repr=False)

    @property
    def configs(self) -> Sequence[Mapping[str, Any]]:
        """The LaunchTemplateConfigs."""
        return list(self.params["LaunchTemplateConfigs"])

    @property
    def client_token(self) -> str:
        """The token that the call came with, or nothing."""
        return str(self.params.get("ClientToken") or "")

    @property
    def fingerprint(self) -> str:
        """The same for the same request."""
        return fingerprint(self.params)


def read_fleet_request(params: Mapping[str, Any], now: datetime) -> FleetRequest:
    """Check CreateFleet's parameters."""
    kind = FleetType(_one_of("Type", params.get("Type") or "maintain", list(FleetType)))
    if len(str(params.get("ClientToken") or "")) > TOKEN_LENGTH:
        raise invalid_value("The client token is too long: at most 64 characters are allowed.")
    spot, on_demand = params.get("SpotOptions") or {}, params.get("OnDemandOptions") or {}
    check_configs(params.get("LaunchTemplateConfigs") or [], kind)
    request = FleetRequest(
        type=kind,
        target=read_target(params.get("TargetCapacitySpecification") or {}, kind),
        spot=_options(spot, "SpotOptions", SPOT_STRATEGIES, kind=kind),
        on_demand=_options(on_demand, "OnDemandOptions", ON_DEMAND_STRATEGIES, kind=kind),
        interruption_behavior=_behavior(spot, kind),
        rebalance=_rebalance(spot, kind),
        ends_excess=read_policy(params.get("ExcessCapacityTerminationPolicy"), kind),
        ends_with_expiration=bool(params.get("TerminateInstancesWithExpiration")),
        valid_from=utc(params.get("ValidFrom")),
        valid_until=utc(params.get("ValidUntil")),
        tags=_tags(params.get("TagSpecifications") or [], kind),
        params=dict(params),
    )
    _check_times(request, now)
    _check_only_maintain(request)
    return request


def read_target(asked: Mapping[str, Any], kind: FleetType) -> Target:
    """Split TotalTargetCapacity; what neither part claims is of the default type."""
    total = asked.get("TotalTargetCapacity")
    if total is None:
        raise missing("TotalTargetCapacity")
    parts = [
        int(asked.get(name) or 0) for name in ("OnDemandTargetCapacity", "SpotTargetCapacity")
    ]
    if not 0 <= int(total) <= MOST_UNITS or min(parts) < 0:
        raise _bad_target(f"The target capacity must be between 0 and {MOST_UNITS}.")
    if int(total) == 0 and kind is not FleetType.MAINTAIN:
        raise _bad_target("The target capacity of this type of fleet must be greater than 0.")
    rest = int(total) - sum(parts)
    if rest < 0:
        raise _bad_target(
            "The sum of OnDemandTargetCapacity and SpotTargetCapacity must not be greater than "
            "TotalTargetCapacity."
        )
    default = asked.get("DefaultTargetCapacityType") or "on-demand"
    if default not in {"spot", "on-demand"}:
        raise invalid_value(f"The sandbox does not model the capacity type '{default}'.")
    if default == "spot":
        return Target(parts[0], parts[1] + rest, dict(asked))
    return Target(parts[0] + rest, parts[1], dict(asked))


def resized(target: Target, asked: Mapping[str, Any], kind: FleetType) -> Target:
    """ModifyFleet's target: what is not said stays, and the default type takes the rest."""
    default = asked.get("DefaultTargetCapacityType") or target.default
    total = int(asked.get("TotalTargetCapacity") or 0)
    name, part = ("OnDemand", target.on_demand) if default == "spot" else ("Spot", target.spot)
    parts = {"OnDemandTargetCapacity", "SpotTargetCapacity"}
    kept = {key: value for key, value in target.asked.items() if key not in parts}
    other = {f"{name}TargetCapacity": min(part, max(total, 0))}
    return read_target({**kept, **other, **asked}, kind)


def check_configs(configs: Sequence[Mapping[str, Any]], kind: FleetType) -> None:
    """Templates by id or name with a version, and overrides that fit the type of fleet."""
    if not configs:
        raise missing("LaunchTemplateConfigs")
    overrides = [one for config in configs for one in config.get("Overrides") or []]
    if kind is not FleetType.INSTANT and len(overrides) > MOST_OVERRIDES:
        raise invalid_value(
            f"A fleet of type {kind} can have at most {MOST_OVERRIDES} launch template overrides."
        )
    for config in configs:
        _check_template(config.get("LaunchTemplateSpecification") or {}, kind)
    for override in overrides:
        _check_override(override, kind)


def _check_template(specification: Mapping[str, Any], kind: FleetType) -> None:
    names = [specification.get(key) for key in ("LaunchTemplateId", "LaunchTemplateName")]
    if len([name for name in names if name]) != 1:
        raise invalid_combination(
            "Specify either the ID or the name of the launch template, and not both."
        )
    if not specification.get("Version"):
        raise missing("Version")
    if specification.get("LaunchTemplateSpecificationUserData") and kind is not FleetType.INSTANT:
        raise _not_together("LaunchTemplateSpecificationUserData", kind)


def _check_override(override: Mapping[str, Any], kind: FleetType) -> None:
    pairs = (("InstanceType", "InstanceRequirements"), ("AvailabilityZone", "AvailabilityZoneId"))
    for first, second in pairs:
        if override.get(first) and override.get(second):
            raise invalid_combination(
                f"The parameters {first} and {second} can not be specified together."
            )
    if kind is not FleetType.INSTANT and (found := [n for n in ONLY_INSTANT if override.get(n)]):
        raise _not_together(found[0], kind)
    if kind is FleetType.INSTANT and "," in (override.get("SubnetId") or ""):
        raise invalid_value("A fleet of type instant can have only one subnet ID per override.")
    weight, priority = override.get("WeightedCapacity"), override.get("Priority")
    if weight is not None and float(weight) <= 0:
        raise invalid_value("The weighted capacity must be greater than 0.")
    if priority is not None and (float(priority) < 0 or float(priority) % 1):
        raise invalid_value("The priority must be a whole number, 0 or greater.")
    if override.get("MaxPrice"):
        price_limit(override["MaxPrice"])


def _options(
    asked: Mapping[str, Any], name: str, strategies: Sequence[str], *, kind: FleetType
) -> Options:
    strategy = _one_of("AllocationStrategy", asked.get("AllocationStrategy"), strategies)
    pools = asked.get("InstancePoolsToUseCount")
    if pools is not None and strategy != "lowest-price":
        raise invalid_combination(
            "InstancePoolsToUseCount can be specified only with the lowest-price allocation "
            "strategy."
        )
    instant = ("SingleInstanceType", "SingleAvailabilityZone", "MinTargetCapacity")
    if kind is not FleetType.INSTANT and (found := [key for key in instant if asked.get(key)]):
        raise _not_together(f"{name}.{found[0]}", kind)
    single = [bool(asked.get(key)) for key in instant[:2]]
    minimum = int(asked.get("MinTargetCapacity") or 0)
    if minimum and not any(single):
        raise invalid_combination(
            f"{name}.MinTargetCapacity needs SingleInstanceType or SingleAvailabilityZone."
        )
    total = asked.get("MaxTotalPrice")
    return Options(
        strategy=strategy,
        pools_to_use=max(1, int(pools or 1)),
        single_type=single[0],
        single_zone=single[1],
        minimum=minimum,
        budget=price_limit(total) if total else None,
    )


def _behavior(spot: Mapping[str, Any], kind: FleetType) -> str:
    """Both refusals were seen on AWS in these words."""
    behavior = _one_of(
        "InstanceInterruptionBehavior",
        spot.get("InstanceInterruptionBehavior"),
        ("terminate", "stop", "hibernate"),
    )
    if behavior != "terminate" and kind is FleetType.INSTANT:
        raise invalid_value(
            'SpotOptions.InstanceInterruptionBehavior must be null or "terminate" for given fleet '
            "type."
        )
    if behavior != "terminate" and kind is FleetType.REQUEST:
        raise _not_together(f"InstanceInterruptionBehavior:{behavior}", kind)
    return behavior


def _rebalance(spot: Mapping[str, Any], kind: FleetType) -> Rebalance | None:
    asked = (spot.get("MaintenanceStrategies") or {}).get("CapacityRebalance") or {}
    strategy, delay = asked.get("ReplacementStrategy"), asked.get("TerminationDelay")
    if not strategy:
        return None
    _one_of("ReplacementStrategy", strategy, ("launch", "launch-before-terminate"))
    if kind is not FleetType.MAINTAIN:
        raise _not_together("CapacityRebalance", kind)
    terminates = strategy == "launch-before-terminate"
    if terminates is (delay is None):
        raise invalid_combination(
            "TerminationDelay is required with the replacement strategy launch-before-terminate "
            "and not valid with launch."
        )
    if delay is not None and int(delay) not in TERMINATION_DELAYS:
        raise invalid_value("TerminationDelay must be between 120 and 7200 seconds.")
    return Rebalance(terminates, int(delay or 0))


def read_policy(policy: str | None, kind: FleetType) -> bool:
    """Whether the fleet ends what exceeds a lowered target (ExcessCapacityTerminationPolicy)."""
    _one_of("ExcessCapacityTerminationPolicy", policy, ("termination", "no-termination"))
    if policy and kind is not FleetType.MAINTAIN:
        raise _not_together("ExcessCapacityTerminationPolicy", kind)
    return policy != "no-termination"


def _check_times(request: FleetRequest, now: datetime) -> None:
    begins = request.valid_from or now
    if request.valid_until and request.valid_until <= max(begins, now):
        raise invalid_value("ValidUntil must be later than now and than ValidFrom.")


def _check_only_maintain(request: FleetRequest) -> None:
    if request.params.get("ReplaceUnhealthyInstances") and request.type is not FleetType.MAINTAIN:
        raise _not_together("ReplaceUnhealthyInstances", request.type)


def _tags(specifications: Sequence[Mapping[str, Any]], kind: FleetType) -> Tags:
    """Only an instant fleet hands its tags on to its instances (CreateFleetRequest)."""
    return read_tags(
        specifications, {"fleet", *(TAGGED_BY_INSTANT if kind is FleetType.INSTANT else ())}
    )


def _one_of(name: str, value: str | None, allowed: Sequence[str]) -> str:
    """The value, the first one when there is none, or a refusal."""
    if value and _hyphened(value) not in allowed:
        raise invalid_value(f"Invalid value '{value}' for {name}.")
    return _hyphened(value) if value else allowed[0]


def _hyphened(word: str) -> str:
    """EC2 also takes lowestPrice for lowest-price, as older clients write it."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in word)


def _not_together(parameter: str, kind: FleetType) -> EC2Error:
    return invalid_combination(
        f"Parameter: {parameter} and FleetType:{kind} can not be specified together."
    )


def _bad_target(message: str) -> EC2Error:
    return refuse("InvalidTargetCapacitySpecification", message)
