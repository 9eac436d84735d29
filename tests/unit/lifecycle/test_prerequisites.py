"""What a machine stands on: made once, found again, never opened to the world by itself."""

from dataclasses import replace

import pytest
from tests.fakes import geography
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import CIDR, PUBLIC_KEY
from tests.unit.model.make import instance

from spotkeeper.errors import NoSubnet, Refused, Scope
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.prerequisites import (
    EVERYWHERE,
    PrerequisiteMaker,
    Prerequisites,
    admit,
    boots_otherwise,
    former_addresses,
    key_name,
    no_default_vpc,
)
from spotkeeper.model.connect import Connect, ConnectEndpoint
from spotkeeper.model.need import Need
from spotkeeper.model.tags import TAG_CONNECT, TAG_KEY, TAG_OWNER, TAG_VPC

REGION, ELSEWHERE = geography.REGION, "192.0.2.9/32"


def keeper(cloud: FakeCloud, cidr: str = CIDR, **launch_request: object) -> PrerequisiteMaker:
    asked = LaunchRequest("dev", Need(), **launch_request)  # type: ignore[arg-type]
    return PrerequisiteMaker(
        cloud,
        owner=geography.OWNER,
        launch_request=asked,
        caller_cidr=lambda: cidr,
        public_key=PUBLIC_KEY,
    )


def prepared(cloud: FakeCloud, **launch_request: object) -> Prerequisites:
    return keeper(cloud, CIDR, **launch_request).prerequisites(
        REGION, cloud.tagged_resources(REGION)
    )


def test_group_and_key_are_made_and_tagged_for_their_owner() -> None:
    cloud = FakeCloud()
    prerequisites = prepared(cloud)
    [group] = cloud.ec2.groups.values()
    [key] = cloud.ec2.keys.values()
    assert prerequisites.group_ids == (group.id,)
    assert prerequisites.key_name == key.name
    assert group.tags[TAG_OWNER] == key.tags[TAG_OWNER] == geography.OWNER
    assert group.tags[TAG_VPC] == geography.HOME_VPC
    assert key.tags[TAG_KEY] == key.name
    assert set(prerequisites.subnets) == {f"{REGION}{letter}" for letter in "abc"}


def test_ssh_is_open_to_the_caller_alone() -> None:
    cloud = FakeCloud()
    prepared(cloud)
    [group] = cloud.ec2.groups.values()
    assert group.cidrs == {CIDR}


def test_the_world_is_let_in_only_when_asked_for() -> None:
    cloud = FakeCloud()
    prepared(cloud, open_to_world=True)
    [group] = cloud.ec2.groups.values()
    assert group.cidrs == {EVERYWHERE}


@pytest.mark.parametrize(
    ("connect", "endpoint", "sources", "later"),
    [
        (Connect.SSM, None, set(), set()),
        (Connect.ENDPOINT, ConnectEndpoint("eice-1", ("sg-1", "sg-2")), *[{"sg-1", "sg-2"}] * 2),
        (Connect.ENDPOINT, ConnectEndpoint("eice-1", ("sg-1",), True), {CIDR}, {ELSEWHERE}),  # noqa: FBT003
    ],
)
def test_a_machine_without_an_address_has_a_group_of_its_own_that_lets_its_way_in_alone(
    connect: Connect, endpoint: ConnectEndpoint | None, sources: set[str], later: set[str]
) -> None:
    cloud = FakeCloud()
    cloud.endpoints |= {geography.HOME_VPC: endpoint} if endpoint else {}
    usual, private = prepared(cloud).group_ids, prepared(cloud, connect=connect).group_ids
    assert {*usual}.isdisjoint(private)
    assert prepared(cloud).group_ids == usual
    assert prepared(cloud, connect=connect).group_ids == private
    assert cloud.ec2.groups[private[0]].cidrs == sources
    machine = instance(group_ids=private, tags={TAG_CONNECT: str(connect)})
    admit(cloud, machine, geography.OWNER, lambda: ELSEWHERE)
    assert cloud.ec2.groups[private[0]].cidrs == later


def test_a_network_without_an_endpoint_leaves_the_other_regions() -> None:
    with pytest.raises(Refused, match="no EC2 Instance Connect Endpoint") as caught:
        prepared(FakeCloud(), connect=Connect.ENDPOINT)
    assert caught.value.scope is Scope.REGION


def test_what_exists_is_used_again_and_opened_to_the_new_address() -> None:
    cloud = FakeCloud()
    first = prepared(cloud)
    second = keeper(cloud, "192.0.2.9/32").prerequisites(REGION, cloud.tagged_resources(REGION))
    assert second == first
    [group] = cloud.ec2.groups.values()
    assert group.cidrs == {CIDR, "192.0.2.9/32"}
    assert cloud.calls.count("create_group") == cloud.calls.count("import_key") == 1


def test_somebody_elses_group_is_not_used() -> None:
    cloud = FakeCloud()
    theirs = {TAG_OWNER: "somebody", TAG_VPC: geography.HOME_VPC}
    other = cloud.ec2.new_group(REGION, "theirs", vpc_id=geography.HOME_VPC, tags=theirs)
    assert other.id not in prepared(cloud).group_ids


def test_a_group_of_another_network_is_not_used() -> None:
    cloud = FakeCloud()
    elsewhere = {TAG_OWNER: geography.OWNER, TAG_VPC: "vpc-other"}
    other = cloud.ec2.new_group(REGION, "old", vpc_id="vpc-other", tags=elsewhere)
    assert other.id not in prepared(cloud).group_ids


def test_named_groups_and_keys_are_used_as_they_are() -> None:
    cloud = FakeCloud()
    prerequisites = prepared(cloud, group_ids=("sg-mine",), key_name="mine")
    assert (prerequisites.group_ids, prerequisites.key_name) == (("sg-mine",), "mine")
    assert (cloud.ec2.groups, cloud.ec2.keys) == ({}, {})


def test_a_region_is_prepared_once_until_it_is_forgotten() -> None:
    cloud = FakeCloud()
    ready = keeper(cloud)
    first = ready.prerequisites(REGION, ())
    calls = len(cloud.calls)
    assert ready.prerequisites(REGION, ()) is first
    assert len(cloud.calls) == calls
    ready.forget(REGION)
    assert ready.prerequisites(REGION, ()) == first
    assert len(cloud.calls) > calls


def test_a_named_subnet_is_the_only_one() -> None:
    prerequisites = prepared(FakeCloud(), subnet_id=f"subnet-{REGION}b")
    assert set(prerequisites.subnets) == {f"{REGION}b"}
    with pytest.raises(NoSubnet) as caught:
        prerequisites.subnet_in(f"{REGION}a")
    assert caught.value.scope is Scope.ZONE


def test_an_account_without_a_default_network_is_told_how_to_make_one() -> None:
    cloud = FakeCloud()
    cloud.no_network.add(REGION)
    with pytest.raises(Refused) as caught:
        prepared(cloud)
    assert "create-default-vpc" in caught.value.next_step
    assert no_default_vpc(REGION).region == REGION
    assert cloud.ec2.groups == {}


@pytest.mark.parametrize(
    ("image", "hardware", "told"),
    [
        ("uefi", ("legacy-bios",), "boots by uefi only, g5.xlarge by legacy-bios"),
        ("legacy-bios", ("uefi",), "boots by legacy-bios only"),
        ("uefi", ("legacy-bios", "uefi"), ""),
        ("uefi", (), ""),
        ("", ("legacy-bios",), ""),
    ],
)
def test_an_image_boots_where_the_type_has_its_mode_or_nobody_tells(
    image: str, hardware: tuple[str, ...], told: str
) -> None:
    picture = replace(geography.image(REGION, "ami-ubuntu-x86_64"), boot_mode=image)
    row = replace(geography.HARDWARE["g5.xlarge"], boot_modes=hardware)
    assert told in str(boots_otherwise(picture, row) or "")
    assert bool(told) == bool(boots_otherwise(picture, row))


def test_a_key_is_named_after_its_material_and_owner_not_its_comment() -> None:
    name = key_name("me", PUBLIC_KEY)
    assert name == key_name("me", PUBLIC_KEY.replace("me@here", "elsewhere"))
    assert name != key_name("you", PUBLIC_KEY)
    assert name != key_name("me", PUBLIC_KEY.replace("AAAAIE2f", "AAAAIE2g"))
    assert len(name) <= 255


@pytest.mark.parametrize(
    ("cidrs", "former"),
    [
        ((), ()),
        ((CIDR,), ()),
        (("203.0.113.9/32", CIDR, "203.0.113.10/32"), ("203.0.113.9/32", "203.0.113.10/32")),
        (
            ("2001:db8::7/128", "2001:db8::/64", "203.0.113.9/32"),
            ("2001:db8::7/128", "203.0.113.9/32"),
        ),
        (("203.0.113.0/24", "203.0.113.9/32", EVERYWHERE), ("203.0.113.9/32",)),
    ],
)
def test_only_single_addresses_that_are_not_the_present_one_are_former(
    cidrs: tuple[str, ...], former: tuple[str, ...]
) -> None:
    assert former_addresses(cidrs, CIDR) == former
