"""The two clouds that hold to one contract: the fake in memory and EC2's client on the sandbox."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Protocol

import botocore.loaders
import botocore.session
import pytest
from tests.conftest import Sandbox
from tests.fakes import geography
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.price_server import PriceServer, serving

from spotkeeper.aws.cloud import Ec2Cloud
from spotkeeper.aws.session import AwsSession
from spotkeeper.lifecycle.ports import Cloud, Image, LaunchOrder, OnInterruption
from spotkeeper.model.launch import LaunchToken
from spotkeeper.model.machine import Instance, Kind
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool
from spotkeeper.model.tags import TAG_KEY, TAG_VPC, machine_tags, shared_tags
from spotkeeper.store.cache import Cache

REGION = "us-east-1"
ZONE = "us-east-1a"
KEYS = ("AKIASANDBOXSANDBOX00", "sandbox")
PUBLIC_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE2fZ6sv6b4q3SoXrYHbSr1Eq0gDUSW1sBmZLxoj1Vdn me@here"
)


class World(Protocol):
    """A cloud, and the hand that moves the world around it."""

    cloud: Cloud

    def now(self) -> datetime:
        """The cloud's time."""

    def advance(self, length: timedelta) -> None:
        """Let time pass."""

    def drain(self, pool: str) -> None:
        """Make a pool dry."""

    def refill(self, pool: str) -> None:
        """End a pool's drought."""

    def price(self, pool: str, usd: str) -> None:
        """Force a pool's Spot price."""

    def quota(self, code: str, vcpus: float) -> None:
        """Set a Spot quota."""

    def interrupt(self, name: str) -> None:
        """Give a machine its notice."""


class InMemory:
    """The fake and its clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.fake = FakeCloud(clock=self.clock)
        self.cloud: Cloud = self.fake

    def now(self) -> datetime:
        return self.clock.now()

    def advance(self, length: timedelta) -> None:
        self.clock.sleep(length)

    def drain(self, pool: str) -> None:
        self.fake.ec2.dry[geography.pool(pool)] = None

    def refill(self, pool: str) -> None:
        del self.fake.ec2.dry[geography.pool(pool)]

    def price(self, pool: str, usd: str) -> None:
        self.fake.ec2.prices[geography.pool(pool)] = Decimal(usd)

    def quota(self, code: str, vcpus: float) -> None:
        self.fake.ec2.quotas[code] = vcpus

    def interrupt(self, name: str) -> None:
        self.fake.ec2.interrupt(name)


class OverHttp:
    """The product's own client, talking to the sandbox."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.control = sandbox.control
        self.cloud: Cloud = Ec2Cloud(_session(sandbox.url), Cache(folder, self.now))

    def now(self) -> datetime:
        return self.control.now()

    def advance(self, length: timedelta) -> None:
        self.control.advance(length)

    def drain(self, pool: str) -> None:
        self.control.drain(pool)

    def refill(self, pool: str) -> None:
        self.control.refill(pool)

    def price(self, pool: str, usd: str) -> None:
        self.control.price(pool, usd)

    def quota(self, code: str, vcpus: float) -> None:
        self.control.quota(code, vcpus)

    def interrupt(self, name: str) -> None:
        self.control.interrupt(name)


@pytest.fixture(
    params=["fake", "sandbox", pytest.param("sandbox-at-ec2s-pace", marks=pytest.mark.soak)]
)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Each test of the contract runs in all of them."""
    if request.param == "fake":
        yield InMemory()
        return
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    if request.param == "sandbox-at-ec2s-pace":
        sandbox.reset(dwell=1, speed=0, begins="2026-01-05T08:00:00+00:00")
    yield OverHttp(sandbox, tmp_path / "cache")


@cache
def _session(url: str) -> AwsSession:
    """Made once per process: reading EC2's model takes longer than most tests."""
    return AwsSession(endpoint_url=url, region=REGION, static_credentials=KEYS)


class Site:
    """What a launch needs in the region, made once per test, and orders upon it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cloud = world.cloud
        self.owner = self.cloud.caller().owner
        self.subnets = {subnet.zone.name: subnet for subnet in self.cloud.subnets(REGION)}
        self.group_id = self.group("spotkeeper-contract")
        self.key_name = "spotkeeper-contract"
        self.import_key()
        self.until = world.now().replace(microsecond=0) + timedelta(days=8)

    @property
    def vpc_id(self) -> str:
        return self.subnets[ZONE].vpc_id

    def group(self, name: str) -> str:
        """The group of a name."""
        tags = {**shared_tags(self.owner), TAG_VPC: self.vpc_id}
        return self.cloud.create_group(REGION, name, vpc_id=self.vpc_id, tags=tags)

    def import_key(self) -> None:
        """Make the key known."""
        tags = {**shared_tags(self.owner), TAG_KEY: self.key_name}
        self.cloud.import_key(REGION, self.key_name, public_key=PUBLIC_KEY, tags=tags)

    def box(self, name: str = "dev", *, attempt: int = 1) -> LaunchOrder:
        """An order for a box."""
        subnet = self.subnets[ZONE]
        tags = machine_tags(
            name=name,
            owner=self.owner,
            launch=f"{name}-{attempt}",
            deadline=self.until,
            kind=Kind.BOX,
        )
        return LaunchOrder(
            pool=Pool("m5.large", Zone(REGION, ZONE, subnet.zone.id)),
            image=self.image(),
            kind=Kind.BOX,
            on_interruption=OnInterruption.STOP,
            subnet_id=subnet.id,
            group_ids=(self.group_id,),
            key_name=self.key_name,
            disk_gib=20,
            user_data="#!/bin/sh\n",
            token=LaunchToken(f"{name}-{attempt}"),
            tags=tags,
            valid_until=self.until,
        )

    def once(self, name: str = "dev") -> LaunchOrder:
        """An order for a machine that is gone when interrupted."""
        return replace(
            self.box(name),
            kind=Kind.ONCE,
            on_interruption=OnInterruption.TERMINATE,
            valid_until=None,
        )

    def image(self) -> Image:
        """A small image."""
        return self.cloud.image(REGION, "amazon-linux", "x86_64")

    def running(self, order: LaunchOrder) -> Instance:
        """Launch and wait until it runs."""
        launched = self.cloud.run(order)
        self.world.advance(timedelta(minutes=1))
        return self.cloud.instance(REGION, launched.id)

    def living(self, name: str = "dev") -> list[Instance]:
        """Instances of a name that have not ended."""
        seen = self.cloud.observe(REGION, self.owner, name)
        return [instance for instance in seen.instances if not instance.ended]

    def end(self, instance: Instance) -> None:
        """Cancel, terminate, and wait until it is gone."""
        if instance.request_id:
            self.cloud.cancel(REGION, [instance.request_id])
        self.cloud.terminate(REGION, [instance.id])
        self.world.advance(timedelta(minutes=2))


@pytest.fixture
def site(world: World) -> Site:
    """A region ready for launches."""
    return Site(world)


@cache
def _loader(search_path_string: str | None = None) -> object:
    """botocore's models are read once for all tests."""
    return botocore.loaders.create_loader(search_path_string)


@pytest.fixture
def price_market(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceServer]:
    """Prices as a test tells them. boto3 repeats at once; nothing of the environment counts."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(botocore.session, "create_loader", _loader)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with serving() as found:
        yield found
