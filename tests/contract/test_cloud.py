"""The contract of ``Cloud``: what the lifecycle relies on, true of the fake and of the sandbox."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.contract.conftest import REGION, ZONE, Site, World

from spotkeeper.errors import (
    InUse,
    NoCapacity,
    NotFound,
    PriceTooLow,
    QuotaReached,
    Refused,
    ResourceGone,
    StaleToken,
)
from spotkeeper.lifecycle.ports import SshGroup
from spotkeeper.model.disk import Disk
from spotkeeper.model.machine import InstanceState
from spotkeeper.model.resource import ResourceKind
from spotkeeper.model.tags import TAG_DEADLINE, TAG_NAME, TAG_OWNER

pytestmark = pytest.mark.sandbox

POOL = f"m5.large@{ZONE}"
STANDARD = "L-34B43A08"
MINUTE = timedelta(minutes=1)


def test_a_launch_gives_one_spot_instance_with_its_request(site: Site) -> None:
    instance = site.running(site.box())
    assert instance.lifecycle == "spot"
    assert instance.state is InstanceState.RUNNING
    assert instance.zone_name == ZONE
    assert instance.instance_type == "m5.large"
    assert instance.public_ip
    [request] = site.cloud.observe(REGION, site.owner, "dev").requests
    assert request.id == instance.request_id
    assert request.instance_id == instance.id
    assert request.state == "active"
    assert request.status_code == "fulfilled"
    assert request.persistent
    assert request.valid_until == site.until


def test_instance_request_and_volume_carry_the_tags_of_the_order(site: Site) -> None:
    order = site.box()
    instance = site.running(order)
    seen = site.cloud.observe(REGION, site.owner, "dev")
    [volume] = site.cloud.volumes(REGION, site.owner, "dev")
    assert seen.instances[0].tags == order.tags
    assert seen.requests[0].tags == order.tags
    assert volume.tags == order.tags
    assert volume.disk == Disk("gp3", order.disk_gib)
    assert instance.volume_ids == (volume.id,)


def test_the_same_token_is_the_same_instance(site: Site) -> None:
    first = site.cloud.run(site.box())
    again = site.cloud.run(site.box())
    assert again.id == first.id
    assert again.request_id == first.request_id
    assert len(site.living()) == 1


def test_the_same_token_with_other_parameters_is_stale(site: Site) -> None:
    site.cloud.run(site.box())
    with pytest.raises(StaleToken) as caught:
        site.cloud.run(replace(site.box(), disk_gib=30))
    assert caught.value.aws_code == "IdempotentParameterMismatch"
    assert len(site.living()) == 1


def test_the_token_of_an_ended_instance_is_stale(site: Site) -> None:
    site.end(site.running(site.box()))
    with pytest.raises(StaleToken) as caught:
        site.cloud.run(site.box())
    assert caught.value.aws_code == "IdempotentInstanceTerminated"
    assert site.living() == []


def test_a_token_that_was_refused_may_come_again(site: Site, world: World) -> None:
    world.drain(POOL)
    with pytest.raises(NoCapacity):
        site.cloud.run(site.box())
    world.refill(POOL)
    assert site.cloud.run(site.box()).id


def test_only_the_owners_machines_of_the_name_are_observed(site: Site) -> None:
    mine = site.cloud.run(site.box("dev"))
    other = site.cloud.run(site.box("other"))
    tags = {**site.box("dev", attempt=9).tags, TAG_OWNER: "123456789012:user/somebody"}
    site.cloud.run(replace(site.box("dev", attempt=9), tags=tags))

    named = site.cloud.observe(REGION, site.owner, "dev")
    assert [instance.id for instance in named.instances] == [mine.id]
    assert [request.id for request in named.requests] == [mine.request_id]
    everything = site.cloud.observe(REGION, site.owner)
    assert {instance.id for instance in everything.instances} == {mine.id, other.id}
    elsewhere = site.cloud.observe("eu-west-1", site.owner)
    assert (elsewhere.instances, elsewhere.requests) == ((), ())


def test_an_instance_without_tags_is_found_through_its_request(site: Site) -> None:
    instance = site.cloud.run(site.box())
    site.cloud.retag(REGION, [instance.id], {TAG_NAME: "lost", TAG_OWNER: "nobody"})
    seen = site.cloud.observe(REGION, site.owner, "dev")
    assert [found.id for found in seen.instances] == [instance.id]


def test_cancel_alone_leaves_the_instance_running(site: Site) -> None:
    instance = site.running(site.box())
    site.cloud.cancel(REGION, [str(instance.request_id)])
    [request] = site.cloud.observe(REGION, site.owner, "dev").requests
    assert request.state == "cancelled"
    assert request.status_code == "request-canceled-and-instance-running"
    assert site.cloud.instance(REGION, instance.id).state is InstanceState.RUNNING


@pytest.mark.parametrize("kind", ["box", "once"])
def test_cancel_then_terminate_ends_it_for_good(site: Site, world: World, kind: str) -> None:
    instance = site.running(site.box() if kind == "box" else site.once())
    site.end(instance)
    world.advance(timedelta(minutes=30))
    assert site.living() == []
    requests = site.cloud.observe(REGION, site.owner, "dev").requests
    assert not any(request.cancellable for request in requests)


def test_terminating_a_box_before_its_request_is_cancelled_launches_another(
    site: Site, world: World
) -> None:
    instance = site.running(site.box())
    site.cloud.terminate(REGION, [instance.id])
    world.advance(5 * MINUTE)
    [reborn] = site.living()
    assert reborn.id != instance.id
    assert reborn.request_id == instance.request_id
    assert reborn.tags == instance.tags


def test_terminating_a_once_machine_launches_nothing(site: Site, world: World) -> None:
    instance = site.running(site.once())
    site.cloud.terminate(REGION, [instance.id])
    world.advance(5 * MINUTE)
    assert site.living() == []


def test_a_box_stops_and_starts_with_its_disk(site: Site, world: World) -> None:
    instance = site.running(site.box())
    site.cloud.stop(REGION, instance.id)
    world.advance(MINUTE)
    stopped = site.cloud.instance(REGION, instance.id)
    assert stopped.state is InstanceState.STOPPED
    [request] = site.cloud.observe(REGION, site.owner, "dev").requests
    assert (request.state, request.status_code) == ("disabled", "instance-stopped-by-user")

    site.cloud.start(REGION, instance.id)
    world.advance(MINUTE)
    started = site.cloud.instance(REGION, instance.id)
    assert started.state is InstanceState.RUNNING
    assert started.volume_ids == instance.volume_ids
    assert started.launched_at > instance.launched_at
    [request] = site.cloud.observe(REGION, site.owner, "dev").requests
    assert (request.state, request.status_code) == ("active", "fulfilled")


def test_a_once_machine_cannot_be_stopped(site: Site) -> None:
    instance = site.running(site.once())
    with pytest.raises(Refused) as caught:
        site.cloud.stop(REGION, instance.id)
    assert caught.value.aws_code == "UnsupportedOperation"


def test_a_box_cannot_be_started_in_a_dry_pool(site: Site, world: World) -> None:
    instance = site.running(site.box())
    site.cloud.stop(REGION, instance.id)
    world.advance(MINUTE)
    world.drain(POOL)
    with pytest.raises(NoCapacity):
        site.cloud.start(REGION, instance.id)


def test_an_interrupted_box_is_stopped_and_only_ec2_starts_it(site: Site, world: World) -> None:
    instance = site.running(site.box())
    world.interrupt("dev")
    world.advance(3 * MINUTE)
    assert site.cloud.instance(REGION, instance.id).state is InstanceState.STOPPED
    [request] = site.cloud.observe(REGION, site.owner, "dev").requests
    assert (request.state, request.status_code) == ("disabled", "instance-stopped-no-capacity")
    with pytest.raises(Refused) as caught:
        site.cloud.start(REGION, instance.id)
    assert caught.value.aws_code == "IncorrectSpotRequestState"

    world.advance(10 * MINUTE)
    [request] = site.cloud.observe(REGION, site.owner, "dev").requests
    assert (request.state, request.status_code) == ("active", "fulfilled")
    world.advance(MINUTE)
    assert site.cloud.instance(REGION, instance.id).state is InstanceState.RUNNING


def test_an_interrupted_once_machine_is_gone(site: Site, world: World) -> None:
    site.running(site.once())
    world.interrupt("dev")
    world.advance(5 * MINUTE)
    assert site.living() == []
    [request] = site.cloud.observe(REGION, site.owner, "dev").requests
    assert (request.state, request.status_code) == ("closed", "instance-terminated-no-capacity")


def test_cancelling_the_request_of_a_stopped_box_ends_it(site: Site, world: World) -> None:
    instance = site.running(site.box())
    site.cloud.stop(REGION, instance.id)
    world.advance(MINUTE)
    site.cloud.cancel(REGION, [str(instance.request_id)])
    world.advance(MINUTE)
    assert site.living() == []


def test_the_disk_of_a_box_stays_until_it_is_deleted(site: Site) -> None:
    site.end(site.running(site.box()))
    [volume] = site.cloud.volumes(REGION, site.owner, "dev")
    assert volume.state == "available"
    site.cloud.delete_volume(REGION, volume.id)
    assert site.cloud.volumes(REGION, site.owner, "dev") == ()
    site.cloud.delete_volume(REGION, volume.id)


def test_the_disk_of_a_once_machine_goes_with_it(site: Site) -> None:
    instance = site.running(site.once())
    [volume] = site.cloud.volumes(REGION, site.owner, "dev")
    assert volume.state == "in-use"
    site.end(instance)
    assert site.cloud.volumes(REGION, site.owner, "dev") == ()


def test_a_disk_in_use_cannot_be_deleted(site: Site) -> None:
    instance = site.running(site.box())
    with pytest.raises(InUse):
        site.cloud.delete_volume(REGION, instance.volume_ids[0])


def test_a_group_in_use_cannot_be_deleted(site: Site) -> None:
    instance = site.running(site.box())
    with pytest.raises(InUse):
        site.cloud.delete_group(REGION, site.group_id)
    site.end(instance)
    site.cloud.delete_group(REGION, site.group_id)
    site.cloud.delete_group(REGION, site.group_id)
    kinds = {tagged.resource_id.kind for tagged in site.cloud.tagged_resources(REGION)}
    assert ResourceKind.GROUP not in kinds


def test_a_group_of_the_same_name_is_the_same_group(site: Site) -> None:
    assert site.group("spotkeeper-contract") == site.group_id
    site.cloud.open_ssh(REGION, site.group_id, "198.51.100.7/32")
    site.cloud.open_ssh(REGION, site.group_id, "198.51.100.7/32")


def test_our_groups_tell_whom_they_let_in(site: Site) -> None:
    def told(owner: str) -> list[SshGroup]:
        return [*site.cloud.ssh_groups(REGION, owner, [site.group_id])]

    owner = site.cloud.caller().owner
    for cidr in ("198.51.100.7/32", "203.0.113.9/32", "203.0.113.9/32", "2001:db8::7/128"):
        site.cloud.open_ssh(REGION, site.group_id, cidr)
    [group] = told(owner)
    assert sorted(group.cidrs) == ["198.51.100.7/32", "2001:db8::7/128", "203.0.113.9/32"]
    assert told("1:user/other") == []
    for _ in range(2):
        site.cloud.close_ssh(REGION, site.group_id, "198.51.100.7/32")
        site.cloud.close_ssh(REGION, site.group_id, "2001:db8::7/128")
    assert told(owner) == [SshGroup(site.group_id, ("203.0.113.9/32",))]


def test_a_key_may_be_imported_twice_and_deleted_twice(site: Site) -> None:
    site.import_key()
    [key] = [
        h for h in site.cloud.tagged_resources(REGION) if h.resource_id.kind == ResourceKind.KEY
    ]
    site.cloud.delete_key(REGION, key.resource_id.id)
    site.cloud.delete_key(REGION, key.resource_id.id)
    with pytest.raises(ResourceGone):
        site.cloud.run(site.box())
    site.import_key()
    assert site.cloud.run(site.box()).id


def test_a_launch_upon_a_group_or_subnet_that_is_gone_says_so(site: Site) -> None:
    with pytest.raises(ResourceGone):
        site.cloud.run(replace(site.box(), group_ids=("sg-00000000000000000",)))
    with pytest.raises(ResourceGone):
        site.cloud.run(replace(site.box(), subnet_id="subnet-00000000000000000"))
    assert site.living() == []


def test_holdings_are_everything_of_ours_by_kind(site: Site) -> None:
    instance = site.running(site.box())
    held = {tagged.resource_id.kind: tagged for tagged in site.cloud.tagged_resources(REGION)}
    assert set(held) >= {
        ResourceKind.INSTANCE,
        ResourceKind.REQUEST,
        ResourceKind.VOLUME,
        ResourceKind.GROUP,
        ResourceKind.KEY,
    }
    assert held[ResourceKind.INSTANCE].resource_id.id == instance.id
    assert held[ResourceKind.GROUP].resource_id.id == site.group_id
    for kind in (ResourceKind.INSTANCE, ResourceKind.REQUEST, ResourceKind.VOLUME):
        assert held[kind].tags[TAG_NAME] == "dev"
        assert held[kind].tags[TAG_OWNER] == site.owner
    assert site.cloud.tagged_resources("eu-west-1") == ()


def test_a_dry_pool_has_no_capacity(site: Site, world: World) -> None:
    world.drain(POOL)
    with pytest.raises(NoCapacity) as caught:
        site.cloud.run(site.box())
    assert caught.value.aws_code == "InsufficientInstanceCapacity"
    assert site.living() == []
    assert site.cloud.observe(REGION, site.owner, "dev").requests == ()


def test_a_maximum_price_under_the_market_is_too_low(site: Site, world: World) -> None:
    world.price(POOL, "0.05")
    with pytest.raises(PriceTooLow) as caught:
        site.cloud.run(replace(site.box(), max_price_usd_per_hour=Decimal("0.04")))
    assert caught.value.aws_code == "SpotMaxPriceTooLow"
    site.cloud.run(replace(site.box(), max_price_usd_per_hour=Decimal("0.05")))
    [request] = site.cloud.observe(REGION, site.owner, "dev").requests
    assert request.max_price_usd_per_hour == Decimal("0.05")


def test_the_quota_counts_vcpus(site: Site, world: World) -> None:
    world.quota(STANDARD, 3)
    first = site.running(site.box("first"))
    with pytest.raises(QuotaReached) as caught:
        site.cloud.run(site.box("second"))
    assert caught.value.aws_code == "MaxSpotInstanceCountExceeded"
    site.end(first)
    assert site.cloud.run(site.box("second", attempt=2)).id


def test_a_dry_run_makes_nothing(site: Site) -> None:
    site.cloud.ask(site.box())
    site.cloud.ask(replace(site.box(), group_ids=(), key_name=""))
    assert site.living() == []


def test_unknown_ids_are_harmless_to_cancel_terminate_and_delete(site: Site) -> None:
    instance = site.running(site.box())
    unknown = site.cloud.cancel(REGION, ["sir-zzzzzzzz", str(instance.request_id)])
    assert unknown == {"sir-zzzzzzzz"}
    assert site.cloud.cancel(REGION, [str(instance.request_id)]) == frozenset()
    site.cloud.terminate(REGION, ["i-00000000000000000", instance.id])
    site.cloud.delete_volume(REGION, "vol-00000000000000000")
    site.cloud.delete_group(REGION, "sg-00000000000000000")
    site.cloud.delete_key(REGION, "key-00000000000000000")
    assert site.living() == []


def test_ending_twice_is_harmless(site: Site) -> None:
    instance = site.running(site.box())
    site.end(instance)
    site.end(instance)
    assert site.living() == []


def test_an_unknown_instance_is_not_found(site: Site) -> None:
    unknown = "i-00000000000000000"
    for call in (site.cloud.instance, site.cloud.stop, site.cloud.start):
        with pytest.raises(NotFound):
            call(REGION, unknown)


def test_tags_can_be_changed(site: Site) -> None:
    instance = site.running(site.box())
    moved = {TAG_DEADLINE: "2030-01-01T00:00:00Z"}
    site.cloud.retag(REGION, [instance.id, str(instance.request_id)], moved)
    seen = site.cloud.observe(REGION, site.owner, "dev")
    assert seen.instances[0].tags == {**instance.tags, **moved}
    assert seen.requests[0].tags == {**instance.tags, **moved}
