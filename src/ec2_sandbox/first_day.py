"""What a new AWS account has and moto's has not: a way to the internet, and AWS's own policies."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models import EC2Backend
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend
from moto.iam.policy_validation import BaseIAMPolicyValidator
from moto.moto_api._internal import mock_random

from ec2_sandbox.catalogue import ENABLED_REGIONS
from ec2_sandbox.world import world

FIRST_BLOCK = 16  # of 127/8; below are addresses that programs of this computer may use
_vpc_alone = EC2Backend.create_default_vpc
_delete_vpc = EC2Backend.delete_vpc


def install() -> None:
    """Let moto's accounts begin so."""
    EC2Backend.create_default_vpc = _connected_vpc
    EC2Backend.delete_vpc = _delete_unconnected_vpc
    IAMBackend._init_managed_policies = _policies  # noqa: SLF001
    BaseIAMPolicyValidator._validate_version = _take_any_version  # noqa: SLF001


def _take_any_version(_validator: Any) -> None:
    """A policy without a version is one of 2008 (IAM guide, reference_policies_elements_version);
    what is no version at all was refused before."""


def _policies(backend: Any) -> "AwsPolicies":
    return AwsPolicies(backend)


def _delete_unconnected_vpc(backend: Any, vpc_id: str) -> Any:
    """Refused while a gateway is attached, of which moto does not think (DeleteVpc)."""
    if any(one.vpc and one.vpc.id == vpc_id for one in backend.internet_gateways.values()):
        raise DependencyViolationError(
            f"The vpc '{vpc_id}' has dependencies and cannot be deleted."
        )
    return _delete_vpc(backend, vpc_id)


def _connected_vpc(backend: Any) -> Any:
    """A default VPC as AWS makes it: with an internet gateway and the route to it
    (VPC guide, default-vpc-components)."""
    vpc = _own_vpc(backend) if world().options.has_own_addresses else _vpc_alone(backend)
    gateway = backend.create_internet_gateway()
    backend.attach_internet_gateway(gateway.id, vpc.id)
    mains = {"vpc-id": vpc.id, "association.main": "true"}
    (main,) = backend.describe_route_tables(filters=mains)
    backend.create_route(main.id, "0.0.0.0/0", gateway_id=gateway.id)
    return vpc


def _own_vpc(backend: Any) -> Any:
    """Where machines really run its addresses are this computer's own, others in each region."""
    if backend.get_default_vpc():
        return _vpc_alone(backend)  # which refuses a second one
    second = FIRST_BLOCK + ENABLED_REGIONS.index(backend.region_name)
    vpc = backend.create_vpc(cidr_block=f"127.{second}.0.0/16", is_default=True)
    for zone in backend.describe_availability_zones():
        backend.create_default_subnet(zone.name)
    return vpc


class AwsPolicies(dict[str, Any]):
    """Policies by ARN: those of AWS are read when the first is asked for.

    They are no part of a snapshot but where somebody attached them.
    """

    def __init__(self, backend: Any) -> None:
        super().__init__()
        self.backend, self.is_read = backend, False

    def __reduce__(self) -> tuple[Any, ...]:
        return AwsPolicies, (None,), {"backend": self.backend}, None, self._own()

    def _own(self) -> Iterator[tuple[str, Any]]:
        for arn, policy in super().items():
            if policy.attachment_count or not isinstance(policy, AWSManagedPolicy):
                yield arn, policy

    def _read(self) -> "AwsPolicies":
        if not self.is_read:
            self.is_read = True
            state = mock_random.getstate()  # they draw ids, whenever they happen to be read
            for name, data in _managed().items():
                of = self.backend.account_id, self.backend.region_name
                policy = AWSManagedPolicy.from_data(name, *of, data)
                self.setdefault(policy.arn, policy)
            mock_random.setstate(state)
        return self

    def __contains__(self, arn: object) -> bool:
        return dict.__contains__(self._read(), arn)

    def __getitem__(self, arn: str) -> Any:
        return dict.__getitem__(self._read(), arn)

    def values(self) -> Any:
        """With those of AWS."""
        return dict.values(self._read())


@cache
def _managed() -> dict[str, Any]:
    """moto's copy of AWS's policies, by name."""
    return dict(json.loads(aws_managed_policies_data))
