"""Trying pools: what walks on, what stops, and what makes a repeat harmless."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from tests.fakes import geography, orders
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import BOOT_SCRIPT, CIDR, PUBLIC_KEY, ports
from tests.fakes.fate import Fate, LostAnswer
from tests.fakes.journal import MemoryJournal
from tests.fakes.talk import FakeTalk

from spotkeeper.errors import (
    BadInput,
    ExpiredCredentials,
    NameTaken,
    NoCapacity,
    PermissionDenied,
    PriceTooLow,
    QuotaReached,
    Refused,
    RegionNotEnabled,
    ResourceGone,
    Scope,
    SpotkeeperError,
    StaleToken,
    Unreachable,
)
from spotkeeper.lifecycle.launch import Launcher
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.ports import Image, LaunchOrder
from spotkeeper.lifecycle.prerequisites import PrerequisiteMaker
from spotkeeper.model.journal_entry import (
    Entry,
    Intent,
    Launched,
    LaunchRefused,
)
from spotkeeper.model.launch import client_token
from spotkeeper.model.machine import Instance, Kind
from spotkeeper.model.max_price import MaxPrice
from spotkeeper.model.need import Need
from spotkeeper.model.resource import ResourceKind
from spotkeeper.model.tags import (
    TAG_CLAIM,
    TAG_DEADLINE,
    TAG_LAUNCH,
    TAG_MANAGED,
    TAG_NAME,
    TAG_OWNER,
)
from spotkeeper.timings import LAUNCH_PAUSES, LAUNCH_WITHIN

A, B, C = (f"g5.xlarge@us-east-1{letter}" for letter in "abc")
OTHER_TYPE = "g6.xlarge@us-east-1a"
ABROAD = "g5.xlarge@eu-west-1a"
OF_A_LAUNCH = (Intent, Launched, LaunchRefused)


class Attempt:
    """One launch in a world."""

    def __init__(
        self, cloud: FakeCloud | None = None, *, journal: MemoryJournal | None = None
    ) -> None:
        self.cloud = cloud or FakeCloud()
        self.journal = journal or MemoryJournal()
        self.talk = FakeTalk()
        self.brought: tuple[str, ...] = ()  # groups that the user names

    def go(
        self, *pools: str, launch_request: LaunchRequest | None = None, for_ever: bool = False
    ) -> Instance:
        launch_request = launch_request or LaunchRequest(
            "dev", Need(), lasting=None if for_ever else timedelta(hours=8)
        )
        self.prepare(*pools, launch_request=launch_request)
        return self.launch()

    def prepare(self, *pools: str, launch_request: LaunchRequest | None = None) -> None:
        self.plan = orders.plan(*pools, launch_request=launch_request)
        self.launcher = Launcher(
            self.plan,
            owner=geography.OWNER,
            ports=ports(self.cloud, self.journal, self.talk),
        )
        self.prerequisites = PrerequisiteMaker(
            self.cloud,
            owner=geography.OWNER,
            launch_request=LaunchRequest("dev", Need(), group_ids=self.brought),
            caller_cidr=lambda: CIDR,
            public_key=PUBLIC_KEY,
        )

    def launch(self) -> Instance:
        return self.launcher.launch(self.prerequisites, BOOT_SCRIPT)

    @property
    def runs(self) -> int:
        return self.cloud.calls.count("run")

    @property
    def told(self) -> list[type[Entry]]:
        """The entries in order but for the name's claim; an intent that is written again for its
        repeat counts once."""
        entries = [e for e in self.journal.read("dev") if isinstance(e, OF_A_LAUNCH)]
        return [kind for kind, _ in dict.fromkeys((type(e), e.token) for e in entries)]

    @property
    def last(self) -> Launched:
        """The last entry, of a launch that EC2 granted."""
        last = self.journal.read("dev")[-1]
        assert isinstance(last, Launched)
        return last

    @property
    def first(self) -> Intent:
        """The first entry, of a launch that was meant."""
        first = self.journal.read("dev")[0]
        assert isinstance(first, Intent)
        return first


def dry(*pools: str) -> FakeCloud:
    return FakeCloud(dry=map(geography.pool, pools))


def test_the_first_pool_is_taken() -> None:
    attempt = Attempt()
    instance = attempt.go(A, B)
    assert instance.zone_name == "us-east-1a"
    assert attempt.told == [Intent, Launched]
    assert attempt.last.instance == instance.id
    assert attempt.last.request == instance.request_id


def test_a_dry_pool_is_passed_over() -> None:
    attempt = Attempt(dry(A))
    assert attempt.go(A, B).zone_name == "us-east-1b"
    assert attempt.told == [Intent, LaunchRefused, Intent, Launched]
    assert attempt.runs == 2
    assert A in attempt.talk.said[0]


def test_a_pool_whose_price_has_risen_above_the_maximum_is_passed_over() -> None:
    attempt = Attempt()
    attempt.cloud.ec2.prices[geography.pool(A)] = geography.ON_DEMAND["g5.xlarge"]
    launch_request = LaunchRequest("dev", Need(), max_price=MaxPrice.parse("spot+5%"))
    assert attempt.go(A, B, launch_request=launch_request).zone_name == "us-east-1b"
    assert attempt.told == [Intent, LaunchRefused, Intent, Launched]


def test_when_every_pool_is_dry_all_are_named() -> None:
    attempt = Attempt(dry(A, B))
    with pytest.raises(NoCapacity) as caught:
        attempt.go(A, B)
    assert A in caught.value.message
    assert B in caught.value.message
    assert caught.value.exit_code == 5
    assert attempt.cloud.ec2.servers == {}


class RefusesIn(FakeCloud):
    """EC2 refuses in some pools with what the test says."""

    def __init__(self, refusal: SpotkeeperError, pools: Iterable[str]) -> None:
        super().__init__()
        self.refusal = refusal
        self.where = set(pools)

    def run(self, order: object) -> Instance:
        pool = getattr(order, "pool", None)
        if str(pool) in self.where:
            self.arrives("run", ())
            raise self.refusal
        return super().run(order)  # type: ignore[arg-type]


class NotInThisRegion(NoCapacity):
    scope = Scope.TYPE_IN_REGION


def test_a_refusal_of_a_type_skips_its_other_zones() -> None:
    attempt = Attempt(RefusesIn(NotInThisRegion("no g5 here"), [A]))
    assert attempt.go(A, B, OTHER_TYPE).instance_type == "g6.xlarge"
    assert attempt.runs == 2


def test_a_refusal_of_a_region_skips_all_of_it() -> None:
    attempt = Attempt(RefusesIn(RegionNotEnabled("closed"), [A]))
    assert attempt.go(A, B, OTHER_TYPE, ABROAD).region == "eu-west-1"
    assert attempt.runs == 2


def test_a_price_too_low_in_one_zone_tries_the_next() -> None:
    attempt = Attempt(RefusesIn(PriceTooLow("too low"), [A]))
    assert attempt.go(A, B).zone_name == "us-east-1b"


@pytest.mark.parametrize(
    "refusal",
    [
        QuotaReached("quota"),
        PermissionDenied("denied"),
        ExpiredCredentials("expired"),
        BadInput("bad"),
        Refused("refused"),
    ],
    ids=lambda refusal: refusal.kind,
)
def test_what_every_pool_would_repeat_stops_at_once(refusal: SpotkeeperError) -> None:
    attempt = Attempt(RefusesIn(refusal, [A]))
    with pytest.raises(type(refusal)):
        attempt.go(A, B, ABROAD)
    assert attempt.runs == 1
    assert attempt.told == [Intent, LaunchRefused]


@pytest.mark.parametrize("after", [False, True])
def test_a_lost_answer_is_asked_for_again_with_the_same_token(*, after: bool) -> None:
    before = Attempt()
    before.go(A)
    at = before.cloud.calls.index("run")
    attempt = Attempt(FakeCloud(fate=LostAnswer(at, after=after)))
    instance = attempt.go(A)
    assert attempt.runs == 2
    assert list(attempt.cloud.ec2.servers) == [instance.id]
    assert attempt.told == [Intent, Launched]


class Deaf(Fate):
    """EC2 carries launches out, and never answers."""

    def after(self, call: str) -> None:
        if call == "run":
            raise Unreachable("no answer")


def test_a_launch_that_never_answers_stays_an_open_intent() -> None:
    attempt = Attempt(FakeCloud(fate=Deaf()))
    with pytest.raises(Unreachable):
        attempt.go(A, B)
    assert attempt.runs == 4
    assert len(attempt.cloud.ec2.servers) == 1
    assert attempt.told == [Intent]


class DryAfterwards(FakeCloud):
    """A launch takes effect without an answer; its repeat is told that the pool is dry."""

    def run(self, order: object) -> Instance:
        if self.ec2.servers:
            self.arrives("run", ())
            raise NoCapacity("dry now")
        super().run(order)  # type: ignore[arg-type]
        raise Unreachable("no answer")


def test_a_refusal_after_a_lost_answer_proves_nothing_and_tries_no_other_pool() -> None:
    attempt = Attempt(DryAfterwards())
    with pytest.raises(Unreachable, match="no answer, and its repeat was refused: dry now"):
        attempt.go(A, B)
    assert len(attempt.cloud.ec2.servers) == 1
    assert attempt.told == [Intent]


class Slow(FakeCloud):
    """What comes before the launch takes as long as a claim is good for."""

    def image(self, region: str, image: str, arch: str) -> Image:
        self.clock.sleep(LAUNCH_WITHIN)
        return super().image(region, image, arch)

    def run(self, order: LaunchOrder) -> Instance:
        claims = [t for t in self.ec2.resource_ids.values() if t.kind is ResourceKind.TEMPLATE]
        self.claimed = [(each.tags[TAG_CLAIM], self.clock.now() - each.born) for each in claims]
        return super().run(order)


def test_a_launch_is_asked_for_only_with_a_claim_that_is_fresh() -> None:
    cloud = Slow()
    instance = Attempt(cloud).go(A)
    [(nonce, age)] = cloud.claimed
    assert age < timedelta(seconds=5)
    assert instance.tags[TAG_CLAIM] == nonce


class GroupVanishes(FakeCloud):
    """The group goes with somebody's last machine, a moment before the launch."""

    gone = False

    def run(self, order: object) -> Instance:
        if not self.gone:
            self.gone = True
            self.ec2.groups.clear()
        return super().run(order)  # type: ignore[arg-type]


def test_ground_that_is_gone_is_made_anew() -> None:
    attempt = Attempt(GroupVanishes())
    instance = attempt.go(A)
    assert instance.id in attempt.cloud.ec2.servers
    assert attempt.cloud.calls.count("create_group") == 2
    assert attempt.told == [Intent, Launched]


def test_ground_that_keeps_going_ends_the_launch() -> None:
    attempt = Attempt(RefusesIn(ResourceGone("gone"), [A]))
    with pytest.raises(ResourceGone):
        attempt.go(A, B)
    assert attempt.runs <= 4
    assert attempt.told == [Intent, LaunchRefused]


class GroupIsNew(FakeCloud):
    """The group was made a moment ago, and a part of EC2 does not know it yet."""

    asked_at: tuple[datetime, ...] = ()

    def run(self, order: object) -> Instance:
        self.asked_at += (self.clock.now(),)
        if self.calls.count("run") < 3:
            self.fate.before("run")
            raise ResourceGone("The security group does not exist")
        return super().run(order)  # type: ignore[arg-type]


def test_ground_that_is_new_is_waited_for() -> None:
    cloud = GroupIsNew()
    attempt = Attempt(cloud)
    instance = attempt.go(A)
    assert cloud.asked_at[-1] - cloud.asked_at[-2] >= LAUNCH_PAUSES[1]
    assert instance.id in attempt.cloud.ec2.servers
    assert len(attempt.cloud.ec2.groups) == 1
    assert any("as it is new" in told for told in attempt.talk.said)


def test_ground_that_the_user_named_and_that_is_gone_is_not_waited_for() -> None:
    attempt = Attempt(RefusesIn(ResourceGone("gone"), [A]))
    attempt.brought = ("sg-gone",)
    with pytest.raises(ResourceGone):
        attempt.go(A)
    assert attempt.runs == 2


def ended_earlier(attempt: Attempt) -> None:
    """A machine of the name lived and was given back; another computer wrote the journal."""
    attempt.go(A)
    cloud = attempt.cloud
    [server] = cloud.ec2.servers.values()
    cloud.ec2.cancel(cloud.ec2.requests[server.request_id])
    cloud.ec2.terminate(server)
    cloud.clock.sleep(timedelta(minutes=10))
    cloud.ec2.catch_up()
    cloud.ec2.disks.clear()
    cloud.ec2.resource_ids.clear()


def test_a_token_that_is_used_up_gives_way_to_the_next() -> None:
    attempt = Attempt()
    ended_earlier(attempt)
    again = Attempt(attempt.cloud)
    instance = again.go(A)
    assert instance.tags[TAG_LAUNCH] == again.last.token
    assert again.told == [Intent, LaunchRefused, Intent, Launched]
    first, second = (e.token for e in again.journal.read("dev") if isinstance(e, Intent))
    assert first != second


def test_a_later_launch_of_the_name_counts_on() -> None:
    attempt = Attempt()
    ended_earlier(attempt)
    attempt.go(A)
    numbers = [e.attempt for e in attempt.journal.read("dev") if isinstance(e, Intent)]
    assert numbers == [1, 2]


def test_a_mismatched_token_never_leads_to_two_machines() -> None:
    clock = FakeClock()
    cloud = FakeCloud(clock=clock, visibility=timedelta(seconds=120))
    Attempt(cloud).go(A)
    clock.advance(seconds=10)
    elsewhere = Attempt(cloud)
    with pytest.raises(NameTaken):
        elsewhere.go(A, launch_request=LaunchRequest("dev", Need(), lasting=timedelta(hours=9)))
    assert len(cloud.ec2.servers) == 1


def test_tokens_that_are_always_stale_end_the_launch() -> None:
    stale = StaleToken("used up", aws_code="IdempotentInstanceTerminated")
    attempt = Attempt(RefusesIn(stale, [A]))
    with pytest.raises(Refused) as caught:
        attempt.go(A)
    assert "name" in caught.value.next_step
    assert attempt.cloud.clock.now() - attempt.first.at < timedelta(minutes=1)
    assert caught.value.region == geography.REGION
    assert attempt.runs <= 6


def test_an_on_demand_instance_is_refused_and_remembered() -> None:
    attempt = Attempt()
    attempt.cloud.on_demand_instead = True
    with pytest.raises(Refused) as caught:
        attempt.go(A, B)
    assert "On-Demand" in caught.value.message
    assert caught.value.region == geography.REGION
    assert attempt.runs == 1
    assert attempt.told == [Intent, Launched]


def test_the_intent_is_written_before_anything_is_made() -> None:
    fate = Fate()
    attempt = Attempt(FakeCloud(fate=fate), journal=MemoryJournal(fate))
    attempt.go(A)
    intent = fate.seen.index("journal intent")
    for call in ("create_group", "open_ssh", "import_key", "run"):
        assert intent < fate.seen.index(call)


def test_the_intent_is_written_again_around_every_repeat() -> None:
    fate = Deaf()
    attempt = Attempt(FakeCloud(fate=fate), journal=MemoryJournal(fate))
    with pytest.raises(Unreachable):
        attempt.go(A)
    calls = [at for at, call in enumerate(fate.seen) if call == "run"]
    assert len(calls) == 4
    for earlier, later in pairwise([0, *calls]):
        assert "journal intent" in fate.seen[earlier:later]
    assert "journal intent" in fate.seen[calls[-1] :]
    intents = [e for e in attempt.journal.read("dev") if isinstance(e, Intent)]
    assert len({intent.token for intent in intents}) == 1
    assert intents[-1].at - intents[0].at >= timedelta(seconds=13)


def test_the_intent_says_what_is_launched_where_and_for_whom() -> None:
    attempt = Attempt()
    attempt.go(A)
    intent = attempt.first
    assert intent.owner == geography.OWNER
    assert intent.region == "us-east-1"
    assert intent.pool == A
    assert intent.token == client_token(
        owner=geography.OWNER, name="dev", attempt=1, pool=geography.pool(A)
    )


def test_everything_carries_our_tags_and_the_users() -> None:
    attempt = Attempt()
    launch_request = LaunchRequest("dev", Need(), tags={"Project": "x"})
    instance = attempt.go(A, launch_request=launch_request)
    token = attempt.first.token
    expected = {
        TAG_MANAGED: "true",
        TAG_NAME: "dev",
        TAG_OWNER: geography.OWNER,
        TAG_LAUNCH: token,
        "Name": "dev",
        "Project": "x",
    }
    assert expected.items() <= instance.tags.items()
    assert instance.tags[TAG_DEADLINE].startswith("2026-11-24T09:00")


def test_a_machine_for_ever_says_never() -> None:
    attempt = Attempt()
    assert attempt.go(A, for_ever=True).tags[TAG_DEADLINE] == "never"


def test_a_once_machine_has_no_end_of_its_request() -> None:
    attempt = Attempt()
    attempt.go(A, launch_request=LaunchRequest("dev", Need(), kind=Kind.ONCE))
    [request] = attempt.cloud.ec2.requests.values()
    assert request.order.valid_until is None
    assert not request.persistent


def test_a_name_in_use_is_refused_before_anything_is_made() -> None:
    attempt = Attempt()
    attempt.go(A)
    with pytest.raises(NameTaken):
        attempt.go(B)
    assert attempt.runs == 1
