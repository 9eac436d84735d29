"""EC2 calls about Spot requests."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from ec2_sandbox.ec2.listings import shown
from ec2_sandbox.protocol.refusal import missing, refuse
from ec2_sandbox.spot_requests.request_states import RequestEvent
from ec2_sandbox.spot_requests.spot_orders import open_requests, read_spot_order
from ec2_sandbox.spot_requests.spot_requests import SpotRequest
from ec2_sandbox.world import world


class RequestResponses(EC2Response):  # type: ignore[misc]
    """Spot requests."""

    def describe_spot_instance_requests(self) -> Any:
        """Requests of the region, cancelled ones for four more hours."""
        self.error_on_dryrun()
        asked = self._requests(self.params.get("SpotInstanceRequestIds") or [])
        found = asked or listed(self.ec2_backend)
        return shown(self, "DescribeSpotInstanceRequests", found)

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
