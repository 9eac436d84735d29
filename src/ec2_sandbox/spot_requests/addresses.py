"""Private addresses: given out and taken back in the same order every time.

moto keeps the free ones in a set of texts, whose order is another in every process, and takes an
address back when Python happens to forget its instance.
"""

from ipaddress import ip_address
from typing import Any

from ec2_sandbox.protocol.refusal import invalid_value, refuse

RESERVED = 5  # of each subnet: the first four and the last (UserGuide of VPC, subnet-sizing.html)


class FreeAddresses(dict[str, None]):
    """A set as moto uses it, but first in, first out, then those of the subnet that were never
    taken: where moto is among them, it forgets whenever the state is read."""

    def __init__(self, subnet: Any) -> None:
        super().__init__()
        self._range, self._taken = subnet.cidr, subnet._subnet_ips  # noqa: SLF001 - no getter
        self._places = iter(range(RESERVED - 1, self._range.num_addresses - 1))

    def add(self, address: str) -> None:
        """It is free again."""
        self[address] = None

    def remove(self, address: str) -> None:
        """It is taken; KeyError when it was not free."""
        del self[address]

    def pop(self) -> str:  # type: ignore[override] # as a set does it
        """The one that is free the longest; KeyError when there is none."""
        for address in self:
            del self[address]
            return address
        never_taken = (str(self._range[place]) for place in self._places)
        for address in never_taken:
            if address not in self._taken:
                return address
        raise KeyError


def keep_in_order(subnet: Any) -> None:
    """Let moto take the subnet's addresses from a list that is always the same."""
    if not isinstance(subnet._unused_ips, FreeAddresses):  # noqa: SLF001 - no setter
        subnet._unused_ips = FreeAddresses(subnet)  # noqa: SLF001


def check(address: str | None, subnet: Any) -> None:
    """EC2's errors for an address that was asked for; moto has only tracebacks."""
    if address is None:
        return
    try:
        is_inside = ip_address(address) in subnet.cidr
    except ValueError:
        raise invalid_value(f"Invalid value '{address}' for privateIpAddress.") from None
    if not is_inside:
        raise invalid_value(f"Address {address} does not fall within the subnet's address range")
    if ip_address(address) in subnet.aws_reserved_ips:
        raise invalid_value(f"Address {address} is in subnet's reserved address range")
    if address in subnet._subnet_ips:  # noqa: SLF001 - no getter
        raise refuse("InvalidIPAddress.InUse", f"Address {address} is in use.")


def check_room(subnet: Any, count: int) -> None:
    """EC2's error when the subnet has fewer free addresses (error codes of the EC2 API)."""
    taken = len(subnet._subnet_ips) + RESERVED  # noqa: SLF001 - no getter
    if subnet.cidr.num_addresses - taken < count:
        raise refuse(
            "InsufficientFreeAddressesInSubnet",
            f"There are not enough free addresses in subnet '{subnet.id}' to satisfy the "
            "requested number of instances.",
        )


def take_back(instance: Any) -> None:
    """The addresses of an instance that ended are free for others."""
    for subnets in instance.ec2_backend.subnets.values():
        if subnet := subnets.get(instance.subnet_id):
            for address in sorted(instance._private_ips):  # noqa: SLF001 - no getter
                subnet.del_subnet_ip(address)
