"""Every row of the state table, driven over HTTP: the way there is found in the table itself."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox

from ec2_sandbox.spot_requests.request_states import (
    Move,
    Refusal,
    RequestEvent,
    RequestKind,
    Situation,
)
from ec2_sandbox.spot_requests.request_table import TABLE, outcome

pytestmark = pytest.mark.sandbox

S, E = Situation, RequestEvent
ROWS = [(kind, *key) for kind, rows in TABLE.items() for key in rows]

HERE, THERE = "us-east-1a", "us-east-1b"
POOL, OTHER_POOL = f"g5.xlarge@{HERE}", f"g5.xlarge@{THERE}"
PUBLIC_KEY = (
    b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJzbVbr/ryEIqhhZhkZjSzAWXVjcgvFpT7vy/1VQwFyy test"
)
IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
MAXIMUM, BELOW, ABOVE = "0.70", "0.40", "0.90"
VALID_FOR, VALID_IN = timedelta(hours=6), timedelta(hours=1)
TYPE = {
    RequestKind.BOX: "persistent",
    RequestKind.AGAIN: "persistent",
    RequestKind.ONCE: "one-time",
}

# The usual first, so that the way to a situation is an ordinary one.
USUAL = (E.GRANT, E.FULFIL, E.LAUNCH, E.NO_ROOM, E.RECLAIM, E.OUTBID, E.USER_STOP, E.CANCEL)
GONE = {"-", "shutting-down", "terminated"}
ALIVE, STOPPING, STOPPED = {"pending", "running"}, {"stopping"}, {"stopped"}
INSTANCE: Mapping[Situation, set[str]] = {
    **dict.fromkeys((S.EVALUATING, S.SCHEDULED, S.WAITING, S.PLACING, S.ENDED), GONE),
    **dict.fromkeys((S.RUNNING, S.NOTICED, S.STARTING), ALIVE),
    **dict.fromkeys((S.CANCELLED_RUNNING, S.CANCELLED_NOTICED), ALIVE),
    **dict.fromkeys((S.STOPPING_BY_USER, S.STOPPING_BY_EC2), STOPPING | STOPPED),
    **dict.fromkeys((S.STOPPED_BY_USER, S.STOPPED_BY_EC2, S.CANCELLED_STOPPED), STOPPED),
}


def way_to(kind: RequestKind, situation: Situation, event: RequestEvent) -> list[RequestEvent]:
    """The shortest way from the beginning to the row's situation, then the row's event.

    It does not meet the event before, since what is already shown changes nothing, and a launch
    group is for RequestSpotInstances only.
    """
    avoided = {event, E.GRANT} if event is E.GROUP_ENDS else {event}
    ways: deque[tuple[Situation, list[RequestEvent]]] = deque([(S.EVALUATING, [])])
    seen = {S.EVALUATING}
    while ways:
        here, way = ways.popleft()
        if here is situation:
            return [*way, event]
        for step, then in moves_from(kind, here):
            if then not in seen and step not in avoided:
                seen.add(then)
                ways.append((then, [*way, step]))
    raise AssertionError(f"no way to {situation}")


def moves_from(
    kind: RequestKind, situation: Situation
) -> Iterator[tuple[RequestEvent, Situation]]:
    for event in (*USUAL, *(event for event in RequestEvent if event not in USUAL)):
        found = outcome(kind, situation, event)
        if isinstance(found, Move):
            yield event, found.then


@dataclass
class Driver:
    """One request and everything that can be done to it."""

    sandbox: Sandbox
    kind: RequestKind
    way: list[RequestEvent]
    ec2: Any
    valid_from: datetime
    valid_until: datetime
    cause: str = "no-capacity"
    request_id: str = ""
    spec: dict[str, Any] = field(default_factory=dict)

    def advance(self, by: timedelta) -> None:
        self.sandbox.control.advance(by)

    def advance_to(self, moment: datetime) -> None:
        self.advance(max(timedelta(), moment - self.sandbox.control.now()))

    def request(self) -> dict[str, Any]:
        found = self.ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[self.request_id])
        shown: dict[str, Any] = found["SpotInstanceRequests"][0]
        return shown

    def instance_state(self, request: Mapping[str, Any]) -> str:
        if "InstanceId" not in request:
            return "-"
        found = self.ec2.describe_instances(InstanceIds=[request["InstanceId"]])
        return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])

    def shows(self, move: Move) -> bool:
        request = self.request()
        code = move.code.format(cause=self.cause)
        shown = (request["State"], request["Status"]["Code"]) == (move.state, code)
        return shown and self.instance_state(request) in INSTANCE[move.then]

    def wait_for(self, move: Move, step: timedelta) -> None:
        for _ in range(200):
            if self.shows(move):
                return
            self.advance(step)
        request = self.request()
        raise AssertionError(
            f"{move} expected; {request['State']} {request['Status']} "
            f"{self.instance_state(request)}"
        )

    # Beginning

    def begin(self) -> None:
        control, first = self.sandbox.control, self.way[0]
        control.price(POOL, BELOW)
        control.price(OTHER_POOL, BELOW)
        self.ec2.import_key_pair(KeyName="key", PublicKeyMaterial=PUBLIC_KEY)
        self.spec = {
            "ImageId": IMAGE,
            "InstanceType": "g5.xlarge",
            "KeyName": "key",
            "Placement": {"AvailabilityZone": HERE},
        }
        if first is E.GRANT:
            self.run()
            return
        if first in PREPARE:
            PREPARE[first](self)
        if E.LIMIT in self.way[1:]:
            some_storage(self)
        self.request_id = self.ask(**self.terms())

    def run(self) -> None:
        options: dict[str, Any] = {"MaxPrice": MAXIMUM, "SpotInstanceType": TYPE[self.kind]}
        if self.kind is RequestKind.BOX:
            options |= {
                "InstanceInterruptionBehavior": "stop",
                "ValidUntil": self.valid_until,
            }
        launched = self.ec2.run_instances(
            **self.spec,
            MinCount=1,
            MaxCount=1,
            InstanceMarketOptions={"MarketType": "spot", "SpotOptions": options},
        )["Instances"][0]
        self.request_id = launched["SpotInstanceRequestId"]

    def terms(self) -> dict[str, Any]:
        terms: dict[str, Any] = {"ValidUntil": self.valid_until}
        if E.NOT_YET in self.way:
            terms["ValidFrom"] = self.valid_from
        if {E.LAUNCH_GROUP, E.GROUP_ENDS} & set(self.way):
            terms["LaunchGroup"] = "together"
        if E.ZONE_GROUP in self.way:
            terms["AvailabilityZoneGroup"] = "one-zone"
        return terms

    def ask(self, **terms: Any) -> str:
        zone = terms.pop("zone", None)
        spec = {**self.spec, **({"Placement": {"AvailabilityZone": zone}} if zone else {})}
        behavior = "stop" if self.kind is RequestKind.BOX else "terminate"
        asked = self.ec2.request_spot_instances(
            LaunchSpecification=spec,
            SpotPrice=MAXIMUM,
            Type=TYPE[self.kind],
            InstanceInterruptionBehavior=behavior,
            **terms,
        )
        return str(asked["SpotInstanceRequests"][0]["SpotInstanceRequestId"])

    # What happens

    def drain(self) -> None:
        self.sandbox.control.drain(POOL)

    def refill(self) -> None:
        self.sandbox.control.refill(POOL)

    def reclaim(self) -> None:
        self.sandbox.control.interrupt(self.request()["InstanceId"], minutes=10_000)

    def outbid(self) -> None:
        self.sandbox.control.price(POOL, ABOVE)
        self.cause = "by-price"
        self.refill()

    def no_room(self) -> None:
        self.drain()
        self.sandbox.control.price(POOL, BELOW)

    def stop(self) -> None:
        self.settle()
        self.ec2.stop_instances(InstanceIds=[self.request()["InstanceId"]])

    def start(self) -> None:
        while self.instance_state(self.request()) == "stopping":
            self.advance(STEPS[E.STOPPED])
        self.ec2.start_instances(InstanceIds=[self.request()["InstanceId"]])

    def terminate(self) -> None:
        self.ec2.terminate_instances(InstanceIds=[self.request()["InstanceId"]])

    def cancel(self) -> None:
        self.ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[self.request_id])

    def expire(self) -> None:
        self.advance_to(self.valid_until)

    def lose_key(self) -> None:
        self.ec2.delete_key_pair(KeyName="key")

    def lose_root(self) -> None:
        self.ec2.detach_volume(VolumeId=self.ec2.describe_volumes()["Volumes"][0]["VolumeId"])
        self.refill()

    def fail(self) -> None:
        self.sandbox.control.fail("FulfillSpotInstanceRequest", "InternalError")

    def fill_storage(self) -> None:
        for _ in range(3):
            self.ec2.create_volume(AvailabilityZone=HERE, Size=16_384, VolumeType="gp3")
        self.refill()

    def send_group_elsewhere(self) -> None:
        self.ask(AvailabilityZoneGroup="one-zone", zone=THERE)
        self.advance(timedelta(seconds=10))
        self.refill()

    def hold_group_back(self) -> None:
        self.sandbox.control.drain(OTHER_POOL)
        self.ask(LaunchGroup="together", zone=THERE)
        self.refill()

    def settle(self) -> None:
        """What is pending cannot be stopped."""
        if self.instance_state(self.request()) == "pending":
            self.advance(timedelta(seconds=20))

    def end_group(self) -> None:
        self.cause = "launch-group-constraint"
        self.ask(LaunchGroup="together", zone=THERE)
        self.advance(timedelta(seconds=10))
        requests = self.ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
        other = next(one for one in requests if one["SpotInstanceRequestId"] != self.request_id)
        self.sandbox.control.interrupt(other["InstanceId"])


def too_much_storage(driver: Driver) -> None:
    disk = {"Ebs": {"VolumeSize": 16_384, "VolumeType": "gp3"}}
    names = ("/dev/sdf", "/dev/sdg", "/dev/sdh", "/dev/sdi")
    driver.spec["BlockDeviceMappings"] = [{"DeviceName": name, **disk} for name in names]


def some_storage(driver: Driver) -> None:
    mapping = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 16_000, "VolumeType": "gp3"}}
    driver.spec["BlockDeviceMappings"] = [mapping]


def too_dear(driver: Driver) -> None:
    driver.sandbox.control.price(POOL, ABOVE)


def impossible_zone(driver: Driver) -> None:
    driver.spec["Placement"] = {"AvailabilityZone": "us-east-1e"}


def soon_over(driver: Driver) -> None:
    driver.valid_until = driver.sandbox.control.now() + timedelta(seconds=1)


# What must be so before the request is made, for it to meet this first.
PREPARE: Mapping[RequestEvent, Callable[[Driver], None]] = {
    E.NO_ROOM: Driver.drain,
    E.OUTBID: too_dear,
    E.ZONE_GROUP: Driver.send_group_elsewhere,
    E.LIMIT: too_much_storage,
    E.LAUNCH_GROUP: Driver.hold_group_back,
    E.CONSTRAINT: impossible_zone,
    E.EXPIRE: soon_over,
}

# How each event is brought about; None happens by itself.
DO: Mapping[RequestEvent, Callable[[Driver], None] | None] = {
    E.GRANT: None,
    E.NOT_YET: None,
    E.VALID: lambda driver: driver.advance_to(driver.valid_from),
    E.BAD: Driver.lose_key,
    E.CONSTRAINT: None,
    E.ZONE_GROUP: Driver.send_group_elsewhere,
    E.LIMIT: Driver.fill_storage,
    E.NO_ROOM: Driver.no_room,
    E.OUTBID: Driver.outbid,
    E.LAUNCH_GROUP: Driver.hold_group_back,
    E.FULFIL: Driver.refill,
    E.LAUNCH: None,
    E.FAULT: Driver.fail,
    E.RECLAIM: Driver.reclaim,
    E.GROUP_ENDS: Driver.end_group,
    E.INTERRUPT: None,
    E.STOPPED: None,
    E.ROOT_GONE: Driver.lose_root,
    E.USER_STOP: Driver.stop,
    E.USER_START: Driver.start,
    E.STARTED: None,
    E.USER_TERMINATE: Driver.terminate,
    E.CANCEL: Driver.cancel,
    E.EXPIRE: Driver.expire,
}

# How far to go at a time while waiting for an event: less than what comes next can last.
STEPS = {E.STOPPED: timedelta(seconds=9), E.INTERRUPT: timedelta(seconds=9)}
STEP = timedelta(seconds=0.9)

# How long before ValidUntil to do what only lasts for a while.
LEADS = {E.USER_START: timedelta(seconds=0.5), E.RECLAIM: timedelta(seconds=60)}


def drive(sandbox: Sandbox, kind: RequestKind, situation: Situation, event: RequestEvent) -> None:
    sandbox.reset(dwell=1, speed=0, step=0, begins="2026-01-05T00:00:00+00:00")
    now = sandbox.control.now()
    driver = Driver(
        sandbox,
        kind,
        way_to(kind, situation, event),
        sandbox.client("ec2"),
        valid_from=now + VALID_IN,
        valid_until=now + VALID_FOR,
    )
    driver.begin()
    here = S.EVALUATING
    for number, step in enumerate(driver.way):
        found = outcome(kind, here, step)
        assert found is not None
        if driver.way[number + 1 :] == [E.EXPIRE] and step in LEADS:
            driver.advance_to(driver.valid_until - LEADS[step])
        if isinstance(found, Refusal):
            check_refused(driver, step, found)
            return
        if (act := DO[step]) and not (number == 0 and step in PREPARE):
            act(driver)
        driver.wait_for(found, STEPS.get(step, STEP))
        here = found.then


def check_refused(driver: Driver, event: RequestEvent, refusal: Refusal) -> None:
    act = DO[event]
    assert act is not None
    before = driver.request()["Status"]
    with pytest.raises(ClientError) as caught:
        act(driver)
    error = caught.value.response["Error"]
    ids = {"instance": driver.request()["InstanceId"], "request": driver.request_id}
    assert (error["Code"], error["Message"]) == (refusal.code, refusal.message.format(**ids))
    assert driver.request()["Status"] == before


@pytest.mark.parametrize(
    ("kind", "situation", "event"), ROWS, ids=[f"{k.name}-{s.name}-{e.name}" for k, s, e in ROWS]
)
@pytest.mark.one_in(10)
def test_the_row_happens(
    sandbox: Sandbox, kind: RequestKind, situation: Situation, event: RequestEvent
) -> None:
    drive(sandbox, kind, situation, event)


def test_no_row_is_missing() -> None:
    assert len(ROWS) == len(set(ROWS)) == sum(len(rows) for rows in TABLE.values())
    assert set(DO) == {event for _, _, event in ROWS} == set(RequestEvent)
