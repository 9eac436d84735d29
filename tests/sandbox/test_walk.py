"""A random walk over calls and control verbs: what must hold after every step, in any order.

A refusal (4xx) is a fine answer; a 500 never is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import Sandbox

from ec2_sandbox.errors import SandboxError

pytestmark = pytest.mark.sandbox

IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
ZONE = "us-east-1a"
TYPES = ("m5.large", "g5.xlarge")
SECONDS = (3, 60, 130, 2_700, 18_000, 90_000)
BEGIN = "2026-01-05T00:00:00+00:00"
SERVER_ERROR = 500

States = set[str | None]

LIVES: States = {"pending", "running"}
GOES: States = {"shutting-down", "terminated", None}  # None: not listed any more, or never was
ENDING: States = {*LIVES, *GOES}

#: What an instance may be in while its request is shown so (UserGuide/spot-request-status.html).
PAIRS: Mapping[tuple[str, str], States] = {
    ("active", "fulfilled"): {*LIVES},
    ("active", "marked-for-stop"): {*LIVES, "stopping"},
    ("disabled", "instance-stopped-by-user"): {"stopped"},
    ("disabled", "instance-stopped-by-price"): {"stopped"},
    ("disabled", "instance-stopped-no-capacity"): {"stopped"},
    ("open", "pending-evaluation"): {"pending", "stopped", *GOES},
    ("open", "pending-fulfillment"): GOES,
    ("open", "capacity-not-available"): GOES,
    ("open", "price-too-low"): GOES,
    ("open", "instance-terminated-by-user"): GOES,
    ("open", "instance-terminated-by-price"): ENDING,
    ("open", "instance-terminated-no-capacity"): ENDING,
    ("closed", "instance-terminated-by-user"): GOES,
    ("closed", "instance-terminated-by-price"): ENDING,
    ("closed", "instance-terminated-no-capacity"): ENDING,
    ("cancelled", "request-canceled-and-instance-running"): LIVES,
    ("cancelled", "marked-for-termination"): LIVES,
    ("cancelled", "instance-stopped-by-user"): {"stopped"},
    ("cancelled", "instance-terminated-by-user"): GOES,
    ("cancelled", "instance-terminated-by-price"): GOES,
    ("cancelled", "instance-terminated-no-capacity"): GOES,
    ("cancelled", "instance-terminated-by-service"): GOES,
    ("cancelled", "canceled-before-fulfillment"): GOES,
    ("cancelled", "schedule-expired"): GOES,
}


@dataclass
class Walk:
    """Somebody who does anything, in any order; ``pick`` chooses among what there is."""

    sandbox: Sandbox
    ec2: Any
    on_demand: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    fleets: list[str] = field(default_factory=list)

    def box(self, pick: int) -> None:
        self._launch(pick, SpotInstanceType="persistent", InstanceInterruptionBehavior="stop")

    def once(self, pick: int) -> None:
        self._launch(pick)

    def on_demand_machine(self, pick: int) -> None:
        launched = self._run(pick)
        self.on_demand.update(one["InstanceId"] for one in launched)

    def request(self, pick: int) -> None:
        kind = ("one-time", "persistent")[pick % 2]
        answer = self.ec2.request_spot_instances(
            Type=kind,
            SpotPrice=("0.001", "9")[pick % 3 > 0],
            LaunchSpecification={
                "ImageId": IMAGE,
                "InstanceType": TYPES[pick % 2],
                "Placement": {"AvailabilityZone": ZONE},
            },
        )
        self.requests += [one["SpotInstanceRequestId"] for one in answer["SpotInstanceRequests"]]

    def fleet(self, pick: int) -> None:
        template = self.ec2.create_launch_template(
            LaunchTemplateName=f"walk-{len(self.fleets)}", LaunchTemplateData={"ImageId": IMAGE}
        )["LaunchTemplate"]["LaunchTemplateId"]
        self.fleets.append(f"of-{template}")
        overrides = [{"InstanceType": one, "AvailabilityZone": ZONE} for one in TYPES]
        named = {"LaunchTemplateId": template, "Version": "1"}
        answer = self.ec2.create_fleet(
            Type=("instant", "request", "maintain")[pick % 3],
            LaunchTemplateConfigs=[{"LaunchTemplateSpecification": named, "Overrides": overrides}],
            TargetCapacitySpecification={
                "TotalTargetCapacity": 1 + pick % 2,
                "DefaultTargetCapacityType": "spot",
            },
        )
        self.fleets[-1] = answer["FleetId"]

    def delete_fleet(self, pick: int) -> None:
        ids = self._one(self.fleets, pick)
        self.ec2.delete_fleets(FleetIds=ids, TerminateInstances=pick % 3 > 0)

    def stop(self, pick: int) -> None:
        self.ec2.stop_instances(InstanceIds=self._one(self.instances, pick))

    def start(self, pick: int) -> None:
        self.ec2.start_instances(InstanceIds=self._one(self.instances, pick))

    def terminate(self, pick: int) -> None:
        self.ec2.terminate_instances(InstanceIds=self._one(self.instances, pick))

    def cancel(self, pick: int) -> None:
        ids = self._one(self.requests, pick)
        self.ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=ids)

    def interrupt(self, pick: int) -> None:
        for instance in self._one(self.instances, pick):
            self.sandbox.control.interrupt(instance)

    def shutdown(self, pick: int) -> None:
        for instance in self._one(self.instances, pick):
            self.sandbox.control.shutdown(instance)

    def drain(self, pick: int) -> None:
        self.sandbox.control.drain(self._pool(pick), SECONDS[pick % len(SECONDS)] / 60)

    def refill(self, pick: int) -> None:
        self.sandbox.control.refill(self._pool(pick))

    def price(self, pick: int) -> None:
        self.sandbox.control.price(self._pool(pick), ("0.0002", "0.05")[pick % 3 > 1])

    def advance(self, pick: int) -> None:
        self.sandbox.control.advance(timedelta(seconds=SECONDS[pick % len(SECONDS)]))

    def look(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Instances and requests by id, as EC2 lists them."""
        pages = self.ec2.get_paginator("describe_instances").paginate()
        instances = {
            one["InstanceId"]: one
            for page in pages
            for reservation in page["Reservations"]
            for one in reservation["Instances"]
        }
        found = self.ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
        requests = {one["SpotInstanceRequestId"]: one for one in found}
        self.instances, self.requests = sorted(instances), sorted(requests)
        return instances, requests

    def _launch(self, pick: int, **options: Any) -> None:
        self._run(pick, InstanceMarketOptions={"MarketType": "spot", "SpotOptions": options})

    def _run(self, pick: int, **wanted: Any) -> list[Any]:
        launched: list[Any] = self.ec2.run_instances(
            ImageId=IMAGE,
            InstanceType=TYPES[pick % 2],
            MinCount=1,
            MaxCount=1 + pick % 2,
            Placement={"AvailabilityZone": ZONE},
            **wanted,
        )["Instances"]
        return launched

    def _one(self, ids: list[str], pick: int) -> list[str]:
        return [ids[pick % len(ids)]] if ids else []

    def _pool(self, pick: int) -> str:
        return f"{TYPES[pick % 2]}@{ZONE}"


VERBS = (
    Walk.box,
    Walk.once,
    Walk.on_demand_machine,
    Walk.request,
    Walk.fleet,
    Walk.delete_fleet,
    Walk.stop,
    Walk.start,
    Walk.terminate,
    Walk.cancel,
    Walk.interrupt,
    Walk.shutdown,
    Walk.drain,
    Walk.refill,
    Walk.price,
    Walk.advance,
    Walk.advance,
    Walk.advance,
)
STEPS = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 11)), min_size=10, max_size=30)


@settings(
    max_examples=8,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS, scenario=st.sampled_from(["calm", "storm"]))
@pytest.mark.soak
def test_after_every_step_the_account_is_in_order(
    sandbox: Sandbox, steps: list[tuple[Any, int]], scenario: str
) -> None:
    # Looking takes no time, so that what is seen belongs to one moment.
    sandbox.reset(scenario=scenario, dwell=1, speed=0, step=0, begins=BEGIN)
    walk = Walk(sandbox, sandbox.client("ec2"))
    for verb, pick in steps:
        _do(walk, verb, pick)
        instances, requests = walk.look()
        problems = [
            *_untraceable(instances, requests, walk.on_demand),
            *_mismatched(instances, requests),
            *_wrong_bill(sandbox.control.bill()),
        ]
        assert problems == [], (verb.__name__, pick)


def _do(walk: Walk, verb: Any, pick: int) -> None:
    """One step; being refused is part of life."""
    try:
        verb(walk, pick)
    except ClientError as refused:
        assert refused.response["ResponseMetadata"]["HTTPStatusCode"] < SERVER_ERROR  # noqa: PT017
    except SandboxError as refused:
        assert refused.kind in {"bad-input", "not-found"}, refused  # noqa: PT017


def _untraceable(
    instances: Mapping[str, Any], requests: Mapping[str, Any], on_demand: set[str]
) -> Iterator[str]:
    """Every instance is somebody's: an On-Demand launch's, or a request's that names it."""
    for instance_id, instance in instances.items():
        request_id = instance.get("SpotInstanceRequestId")
        if request_id is None:
            if instance_id not in on_demand or "InstanceLifecycle" in instance:
                yield f"{instance_id} was launched by nobody"
        elif instance.get("InstanceLifecycle") != "spot":
            yield f"{instance_id} has a request and is not Spot"
        elif instance["State"]["Name"] in LIVES | {"stopping", "stopped"}:
            named = requests.get(request_id, {}).get("InstanceId")
            if named != instance_id:
                yield f"{instance_id} lives and its request names {named}"


def _mismatched(instances: Mapping[str, Any], requests: Mapping[str, Any]) -> Iterator[str]:
    """The state of a request, its code and the state of its instance go together."""
    for request_id, request in requests.items():
        shown = request["State"], request["Status"]["Code"]
        instance = instances.get(request.get("InstanceId", ""))
        state = instance["State"]["Name"] if instance else None
        if shown not in PAIRS:
            yield f"{request_id}: {shown} is in no table"
        elif state not in PAIRS[shown]:
            yield f"{request_id}: {shown} with an instance that is {state}"


def _wrong_bill(bill: Mapping[str, Any]) -> Iterator[str]:
    amounts = [Decimal(line["usd"]) for line in bill["lines"]]
    if any(amount < 0 for amount in amounts):
        yield f"a negative amount: {bill}"
    if any(line["seconds"] < 0 for line in bill["lines"]):
        yield f"a negative length: {bill}"
    if abs(sum(amounts) - Decimal(bill["usd"])) > len(amounts) * Decimal("0.01"):
        yield f"the sum is wrong: {bill}"
