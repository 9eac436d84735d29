"""EC2 calls about Spot requests."""

from collections.abc import Callable, Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from spotkeeper.sandbox.protocol.filters import Filters, passes, tag_value
from spotkeeper.sandbox.protocol.paging import page
from spotkeeper.sandbox.protocol.refusal import EC2Error, refuse
from spotkeeper.sandbox.requests.request_states import Event
from spotkeeper.sandbox.requests.spot_requests import SpotRequest

FILTERS: Mapping[str, Callable[[SpotRequest], Any]] = {
    "instance-id": lambda r: r.instance_id,
    "launch.image-id": lambda r: r.launch_specification["ImageId"],
    "launch.instance-type": lambda r: r.pool.instance_type,
    "launch.key-name": lambda r: r.launch_specification["KeyName"],
    "launched-availability-zone": lambda r: r.launched_availability_zone,
    "product-description": lambda r: r.product_description,
    "spot-instance-request-id": lambda r: r.id,
    "spot-price": lambda r: r.spot_price,
    "state": lambda r: r.state,
    "status-code": lambda r: r.status_code,
    "status-message": lambda r: r.status["Message"],
    "type": lambda r: r.type,
}


class RequestResponses(EC2Response):  # type: ignore[misc]
    """Spot requests."""

    def describe_spot_instance_requests(self) -> ActionResult:
        """Requests of the region, cancelled ones for four more hours."""
        self.error_on_dryrun()
        asked = self._requests(self.params.get("SpotInstanceRequestIds") or [])
        everything = list(self.ec2_backend.spot_instance_requests.values())
        filters = self._filters_from_querystring()
        fit = [request for request in asked or everything if _fits(request, filters)]
        found, token = page(fit, self.params, default=1_000)
        return ActionResult({"SpotInstanceRequests": found, "NextToken": token})

    def cancel_spot_instance_requests(self) -> ActionResult:
        """Cancel; safe to repeat. A running instance goes on running."""
        requests = self._requests(self.params.get("SpotInstanceRequestIds") or [])
        self.error_on_dryrun()
        for request in requests:
            request.happen(Event.CANCEL)
        cancelled = [
            {"SpotInstanceRequestId": request.id, "State": request.state} for request in requests
        ]
        return ActionResult({"CancelledSpotInstanceRequests": cancelled})

    def request_spot_instances(self) -> ActionResult:
        """Refused: AWS calls it legacy."""
        raise _not_modelled("RequestSpotInstances")

    def request_spot_fleet(self) -> ActionResult:
        """Refused: AWS calls it legacy."""
        raise _not_modelled("RequestSpotFleet")

    def create_fleet(self) -> ActionResult:
        """Refused: moto's fleets know neither prices nor capacity."""
        raise _not_modelled("CreateFleet")

    def _requests(self, asked: list[str]) -> list[SpotRequest]:
        known = self.ec2_backend.spot_instance_requests
        for request_id in asked:
            if request_id not in known:
                raise refuse(
                    "InvalidSpotInstanceRequestID.NotFound",
                    f"The spot instance request ID '{request_id}' does not exist",
                )
        return [known[request_id] for request_id in asked]


def _not_modelled(operation: str) -> EC2Error:
    return refuse(
        "UnsupportedOperation",
        f"The sandbox does not model {operation}; use RunInstances with InstanceMarketOptions.",
    )


def _fits(request: SpotRequest, filters: Filters) -> bool:
    def value_of(name: str) -> Any:
        if read := FILTERS.get(name):
            return read(request)
        return tag_value(name, request.ec2_backend.tags.get(request.id, {}))

    return passes(filters, value_of)
