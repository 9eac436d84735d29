"""Whatever is done to requests in whatever order, what is shown, counted and told agrees."""

import pickle
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec2_sandbox import catalogue
from ec2_sandbox.ec2 import responses
from ec2_sandbox.history import Happening
from ec2_sandbox.history import HappeningKind as Told
from ec2_sandbox.market.capacity import Drought
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.options import SandboxOptions
from ec2_sandbox.protocol.refusal import EC2Error
from ec2_sandbox.server.state import start_afresh
from ec2_sandbox.services.service_quotas import quotas
from ec2_sandbox.spot_requests import launches, machines
from ec2_sandbox.spot_requests.endings import guest_shutdown, stop_instance, terminate_instance
from ec2_sandbox.spot_requests.launch_orders import read_order
from ec2_sandbox.spot_requests.request_states import RequestEvent, Situation
from ec2_sandbox.spot_requests.spot_orders import open_requests, read_spot_order
from ec2_sandbox.spot_requests.spot_requests import HOLDS_NOTHING, look_again_at, request_of
from ec2_sandbox.world import region_backends, replace_world, spot_requests, world

IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
REGION = "us-east-1"
POOL = Pool("us-east-1a", "m5.large")
BEGINS = "2026-01-05T00:00:00+00:00"
BOX = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
RUNS = {
    Situation.RUNNING,
    Situation.NOTICED,
    Situation.STARTING,
    Situation.CANCELLED_RUNNING,
    Situation.CANCELLED_NOTICED,
}
STOPS = {
    Situation.STOPPED_BY_USER: {"stopped"},
    Situation.STOPPED_BY_EC2: {"stopped"},
    Situation.CANCELLED_STOPPED: {"stopped"},
    Situation.STOPPING_BY_USER: {"stopping", "stopped"},  # the request settles later
    Situation.STOPPING_BY_EC2: {"stopping"},
}


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    responses.install()


def backend() -> Any:
    from moto.ec2.models import ec2_backends

    return ec2_backends[catalogue.ACCOUNT_ID][REGION]


def order(**changes: Any) -> dict[str, Any]:
    zone = {"AvailabilityZone": POOL.zone}
    return {"ImageId": IMAGE, "InstanceType": "m5.large", "Placement": zone, **changes}


def run(market: dict[str, Any] | None) -> None:
    asked = order(InstanceMarketOptions=market) if market is not None else order()
    launches.launch(read_order(asked, backend()), backend())


def ask(**terms: Any) -> None:
    asked = {"LaunchSpecification": order(), **terms}
    open_requests(read_spot_order(asked, backend()), backend())


def instances() -> list[Any]:
    return [one for r in backend().reservations.values() for one in r.instances]


def with_last(act: Callable[[Any], None]) -> Callable[[], None]:
    def act_on_last() -> None:
        if known := instances():
            act(known[-1])

    return act_on_last


def start(instance: Any) -> None:
    if request := request_of(instance):
        request.happen(RequestEvent.USER_START)
    elif instance.state == "stopped":
        machines.start(instance)


def cancel() -> None:
    if known := spot_requests():
        known[-1].happen(RequestEvent.CANCEL)


def drain() -> None:
    world().droughts[POOL] = Drought(world().now, None, reclaims=True)
    look_again_at(POOL)


def refill() -> None:
    world().droughts[POOL] = world().capacity.refilled(POOL, world().now)
    look_again_at(POOL)


def price(micros: int) -> Callable[[], None]:
    def force() -> None:
        world().force_price(POOL, micros)
        look_again_at(POOL)

    return force


def advance(seconds: int) -> Callable[[], None]:
    return lambda: world().clock.advance(timedelta(seconds=seconds))


ACTIONS: dict[str, Callable[[], None]] = {
    "run a box": lambda: run({"SpotOptions": {**BOX, "MaxPrice": "0.07"}}),
    "run one once": lambda: run({"SpotOptions": {}}),
    "run on demand": lambda: run(None),
    "ask for one": lambda: ask(SpotPrice="0.07"),
    "ask for one again and again": lambda: ask(Type="persistent"),
    "ask for two together": lambda: ask(LaunchGroup="two", InstanceCount=2),
    "stop": with_last(stop_instance),
    "start": with_last(start),
    "terminate": with_last(terminate_instance),
    "shut down": with_last(guest_shutdown),
    "cancel": cancel,
    "drain": drain,
    "refill": refill,
    "raise the price": price(80_000),
    "lower the price": price(30_000),
    "wait 3 s": advance(3),
    "wait 1 min": advance(60),
    "wait 3 h": advance(10_800),
    "wait 8 d": advance(691_200),
}


def do(names: list[str], dwell: float) -> None:
    start_afresh(SandboxOptions(scenario="calm", speed=0, begins=BEGINS, dwell=dwell))
    price(30_000)()
    go_on(names)


def go_on(names: list[str]) -> None:
    for name in names:
        with suppress(EC2Error):  # a refusal changes nothing
            ACTIONS[name]()
        world().catch_up()
        check()


def check() -> None:
    used: Counter[str] = Counter()
    for request in spot_requests():
        state = request.instance.state if request.instance else "-"
        if request.situation in RUNS:
            assert state in {"pending", "running"}
        elif request.situation in STOPS:
            assert state in STOPS[request.situation]
        else:
            assert state in {"-", "shutting-down", "terminated"}
        if request.situation not in HOLDS_NOTHING:
            used["Spot"] += 2
    for instance in instances():
        if instance.state in machines.ALIVE and instance.lifecycle != "spot":
            used["On-Demand"] += 2
        if instance.state not in machines.OVER and instance.lifecycle == "spot":
            assert request_of(instance) is not None
    spot = {quota.code for quota in quotas.SPOT_QUOTAS}
    counted = {code in spot: vcpus for (_, code), vcpus in world().vcpus.items()}
    assert used["Spot"] == counted.get(True, 0)
    assert used["On-Demand"] == counted.get(False, 0)


def last_told(kind: Told) -> dict[str, str]:
    return {
        told.subject: told.facts["state"] for told in world().history.unsaved if told.kind is kind
    }


PLANS = st.lists(st.sampled_from(sorted(ACTIONS)), max_size=25)


@settings(max_examples=60)
@given(names=PLANS, dwell=st.sampled_from([0, 1]))
def test_what_is_shown_counted_and_told_agrees(names: list[str], dwell: float) -> None:
    do(names, dwell)
    told = last_told(Told.INSTANCE)
    assert all(told[instance.id] == instance.state for instance in instances())
    volumes = last_told(Told.VOLUME)
    assert {one for one, state in volumes.items() if state == "created"} == set(backend().volumes)


@settings(max_examples=20)
@given(names=PLANS, dwell=st.sampled_from([0, 1]))
def test_what_a_request_says_already_is_not_told_again(names: list[str], dwell: float) -> None:
    do(names, dwell)
    said: dict[str, tuple[str, str]] = {}
    for told in world().history.unsaved:
        if told.kind is Told.REQUEST:
            now = (told.facts["state"], told.facts["code"])
            assert said.get(told.subject) != now
            said[told.subject] = now


@settings(max_examples=20)
@given(names=PLANS)
def test_the_same_seed_and_the_same_calls_are_the_same_history(names: list[str]) -> None:
    histories: list[list[Happening]] = []
    for _ in range(2):
        do(names, dwell=1)
        histories.append(world().history.unsaved)
    assert histories[0] == histories[1]


@settings(max_examples=20)
@given(before=PLANS, after=PLANS)
def test_a_restored_world_goes_on_as_if_nothing_had_been(
    before: list[str], after: list[str]
) -> None:
    from moto.ec2.models import ec2_backends
    from moto.moto_api._internal import mock_random

    do(before, dwell=1)
    saved = pickle.dumps((world(), region_backends(), mock_random.getstate()))
    finals = []
    for _ in range(2):
        found, regions, luck = pickle.loads(saved)  # noqa: S301 - our own
        replace_world(found)
        mock_random.setstate(luck)
        ec2_backends[catalogue.ACCOUNT_ID].clear()
        for region, restored in regions.items():
            dict.__setitem__(ec2_backends[catalogue.ACCOUNT_ID], region, restored)
        go_on(after)
        finals.append(world().history.unsaved)
    assert finals[0] == finals[1]
