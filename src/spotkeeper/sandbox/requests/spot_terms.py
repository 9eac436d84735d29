"""InstanceMarketOptions read and checked: which combinations RunInstances allows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from spotkeeper.sandbox import catalogue
from spotkeeper.sandbox.market.money import micros
from spotkeeper.sandbox.protocol.refusal import invalid_combination, invalid_value, refuse
from spotkeeper.sandbox.requests.request_states import Kind
from spotkeeper.sandbox.requests.spot_requests import SpotTerms

LEAST_PRICE = 1_000  # micro-dollars: "a maximum price below USD $0.001" is an error (RunInstances)


def spot_terms(params: Mapping[str, Any], instance_type: str, region: str) -> SpotTerms | None:
    """The terms of a Spot launch; None for an On-Demand launch."""
    market = params.get("InstanceMarketOptions") or {}
    if not market:
        return None
    if market.get("MarketType", "spot") != "spot":
        raise invalid_value(f"Invalid value '{market['MarketType']}' for market type.")
    options = market.get("SpotOptions") or {}
    behavior = _behavior(params, options)
    kind = _kind(options, behavior)
    _check_can_be_spot(instance_type)
    if params.get("DisableApiTermination"):
        raise invalid_combination("You cannot use termination protection with Spot Instances.")
    return SpotTerms(
        kind=kind,
        interruption_behavior=behavior,
        max_price=_max_price(options, region, instance_type),
        valid_until=_valid_until(options),
    )


def _behavior(params: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """Configured hibernation forces behaviour hibernate (SpotMarketOptions)."""
    asked: str | None = options.get("InstanceInterruptionBehavior")
    if (params.get("HibernationOptions") or {}).get("Configured"):
        if asked not in {None, "hibernate"}:
            raise invalid_combination(
                "The instance interruption behavior must be hibernate when hibernation is "
                "configured."
            )
        return "hibernate"
    return asked or "terminate"


def _kind(options: Mapping[str, Any], behavior: str) -> Kind:
    kind = options.get("SpotInstanceType") or "one-time"
    if kind == "one-time" and options.get("ValidUntil"):
        raise invalid_combination(
            "The parameter validUntil cannot be specified when the SpotRequestType is set to "
            "'one-time'."
        )
    if (kind == "one-time") is not (behavior == "terminate"):
        raise invalid_combination(
            f"The request with type '{kind}' is not supported when "
            f"instanceInterruptionBehavior is set to '{behavior}'."
        )
    return Kind.ONCE if kind == "one-time" else Kind.BOX


def _check_can_be_spot(instance_type: str) -> None:
    if "spot" not in catalogue.instance_types()[instance_type]["SupportedUsageClasses"]:
        raise refuse(
            "UnsupportedOperation",
            f"The instance type '{instance_type}' is not supported for Spot Instances.",
        )


def _max_price(options: Mapping[str, Any], region: str, instance_type: str) -> int:
    """The default is the On-Demand price (UserGuide/using-spot-instances.html)."""
    asked = options.get("MaxPrice")
    if not asked:
        return catalogue.on_demand(region, instance_type)
    try:
        price = micros(asked)
    except (ValueError, OverflowError):
        raise invalid_value(f"Invalid value '{asked}' for spot price.") from None
    if price < LEAST_PRICE:
        raise invalid_value(f"Spot price '{asked}' must not be lower than 0.001.")
    return price


def _valid_until(options: Mapping[str, Any]) -> datetime | None:
    moment: datetime | None = options.get("ValidUntil")
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
