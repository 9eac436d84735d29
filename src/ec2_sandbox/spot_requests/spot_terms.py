"""What a Spot request asks for, read and checked: which combinations EC2 allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ec2_sandbox import catalogue
from ec2_sandbox.clock import utc
from ec2_sandbox.market.money import micros
from ec2_sandbox.protocol.refusal import EC2Error, invalid_combination, invalid_value, refuse
from ec2_sandbox.spot_requests.request_states import RequestKind
from ec2_sandbox.world import world

LEAST_PRICE = 1_000  # micro-dollars: "a maximum price below USD $0.001" is an error (RunInstances)
ONE_TIME = "one-time"
TYPES = {ONE_TIME, "persistent"}
BEHAVIOR = "InstanceInterruptionBehavior"
BEHAVIORS = {"terminate", "stop", "hibernate"}


@dataclass(frozen=True)
class SpotTerms:
    """What is asked of the market; the price in micro-dollars per hour.

    Only RequestSpotInstances knows the last three.
    """

    kind: RequestKind
    interruption_behavior: str
    max_price: int
    valid_until: datetime | None
    valid_from: datetime | None = None
    launch_group: str | None = None
    zone_group: str | None = None


def spot_terms(params: Mapping[str, Any], instance_type: str, region: str) -> SpotTerms | None:
    """The terms of a RunInstances call; None for an On-Demand launch."""
    market = params.get("InstanceMarketOptions") or {}
    if not market:
        return None
    if market.get("MarketType", "spot") != "spot":
        raise invalid_value(f"Invalid value '{market['MarketType']}' for market type.")
    options = market.get("SpotOptions") or {}
    check_no_block(options)
    behavior = _behavior(params, options)
    kind = _kind(options, behavior)
    check_can_be_spot(instance_type)
    if params.get("DisableApiTermination"):
        raise invalid_combination("You cannot use termination protection with Spot Instances.")
    valid_until = utc(options.get("ValidUntil"))
    check_is_to_come(valid_until, "ValidUntil")
    return SpotTerms(
        kind=kind,
        interruption_behavior=behavior,
        max_price=max_price(options.get("MaxPrice"), region, instance_type),
        valid_until=valid_until,
    )


def _behavior(params: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """Configured hibernation forces behaviour hibernate (SpotMarketOptions)."""
    asked: str | None = options.get(BEHAVIOR)
    if (params.get("HibernationOptions") or {}).get("Configured"):
        if asked not in {None, "hibernate"}:
            raise invalid_combination(
                "The instance interruption behavior must be hibernate when hibernation is "
                "configured."
            )
        return "hibernate"
    return asked or "terminate"


def _kind(options: Mapping[str, Any], behavior: str) -> RequestKind:
    asked = options.get("SpotInstanceType") or ONE_TIME
    if asked == ONE_TIME and options.get("ValidUntil"):
        raise invalid_combination(
            "The parameter validUntil cannot be specified when the SpotRequestType is set to "
            "'one-time'."
        )
    if asked == ONE_TIME and behavior == "hibernate" and not options.get(BEHAVIOR):
        raise invalid_combination(
            "The request with type 'one-time' is not supported when "
            "HibernationOptions.Configured is set to 'true'."
        )
    found = kind_of(asked, behavior)
    if found is RequestKind.AGAIN:
        raise not_supported(asked, behavior)
    return found


def kind_of(asked: str, behavior: str) -> RequestKind:
    """The kind of request; a one-time request can only be terminated."""
    if asked not in TYPES:
        raise invalid_value(f"Invalid value '{asked}' for Spot Instance type.")
    if behavior not in BEHAVIORS:
        raise invalid_value(f"Invalid value '{behavior}' for instance interruption behavior.")
    if asked == ONE_TIME:
        if behavior != "terminate":
            raise not_supported(asked, behavior)
        return RequestKind.ONCE
    return RequestKind.AGAIN if behavior == "terminate" else RequestKind.BOX


def not_supported(asked: str, behavior: str) -> EC2Error:
    """EC2's words for a type and a behaviour that exclude each other."""
    return invalid_combination(
        f"The request with type '{asked}' is not supported when "
        f"instanceInterruptionBehavior is set to '{behavior}'."
    )


def check_no_block(options: Mapping[str, Any]) -> None:
    """Spot blocks are gone since 2021."""
    if options.get("BlockDurationMinutes"):
        raise refuse(
            "UnsupportedOperation", "Spot Instances with a defined duration are not supported."
        )


def check_can_be_spot(instance_type: str) -> None:
    """Some types are On-Demand only."""
    if "spot" not in catalogue.instance_types()[instance_type]["SupportedUsageClasses"]:
        raise refuse(
            "UnsupportedOperation",
            f"The instance type '{instance_type}' is not supported for Spot Instances.",
        )


def max_price(asked: str | None, region: str, instance_type: str) -> int:
    """The default is the On-Demand price (UserGuide/using-spot-instances.html)."""
    return price_limit(asked) if asked else catalogue.on_demand(region, instance_type)


def price_limit(text: str) -> int:
    """A maximum price in micro-dollars per hour; below 0.001 it is refused."""
    try:
        limit = micros(text)
    except (ValueError, OverflowError):
        raise invalid_value(f"Invalid value '{text}' for spot price.") from None
    if limit < LEAST_PRICE:
        raise invalid_value(f"Spot price '{text}' must not be lower than 0.001.")
    return limit


def check_is_to_come(moment: datetime | None, parameter: str) -> None:
    """A begin or an end in the past is refused."""
    if moment is not None and moment <= world().now:
        raise invalid_value(f"The parameter {parameter} must be in the future.")
