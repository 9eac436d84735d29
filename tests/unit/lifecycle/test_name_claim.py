"""The claim of a name: who gets it, how long it is good for, whose it may replace."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import pytest
from tests.fakes import geography, orders
from tests.fakes.cloud import LATENCY, FakeCloud
from tests.fakes.fate import Fate, LostAnswer
from tests.fakes.journal import MemoryJournal
from tests.fakes.name_claims import FakeNameClaims
from tests.fakes.schedules import FakeSchedules
from tests.fakes.talk import FakeTalk
from tests.unit.model.make import entry_of

from spotkeeper.errors import (
    NameTaken,
    PermissionDenied,
    RegionNotEnabled,
    SpotkeeperError,
    Unreachable,
)
from spotkeeper.lifecycle.name_claim import (
    ClaimRelease,
    NameClaim,
    claim_title,
    surely_released,
)
from spotkeeper.lifecycle.ports import Claim, Ports
from spotkeeper.model.journal_entry import (
    Entry,
    Intent,
    Launched,
    NameClaimed,
    NameReleased,
    Settled,
)
from spotkeeper.model.launch import ClaimNonce
from spotkeeper.model.resource import Leftover, ResourceId, ResourceKind
from spotkeeper.model.tags import TAG_CLAIM, claim_tags
from spotkeeper.timings import CLAIM_YOUNG, LAUNCH_WITHIN, VISIBILITY_WINDOW

HOME, ABROAD = geography.REGION, "eu-west-1"
TITLE = claim_title(geography.OWNER, "dev")
A_SECOND = timedelta(seconds=1)


class Names(FakeNameClaims):
    """Remembers the tokens of the calls; some befall what the test says."""

    def __init__(self, cloud: FakeCloud) -> None:
        super().__init__(cloud)
        self.tokens: list[str] = []
        self.closed: Mapping[tuple[str, str], SpotkeeperError] = {}
        self.interrupted = False
        self.after_release: Callable[[], object] = lambda: None

    def claim(self, region: str, title: str, *, token: str, tags: Mapping[str, str]) -> Claim:
        self.tokens.append(token)
        self._enter("claim", region)
        made = super().claim(region, title, token=token, tags=tags)
        if self.interrupted:
            raise KeyboardInterrupt
        return made

    def holder(self, region: str, title: str) -> Claim | None:
        self._enter("holder", region)
        return super().holder(region, title)

    def release(self, region: str, claim_id: str) -> bool:
        self._enter("release", region)
        known = super().release(region, claim_id)
        self.after_release()
        return known

    def _enter(self, call: str, region: str) -> None:
        if (call, region) in self.closed:
            raise self.closed[call, region]


class Desk:
    """A computer that claims the name dev, and the world around it."""

    def __init__(self, cloud: FakeCloud | None = None) -> None:
        self.cloud = cloud or FakeCloud()
        self.clock = self.cloud.clock
        self.journal, self.talk = MemoryJournal(), FakeTalk()
        self.names = Names(self.cloud)
        schedules = FakeSchedules(self.cloud)
        self.ports = Ports(self.cloud, self.names, schedules, self.journal, self.clock, self.talk)
        self.claim = NameClaim("dev", owner=geography.OWNER, ports=self.ports)

    def hold(self, region: str = HOME) -> None:
        self.claim.hold(region, self.intend)

    def intend(self) -> None:
        self.note(Intent, claim=self.claim.nonce, claim_region=self.claim.region, token="now")

    def note(self, what: type[Entry], at: datetime | None = None, **fields: str) -> None:
        told = {"region": HOME, "token": "before", **fields}
        self.journal.append("dev", entry_of(what, at or self.clock.now(), told))

    def held(self, nonce: str, region: str = HOME, *, age: timedelta = timedelta(0)) -> Claim:
        """A claim of the name, by whoever has the nonce."""
        tags = claim_tags(name="dev", owner=geography.OWNER, nonce=ClaimNonce(nonce))
        made = FakeNameClaims(self.cloud)._made(region, TITLE, nonce, tags)
        made.born = self.clock.now() - age
        return Claim(made.id, region, ClaimNonce(nonce), made.born)

    def told(self, *whats: type[Entry]) -> list[Entry]:
        return [each for each in self.journal.read("dev") if isinstance(each, whats)]

    @property
    def nonces(self) -> list[str]:
        """Of the claims that there are."""
        return [each.tags[TAG_CLAIM] for each in self.cloud.ec2.resource_ids.values()]

    def calls(self, call: str) -> int:
        return self.cloud.calls.count(call)


def test_a_claim_goes_by_the_owner_and_the_name() -> None:
    titles = {claim_title(owner, name) for owner in ("me", "you") for name in ("a", "b")}
    assert len(titles) == 4
    assert all(title.startswith("spotkeeper-") and len(title) == 19 for title in titles)
    assert claim_title("me", "a") == claim_title("me", "a")


# To release for certain


@pytest.mark.parametrize("visibility", [timedelta(0), timedelta(seconds=120)])
def test_a_claim_is_released_once_ec2_knows_it(visibility: timedelta) -> None:
    desk = Desk(FakeCloud(visibility=visibility))
    claim = desk.held("mine")
    assert surely_released(claim, desk.ports) is True
    assert desk.nonces == []
    assert bool(desk.talk.waited) is bool(visibility)


@pytest.mark.parametrize(
    ("age", "at_once"),
    [(VISIBILITY_WINDOW - LATENCY, True), (VISIBILITY_WINDOW - 2 * LATENCY, False)],
)
def test_a_claim_that_ec2_should_know_by_now_was_deleted_by_somebody(
    age: timedelta, *, at_once: bool
) -> None:
    desk = Desk()
    claim = Claim("lt-gone", HOME, ClaimNonce("mine"), desk.clock.now() - age)
    assert surely_released(claim, desk.ports) is False
    assert (desk.calls("release") == 1) is at_once


# To hold


def test_a_claim_is_made_with_its_tags_and_written_down() -> None:
    desk = Desk()
    assert not desk.claim.holds
    desk.hold()
    [made] = desk.cloud.ec2.resource_ids.values()
    assert made.name == TITLE
    assert made.tags == claim_tags(name="dev", owner=geography.OWNER, nonce=desk.claim.nonce)
    claimed = NameClaimed(desk.clock.now(), made.id, desk.claim.nonce, HOME)
    assert desk.journal.read("dev") == (claimed,)
    assert desk.claim.holds
    assert desk.claim.nonces == {desk.claim.nonce}
    assert {len(desk.claim.nonce), len(desk.names.tokens[0])} == {32}


def test_a_claim_is_made_anew_before_it_is_too_old_to_launch_with() -> None:
    desk = Desk()
    began, nonce = desk.clock.now(), desk.claim.nonce
    desk.hold()
    [first] = desk.cloud.ec2.resource_ids
    desk.clock.sleep(LAUNCH_WITHIN - (desk.clock.now() - began) - A_SECOND)
    desk.hold()
    assert desk.calls("claim") == 1
    desk.clock.sleep(A_SECOND)
    desk.hold()
    assert desk.calls("claim") == 2
    desk.clock.sleep(A_SECOND)
    desk.hold()
    assert desk.calls("claim") == 2
    assert desk.nonces == [nonce]
    assert len(set(desk.names.tokens)) == 2
    assert {len(token) for token in desk.names.tokens} == {32}
    assert [type(e) for e in desk.journal.read("dev")] == [NameClaimed, NameReleased, NameClaimed]
    [released] = desk.told(NameReleased)
    assert released == NameReleased(began + LAUNCH_WITHIN + LATENCY, first)


@pytest.mark.parametrize("after", [False, True])
def test_a_claim_without_an_answer_is_asked_for_again_with_the_same_token(*, after: bool) -> None:
    desk = Desk(FakeCloud(fate=LostAnswer(0, after=after)))
    with pytest.raises(Unreachable):
        desk.hold()
    [intent] = desk.told(Intent)
    assert desk.journal.read("dev") == (intent,)
    assert not desk.claim.holds
    desk.hold()
    assert desk.nonces == [desk.claim.nonce]
    assert len(set(desk.names.tokens)) == 1


def test_a_claim_without_an_answer_is_as_old_as_its_first_call() -> None:
    desk = Desk(FakeCloud(fate=LostAnswer(0, after=True)))
    with pytest.raises(Unreachable):
        desk.hold()
    desk.clock.sleep(LAUNCH_WITHIN / 2)
    desk.hold()
    desk.clock.sleep(LAUNCH_WITHIN / 2)
    desk.hold()
    assert len(desk.told(NameReleased)) == 1
    assert desk.nonces == [desk.claim.nonce]


def test_a_claim_that_may_have_been_made_long_ago_is_replaced() -> None:
    desk = Desk(FakeCloud(fate=LostAnswer(0, after=True)))
    with pytest.raises(Unreachable):
        desk.hold()
    [first] = desk.cloud.ec2.resource_ids
    desk.clock.sleep(LAUNCH_WITHIN)
    desk.hold()
    assert first not in desk.cloud.ec2.resource_ids
    assert desk.nonces == [desk.claim.nonce]


def test_an_intent_is_written_where_the_user_interrupts_the_call() -> None:
    desk = Desk()
    desk.names.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        desk.hold()
    [intent] = desk.told(Intent)
    assert isinstance(intent, Intent)
    assert [intent.claim] == desk.nonces


CLOSED = (PermissionDenied("no entry"), RegionNotEnabled("no entry"))


@pytest.mark.parametrize("closed", CLOSED, ids=lambda each: each.kind)
def test_where_the_home_region_is_closed_the_name_is_claimed_where_it_is_launched(
    closed: SpotkeeperError,
) -> None:
    desk = Desk()
    desk.names.closed = {("claim", HOME): closed}
    desk.hold(ABROAD)
    [made] = desk.cloud.ec2.resource_ids.values()
    assert made.region == desk.claim.region == ABROAD
    intent, claimed = desk.journal.read("dev")
    assert isinstance(intent, Intent)
    assert isinstance(claimed, NameClaimed)
    assert intent.claim_region == claimed.claim_region == ABROAD
    assert "no entry: the name is claimed in eu-west-1 instead" in desk.talk.said[0]
    assert desk.claim.nonces == {desk.claim.nonce}


@pytest.mark.parametrize("closed", CLOSED, ids=lambda each: each.kind)
def test_where_it_is_launched_in_the_closed_region_itself_that_is_told(
    closed: SpotkeeperError,
) -> None:
    desk = Desk()
    desk.names.closed = {("claim", HOME): closed}
    with pytest.raises(type(closed)):
        desk.hold(HOME)
    assert desk.journal.read("dev") == ()
    assert desk.talk.said == []


def test_a_name_that_is_taken_at_home_is_claimed_nowhere_else() -> None:
    desk = Desk()
    desk.held("before")
    desk.note(Intent, claim="before")
    desk.names.closed = {("release", HOME): PermissionDenied("no entry")}
    with pytest.raises(PermissionDenied):
        desk.hold(ABROAD)
    assert desk.nonces == ["before"]
    assert not desk.claim.holds


# Whose claim may be replaced


def test_the_claim_of_another_computer_stands() -> None:
    desk = Desk()
    desk.held("theirs")
    with pytest.raises(NameTaken) as caught:
        desk.hold()
    assert "Another launch holds the name dev since 09:00:00 UTC: it is" in caught.value.message
    assert "spot down dev" in caught.value.next_step
    assert caught.value.region == HOME
    assert desk.nonces == ["theirs"]
    assert not desk.claim.holds
    assert desk.journal.read("dev") == ()


def test_so_does_one_that_is_not_listed_yet() -> None:
    desk = Desk(FakeCloud(visibility=VISIBILITY_WINDOW))
    desk.held("theirs")
    with pytest.raises(NameTaken, match="holds the name dev: it is under way"):
        desk.hold()
    assert desk.nonces == ["theirs"]


def test_who_is_quicker_to_a_released_name_has_it() -> None:
    desk = Desk()
    desk.held("before")
    desk.note(Intent, claim="before")
    desk.names.after_release = lambda: desk.held("theirs")
    with pytest.raises(NameTaken, match="Another launch holds the name dev: it is under way"):
        desk.hold()
    assert desk.nonces == ["theirs"]


Notes = Callable[[Desk], object]

#: An age at which the window is over when EC2 has answered a claim, a holder and a look.
JUST = VISIBILITY_WINDOW - 3 * LATENCY


def launched(desk: Desk, age: timedelta) -> None:
    """An earlier launch was granted what no list shows."""
    at = desk.clock.now() - age
    desk.note(Intent, at, claim="before")
    desk.note(Launched, at, instance="i-1", request="sir-1")


def launched_and_ended(desk: Desk) -> None:
    desk.note(Intent, claim="before")
    instance = desk.cloud.run(orders.order())
    desk.note(Launched, instance=instance.id, request=str(instance.request_id))
    desk.cloud.cancel(HOME, [str(instance.request_id)])
    desk.cloud.terminate(HOME, [instance.id])
    desk.clock.sleep(timedelta(minutes=2))


def ended_in_one_region_and_awaited_in_another(desk: Desk) -> None:
    launched_and_ended(desk)
    desk.note(Intent, region=ABROAD, token="abroad", claim="before")
    desk.note(Launched, region=ABROAD, token="abroad", instance="i-2", request="")


def awaited_long_and_meant_anew(desk: Desk) -> None:
    launched(desk, VISIBILITY_WINDOW)
    desk.intend()
    desk.claim.nonces |= {desk.claim.nonce}


@pytest.mark.parametrize(
    ("before", "replaced"),
    [
        pytest.param(partial(Desk.note, what=Intent, claim="before"), True, id="meant"),
        pytest.param(partial(Desk.note, what=Intent, claim="another"), False, id="not ours"),
        pytest.param(partial(Desk.note, what=NameClaimed, claim="before"), True, id="claimed"),
        pytest.param(partial(launched, age=VISIBILITY_WINDOW), True, id="long awaited"),
        pytest.param(partial(launched, age=JUST), True, id="awaited until now"),
        pytest.param(partial(launched, age=JUST - LATENCY), False, id="awaited"),
        pytest.param(launched_and_ended, True, id="ended"),
        pytest.param(ended_in_one_region_and_awaited_in_another, False, id="awaited elsewhere"),
        pytest.param(awaited_long_and_meant_anew, True, id="meant anew"),
    ],
)
def test_a_claim_of_this_computer_is_replaced_where_nothing_can_come_of_it(
    before: Notes, *, replaced: bool
) -> None:
    desk = Desk()
    desk.cloud.run(orders.order(name="other"))
    desk.clock.sleep(timedelta(minutes=2))
    before(desk)
    desk.held("before")
    if replaced:
        desk.hold()
        assert desk.nonces == [desk.claim.nonce]
    else:
        with pytest.raises(NameTaken, match="Another launch holds the name"):
            desk.hold()
        assert desk.nonces == ["before"]


def test_a_claim_of_this_computer_whose_machine_lives_stands() -> None:
    desk = Desk()
    instance = desk.cloud.run(orders.order())
    desk.note(Intent, claim="before")
    desk.held("before")
    with pytest.raises(NameTaken, match=instance.id):
        desk.hold()
    assert desk.nonces == ["before"]


# To become another launch


def test_who_renounces_releases_its_claim_and_is_another_launch() -> None:
    desk = Desk()
    first = desk.claim.nonce
    desk.claim.renounce()
    second = desk.claim.nonce
    assert desk.journal.read("dev") == ()
    desk.hold()
    desk.claim.renounce()
    assert desk.nonces == []
    assert len(desk.told(NameReleased)) == 1
    desk.hold()
    assert desk.nonces == [desk.claim.nonce]
    assert desk.claim.nonces == {second, desk.claim.nonce}
    assert len({first, second, desk.claim.nonce}) == 3
    assert len(set(desk.names.tokens)) == 2
    assert {len(each) for each in desk.claim.nonces} == {32}


def test_who_begins_anew_after_its_claim_was_given_back_releases_nothing() -> None:
    desk = Desk()
    desk.hold()
    first = desk.claim.nonce
    desk.claim.begin_anew()
    assert desk.calls("release") == 0
    assert desk.told(NameReleased) == []
    desk.hold()
    assert desk.nonces == [desk.claim.nonce]
    assert desk.claim.nonce != first
    assert len(set(desk.names.tokens)) == 2
    assert {len(token) for token in desk.names.tokens} == {32}
    assert len(desk.claim.nonce) == 32


# To release the claim of a name that is gone


def releasing(
    desk: Desk, *regions: str, only: Sequence[str] | None = None, met: Sequence[str] = ()
) -> ClaimRelease:
    meant = None if only is None else frozenset(map(ClaimNonce, only))
    release = ClaimRelease("dev", geography.OWNER, desk.ports, meant, list(map(ClaimNonce, met)))
    release.release(regions)
    return release


def claimed(desk: Desk, nonce: str, region: str = HOME) -> Claim:
    """A claim that the journal knows."""
    claim = desk.held(nonce, region)
    desk.journal.append("dev", NameClaimed(desk.clock.now(), claim.id, claim.nonce, region))
    return claim


def test_a_claim_that_the_journal_knows_is_released_by_its_id() -> None:
    desk = Desk()
    claim = claimed(desk, "mine", ABROAD)
    release = releasing(desk)
    assert (release.ended, release.left, release.released) == ([claim.resource_id], [], {"mine"})
    assert desk.nonces == []
    [released] = desk.told(NameReleased)
    assert released.at > claim.since
    assert isinstance(released, NameReleased)
    assert released.claim_id == claim.id
    assert desk.calls("holder") == 1  # at home, where another computer's would be


def test_a_claim_that_was_only_meant_is_found_by_its_title() -> None:
    desk = Desk()
    claim = desk.held("mine")
    desk.note(Intent, claim="mine", claim_region=HOME)
    assert releasing(desk).ended == [claim.resource_id]
    assert desk.nonces == []


@pytest.mark.parametrize(
    ("age", "met", "released"),
    [
        (CLAIM_YOUNG - 2 * LATENCY, "", True),
        (CLAIM_YOUNG - 3 * LATENCY, "", False),
        (timedelta(0), "theirs", True),
        (timedelta(0), "another", False),
    ],
)
def test_the_claim_of_another_computer_is_released_when_nothing_can_come_of_it(
    age: timedelta, met: str, *, released: bool
) -> None:
    desk = Desk()
    claim = desk.held("theirs", ABROAD, age=age)
    release = releasing(desk, HOME, ABROAD, met=[met])
    if released:
        assert (release.ended, release.left) == ([claim.resource_id], [])
        return
    again = f"{claim.since + CLAIM_YOUNG:%H:%M:%S}"
    told = (
        f"another computer began to launch dev at {claim.since:%H:%M:%S} UTC; if it is not "
        f"wanted, run `spot down dev` again after {again} UTC"
    )
    assert (release.ended, release.left) == ([], [Leftover(claim.resource_id, told)])
    assert desk.nonces == ["theirs"]


@pytest.mark.parametrize("nonce", ["theirs", "mine"])
def test_where_some_launches_are_meant_no_other_claim_is_touched_or_told_of(nonce: str) -> None:
    desk = Desk()
    desk.note(Intent, claim="stray", claim_region=HOME)
    desk.note(Intent, claim="mine", claim_region=ABROAD)
    desk.held(nonce, age=CLAIM_YOUNG)
    release = releasing(desk, ABROAD, only=["stray"])
    assert (release.ended, release.left, desk.nonces) == ([], [], [nonce])
    assert desk.calls("holder") == 1


def test_the_claim_of_the_launches_that_are_meant_is_released() -> None:
    desk = Desk()
    claim = claimed(desk, "stray")
    release = releasing(desk, only=["stray", "unknown"])
    assert release.ended == [claim.resource_id]
    assert desk.calls("holder") == 0


DENIED = PermissionDenied("no entry")


@pytest.mark.parametrize(
    ("met", "left"),
    [([], False), ([""], False), (["mine"], False), (["abroad"], False), (["theirs"], True)],
)
def test_a_claim_that_nobody_may_look_for_is_left_where_there_must_be_one(
    met: Sequence[str], *, left: bool
) -> None:
    desk = Desk()
    desk.note(Intent, claim="mine", claim_region=ABROAD)
    desk.held("abroad", ABROAD)
    desk.names.closed = {("holder", HOME): DENIED}
    release = releasing(desk, met=["abroad", *met])
    template = ResourceId(ResourceKind.TEMPLATE, TITLE, HOME)
    assert release.left == ([Leftover(template, "no entry")] if left else [])
    assert (
        any("dev cannot be seen in us-east-1: no entry" in s for s in desk.talk.said) is not left
    )


def test_a_claim_that_may_not_be_released_is_left() -> None:
    desk = Desk()
    claimed(desk, "mine")
    desk.names.closed = {("release", HOME): DENIED}
    release = releasing(desk)
    template = ResourceId(ResourceKind.TEMPLATE, TITLE, HOME)
    assert release.left == [Leftover(template, "no entry")]
    assert desk.told(NameReleased) == []


def test_a_claim_that_was_deleted_is_closed_and_who_has_the_name_now_is_told_of() -> None:
    desk = Desk()
    gone = claimed(desk, "mine")
    del desk.cloud.ec2.resource_ids[gone.id]
    desk.clock.sleep(VISIBILITY_WINDOW)
    theirs = desk.held("theirs")
    release = releasing(desk)
    assert release.ended == []
    assert [each.resource_id for each in release.left] == [theirs.resource_id]
    [released] = desk.told(NameReleased)
    assert isinstance(released, NameReleased)
    assert released.claim_id == gone.id


@pytest.mark.parametrize(
    ("later", "by_id"),
    [
        ([], True),
        ([("released", "first")], False),
        ([("released", "another")], True),
        ([("claimed abroad", "abroad")], True),
        ([("settled", "")], False),
    ],
)
def test_the_last_claim_of_a_region_counts_unless_it_was_released(
    later: Sequence[tuple[str, str]], *, by_id: bool
) -> None:
    desk = Desk()
    now, nonce = desk.clock.now(), ClaimNonce("mine")
    made: Mapping[str, Callable[[str], Entry]] = {
        "released": lambda id_: NameReleased(now, id_),
        "claimed abroad": lambda id_: NameClaimed(now, id_, nonce, ABROAD),
        "settled": lambda _: Settled(now),
    }
    desk.journal.append("dev", NameClaimed(now, "first", nonce, HOME))
    for what, id_ in later:
        desk.journal.append("dev", made[what](id_))
    desk.clock.sleep(VISIBILITY_WINDOW)
    known = len(desk.told(NameReleased))
    releasing(desk)
    told = [e.claim_id for e in desk.told(NameReleased)[known:] if isinstance(e, NameReleased)]
    assert ("first" in told) is by_id


def test_nothing_is_asked_twice_of_a_region() -> None:
    desk = Desk(FakeCloud(fate=Fate()))
    releasing(desk, HOME, ABROAD, HOME)
    assert desk.calls("holder") == 2
