"""EC2 calls about EC2 Instance Connect Endpoints, which moto does not have: made at once."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from ec2_sandbox.ec2.listings import shown
from ec2_sandbox.protocol.refusal import refuse
from ec2_sandbox.world import world


def endpoints_of(backend: Any) -> dict[str, dict[str, Any]]:
    """Those of a region, by id."""
    found: dict[str, dict[str, Any]] = backend.__dict__.setdefault("connect_endpoints", {})
    return found


class ConnectEndpointResponses(EC2Response):  # type: ignore[misc]
    """EC2 Instance Connect Endpoints."""

    def create_instance_connect_endpoint(self) -> ActionResult:
        """In a subnet, with the default group of its VPC where none is named."""
        subnet = self.ec2_backend.get_subnet(self.params["SubnetId"])
        self.error_on_dryrun()
        default = self.ec2_backend.get_default_security_group(subnet.vpc_id)
        made = {
            "InstanceConnectEndpointId": f"eice-{subnet.id.removeprefix('subnet-')}",
            "State": "create-complete",
            "SubnetId": subnet.id,
            "VpcId": subnet.vpc_id,
            "AvailabilityZone": subnet.availability_zone,
            "CreatedAt": world().now,
            "PreserveClientIp": bool(self.params.get("PreserveClientIp")),
            "SecurityGroupIds": self.params.get("SecurityGroupIds") or [default.id],
            "OwnerId": self.ec2_backend.account_id,
        }
        known = endpoints_of(self.ec2_backend)
        found = known.setdefault(made["InstanceConnectEndpointId"], made)
        return ActionResult({"InstanceConnectEndpoint": found})

    def describe_instance_connect_endpoints(self) -> Any:
        """All, or some."""
        self.error_on_dryrun()
        known = endpoints_of(self.ec2_backend)
        asked = self.params.get("InstanceConnectEndpointIds") or [*known]
        return shown(self, "DescribeInstanceConnectEndpoints", [*map(self._endpoint, asked)])

    def delete_instance_connect_endpoint(self) -> ActionResult:
        """One."""
        endpoint = self._endpoint(self.params["InstanceConnectEndpointId"])
        self.error_on_dryrun()
        del endpoints_of(self.ec2_backend)[endpoint["InstanceConnectEndpointId"]]
        return ActionResult({"InstanceConnectEndpoint": {**endpoint, "State": "delete-complete"}})

    def _endpoint(self, endpoint_id: str) -> dict[str, Any]:
        known = endpoints_of(self.ec2_backend)
        if endpoint_id not in known:
            raise refuse(
                "InvalidInstanceConnectEndpointId.NotFound",
                f"The instance connect endpoint ID '{endpoint_id}' does not exist",
            )
        return known[endpoint_id]
