"""What already exists under a name."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes import geography, orders
from tests.fakes.cloud import FakeCloud

from spotkeeper.errors import NameTaken
from spotkeeper.lifecycle.presence import machines, refuse_taken
from spotkeeper.model.machine import Instance
from spotkeeper.model.tags import TAG_OWNER

REGION = geography.REGION


def check(cloud: FakeCloud, name: str = "dev") -> None:
    held = cloud.tagged_resources(REGION)
    refuse_taken(cloud, REGION, owner=geography.OWNER, name=name, tagged_resources=held)


def ended(cloud: FakeCloud, instance: Instance) -> None:
    cloud.cancel(REGION, [str(instance.request_id)])
    cloud.terminate(REGION, [instance.id])
    cloud.clock.sleep(timedelta(minutes=2))


def test_a_name_never_used_is_free() -> None:
    cloud = FakeCloud()
    check(cloud)
    assert "observe" not in cloud.calls


def test_a_running_machine_takes_its_name() -> None:
    cloud = FakeCloud()
    instance = cloud.run(orders.order())
    with pytest.raises(NameTaken) as caught:
        check(cloud)
    assert instance.id in caught.value.message
    assert "g5.xlarge" in caught.value.message
    assert "spot down dev" in caught.value.next_step
    check(cloud, "other")


def test_a_stopped_machine_takes_its_name() -> None:
    cloud = FakeCloud()
    instance = cloud.run(orders.order())
    cloud.stop(REGION, instance.id)
    cloud.clock.sleep(timedelta(minutes=1))
    with pytest.raises(NameTaken):
        check(cloud)


def test_an_ended_once_machine_frees_its_name() -> None:
    cloud = FakeCloud()
    ended(cloud, cloud.run(orders.once(orders.order())))
    check(cloud)


def test_a_disk_that_was_kept_takes_the_name() -> None:
    cloud = FakeCloud()
    ended(cloud, cloud.run(orders.order()))
    [disk] = cloud.ec2.disks
    with pytest.raises(NameTaken) as caught:
        check(cloud)
    assert disk in caught.value.message


def test_an_open_request_takes_the_name() -> None:
    cloud = FakeCloud()
    instance = cloud.run(orders.order())
    cloud.ec2.dry[geography.pool("g5.xlarge@us-east-1a")] = None
    cloud.terminate(REGION, [instance.id])
    cloud.clock.sleep(timedelta(minutes=2))
    cloud.ec2.disks.clear()
    with pytest.raises(NameTaken):
        check(cloud)


def test_somebody_elses_machine_of_the_name_is_none_of_ours() -> None:
    cloud = FakeCloud()
    order = orders.order()
    cloud.run(replace(order, tags={**order.tags, TAG_OWNER: "somebody"}))
    check(cloud)


def test_instances_and_requests_are_joined_each_once() -> None:
    cloud = FakeCloud()
    cloud.run(orders.order(name="b"))
    cloud.run(orders.order("m5.large@us-east-1a", name="a"))
    found = machines(cloud, REGION, geography.OWNER)
    assert [machine.name for machine in found] == ["a", "b"]
    assert all(machine.instance and machine.request for machine in found)
    assert [m.name for m in machines(cloud, REGION, geography.OWNER, "a")] == ["a"]
