"""The pools that a fleet's templates and overrides allow, with their price and room now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from ec2_sandbox import catalogue
from ec2_sandbox.fleets.allocation import Candidate
from ec2_sandbox.fleets.fleet_requests import FleetRequest
from ec2_sandbox.instance_requirements import matching_types
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.spot_requests.launch_network import named_zone, zone_of_subnet
from ec2_sandbox.spot_requests.launch_templates import find_version
from ec2_sandbox.spot_requests.spot_terms import price_limit
from ec2_sandbox.world import world

SPOT = "spot"
ON_DEMAND = "on-demand"
LIFECYCLES = (ON_DEMAND, SPOT)
ON_DEMAND_ROOM = 10_000  # instances: the market models the shortage of Spot capacity only

# What a template is when nothing says otherwise (RunInstances).
DEFAULT_TYPE = "m1.small"


@dataclass(frozen=True)
class Override:
    """One override on its template, or the template alone; ``index`` is its place in the fleet.

    ``asked``  the override as it came.
    ``data``   what the version of the template says.
    """

    index: int
    asked: Mapping[str, Any]
    data: Mapping[str, Any]
    template_id: str
    version: int

    @property
    def max_price(self) -> str | None:
        """Dollars per unit hour, as typed; an override wins over the template."""
        market = self.data.get("InstanceMarketOptions") or {}
        in_template = (market.get("SpotOptions") or {}).get("MaxPrice")
        return self.asked.get("MaxPrice") or in_template

    @property
    def requirements(self) -> Mapping[str, Any] | None:
        """Attributes to choose types by; a type in the override wins over the template's."""
        if self.asked.get("InstanceType"):
            return None
        return self.asked.get("InstanceRequirements") or self.data.get("InstanceRequirements")

    def shown(self, instance_type: str | None = None) -> dict[str, Any]:
        """As LaunchTemplateAndOverrides shows it: the version's number and the chosen type.

        AWS names the template by its id there, whatever the request named (moto's tests of fleets
        that were run against AWS).
        """
        overrides = {k: v for k, v in self.asked.items() if k != "InstanceRequirements"}
        chosen = instance_type or self.asked.get("InstanceType")
        return {
            "LaunchTemplateSpecification": {
                "LaunchTemplateId": self.template_id,
                "Version": str(self.version),
            },
            "Overrides": {**overrides, "InstanceType": chosen} if chosen else dict(self.asked),
        }


def overrides(request: FleetRequest, backend: Any) -> list[Override]:
    """All overrides with their templates; EC2's error for a template that does not exist."""
    found: list[Override] = []
    for config in request.configs:
        specification = config["LaunchTemplateSpecification"]
        version = find_version(specification, backend)
        for asked in config.get("Overrides") or [{}]:
            found.append(
                Override(
                    index=len(found),
                    asked=asked,
                    data=_with_user_data(version.data, specification),
                    template_id=version.template.id,
                    version=version.number,
                )
            )
    return found


def candidates(
    override: Override, lifecycle: str, request: FleetRequest, backend: Any
) -> list[Candidate]:
    """The pools of one override, for Spot or On-Demand."""
    return [
        _candidate(override, pool, subnet_id, lifecycle=lifecycle, unit=request.target.unit)
        for instance_type in _types(override)
        for pool, subnet_id in _places(override, instance_type, backend)
    ]


def check_places(override: Override, backend: Any) -> None:
    """EC2's error when a subnet or a zone does not exist, or no type can be meant."""
    for instance_type in _types(override):
        for _ in _places(override, instance_type, backend):
            pass


def is_offered(pool: Pool) -> bool:
    """Whether the zone has the type at all."""
    return pool.zone in catalogue.zones_of_types(pool.region).get(pool.instance_type, ())


def _types(override: Override) -> list[str]:
    requirements = override.requirements
    if requirements is None:
        chosen = override.asked.get("InstanceType") or override.data.get("InstanceType")
        return [chosen or DEFAULT_TYPE]
    return matching_types(list(catalogue.instance_types()), requirements)


def _places(
    override: Override, instance_type: str, backend: Any
) -> Iterator[tuple[Pool, str | None]]:
    """Where the type may run: the subnets or the zone asked for, else every zone that has it."""
    region = backend.region_name
    if subnets := override.asked.get("SubnetId") or _template_subnet(override.data):
        for subnet_id in subnets.split(","):
            zone = zone_of_subnet(subnet_id.strip(), backend)
            yield Pool(zone, instance_type), subnet_id.strip()
        return
    if asked_zone := _asked_zone(override, region):
        yield Pool(asked_zone, instance_type), None
        return
    anywhere = tuple(catalogue.zone_ids(region))[:1]
    for offered in catalogue.zones_of_types(region).get(instance_type, anywhere):
        yield Pool(offered, instance_type), None


def _template_subnet(data: Mapping[str, Any]) -> str | None:
    nics = data.get("NetworkInterfaces") or []
    return next((nic["SubnetId"] for nic in nics if nic.get("SubnetId")), None)


def _asked_zone(override: Override, region: str) -> str | None:
    """An override wins over its template."""
    in_template = override.data.get("Placement") or {}
    return named_zone(override.asked, region) or named_zone(in_template, region)


def _candidate(
    override: Override, pool: Pool, subnet_id: str | None, *, lifecycle: str, unit: str
) -> Candidate:
    asked = override.asked
    weight, priority = asked.get("WeightedCapacity"), asked.get("Priority")
    worth = float(weight) if weight else float(catalogue.units_of(pool.instance_type, unit))
    price, room, headroom = _offer(override, pool, lifecycle, worth)
    return Candidate(
        override=override.index,
        pool=pool,
        weight=worth,
        priority=inf if priority is None else float(priority),
        price=price,
        room=room,
        headroom=headroom,
        subnet_id=subnet_id,
    )


def _offer(
    override: Override, pool: Pool, lifecycle: str, weight: float
) -> tuple[int, int, float]:
    """Price, room and headroom of the pool now; no room where it cannot be had."""
    if not is_offered(pool):
        return 0, 0, -1.0
    if lifecycle == ON_DEMAND:
        return catalogue.on_demand(pool.region, pool.instance_type), ON_DEMAND_ROOM, 1.0
    if not catalogue.is_spot_pool(pool):
        return 0, 0, -1.0
    price, limit = world().spot_price(pool), override.max_price
    if limit and price_limit(limit) * weight < price:
        return price, 0, -1.0
    capacity, second = world().capacity, world().second
    return price, capacity.room(pool, second), capacity.headroom(pool, second)


def _with_user_data(
    data: Mapping[str, Any], specification: Mapping[str, Any]
) -> Mapping[str, Any]:
    own = specification.get("LaunchTemplateSpecificationUserData")
    return {**data, "UserData": own} if own else data
