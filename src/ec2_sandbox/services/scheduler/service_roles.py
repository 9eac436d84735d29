"""The service-linked roles of Spot and of fleets: named as on AWS, made by the first request.

moto names them AWSServiceRoleForspot and AWSServiceRoleForec2fleet. AWS: UserGuide,
"Service-linked role for Spot Instance requests" and "Service-linked role for EC2 Fleet".
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from moto.iam.exceptions import InvalidInput
from moto.iam.models import SERVICE_NAME_CONVERSION, IAMBackend, iam_backends

from ec2_sandbox.catalogue import ACCOUNT_ID
from ec2_sandbox.history import Happening, HappeningKind

SPOT, FLEET, SPOT_FLEET = "spot.amazonaws.com", "ec2fleet.amazonaws.com", "spotfleet.amazonaws.com"


class LinkedRole(NamedTuple):
    """A role that belongs to a service."""

    name: str
    description: str


ROLES: Mapping[str, LinkedRole] = {
    SPOT: LinkedRole("AWSServiceRoleForEC2Spot", "Default EC2 Spot Service Linked Role"),
    FLEET: LinkedRole("AWSServiceRoleForEC2Fleet", "Default EC2 Fleet Service Linked Role"),
    SPOT_FLEET: LinkedRole(
        "AWSServiceRoleForEC2SpotFleet", "Default EC2 Spot Fleet Service Linked Role"
    ),
}
FIRST_USE = {HappeningKind.REQUEST: SPOT, HappeningKind.FLEET: FLEET}

create_as_moto = IAMBackend.create_service_linked_role


def install() -> None:
    """Give the roles their names, and refuse a second one."""
    words = {service.split(".")[0]: role.name for service, role in ROLES.items()}
    prefix = "AWSServiceRoleFor"
    SERVICE_NAME_CONVERSION.update({k: name.removeprefix(prefix) for k, name in words.items()})
    IAMBackend.create_service_linked_role = create_once


def create_once(backend: Any, service_name: str, description: str, suffix: str) -> Any:
    """CreateServiceLinkedRole; EC2's services have one role each in an account."""
    role = ROLES.get(service_name)
    if role and any(known.name == role.name for known in backend.get_roles()):
        raise InvalidInput(
            f"Service role name {role.name} has been taken in this account, please try a "
            "different suffix."
        )
    return create_as_moto(backend, service_name, description, suffix)


def ensure(service_name: str) -> None:
    """Make the role if it is missing, as EC2 does for a caller who may."""
    install()
    backend, role = iam_backends[ACCOUNT_ID]["aws"], ROLES[service_name]
    if all(known.name != role.name for known in backend.get_roles()):
        create_as_moto(backend, service_name, role.description, "")


def hear(happening: Happening) -> None:
    """The first Spot request and the first fleet make their roles."""
    if service_name := FIRST_USE.get(happening.kind):
        ensure(service_name)
