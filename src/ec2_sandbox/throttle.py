"""EC2's request throttling as token buckets, one per action and Region. Pure; time is seconds.

Source of all numbers: "Request throttling for the Amazon EC2 API"
(ec2/latest/devguide/ec2-api-throttling.html), its tables of request and resource token buckets.
Actions that the sandbox does not know are left out of the table of exceptions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

CODE = "RequestLimitExceeded"
MESSAGE = "Request limit exceeded."
HTTP_STATUS = 503

NON_MUTATING = ("Describe", "List", "Search", "Get")
PAGED_OR_FILTERED = ("Filter.", "MaxResults", "NextToken")


class Limit(NamedTuple):
    """A bucket holds ``capacity`` tokens, and gets ``per_second`` back."""

    capacity: float
    per_second: float


READ = Limit(100, 20)
UNFILTERED_READ = Limit(50, 10)
CHANGE = Limit(50, 5)

# Read without a filter or pages, these draw from a smaller bucket of their own.
COSTLY_READS = frozenset(
    {
        "DescribeInstances",
        "DescribeInstanceStatus",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroups",
        "DescribeSnapshots",
        "DescribeSpotInstanceRequests",
        "DescribeVolumes",
    }
)

EXCEPTIONS: Mapping[str, Limit] = {
    name: limit
    for limit, names in (
        (Limit(5, 2), "RunInstances StartInstances"),
        (
            Limit(100, 5),
            "TerminateInstances CreateVolume DeleteVolume CreateSnapshot CreateSnapshots "
            "DeleteSnapshot ModifySnapshotAttribute CreateNetworkInterface "
            "DeleteNetworkInterface ModifyNetworkInterfaceAttribute CreateLaunchTemplateVersion "
            "ModifyLaunchTemplate ModifyInstanceMetadataOptions AssociateIamInstanceProfile "
            "DisassociateIamInstanceProfile ModifyImageAttribute DeregisterImage "
            "DescribeSpotFleetInstances DescribeSpotFleetRequestHistory",
        ),
        (Limit(100, 10), "CreateTags DeleteTags"),
        (Limit(100, 1), "CopyImage"),
        (Limit(1, 1), "CreateDefaultSubnet CreateDefaultVpc DescribeInstanceTopology"),
        (Limit(4, 0.3), "CreateVpcEndpoint ModifyVpcEndpoint DeleteVpcEndpoints"),
        (Limit(10, 1), "CreateNatGateway DeleteNatGateway"),
        (Limit(10, 0.15), "DescribeCapacityBlockOfferings"),
        (Limit(20, 5), "DescribeSecurityGroupReferences"),
        (Limit(50, 3), "DescribeSpotFleetRequests CreateSpotDatafeedSubscription"),
        (Limit(50, 3), "DeleteSpotDatafeedSubscription"),
        (Limit(100, 13), "DescribeSpotDatafeedSubscription"),
    )
    for name in names.split()
}

# One token for every instance that the call is about.
RESOURCES: Mapping[str, Limit] = {
    "RunInstances": Limit(1_000, 2),
    "StartInstances": Limit(1_000, 2),
    "StopInstances": Limit(1_000, 20),
    "TerminateInstances": Limit(1_000, 20),
}


class Draw(NamedTuple):
    """So many tokens out of one bucket."""

    bucket: str
    limit: Limit
    tokens: int


class Level(NamedTuple):
    """What a bucket held at a moment."""

    tokens: float
    at: float

    def later(self, limit: Limit, now: float) -> float:
        """What it holds now; a clock that was put back refills nothing."""
        gained = max(0.0, now - self.at) * limit.per_second
        return min(limit.capacity, self.tokens + gained)


def draws(operation: str, region: str, parameters: Mapping[str, str]) -> list[Draw]:
    """What a call takes: a request token, and one for every instance where EC2 counts them."""
    bucket = f"{region} {operation}"
    taken = [_request_draw(operation, bucket, parameters)]
    if limit := RESOURCES.get(operation):
        taken.append(Draw(f"{bucket} instances", limit, _instances(operation, parameters)))
    return taken


def _request_draw(operation: str, bucket: str, parameters: Mapping[str, str]) -> Draw:
    if limit := EXCEPTIONS.get(operation):
        return Draw(bucket, limit, 1)
    if operation in COSTLY_READS and not any(n.startswith(PAGED_OR_FILTERED) for n in parameters):
        return Draw(f"{bucket} unfiltered", UNFILTERED_READ, 1)
    return Draw(bucket, READ if operation.startswith(NON_MUTATING) else CHANGE, 1)


def _instances(operation: str, parameters: Mapping[str, str]) -> int:
    if operation == "RunInstances":
        wanted = parameters.get("MaxCount", "1")
        return int(wanted) if wanted.isdecimal() else 1
    return sum(name.startswith("InstanceId") for name in parameters)


@dataclass
class Throttle:
    """The buckets of one account; full at first."""

    levels: dict[str, Level] = field(default_factory=dict)

    def admits(self, wanted: list[Draw], now: float) -> bool:
        """Take the tokens of a call if every bucket has enough of them, else none."""
        held = [self._held(draw, now) for draw in wanted]
        if any(tokens < draw.tokens for tokens, draw in zip(held, wanted, strict=True)):
            return False
        for tokens, draw in zip(held, wanted, strict=True):
            self.levels[draw.bucket] = Level(tokens - draw.tokens, now)
        return True

    def _held(self, draw: Draw, now: float) -> float:
        level = self.levels.get(draw.bucket)
        return level.later(draw.limit, now) if level else draw.limit.capacity
