"""EC2 calls about where capacity is: placement scores, and types by their attributes."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from ec2_sandbox import catalogue
from ec2_sandbox.ec2 import placement_query
from ec2_sandbox.ec2.placement_query import PlacementQuery
from ec2_sandbox.instance_requirements import matching_types, of_kind
from ec2_sandbox.market.placement_scores import score
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.protocol.paging import page
from ec2_sandbox.protocol.refusal import refuse
from ec2_sandbox.world import world

TOP = 10
TYPES_PER_PAGE = 1_000


class ScoredPlace(NamedTuple):
    """What is scored: a region, or one zone of it."""

    region: str
    zone_id: str
    pools: tuple[Pool, ...]


class PlacementResponses(EC2Response):  # type: ignore[misc]
    """Placement scores and attribute-based selection."""

    def get_spot_placement_scores(self) -> ActionResult:
        """The ten best regions or zones for a request, each from 1 to 10."""
        query = placement_query.read(self.params)
        self.error_on_dryrun()
        if not placement_query.admit(query, world().score_configurations, world().now):
            raise refuse(
                "MaxConfigLimitExceeded",
                "You have exceeded your maximum allowed Spot placement configurations. You can "
                "retry configurations that you used within the last 24 hours, or wait for 24 "
                "hours before specifying a new configuration.",
            )
        rows = [_row(place, query) for place in _places(query)]
        best = sorted(
            rows, key=lambda row: (-row["Score"], row["Region"], row.get("AvailabilityZoneId", ""))
        )[:TOP]
        shown, token = page(best, self.params, default=TOP)
        return ActionResult({"SpotPlacementScores": shown, "NextToken": token})

    def get_instance_types_from_instance_requirements(self) -> ActionResult:
        """The names of the region's types that have the attributes."""
        names = of_kind(
            catalogue.zones_of_types(self.region),
            placement_query.needed(self.params, "ArchitectureTypes"),
            placement_query.needed(self.params, "VirtualizationTypes"),
        )
        requirements = placement_query.needed(self.params, "InstanceRequirements")
        found = matching_types(names, requirements)
        self.error_on_dryrun()
        shown, token = page(found, self.params, default=TYPES_PER_PAGE)
        rows = [{"InstanceType": name} for name in shown]
        return ActionResult({"InstanceTypes": rows, "NextToken": token})


def _places(query: PlacementQuery) -> Iterator[ScoredPlace]:
    """Every region or zone that offers one of the types as Spot."""
    for region in query.regions or catalogue.ENABLED_REGIONS:
        wanted = set(query.types_in(region))
        pools = tuple(p for p in catalogue.spot_pools(region) if p.instance_type in wanted)
        if not query.single_zone and pools:
            yield ScoredPlace(region, "", pools)
        for zone, zone_id in catalogue.zone_ids(region).items() if query.single_zone else ():
            if of_zone := tuple(pool for pool in pools if pool.zone == zone):
                yield ScoredPlace(region, zone_id, of_zone)


def _row(place: ScoredPlace, query: PlacementQuery) -> dict[str, Any]:
    types = {pool.instance_type for pool in place.pools}
    units = {name: catalogue.units_of(name, query.unit) for name in types}
    scored = score(world().capacity, place.pools, world().second, target=query.target, units=units)
    row: dict[str, Any] = {"Region": place.region, "Score": scored}
    return {**row, "AvailabilityZoneId": place.zone_id} if place.zone_id else row
