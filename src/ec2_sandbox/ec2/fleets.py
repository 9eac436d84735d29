"""EC2 calls about fleets."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from ec2_sandbox.clock import aware
from ec2_sandbox.fleets import describing, registry
from ec2_sandbox.fleets.fleet import Fleet
from ec2_sandbox.fleets.fleet_requests import (
    FleetRequest,
    FleetType,
    check_configs,
    read_fleet_request,
    read_policy,
    resized,
)
from ec2_sandbox.protocol.filters import check_number, matches, passes, unknown_filter
from ec2_sandbox.protocol.paging import page
from ec2_sandbox.protocol.refusal import EC2Error, missing, refuse
from ec2_sandbox.world import world

FLEETS_PER_PAGE = 1_000


class FleetResponses(EC2Response):  # type: ignore[misc]
    """EC2 Fleet."""

    def create_fleet(self) -> ActionResult:
        """An instant fleet answers with its instances and errors, the others with their id.

        A dry run does not look at the values (moto's test of it, which was run against AWS, has an
        unknown policy and a ValidUntil of the past).
        """
        self.error_on_dryrun()
        request = read_fleet_request(self.params, world().now)
        registry.check_templates(request, self.ec2_backend)
        fleet = registry.make_fleet(request, self.ec2_backend)
        return ActionResult({"FleetId": fleet.id, **fleet.instant_answer})

    def describe_fleets(self) -> ActionResult:
        """Fleets of the region; instant ones only by their id."""
        self.error_on_dryrun()
        filters = self._filters_from_querystring()
        check_number(filters)
        asked = self.params.get("FleetIds") or []
        shown = [describing.described(one) for one in registry.listed(asked, self.region)]
        fit = [one for one in shown if passes(filters, _values(one))]
        found, token = page(fit, self.params, default=FLEETS_PER_PAGE)
        return ActionResult({"Fleets": found, "NextToken": token})

    def describe_fleet_instances(self) -> ActionResult:
        """The running instances of a fleet that is not instant."""
        self.error_on_dryrun()
        fleet = self._fleet("Describe fleet instances")
        filters = self._filters_from_querystring()
        if unknown := [name for name in filters if name != "instance-type"]:
            raise unknown_filter(unknown[0])
        rows = [describing.active_instance(member) for member in fleet.living()]
        wanted = filters.get("instance-type", ["*"])
        fit = [row for row in rows if matches(row["InstanceType"], wanted)]
        found, token = page(fit, self.params, default=FLEETS_PER_PAGE)
        return ActionResult({"ActiveInstances": found, "FleetId": fleet.id, "NextToken": token})

    def describe_fleet_history(self) -> ActionResult:
        """Events since StartTime, oldest first; instant fleets have none."""
        self.error_on_dryrun()
        fleet = registry.find_fleet(self.params["FleetId"], self.region)
        start = aware(self.params["StartTime"])
        records = fleet.history.since(start, self.params.get("EventType"))
        found, token = page(records, self.params, default=FLEETS_PER_PAGE)
        return ActionResult(
            {
                "FleetId": fleet.id,
                "StartTime": start,
                "HistoryRecords": found,
                "LastEvaluatedTime": None if token else world().now,
                "NextToken": token,
            }
        )

    def modify_fleet(self) -> ActionResult:
        """Another target capacity, policy or templates of a maintain fleet."""
        fleet = self._fleet("Modify fleet")
        if fleet.request.type is not FleetType.MAINTAIN:
            raise _unsupported(fleet, "Modify fleet")
        request = _modified(fleet.request, self.params)
        registry.check_templates(request, self.ec2_backend)
        if fleet.state not in {"active", "modifying"}:
            raise refuse(
                "FleetNotInModifiableState",
                f"The fleet '{fleet.id}' must be in the active state in order to modify it.",
            )
        self.error_on_dryrun()
        fleet.modify(request)
        return ActionResult({"Return": True})

    def delete_fleets(self) -> ActionResult:
        """Delete fleets, with their instances or without."""
        asked = self.params.get("FleetIds") or []
        if not asked or self.params.get("TerminateInstances") is None:
            name = "TerminateInstances" if asked else "FleetIds"
            raise missing(name)
        self.error_on_dryrun()
        terminate = bool(self.params["TerminateInstances"])
        done, failed = registry.delete_fleets(asked, self.region, terminate=terminate)
        return ActionResult(
            {"SuccessfulFleetDeletions": done, "UnsuccessfulFleetDeletions": failed}
        )

    def _fleet(self, what: str) -> Fleet:
        """The fleet asked for; an instant one is refused, in words seen on AWS."""
        fleet = registry.find_fleet(self.params["FleetId"], self.region)
        if fleet.is_instant:
            raise _unsupported(fleet, what)
        return fleet


def _modified(request: FleetRequest, params: Mapping[str, Any]) -> FleetRequest:
    """The request with what ModifyFleet changes."""
    changed = dict(request.params)
    if configs := params.get("LaunchTemplateConfigs"):
        check_configs(configs, request.type)
        changed["LaunchTemplateConfigs"] = configs
    target = request.target
    if asked := params.get("TargetCapacitySpecification"):
        target = resized(target, asked, request.type)
    ends_excess = request.ends_excess
    if policy := params.get("ExcessCapacityTerminationPolicy"):
        ends_excess = read_policy(policy, request.type)
    return replace(request, params=changed, target=target, ends_excess=ends_excess)


def _unsupported(fleet: Fleet, what: str) -> EC2Error:
    return refuse(
        "Unsupported",
        f"Fleet {fleet.id} is {fleet.request.type} fleet. {what} is not supported by this type of "
        "fleet",
    )


def _values(shown: Mapping[str, Any]) -> Any:
    values = describing.filter_values(shown)

    def value_of(name: str) -> Any:
        if name not in values:
            raise unknown_filter(name)
        return values[name]

    return value_of
