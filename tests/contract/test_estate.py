"""The contract of ``Estate``: true of the fake in memory and of EC2's client on the sandbox."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.contract.conftest import REGION, ZONE, InMemory, Site, World, _session
from tests.fakes.estate import FakeEstate
from tests.fakes.things import Tagged

from spotkeeper.aws.cloud import Ec2Cloud
from spotkeeper.aws.inventory import Ec2Estate
from spotkeeper.errors import InUse
from spotkeeper.lifecycle.ports import Estate, Possession, Survey, Thing, ThingKind
from spotkeeper.model.tags import TAG_LAUNCH, TAG_NAME, TAG_OWNER, machine_tags
from spotkeeper.store.cache import Cache

pytestmark = pytest.mark.sandbox

OTHER_KINDS = (ThingKind.SNAPSHOT, ThingKind.INTERFACE, ThingKind.TEMPLATE, ThingKind.FLEET)
MADE_BY_A_LAUNCH = {ThingKind.REQUEST, ThingKind.INSTANCE, ThingKind.VOLUME}


class Holdings:
    """The estate of one site."""

    def __init__(self, site: Site, estate: Estate, add: Callable[[str, Any], str]) -> None:
        self.site = site
        self.estate = estate
        self._add = add

    def survey(self, region: str = REGION) -> Survey:
        return self.estate.survey(region, self.site.owner)

    def add(self, kind: str) -> Thing:
        """One more thing of ours of a kind that no launch makes."""
        tags = machine_tags(
            name="dev", owner=self.site.owner, launch="dev-1", deadline=None, kind="box"
        )
        return Thing(kind, self._add(kind, tags), REGION)

    def of(self, kind: str) -> list[Possession]:
        return [each for each in self.survey().possessions if each.thing.kind == kind]


@pytest.fixture
def holdings(site: Site, world: World, request: pytest.FixtureRequest) -> Holdings:
    if isinstance(world, InMemory):
        ec2 = world.fake.ec2

        def put(kind: str, tags: Any) -> str:
            made = Tagged(ec2.new_id(kind), REGION, kind, "", ec2.now, dict(tags))
            ec2.things[made.id] = made
            return made.id

        return Holdings(site, FakeEstate(world.fake), put)
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    estate = Ec2Estate(_session(sandbox.url), world.cloud)
    return Holdings(site, estate, lambda kind, tags: created(sandbox, site, kind, tags))


def created(sandbox: Sandbox, site: Site, kind: str, tags: Any) -> str:
    """Made by hand, as another tool of ours might."""
    ec2 = sandbox.client("ec2")
    tagged = [{"Key": key, "Value": value} for key, value in tags.items()]
    given = {"TagSpecifications": [{"ResourceType": kind, "Tags": tagged}]}
    data = {"ImageId": site.image().id, "InstanceType": "m5.large"}
    if kind == ThingKind.SNAPSHOT:
        volume = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
        return str(ec2.create_snapshot(VolumeId=volume, **given)["SnapshotId"])
    if kind == ThingKind.INTERFACE:
        subnet = site.subnets[ZONE].id
        made = ec2.create_network_interface(SubnetId=subnet, **given)["NetworkInterface"]
        return str(made["NetworkInterfaceId"])
    name = {"LaunchTemplateName": f"by-hand-{kind}"}
    plain = {} if kind == ThingKind.FLEET else given
    template = ec2.create_launch_template(**name, LaunchTemplateData=data, **plain)
    if kind == ThingKind.TEMPLATE:
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
    holdings: Holdings, world: World
) -> None:
    before = world.now() - timedelta(minutes=1)
    instance = holdings.site.running(holdings.site.box())
    found = {each.thing.kind: each for each in holdings.survey().possessions}

    assert set(found) >= MADE_BY_A_LAUNCH | {ThingKind.GROUP, ThingKind.KEY}
    for kind in MADE_BY_A_LAUNCH:
        assert found[kind].name == "dev"
        assert found[kind].launch == "dev-1"
        born = found[kind].born
        assert born is not None
        assert before < born <= world.now()
    machine = found[ThingKind.INSTANCE]
    assert machine.thing.id == instance.id
    assert (machine.instance_type, machine.zone_name) == ("m5.large", ZONE)
    assert machine.usd_per_hour is None
    assert found[ThingKind.VOLUME].holder == instance.id
    assert found[ThingKind.GROUP].usd_per_hour == 0


def test_what_carries_another_owner_or_no_tag_of_ours_is_not_a_possession(
    holdings: Holdings,
) -> None:
    site = holdings.site
    site.running(site.box())
    site.cloud.retag(
        REGION,
        [each.thing.id for each in holdings.survey().possessions if each.launch],
        {TAG_OWNER: "123456789012:user/you"},
    )
    assert {each.thing.kind for each in holdings.survey().possessions} == {
        ThingKind.GROUP,
        ThingKind.KEY,
    }
    assert holdings.survey("eu-west-1").possessions == ()


def test_the_request_of_somebody_else_is_foreign_with_its_instance(holdings: Holdings) -> None:
    site = holdings.site
    instance = site.running(site.box())
    site.cloud.retag(
        REGION, [instance.id, str(instance.request_id)], {TAG_OWNER: "123456789012:user/you"}
    )
    [foreign] = holdings.survey().foreign
    assert foreign.request.id == instance.request_id
    assert foreign.request.persistent
    assert foreign.instance is not None
    assert foreign.instance.thing.id == instance.id


def test_an_instance_that_ended_and_its_request_are_no_possessions(holdings: Holdings) -> None:
    site = holdings.site
    site.end(site.running(site.once()))
    assert not MADE_BY_A_LAUNCH & {each.thing.kind for each in holdings.survey().possessions}


def test_a_cancelled_request_is_a_possession_while_its_instance_runs(holdings: Holdings) -> None:
    site = holdings.site
    instance = site.running(site.box())
    site.cloud.cancel(REGION, [str(instance.request_id)])
    [request] = holdings.of(ThingKind.REQUEST)
    assert "request-canceled-and-instance-running" in request.state
    site.cloud.terminate(REGION, [instance.id])
    assert holdings.of(ThingKind.REQUEST) == []


def test_an_instance_that_lost_its_tags_is_known_by_its_request(
    holdings: Holdings, world: World, request: pytest.FixtureRequest
) -> None:
    instance = holdings.site.running(holdings.site.box())
    if isinstance(world, InMemory):
        world.fake.ec2.servers[instance.id].tags.clear()
    else:
        ec2 = request.getfixturevalue("sandbox").client("ec2")
        ec2.delete_tags(Resources=[instance.id])
    [found] = holdings.of(ThingKind.INSTANCE)
    assert (found.thing.id, found.tags[TAG_NAME]) == (instance.id, "dev")


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_whatever_carries_our_tags_is_seen_and_can_be_ended_twice(
    holdings: Holdings, world: World, kind: ThingKind
) -> None:
    thing = holdings.add(kind)
    [found] = [each for each in holdings.of(kind) if each.thing == thing]
    assert found.tags[TAG_LAUNCH] == "dev-1"

    holdings.estate.end(thing)
    world.advance(timedelta(minutes=1))

    assert thing not in {each.thing for each in holdings.of(kind)}
    holdings.estate.end(thing)


def test_what_a_launch_makes_can_be_ended_one_by_one(holdings: Holdings, world: World) -> None:
    holdings.site.running(holdings.site.box())
    order = (*MADE_BY_A_LAUNCH - {ThingKind.VOLUME}, ThingKind.VOLUME)
    for kind in (ThingKind.REQUEST, *order, ThingKind.GROUP, ThingKind.KEY):
        for each in holdings.of(kind):
            holdings.estate.end(each.thing)
            world.advance(timedelta(minutes=2))
    assert holdings.survey().possessions == ()


def test_a_disk_that_is_in_use_is_refused_as_such(holdings: Holdings) -> None:
    holdings.site.running(holdings.site.box())
    [disk] = holdings.of(ThingKind.VOLUME)
    with pytest.raises(InUse):
        holdings.estate.end(disk.thing)


def test_where_nothing_is_ours_only_tags_and_requests_are_asked_for(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    session = _session(sandbox.url)
    cloud = Ec2Cloud(session, Cache(tmp_path, sandbox.control.now))
    before = len(sandbox.control.calls())
    Ec2Estate(session, cloud).survey("eu-west-1", "123456789012:user/me")
    asked = [name for name, _ in sandbox.control.calls()[before:]]
    assert asked == ["DescribeTags", "DescribeSpotInstanceRequests"]
