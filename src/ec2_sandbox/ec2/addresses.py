"""EC2 calls about Elastic IP addresses; they cost money from their allocation on."""

from typing import Any

from moto.ec2.responses import EC2Response

from ec2_sandbox.history import HappeningKind
from ec2_sandbox.protocol.refusal import refuse
from ec2_sandbox.world import world

ADDRESSES_PER_REGION = 5  # quota L-0263D0A3, "EC2-VPC Elastic IPs"


class AddressResponses(EC2Response):  # type: ignore[misc]
    """Elastic IPs."""

    def allocate_address(self) -> Any:
        """One more, up to the quota."""
        if len(self.ec2_backend.addresses) >= ADDRESSES_PER_REGION:
            raise refuse(
                "AddressLimitExceeded", "The maximum number of addresses has been reached."
            )
        result = super().allocate_address()
        _tell(self.ec2_backend.addresses[-1], "allocated", self.region)
        return result

    def release_address(self) -> Any:
        """Given back; refused while something outside the default VPC has it (ReleaseAddress)."""
        wanted = {self.params.get("AllocationId"), self.params.get("PublicIp")} - {None}
        found = [a for a in self.ec2_backend.addresses if wanted & {a.allocation_id, a.public_ip}]
        if found and _is_held(found[0], self.ec2_backend):
            raise refuse("InvalidIPAddress.InUse", f"Address {found[0].public_ip} is in use.")
        allocation_id = found[0].allocation_id if found else None
        result = super().release_address()
        _tell(found[0], "released", self.region, allocation_id)
        return result


def _is_held(address: Any, backend: Any) -> bool:
    """Associated in a VPC other than the default one, where nothing is disassociated by itself."""
    if address.association_id is None or address.eni is None:
        return False
    default = backend.get_default_vpc()
    return default is None or address.eni.subnet.vpc_id != default.id


def _tell(address: Any, state: str, region: str, allocation_id: str | None = None) -> None:
    subject = str(allocation_id or address.allocation_id or address.public_ip)
    world().tell(HappeningKind.ADDRESS, subject, region, {"state": state, "ip": address.public_ip})
