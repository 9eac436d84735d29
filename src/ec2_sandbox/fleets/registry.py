"""All fleets of the account: made, found, deleted, within EC2's limits."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ec2_sandbox.fleets.candidates import check_places, overrides
from ec2_sandbox.fleets.fleet import DELETED, Fleet
from ec2_sandbox.fleets.fleet_requests import FleetRequest, FleetType
from ec2_sandbox.protocol.client_tokens import mismatch
from ec2_sandbox.protocol.refusal import invalid_value, refuse
from ec2_sandbox.world import world

# UserGuide/fleet-quotas.html; for fleets of type request and maintain.
MOST_FLEETS = 1_000
MOST_UNITS_OF_ALL = 100_000

# UserGuide/delete-fleet.html; more, and no fleet is deleted.
MOST_INSTANT_DELETED = 25
MOST_DELETED = 100

Deletion = dict[str, Any]


def make_fleet(request: FleetRequest, backend: Any) -> Fleet:
    """A new fleet, or the one that this client token made."""
    if before := _made_before(request, backend.region_name):
        return before
    _check_limits(request, backend.region_name)
    fleet = Fleet(backend, request)
    fleet.submit()
    return fleet


def check_templates(request: FleetRequest, backend: Any) -> None:
    """Templates, subnets and zones exist; only a maintain fleet's may stop or hibernate."""
    for override in overrides(request, backend):
        check_places(override, backend)
        market = override.data.get("InstanceMarketOptions") or {}
        behavior = (market.get("SpotOptions") or {}).get("InstanceInterruptionBehavior")
        if behavior not in {None, "terminate"} and request.type is not FleetType.MAINTAIN:
            raise refuse(
                "InvalidParameterCombination",
                f"Parameter: InstanceInterruptionBehavior:{behavior} and FleetType:{request.type} "
                "can not be specified together.",
            )


def fleets_of(region: str) -> list[Fleet]:
    """The region's fleets, oldest first."""
    return [fleet for fleet in world().fleets.values() if fleet.region == region]


def find_fleet(fleet_id: str, region: str) -> Fleet:
    """The fleet, or EC2's error."""
    fleet: Fleet | None = world().fleets.get(fleet_id)
    if fleet is None or fleet.region != region or not _is_found(fleet):
        raise refuse("InvalidFleetId.NotFound", f"The fleet ID '{fleet_id}' does not exist")
    return fleet


def listed(fleet_ids: Sequence[str], region: str) -> list[Fleet]:
    """Those asked for; instant fleets are shown only to who asks for them (DescribeFleets)."""
    if fleet_ids:
        return [find_fleet(fleet_id, region) for fleet_id in fleet_ids]
    shown = (fleet for fleet in fleets_of(region) if _is_found(fleet))
    return [fleet for fleet in shown if not fleet.is_instant]


def delete_fleets(
    fleet_ids: Iterable[str], region: str, *, terminate: bool
) -> tuple[list[Deletion], list[Deletion]]:
    """DeleteFleets: what was deleted, and what was not and why."""
    asked = list(dict.fromkeys(fleet_ids))
    known = {fleet.id: fleet for fleet in fleets_of(region) if _is_found(fleet)}
    found = [known[one] for one in asked if one in known]
    instant = sum(fleet.is_instant for fleet in found)
    if len(found) - instant > MOST_DELETED:
        raise invalid_value(
            f"Can't delete more than {MOST_DELETED} maintain or request fleets in a single "
            "request."
        )
    if instant > MOST_INSTANT_DELETED:
        text = "Can't delete more than 25 instant fleets in a single request."
        return [], [_failed(one, "ExceededInstantFleetNumForDeletion", text) for one in asked]
    done, failed = [], []
    for fleet_id in asked:
        fleet = known.get(fleet_id)
        if fleet is None:
            failed.append(_unknown(fleet_id))
        elif refused := _refusal(fleet, terminate=terminate):
            failed.append(refused)
        else:
            done.append(_delete(fleet, terminate=terminate))
    return done, failed


def _delete(fleet: Fleet, *, terminate: bool) -> Deletion:
    before = fleet.state
    fleet.delete(terminate=terminate)
    return {"FleetId": fleet.id, "PreviousFleetState": before, "CurrentFleetState": fleet.state}


def _unknown(fleet_id: str) -> Deletion:
    if not fleet_id.startswith("fleet-"):
        return _failed(fleet_id, "fleetIdMalformed", f"The fleet ID '{fleet_id}' is malformed")
    return _failed(fleet_id, "fleetIdDoesNotExist", f"The fleet ID '{fleet_id}' does not exist")


def _refusal(fleet: Fleet, *, terminate: bool) -> Deletion | None:
    if fleet.is_instant and not terminate:
        text = "NoTerminateInstances option is not supported for instant fleet"
        return _failed(fleet.id, "NoTerminateInstancesNotSupported", text)
    again = fleet.state == "deleted_running" and terminate
    if fleet.state in DELETED and not again:
        text = f"The fleet '{fleet.id}' is {fleet.state} already"
        return _failed(fleet.id, "fleetNotInDeletableState", text)
    return None


def _failed(fleet_id: str, code: str, message: str) -> Deletion:
    return {"FleetId": fleet_id, "Error": {"Code": code, "Message": message}}


def _is_found(fleet: Fleet) -> bool:
    """Not at once, where EC2 is to be eventually consistent."""
    return world().finds(fleet.id, fleet.created_at)


def _made_before(request: FleetRequest, region: str) -> Fleet | None:
    """By client token; another request with the same token is refused."""
    for fleet in fleets_of(region):
        if request.client_token and fleet.request.client_token == request.client_token:
            if fleet.made_from != request.fingerprint:
                raise mismatch()
            return fleet
    return None


def _check_limits(request: FleetRequest, region: str) -> None:
    if request.type is FleetType.INSTANT:
        return
    others = list(_counted(region))
    units = sum(fleet.request.target.total for fleet in others) + request.target.total
    if len(others) >= MOST_FLEETS or units > MOST_UNITS_OF_ALL:
        raise refuse(
            "MaxFleetCountExceeded",
            "You've reached one or both of these limits: the total number of fleets that you can "
            "make, or the total target capacity of all fleets for the Region.",
        )


def _counted(region: str) -> Iterator[Fleet]:
    """Fleets that count against the quotas."""
    gone = {"deleted", "deleted_terminating"}
    for fleet in fleets_of(region):
        if not fleet.is_instant and fleet.state not in gone:
            yield fleet
