"""The contract of ``Inventory``: true of the fake in memory and of EC2's client on the sandbox."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.contract.conftest import REGION, ZONE, InMemory, Site, World, _session
from tests.fakes.inventory import FakeInventory
from tests.fakes.resources import Tagged

from spotkeeper.aws.cloud import Ec2Cloud
from spotkeeper.aws.inventory import Ec2Inventory
from spotkeeper.errors import InUse
from spotkeeper.lifecycle.ports import Inventory, RegionInventory
from spotkeeper.model.resource import Resource, ResourceId, ResourceKind
from spotkeeper.model.tags import TAG_LAUNCH, TAG_NAME, TAG_OWNER, machine_tags
from spotkeeper.store.cache import Cache

pytestmark = pytest.mark.sandbox

OTHER_KINDS = (
    ResourceKind.SNAPSHOT,
    ResourceKind.INTERFACE,
    ResourceKind.TEMPLATE,
    ResourceKind.FLEET,
)
MADE_BY_A_LAUNCH = {ResourceKind.REQUEST, ResourceKind.INSTANCE, ResourceKind.VOLUME}


class Holdings:
    """The estate of one site."""

    def __init__(self, site: Site, inventory: Inventory, add: Callable[[str, Any], str]) -> None:
        self.site = site
        self.inventory = inventory
        self._add = add

    def region_inventory(self, region: str = REGION) -> RegionInventory:
        return self.inventory.region_inventory(region, self.site.owner)

    def add(self, kind: str) -> ResourceId:
        """One more thing of ours of a kind that no launch makes."""
        tags = machine_tags(
            name="dev", owner=self.site.owner, launch="dev-1", deadline=None, kind="box"
        )
        return ResourceId(kind, self._add(kind, tags), REGION)

    def of(self, kind: str) -> list[Resource]:
        return [
            each for each in self.region_inventory().resources if each.resource_id.kind == kind
        ]


@pytest.fixture
def tagged_resources(site: Site, world: World, request: pytest.FixtureRequest) -> Holdings:
    if isinstance(world, InMemory):
        ec2 = world.fake.ec2

        def put(kind: str, tags: Any) -> str:
            made = Tagged(ec2.new_id(kind), REGION, kind, "", ec2.now, dict(tags))
            ec2.resource_ids[made.id] = made
            return made.id

        return Holdings(site, FakeInventory(world.fake), put)
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    inventory = Ec2Inventory(_session(sandbox.url), world.cloud)
    return Holdings(site, inventory, lambda kind, tags: created(sandbox, site, kind, tags))


def created(sandbox: Sandbox, site: Site, kind: str, tags: Any) -> str:
    """Made by hand, as another tool of ours might."""
    ec2 = sandbox.client("ec2")
    tagged = [{"Key": key, "Value": value} for key, value in tags.items()]
    given = {"TagSpecifications": [{"ResourceType": kind, "Tags": tagged}]}
    data = {"ImageId": site.image().id, "InstanceType": "m5.large"}
    if kind == ResourceKind.SNAPSHOT:
        volume = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
        return str(ec2.create_snapshot(VolumeId=volume, **given)["SnapshotId"])
    if kind == ResourceKind.INTERFACE:
        subnet = site.subnets[ZONE].id
        made = ec2.create_network_interface(SubnetId=subnet, **given)["NetworkInterface"]
        return str(made["NetworkInterfaceId"])
    name = {"LaunchTemplateName": f"by-hand-{kind}"}
    plain = {} if kind == ResourceKind.FLEET else given
    template = ec2.create_launch_template(**name, LaunchTemplateData=data, **plain)
    if kind == ResourceKind.TEMPLATE:
        return str(template["LaunchTemplate"]["LaunchTemplateId"])
    specification = {"LaunchTemplateSpecification": {**name, "Version": "$Latest"}}
    fleet = ec2.create_fleet(
        LaunchTemplateConfigs=[specification],
        TargetCapacitySpecification={
            "TotalTargetCapacity": 1,
            "DefaultTargetCapacityType": "spot",
        },
        Type="maintain",
        **given,
    )
    return str(fleet["FleetId"])


def test_everything_that_a_launch_made_is_seen_with_its_age_and_its_tags(
    tagged_resources: Holdings, world: World
) -> None:
    before = world.now() - timedelta(minutes=1)
    instance = tagged_resources.site.running(tagged_resources.site.box())
    found = {each.resource_id.kind: each for each in tagged_resources.region_inventory().resources}

    assert set(found) >= MADE_BY_A_LAUNCH | {ResourceKind.GROUP, ResourceKind.KEY}
    for kind in MADE_BY_A_LAUNCH:
        assert found[kind].name == "dev"
        assert found[kind].launch == "dev-1"
        born = found[kind].born
        assert born is not None
        assert before < born <= world.now()
    machine = found[ResourceKind.INSTANCE]
    assert machine.resource_id.id == instance.id
    assert (machine.instance_type, machine.zone_name) == ("m5.large", ZONE)
    assert machine.usd_per_hour is None
    assert found[ResourceKind.VOLUME].holder == instance.id
    assert found[ResourceKind.GROUP].usd_per_hour == 0


def test_what_carries_another_owner_or_no_tag_of_ours_is_not_a_possession(
    tagged_resources: Holdings,
) -> None:
    site = tagged_resources.site
    site.running(site.box())
    site.cloud.retag(
        REGION,
        [
            each.resource_id.id
            for each in tagged_resources.region_inventory().resources
            if each.launch
        ],
        {TAG_OWNER: "123456789012:user/you"},
    )
    assert {each.resource_id.kind for each in tagged_resources.region_inventory().resources} == {
        ResourceKind.GROUP,
        ResourceKind.KEY,
    }
    assert tagged_resources.region_inventory("eu-west-1").resources == ()


def test_the_request_of_somebody_else_is_foreign_with_its_instance(
    tagged_resources: Holdings,
) -> None:
    site = tagged_resources.site
    instance = site.running(site.box())
    site.cloud.retag(
        REGION, [instance.id, str(instance.request_id)], {TAG_OWNER: "123456789012:user/you"}
    )
    [unmanaged] = tagged_resources.region_inventory().unmanaged
    assert unmanaged.request.id == instance.request_id
    assert unmanaged.request.persistent
    assert unmanaged.instance is not None
    assert unmanaged.instance.resource_id.id == instance.id


def test_an_instance_that_ended_and_its_request_are_no_possessions(
    tagged_resources: Holdings,
) -> None:
    site = tagged_resources.site
    site.end(site.running(site.once()))
    assert not MADE_BY_A_LAUNCH & {
        each.resource_id.kind for each in tagged_resources.region_inventory().resources
    }


def test_a_cancelled_request_is_a_possession_while_its_instance_runs(
    tagged_resources: Holdings,
) -> None:
    site = tagged_resources.site
    instance = site.running(site.box())
    site.cloud.cancel(REGION, [str(instance.request_id)])
    [request] = tagged_resources.of(ResourceKind.REQUEST)
    assert "request-canceled-and-instance-running" in request.state
    site.cloud.terminate(REGION, [instance.id])
    assert tagged_resources.of(ResourceKind.REQUEST) == []


def test_an_instance_that_lost_its_tags_is_known_by_its_request(
    tagged_resources: Holdings, world: World, request: pytest.FixtureRequest
) -> None:
    instance = tagged_resources.site.running(tagged_resources.site.box())
    if isinstance(world, InMemory):
        world.fake.ec2.servers[instance.id].tags.clear()
    else:
        ec2 = request.getfixturevalue("sandbox").client("ec2")
        ec2.delete_tags(Resources=[instance.id])
    [found] = tagged_resources.of(ResourceKind.INSTANCE)
    assert (found.resource_id.id, found.tags[TAG_NAME]) == (instance.id, "dev")


@pytest.mark.parametrize("kind", OTHER_KINDS)
@pytest.mark.one_in(3)
def test_whatever_carries_our_tags_is_seen_and_can_be_ended_twice(
    tagged_resources: Holdings, world: World, kind: ResourceKind
) -> None:
    resource_id = tagged_resources.add(kind)
    [found] = [each for each in tagged_resources.of(kind) if each.resource_id == resource_id]
    assert found.tags[TAG_LAUNCH] == "dev-1"

    tagged_resources.inventory.end(resource_id)
    world.advance(timedelta(minutes=1))

    assert resource_id not in {each.resource_id for each in tagged_resources.of(kind)}
    tagged_resources.inventory.end(resource_id)


def test_what_a_launch_makes_can_be_ended_one_by_one(
    tagged_resources: Holdings, world: World
) -> None:
    tagged_resources.site.running(tagged_resources.site.box())
    order = (*MADE_BY_A_LAUNCH - {ResourceKind.VOLUME}, ResourceKind.VOLUME)
    for kind in (ResourceKind.REQUEST, *order, ResourceKind.GROUP, ResourceKind.KEY):
        for each in tagged_resources.of(kind):
            tagged_resources.inventory.end(each.resource_id)
            world.advance(timedelta(minutes=2))
    assert tagged_resources.region_inventory().resources == ()


def test_a_disk_that_is_in_use_is_refused_as_such(tagged_resources: Holdings) -> None:
    tagged_resources.site.running(tagged_resources.site.box())
    [disk] = tagged_resources.of(ResourceKind.VOLUME)
    with pytest.raises(InUse):
        tagged_resources.inventory.end(disk.resource_id)


def test_where_nothing_is_ours_only_tags_and_requests_are_asked_for(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    session = _session(sandbox.url)
    cloud = Ec2Cloud(session, Cache(tmp_path, sandbox.control.now))
    before = len(sandbox.control.calls())
    Ec2Inventory(session, cloud).region_inventory("eu-west-1", "123456789012:user/me")
    asked = [name for name, _ in sandbox.control.calls()[before:]]
    assert asked == ["DescribeTags", "DescribeSpotInstanceRequests"]
