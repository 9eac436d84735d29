"""A share of a fleet launched: the template with its override, as RunInstances would be asked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ec2_sandbox.fleets.allocation import Candidate
from ec2_sandbox.fleets.candidates import SPOT, Override, is_offered
from ec2_sandbox.market.money import usd
from ec2_sandbox.protocol.refusal import EC2Error, refuse
from ec2_sandbox.spot_requests import launches
from ec2_sandbox.spot_requests.launch_orders import FLEET_TAG, LaunchOrder, read_order
from ec2_sandbox.spot_requests.spot_terms import price_limit

# An override's own fields that RunInstances has under the same name.
SAME_NAME = ("ImageId", "KeyName", "BlockDeviceMappings", "IamInstanceProfile", "MetadataOptions")


@dataclass(frozen=True)
class Purchase:
    """What all launches of a fleet have in common."""

    fleet_id: str
    lifecycle: str
    interruption_behavior: str
    tags: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Launched:
    """Instances that a pool gave, and why it did not give more."""

    instances: tuple[Any, ...] = ()
    error: EC2Error | None = None


def launch(
    candidate: Candidate, override: Override, purchase: Purchase, *, count: int, backend: Any
) -> Launched:
    """Up to ``count`` instances from the candidate's pool."""
    if not is_offered(candidate.pool):
        return Launched(error=_not_offered(candidate))
    try:
        order = _order(candidate, override, purchase, backend)
    except EC2Error as error:
        return Launched(error=error)
    return _as_many_as_possible(order, count, backend)


def _as_many_as_possible(order: LaunchOrder, count: int, backend: Any) -> Launched:
    """All of them, or, where a quota or the room ends before, half and half again."""
    try:
        reservation = launches.launch(replace(order, least=count, count=count), backend)
        return Launched(tuple(reservation.instances))
    except EC2Error as error:
        if count == 1:
            return Launched(error=error)
    first = _as_many_as_possible(order, count // 2, backend)
    if first.error:
        return first
    rest = _as_many_as_possible(order, count - count // 2, backend)
    return Launched((*first.instances, *rest.instances), rest.error)


def _order(
    candidate: Candidate, override: Override, purchase: Purchase, backend: Any
) -> LaunchOrder:
    order = read_order(_params(candidate, override, purchase), backend)
    of_instance = {**order.tags.get("instance", {}), FLEET_TAG: purchase.fleet_id}
    return replace(order, tags={**order.tags, "instance": of_instance})


def _params(candidate: Candidate, override: Override, purchase: Purchase) -> dict[str, Any]:
    """RunInstances' parameters: the template's, what the override replaces, and the pool."""
    ours = {"InstanceRequirements", "InstanceMarketOptions", "Placement", "TagSpecifications"}
    params = {key: value for key, value in override.data.items() if key not in ours}
    params |= {name: override.asked[name] for name in SAME_NAME if override.asked.get(name)}
    params |= {
        "InstanceType": candidate.pool.instance_type,
        "MinCount": 1,
        "MaxCount": 1,
        "Placement": _placement(candidate, override),
        "TagSpecifications": _tag_specifications(override, purchase),
        "LaunchTemplate": {
            "LaunchTemplateId": override.template_id,
            "Version": str(override.version),
        },
    }
    if purchase.lifecycle == SPOT:
        params["InstanceMarketOptions"] = _market(candidate, override, purchase)
    return params | _network(candidate, params)


def _placement(candidate: Candidate, override: Override) -> dict[str, Any]:
    in_template = override.data.get("Placement") or {}
    asked = override.asked.get("Placement") or {}
    kept = {k: v for k, v in {**in_template, **asked}.items() if k != "AvailabilityZoneId"}
    return {**kept, "AvailabilityZone": candidate.pool.zone}


def _network(candidate: Candidate, params: Mapping[str, Any]) -> dict[str, Any]:
    """The subnet goes to the first interface where the template describes interfaces."""
    if candidate.subnet_id is None:
        return {}
    first, *others = params.get("NetworkInterfaces") or [None]
    if first is None:
        return {"SubnetId": candidate.subnet_id}
    return {"NetworkInterfaces": [{**first, "SubnetId": candidate.subnet_id}, *others]}


def _market(candidate: Candidate, override: Override, purchase: Purchase) -> dict[str, Any]:
    """One-time, but for a fleet whose instances stop or hibernate: theirs are persistent."""
    options: dict[str, Any] = {"SpotInstanceType": "one-time"}
    if purchase.interruption_behavior != "terminate":
        options = {
            "SpotInstanceType": "persistent",
            "InstanceInterruptionBehavior": purchase.interruption_behavior,
        }
    if override.max_price:
        options["MaxPrice"] = usd(round(price_limit(override.max_price) * candidate.weight))
    return {"MarketType": "spot", "SpotOptions": options}


def _tag_specifications(override: Override, purchase: Purchase) -> list[dict[str, Any]]:
    """The template's tags, then the fleet's own."""
    of_fleet = [
        {"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
        for kind, tags in purchase.tags.items()
        if kind != "fleet"
    ]
    return [*(override.data.get("TagSpecifications") or []), *of_fleet]


def _not_offered(candidate: Candidate) -> EC2Error:
    """The code and the words were seen on AWS, for unknown types too."""
    pool = candidate.pool
    return refuse(
        "InvalidFleetConfiguration",
        f"Your requested instance type ({pool.instance_type}) is not supported in your requested "
        f"Availability Zone ({pool.zone}).",
    )
