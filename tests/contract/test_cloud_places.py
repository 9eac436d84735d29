"""The contract of ``Cloud``, continued: callers, regions, subnets and images."""

import pytest
from tests.contract.conftest import REGION, Site

from spotkeeper.errors import BadInput, NotFound, ResourceGone

pytestmark = pytest.mark.sandbox


def test_there_is_a_default_subnet_in_every_zone(site: Site) -> None:
    subnets = site.cloud.subnets(REGION)
    assert {subnet.zone.name for subnet in subnets} >= {f"{REGION}{letter}" for letter in "abc"}
    assert len({subnet.vpc_id for subnet in subnets}) == 1
    assert all(subnet.zone.region == REGION and subnet.zone.id for subnet in subnets)
    [named] = site.cloud.subnets(REGION, subnets[0].id)
    assert named == subnets[0]
    with pytest.raises(ResourceGone):
        site.cloud.subnets(REGION, "subnet-00000000000000000")


@pytest.mark.parametrize("alias", ["deep-learning", "ubuntu", "amazon-linux"])
@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
@pytest.mark.one_in(3)
def test_an_alias_is_an_image_of_the_architecture(site: Site, alias: str, arch: str) -> None:
    image = site.cloud.image(REGION, alias, arch)
    assert image.id.startswith("ami-")
    assert (image.arch, image.region) == (arch, REGION)
    assert image.root_gib >= 1
    assert image.root_device.startswith("/dev/")
    assert image.login == ("ec2-user" if alias == "amazon-linux" else "ubuntu")
    assert site.cloud.image(REGION, image.id, arch).id == image.id


def test_an_image_of_another_architecture_is_refused(site: Site) -> None:
    image = site.cloud.image(REGION, "ubuntu", "arm64")
    with pytest.raises(BadInput):
        site.cloud.image(REGION, image.id, "x86_64")


def test_an_image_nobody_knows_is_refused(site: Site) -> None:
    with pytest.raises(BadInput):
        site.cloud.image(REGION, "windows-95", "x86_64")
    with pytest.raises(NotFound):
        site.cloud.image(REGION, "ami-00000000000000000", "x86_64")


def test_the_caller_and_the_enabled_regions_are_known(site: Site) -> None:
    caller = site.cloud.caller()
    assert caller.account.isdigit()
    assert caller.owner.startswith(f"{caller.account}:")
    assert {"us-east-1", "eu-west-1"} <= set(site.cloud.regions())
