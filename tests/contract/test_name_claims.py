"""The contract of ``NameClaims``: a name is claimed once, on the fake as on the sandbox."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.contract.conftest import REGION, InMemory, OverHttp, World, _session
from tests.fakes.name_claims import FakeNameClaims

from spotkeeper.aws.name_claims import Ec2NameClaims
from spotkeeper.errors import NameTaken
from spotkeeper.lifecycle.ports import Claim, NameClaims
from spotkeeper.model.tags import claim_tags

pytestmark = pytest.mark.sandbox

TITLE = "spotkeeper-0123abcd"


@dataclass
class Desk:
    """Where names are claimed, and the world around it."""

    names: NameClaims
    world: World

    def claim(self, nonce: str, *, title: str = TITLE, region: str = REGION) -> Claim:
        tags = claim_tags(name="dev", owner="me", nonce=nonce)
        return self.names.claim(region, title, token=f"token-{nonce}", tags=tags)


@pytest.fixture(params=["fake", "sandbox"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    if request.param == "fake":
        memory = InMemory()
        yield Desk(FakeNameClaims(memory.fake), memory)
        return
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    yield Desk(Ec2NameClaims(_session(sandbox.url)), OverHttp(sandbox, tmp_path))


def test_a_claim_is_found_with_its_nonce_and_its_time(desk: Desk) -> None:
    claim = desk.claim("mine")
    assert desk.names.holder(REGION, TITLE) == claim
    assert (claim.nonce, claim.region) == ("mine", REGION)
    assert abs(claim.since - desk.world.now()) < timedelta(minutes=1)


def test_who_comes_second_is_refused_until_the_claim_is_released(desk: Desk) -> None:
    first = desk.claim("first")
    with pytest.raises(NameTaken) as caught:
        desk.claim("second")
    assert caught.value.exit_code == 9
    assert desk.names.holder(REGION, TITLE) == first
    assert desk.names.release(REGION, first.id)
    assert desk.names.holder(REGION, TITLE) is None
    assert desk.claim("second").id != first.id


def test_the_same_token_is_the_same_claim(desk: Desk) -> None:
    assert desk.claim("mine") == desk.claim("mine")


def test_another_title_and_another_region_are_free(desk: Desk) -> None:
    ids = {
        desk.claim("a").id,
        desk.claim("b", title=f"{TITLE}-other").id,
        desk.claim("c", region="eu-west-1").id,
    }
    assert len(ids) == 3


def test_what_was_released_before_is_unknown(desk: Desk) -> None:
    claim = desk.claim("mine")
    assert desk.names.release(REGION, claim.id)
    assert not desk.names.release(REGION, claim.id)
    assert desk.names.holder(REGION, "spotkeeper-nobody") is None


def test_all_computers_claim_in_one_region(desk: Desk) -> None:
    assert desk.names.home() == "us-east-1"
