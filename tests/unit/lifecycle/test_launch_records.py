"""What a launch tells EC2 and writes down, and in which order."""

from pathlib import Path

import pytest
from tests.fakes import geography, orders
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import BOOT_SCRIPT
from tests.fakes.fate import Fate, LostAnswer
from tests.unit.lifecycle.test_launch import (
    ABROAD,
    OTHER_TYPE,
    A,
    Attempt,
    B,
    RefusesIn,
    Slow,
    dry,
)

from spotkeeper.errors import (
    NameTaken,
    NoCapacity,
    NotFound,
    PermissionDenied,
    ResourceGone,
    Scope,
    SpotkeeperError,
    Unreachable,
)
from spotkeeper.lifecycle.guard import SCHEDULER
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.name_claim import claim_title
from spotkeeper.lifecycle.userdata import compose, guard_values
from spotkeeper.model.connect import Connect
from spotkeeper.model.disk import Disk
from spotkeeper.model.journal_entry import Intent, Launched, LaunchRefused, NameClaimed
from spotkeeper.model.launch import ClaimNonce, client_token
from spotkeeper.model.machine import Kind
from spotkeeper.model.need import Need
from spotkeeper.model.tags import TAG_CLAIM, TAG_KIND, TAG_USER, claim_tags

GUARDED = LaunchRequest("dev", Need(), guard=SCHEDULER, key_file=Path("/keys/mine.pub"))


@pytest.mark.parametrize(
    ("asked", "guard", "key_file"),
    [(GUARDED, SCHEDULER, "/keys/mine.pub"), (LaunchRequest("dev", Need()), "", "")],
)
def test_the_journal_tells_what_was_asked_and_what_ec2_said(
    asked: LaunchRequest, guard: str, key_file: str
) -> None:
    attempt = Attempt(dry(A))
    began = attempt.cloud.clock.now()
    instance = attempt.go(A, B, launch_request=asked)
    of_a, claimed, refused, of_b, launched = attempt.journal.read("dev")
    nonce = instance.tags[TAG_CLAIM]
    tokens = [
        client_token(owner=geography.OWNER, name="dev", attempt=1, pool=geography.pool(each))
        for each in (A, B)
    ]
    for entry, pool, token in ((of_a, A, tokens[0]), (of_b, B, tokens[1])):
        assert entry == Intent(
            entry.at,
            region=geography.REGION,
            pool=pool,
            token=token,
            attempt=1,
            claim=ClaimNonce(nonce),
            claim_region=geography.REGION,
            owner=geography.OWNER,
            guard=guard,
            key_file=key_file,
            disks=(Disk("gp3", 100),),
            connect=Connect.PUBLIC,
        )
    assert isinstance(claimed, NameClaimed)
    assert claimed.claim == nonce
    assert refused == LaunchRefused(refused.at, geography.REGION, tokens[0], NoCapacity.kind)
    assert launched == Launched(
        launched.at, geography.REGION, tokens[1], instance.id, str(instance.request_id)
    )
    times = [began, *(each.at for each in (of_a, claimed, refused, of_b, launched))]
    assert times == sorted(times)
    assert attempt.launcher.made.tokens == {tokens[1]}
    assert attempt.launcher.given == {geography.REGION: {instance.id, instance.request_id}}


def test_ec2_is_told_all_that_was_asked_for() -> None:
    attempt = Attempt()
    script = b"#!/bin/sh\necho mine\n"
    asked = LaunchRequest("dev", Need(), kind=Kind.BOX, user_script=script)
    instance = attempt.go(A, launch_request=asked)
    [candidate] = attempt.plan.candidates
    [request] = attempt.cloud.ec2.requests.values()
    [key] = attempt.cloud.ec2.keys.values()
    order = request.order
    assert order.image == geography.image(geography.REGION, "ami-deep-learning-x86_64")
    assert order.key_name == key.name
    assert order.user_data == compose(BOOT_SCRIPT, guard_values(candidate.deadline), script)
    assert candidate.valid_until is not None
    assert order.valid_until == candidate.valid_until
    assert (instance.tags[TAG_USER], instance.tags[TAG_KIND]) == ("ubuntu", Kind.BOX)


def test_the_name_is_claimed_before_anything_is_made() -> None:
    fate = Fate()
    attempt = Attempt(FakeCloud(fate=fate))
    attempt.prepare(A)
    assert not attempt.launcher.holds_name
    instance = attempt.launch()
    assert attempt.launcher.holds_name
    [claim] = attempt.cloud.ec2.resource_ids.values()
    nonce = instance.tags[TAG_CLAIM]
    assert claim.tags == claim_tags(name="dev", owner=geography.OWNER, nonce=nonce)
    assert claim.name == claim_title(geography.OWNER, "dev")
    for call in ("create_group", "import_key", "run"):
        assert fate.seen.index("claim") < fate.seen.index(call)


class ClosedAtHome(FakeCloud):
    """Names can be claimed in the home region so many times, and then no more."""

    def __init__(self, claims: int = 0) -> None:
        super().__init__()
        self.claims = claims

    def arrives(self, call: str, args: tuple[object, ...]) -> None:
        super().arrives(call, args)
        if call == "claim" and args == (geography.REGION,):
            self.claims -= 1
            if self.claims < 0:
                raise PermissionDenied("no entry")


class SlowAndClosedAtHome(Slow, ClosedAtHome):
    """The claim has to be renewed, and that is denied."""


@pytest.mark.parametrize("cloud", [ClosedAtHome, lambda: SlowAndClosedAtHome(1)])
def test_where_the_home_region_is_closed_the_claim_is_where_the_machine_is(
    cloud: type[FakeCloud],
) -> None:
    attempt = Attempt(cloud())
    instance = attempt.go(ABROAD)
    [claim] = attempt.cloud.ec2.resource_ids.values()
    assert (claim.region, claim.tags[TAG_CLAIM]) == ("eu-west-1", instance.tags[TAG_CLAIM])
    meant = [e for e in attempt.journal.read("dev") if isinstance(e, Intent)]
    assert meant[-1].claim_region == "eu-west-1"


@pytest.mark.parametrize("slow", [False, True])
def test_a_claim_whose_answer_is_lost_is_meant_again_and_asked_for_again(*, slow: bool) -> None:
    world = Slow if slow else FakeCloud
    before = Attempt(world())
    before.go(A)
    claims = [at for at, call in enumerate(before.cloud.calls) if call == "claim"]
    attempt = Attempt(world(fate=LostAnswer(claims[-1], after=True)))
    attempt.go(A)
    assert len(attempt.cloud.ec2.servers) == 1
    assert attempt.told == [Intent, Launched]
    lost, alone = (
        sum(isinstance(e, Intent) for e in each.journal.read("dev")) for each in (attempt, before)
    )
    assert lost > alone


# What was asked once


def test_what_is_there_is_asked_once_for_each_region() -> None:
    attempt = Attempt(dry(A))
    attempt.go(A, B)
    assert attempt.cloud.calls.count("tagged_resources") == 1


def test_a_machine_without_a_claim_keeps_its_name() -> None:
    attempt = Attempt()
    attempt.cloud.run(orders.order(A, name="other"))
    instance = attempt.cloud.run(orders.order(A))
    with pytest.raises(NameTaken, match=instance.id):
        attempt.go(B)
    assert attempt.runs == 2


class NotThisImage(NotFound):
    scope = Scope.IMAGE


def test_a_refusal_of_an_image_skips_all_that_would_be_launched_from_it() -> None:
    attempt = Attempt(RefusesIn(NotThisImage("no such image"), [A]))
    arm = "m7g.large@us-east-1a"
    assert attempt.go(A, OTHER_TYPE, ABROAD, arm).instance_type == "m7g.large"
    assert attempt.runs == 2


# What may have been made, and what was never asked for


class Unmakable(FakeCloud):
    """The group cannot be made; it may be there at first, and go before the launch."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def create_group(self, region: str, name: str, **rest: object) -> str:
        self.groups -= 1
        if self.groups < 0:
            raise Unreachable("no answer")
        return super().create_group(region, name, **rest)  # type: ignore[arg-type]

    def run(self, order: object) -> None:  # type: ignore[override]
        self.fate.before("run")
        raise ResourceGone("the group is gone")


@pytest.mark.parametrize(
    ("groups", "told"), [(0, [Intent, LaunchRefused]), (1, [Intent])], ids=["never", "once"]
)
def test_what_was_never_asked_for_is_written_down_as_refused(
    groups: int, told: list[type[Intent]]
) -> None:
    attempt = Attempt(Unmakable(groups))
    with pytest.raises(Unreachable):
        attempt.go(A, B)
    assert attempt.told == told
    assert len(attempt.launcher.made.tokens) == groups
    refused = [e.code for e in attempt.journal.read("dev") if isinstance(e, LaunchRefused)]
    assert refused == [Unreachable.kind] * (1 - groups)


def test_a_refused_launch_made_nothing() -> None:
    refusals: list[SpotkeeperError] = [PermissionDenied("denied"), NoCapacity("dry")]
    for refusal in refusals:
        attempt = Attempt(RefusesIn(refusal, [A]))
        with pytest.raises(type(refusal)):
            attempt.go(A)
        assert attempt.launcher.made.tokens == frozenset()
