"""Orders, offers and plans to launch with."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from tests.fakes import geography
from tests.fakes.clock import FIRST_DAY

from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.plan import Plan, make_plan
from spotkeeper.lifecycle.ports import LaunchOrder, OnInterruption
from spotkeeper.model.launch import LaunchToken
from spotkeeper.model.machine import Kind
from spotkeeper.model.need import Need
from spotkeeper.model.offer import Offer, Ranking, SpotPrice
from spotkeeper.model.tags import TAG_KIND, machine_tags
from spotkeeper.timings import KEEP_AFTER_DEADLINE

UNTIL = FIRST_DAY + timedelta(days=8)


def offer(pool: str, usd: str | None = None, *, on_demand: str | None = "") -> Offer:
    """An offer of a pool at its everyday price; ``on_demand=None`` for an unknown list price."""
    of = geography.pool(pool)
    spot = Decimal(usd) if usd else geography.everyday_price(of)
    known = geography.ON_DEMAND[of.instance_type]
    listed = None if on_demand is None else Decimal(on_demand or known)
    hardware = geography.HARDWARE[of.instance_type]
    return Offer(hardware, SpotPrice(of, spot, FIRST_DAY), listed)


def plan(*pools: str, launch_request: LaunchRequest | None = None) -> Plan:
    """A plan that tries the pools in this order."""
    launch_request = launch_request or LaunchRequest("dev", Need())
    return make_plan(launch_request, Ranking(tuple(map(offer, pools))), now=FIRST_DAY)


def order(pool: str = "g5.xlarge@us-east-1a", name: str = "dev") -> LaunchOrder:
    """An order for a box, as the lifecycle makes it."""
    of = geography.pool(pool)
    tags = machine_tags(
        name=name, owner=geography.OWNER, launch=f"token-{name}", deadline=UNTIL, kind=Kind.BOX
    )
    return LaunchOrder(
        pool=of,
        image=geography.image(of.region, "ami-ubuntu-x86_64"),
        kind=Kind.BOX,
        on_interruption=OnInterruption.STOP,
        subnet_id=f"subnet-{of.zone.name}",
        group_ids=(),
        key_name="",
        disk_gib=100,
        user_data="#!/bin/sh\n",
        token=LaunchToken(f"token-{name}"),
        tags=tags,
        valid_until=UNTIL + KEEP_AFTER_DEADLINE,
    )


def once(of: LaunchOrder) -> LaunchOrder:
    """The same as a machine that is gone when interrupted."""
    return replace(
        of,
        kind=Kind.ONCE,
        on_interruption=OnInterruption.TERMINATE,
        valid_until=None,
        tags={**of.tags, TAG_KIND: Kind.ONCE},
    )
