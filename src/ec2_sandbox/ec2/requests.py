"""EC2 calls about Spot requests."""

from collections.abc import Callable, Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from ec2_sandbox import catalogue
from ec2_sandbox.protocol.filters import Filters, passes, tag_value
from ec2_sandbox.protocol.paging import page
from ec2_sandbox.protocol.refusal import missing, refuse
from ec2_sandbox.spot_requests.request_states import RequestEvent
from ec2_sandbox.spot_requests.spot_orders import open_requests, read_spot_order
from ec2_sandbox.spot_requests.spot_requests import SpotRequest
from ec2_sandbox.world import world

FILTERS: Mapping[str, Callable[[SpotRequest], Any]] = {
    "availability-zone-group": lambda r: r.availability_zone_group,
    "create-time": lambda r: _time(r.create_time),
    "fault-code": lambda r: (r.fault or {}).get("Code"),
    "fault-message": lambda r: (r.fault or {}).get("Message"),
    "instance-id": lambda r: r.instance_id,
    "launch-group": lambda r: r.launch_group,
    "launch.block-device-mapping.delete-on-termination": lambda r: [
        disk.get("DeleteOnTermination") for disk in _disks(r)
    ],
    "launch.block-device-mapping.device-name": lambda r: [
        mapping.get("DeviceName") for mapping in _mappings(r)
    ],
    "launch.block-device-mapping.snapshot-id": lambda r: [
        disk.get("SnapshotId") for disk in _disks(r)
    ],
    "launch.block-device-mapping.volume-size": lambda r: [
        disk.get("VolumeSize") for disk in _disks(r)
    ],
    "launch.block-device-mapping.volume-type": lambda r: [
        disk.get("VolumeType") for disk in _disks(r)
    ],
    "launch.group-id": lambda r: _groups(r, "GroupId"),
    "launch.group-name": lambda r: _groups(r, "GroupName"),
    "launch.image-id": lambda r: r.launch_specification["ImageId"],
    "launch.instance-type": lambda r: r.pool.instance_type,
    "launch.key-name": lambda r: r.launch_specification["KeyName"],
    "launch.monitoring-enabled": lambda r: r.launch_specification["Monitoring"]["Enabled"],
    "launched-availability-zone": lambda r: r.launched_availability_zone,
    "launched-availability-zone-id": lambda r: catalogue.zone_ids(r.pool.region).get(
        r.launched_availability_zone or ""
    ),
    "product-description": lambda r: r.product_description,
    "spot-instance-request-id": lambda r: r.id,
    "spot-price": lambda r: r.spot_price,
    "state": lambda r: r.state,
    "status-code": lambda r: r.status_code,
    "status-message": lambda r: r.status["Message"],
    "type": lambda r: r.type,
    "valid-from": lambda r: _time(r.valid_from),
    "valid-until": lambda r: _time(r.valid_until),
}


class RequestResponses(EC2Response):  # type: ignore[misc]
    """Spot requests."""

    def describe_spot_instance_requests(self) -> ActionResult:
        """Requests of the region, cancelled ones for four more hours."""
        self.error_on_dryrun()
        known = listed(self.ec2_backend)
        asked = self._requests(self.params.get("SpotInstanceRequestIds") or [])
        filters = self._filters_from_querystring()
        fit = [request for request in asked or known if _fits(request, filters)]
        found, token = page(fit, self.params, default=1_000)
        return ActionResult({"SpotInstanceRequests": found, "NextToken": token})

    def cancel_spot_instance_requests(self) -> ActionResult:
        """Cancel; safe to repeat. A running instance goes on running."""
        asked = self.params.get("SpotInstanceRequestIds")
        if not asked:
            raise missing("SpotInstanceRequestId")
        requests = self._requests(asked)
        self.error_on_dryrun()
        for request in requests:
            request.happen(RequestEvent.CANCEL)
        cancelled = [
            {"SpotInstanceRequestId": request.id, "State": request.state} for request in requests
        ]
        return ActionResult({"CancelledSpotInstanceRequests": cancelled})

    def request_spot_instances(self) -> ActionResult:
        """Open requests that wait until they can be fulfilled."""
        order = read_spot_order(self.params, self.ec2_backend)
        self.error_on_dryrun()
        return ActionResult({"SpotInstanceRequests": open_requests(order, self.ec2_backend)})

    def _requests(self, asked: list[str]) -> list[SpotRequest]:
        known = {request.id: request for request in listed(self.ec2_backend)}
        for request_id in asked:
            if request_id not in known:
                raise refuse(
                    "InvalidSpotInstanceRequestID.NotFound",
                    f"The spot instance request ID '{request_id}' does not exist",
                )
        return [known[request_id] for request_id in asked]


def listed(backend: Any) -> list[SpotRequest]:
    """Every request of the region that EC2 finds by now, oldest first."""
    requests = backend.spot_instance_requests.values()
    return [one for one in requests if world().finds(one.id, one.create_time)]


def _fits(request: SpotRequest, filters: Filters) -> bool:
    def value_of(name: str) -> Any:
        if read := FILTERS.get(name):
            return read(request)
        return tag_value(name, request.ec2_backend.tags.get(request.id, {}))

    return passes(filters, value_of)


def _time(moment: Any) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z") if moment else None


def _mappings(request: SpotRequest) -> list[Any]:
    return request.launch_specification["BlockDeviceMappings"] or []


def _disks(request: SpotRequest) -> list[Any]:
    return [mapping.get("Ebs") or {} for mapping in _mappings(request)]


def _groups(request: SpotRequest, key: str) -> list[str]:
    return [group[key] for group in request.launch_specification["SecurityGroups"]]
