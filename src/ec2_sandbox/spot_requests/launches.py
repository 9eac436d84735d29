"""RunInstances carried out: idempotency, room, price, quota, then the instances themselves."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ec2_sandbox import catalogue
from ec2_sandbox.market.money import short_usd
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.protocol import refusal
from ec2_sandbox.protocol.client_tokens import fingerprint, mismatch
from ec2_sandbox.protocol.refusal import EC2Error, refuse
from ec2_sandbox.services.service_quotas import quotas
from ec2_sandbox.services.service_quotas.quotas import Quota
from ec2_sandbox.spot_requests import machines
from ec2_sandbox.spot_requests.launch_orders import FLEET_TAG, REQUESTS, LaunchOrder
from ec2_sandbox.spot_requests.launchers import OrderLauncher
from ec2_sandbox.spot_requests.made_instances import make_instances
from ec2_sandbox.spot_requests.spot_requests import SpotRequest
from ec2_sandbox.spot_requests.spot_terms import SpotTerms
from ec2_sandbox.world import Launch, world


class Room(NamedTuple):
    """How many instances go into a pool."""

    pool: Pool
    number: int


def launched_before(params: Mapping[str, Any], backend: Any) -> Any:
    """The reservation that this client token made, or None (Ec2 Run_Instance_Idempotency)."""
    token = params.get("ClientToken")
    launch = world().launches.get((backend.region_name, token)) if token else None
    if launch is None:
        return None
    if launch.fingerprint != fingerprint(params):
        raise mismatch()
    reservation = backend.reservations.get(launch.reservation_id)
    if reservation is None or all(one.state in machines.OVER for one in reservation.instances):
        raise refuse(
            "IdempotentInstanceTerminated",
            "The instance associated with the provided idempotency token has been terminated.",
        )
    return reservation


def launch(order: LaunchOrder, backend: Any) -> Any:
    """Launch as many of an order as there is room for, or EC2's error; moto's reservation."""
    room = _spot_room(order, order.spot) if order.spot else _on_demand_room(order)
    reservation = make_instances(order, room.pool, backend, count=room.number)
    for instance in reservation.instances:
        if order.spot:
            _open_request(order, order.spot, pool=room.pool, instance=instance)
        else:
            machines.begin(instance, _whose(order))
    if token := order.params.get("ClientToken"):
        made = Launch(fingerprint(order.params), reservation.id)
        world().launches[(backend.region_name, token)] = made
    return reservation


def check_spot_quota(instance_type: str, region: str, count: int) -> None:
    """vCPUs of running Spot instances and open requests (UserGuide/using-spot-limits.html)."""
    quota = quotas.quota_of(instance_type)
    if quota and _is_above(quota, instance_type, region, count):
        raise refuse("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")


def _spot_room(order: LaunchOrder, terms: SpotTerms) -> Room:
    """Without a zone EC2 chooses: here the cheapest with room for all, else for the least."""
    second = world().second
    rooms = [Room(pool, world().capacity.room(pool, second)) for pool in order.pools]
    fit = [room for room in rooms if room.number >= order.count]
    fit = fit or [room for room in rooms if room.number >= order.least]
    if not fit:
        raise refusal.no_spot_capacity()
    pool, number = min(fit, key=lambda room: world().spot_price(room.pool))
    check_price(pool, terms.max_price)
    count = min(number, order.count)
    check_spot_quota(order.instance_type, order.region, count)
    return Room(pool, count)


def check_price(pool: Pool, max_price: int) -> None:
    """Refuse what is below the market."""
    price = world().spot_price(pool)
    if max_price < price:
        raise refusal.price_too_low(short_usd(max_price), short_usd(price))


def check_start(instance: Any) -> None:
    """Refuse the start of an On-Demand instance that its pool or the quota cannot take."""
    pool = machines.pool_of(instance)
    if _is_drained(pool):
        raise _no_capacity(pool.instance_type, (pool.zone,))
    _check_on_demand_quota(pool.instance_type, pool.region, 1)


def _on_demand_room(order: LaunchOrder) -> Room:
    """On-Demand meets no shortage but where a pool was drained."""
    with_room = [pool for pool in order.pools if not _is_drained(pool)]
    if not with_room:
        raise _no_capacity(order.instance_type, order.zones)
    _check_on_demand_quota(order.instance_type, order.region, order.count)
    return Room(with_room[0], order.count)


def _check_on_demand_quota(instance_type: str, region: str, count: int) -> None:
    quota = quotas.quota_of(instance_type, spot=False)
    if quota and _is_above(quota, instance_type, region, count):
        limit = quotas.limit(world(), quota, region)
        raise refuse(
            "VcpuLimitExceeded",
            f"You have requested more vCPU capacity than your current vCPU limit of {limit:g} "
            "allows for the instance bucket that the specified instance type belongs to. Please "
            "visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this "
            "limit.",
        )


def _is_drained(pool: Pool) -> bool:
    forced = world().droughts.get(pool)
    if forced is None or not forced.reclaims or world().now < forced.begins:
        return False
    return forced.ends is None or world().now < forced.ends


def _no_capacity(instance_type: str, zones: tuple[str, ...]) -> EC2Error:
    """EC2's words, with the zones that would do."""
    offered = catalogue.zones_of_types(Pool(zones[0], instance_type).region)[instance_type]
    others = [zone for zone in offered if not _is_drained(Pool(zone, instance_type))]
    instead = (
        f" You can currently get {instance_type} capacity by not specifying an Availability "
        f"Zone in your request or choosing {', '.join(others)}."
        if others
        else ""
    )
    return refuse(
        "InsufficientInstanceCapacity",
        f"We currently do not have sufficient {instance_type} capacity in the Availability "
        f"Zone you requested ({', '.join(zones)}). Our system will be working on "
        f"provisioning additional capacity.{instead}",
    )


def _is_above(quota: Quota, instance_type: str, region: str, count: int) -> bool:
    wanted = catalogue.vcpus(instance_type) * count
    used = quotas.in_use(world(), quota, region)
    return used + wanted > quotas.limit(world(), quota, region)


def _open_request(order: LaunchOrder, terms: SpotTerms, *, pool: Pool, instance: Any) -> None:
    """A request that holds an instance from the start, and launches others in the same pool."""
    backend = instance.ec2_backend
    again = replace(order, zones=(pool.zone,))
    request = SpotRequest(backend, pool, terms, launcher=OrderLauncher(again, backend))
    request.add_tags(dict(order.tags.get(REQUESTS, {})))
    request.grant(instance, _whose(order))


def _whose(order: LaunchOrder) -> machines.Reason:
    return machines.FLEET if FLEET_TAG in order.tags.get("instance", {}) else machines.USER
