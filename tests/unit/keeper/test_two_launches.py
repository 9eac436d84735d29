"""Two launches of one name: exactly one machine, and the loser never ends the winner's."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes import geography
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import edges, home_with_key, keeper, launched
from tests.fakes.fate import Fate
from tests.fakes.journal import MemoryJournal
from tests.fakes.name_claims import FakeNameClaims
from tests.fakes.talk import FakeTalk

from spotkeeper.errors import NameTaken, PermissionDenied, RegionNotEnabled, SpotkeeperError
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.name_claim import claim_title
from spotkeeper.lifecycle.ports import Claim, Clock
from spotkeeper.model.lives import is_open, is_settling
from spotkeeper.model.machine import ENDED, InstanceState
from spotkeeper.model.need import Need
from spotkeeper.model.tags import TAG_CLAIM, claim_tags
from spotkeeper.timings import CLAIM_YOUNG, LAUNCH_WITHIN, VISIBILITY_WINDOW


class Two:
    """Two terminals, of one computer or of two with the same login."""

    def __init__(self, home: Path, *, visibility_seconds: float, one_computer: bool) -> None:
        self.cloud = FakeCloud(visibility=timedelta(seconds=visibility_seconds))
        self.home = home
        self.first = MemoryJournal()
        self.second = self.first if one_computer else MemoryJournal()

    def win(self) -> None:
        """The first terminal launches its machine, and waits until it answers."""
        self._up(self.first, "g5.xlarge", hours=8)

    def lose(self, instance_type: str, *, winner_comes_in_between: bool) -> SpotkeeperError:
        """The second terminal launches the same name, and is refused."""

        def asked() -> None:
            if winner_comes_in_between:
                self.win()

        with pytest.raises(SpotkeeperError) as caught:
            self._up(self.second, instance_type, hours=9, asked=asked)
        return caught.value

    def check(self, refusal: SpotkeeperError) -> None:
        self.cloud.clock.sleep(timedelta(minutes=10))
        self.cloud.ec2.catch_up()
        assert isinstance(refusal, NameTaken)
        assert dict(self.cloud.ec2.most_at_once) == {}
        [server] = self.cloud.ec2.servers.values()
        assert server.state is InstanceState.RUNNING
        assert self.cloud.ec2.groups

    def _up(
        self,
        journal: MemoryJournal,
        instance_type: str,
        *,
        hours: float,
        asked: Callable[[], None] = lambda: None,
    ) -> None:
        launch_request = LaunchRequest(
            "dev", Need(types=(instance_type,)), lasting=timedelta(hours=hours)
        )
        process = keeper(self.cloud, home=self.home, journal=journal)
        plan = process.plan(launch_request)
        asked()  # the question takes its time
        process.up(plan)


@pytest.mark.parametrize("one_computer", [True, False])
@pytest.mark.parametrize("visibility_seconds", [0, 5, 120])
@pytest.mark.parametrize("instance_type", ["g5.xlarge", "g6.xlarge"])
def test_a_machine_launched_while_the_question_was_open_stays_the_only_one(
    tmp_path: Path, instance_type: str, visibility_seconds: float, *, one_computer: bool
) -> None:
    two = Two(
        home_with_key(tmp_path), visibility_seconds=visibility_seconds, one_computer=one_computer
    )
    two.check(two.lose(instance_type, winner_comes_in_between=True))


@pytest.mark.parametrize("one_computer", [True, False])
@pytest.mark.parametrize("visibility_seconds", [0, 5, 120])
def test_a_second_launch_of_a_running_machine_is_refused_and_harmless(
    tmp_path: Path, visibility_seconds: float, *, one_computer: bool
) -> None:
    two = Two(
        home_with_key(tmp_path), visibility_seconds=visibility_seconds, one_computer=one_computer
    )
    two.win()
    two.check(two.lose("g5.xlarge", winner_comes_in_between=False))


def test_who_gave_a_name_back_never_ends_what_another_computer_launched_since(
    tmp_path: Path,
) -> None:
    two = Two(home_with_key(tmp_path), visibility_seconds=0, one_computer=False)
    two.win()
    keeper(two.cloud, home=two.home, journal=two.first).down(("dev",))
    assert is_settling(two.first.read("dev"))
    two.first, two.second = two.second, two.first
    two.win()

    two.cloud.clock.sleep(VISIBILITY_WINDOW)
    keeper(two.cloud, home=two.home, journal=two.second).ls()

    assert not is_open(two.second.read("dev"))
    alive = [each for each in two.cloud.ec2.servers.values() if each.state not in ENDED]
    assert len(alive) == 1


def claimed_elsewhere(cloud: FakeCloud) -> Claim:
    """Another computer claims the name, and has launched nothing yet."""
    tags = claim_tags(name="dev", owner=geography.OWNER, nonce="theirs")
    title = claim_title(geography.OWNER, "dev")
    return FakeNameClaims(cloud).claim(geography.REGION, title, token="theirs", tags=tags)


def test_the_claim_of_a_launch_that_may_be_under_way_elsewhere_is_spared_and_told(
    tmp_path: Path,
) -> None:
    cloud, home = FakeCloud(), home_with_key(tmp_path)
    claim = claimed_elsewhere(cloud)

    [left] = keeper(cloud, home=home).down(("dev",)).left
    assert left.resource_id == claim.resource_id
    assert f"{claim.since + CLAIM_YOUNG:%H:%M:%S}" in left.reason

    cloud.clock.sleep(CLAIM_YOUNG)
    gone = keeper(cloud, home=home).down(("dev",))
    assert (gone.left, gone.ended) == ((), (claim.resource_id,))
    assert cloud.ec2.leftovers() == []


def test_a_claim_whose_machine_was_seen_goes_with_it_however_young_it_is(tmp_path: Path) -> None:
    two = Two(home_with_key(tmp_path), visibility_seconds=0, one_computer=False)
    two.win()
    gone = keeper(two.cloud, home=two.home, journal=two.second).down(("dev",))
    assert gone.left == ()
    assert two.cloud.ec2.leftovers() == []


def test_who_is_refused_learns_since_when_another_launch_is_under_way(tmp_path: Path) -> None:
    two = Two(home_with_key(tmp_path), visibility_seconds=0, one_computer=False)
    claim = claimed_elsewhere(two.cloud)
    refusal = two.lose("g5.xlarge", winner_comes_in_between=False)
    assert isinstance(refusal, NameTaken)
    assert f"{claim.since:%H:%M:%S}" in refusal.message
    assert "spot down dev" in refusal.next_step
    assert two.cloud.calls.count("run") == 0
    assert not is_open(two.second.read("dev"))


def test_a_launch_that_takes_long_renews_its_claim_before_it_asks_for_a_machine(
    tmp_path: Path,
) -> None:
    """Until then others count on the claim's age to tell that nothing will come of it."""
    two = Two(home_with_key(tmp_path), visibility_seconds=0, one_computer=False)
    two.cloud.fate = slow = SlowGround(two.cloud.clock)
    two.win()
    assert slow.seen.count("claim") == 2
    assert slow.seen.count("run") == 1
    [claim] = two.cloud.ec2.resource_ids.values()
    [server] = two.cloud.ec2.servers.values()
    assert server.born - claim.born < LAUNCH_WITHIN
    assert server.tags[TAG_CLAIM] == claim.tags[TAG_CLAIM]


class SlowGround(Fate):
    """Making the group takes five minutes."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def before(self, call: str) -> None:
        super().before(call)
        if call == "create_group":
            self._clock.sleep(LAUNCH_WITHIN)


@pytest.mark.parametrize("told", [PermissionDenied("no"), RegionNotEnabled("closed")])
def test_where_the_common_region_is_closed_the_name_is_claimed_where_it_is_launched(
    tmp_path: Path, told: SpotkeeperError
) -> None:
    cloud, talk = FakeCloud(), FakeTalk()
    journal = MemoryJournal()
    home = home_with_key(tmp_path)
    closed = Closed(cloud, told)
    made = edges(cloud, home=home, journal=journal)
    process = Keeper(replace(made, names=closed), talk=talk)
    launch_request = LaunchRequest("dev", Need(types=("g5.xlarge",), regions=("eu-west-1",)))
    assert launched(process, launch_request) is not None
    [claim] = cloud.ec2.resource_ids.values()
    assert claim.region == "eu-west-1"
    assert any("eu-west-1 instead" in said for said in talk.said)
    assert process.down(("dev",)).left == ()
    assert cloud.ec2.leftovers() == []


class Closed(FakeNameClaims):
    """The region in which names are claimed is closed to the caller."""

    def __init__(self, cloud: FakeCloud, told: SpotkeeperError) -> None:
        super().__init__(cloud)
        self._told = told

    def claim(self, region: str, title: str, *, token: str, tags: Mapping[str, str]) -> Claim:
        if region == self.home():
            raise self._told
        return super().claim(region, title, token=token, tags=tags)

    def holder(self, region: str, title: str) -> Claim | None:
        if region == self.home():
            raise self._told
        return super().holder(region, title)


def test_a_claim_that_cannot_be_released_is_left_and_told(tmp_path: Path) -> None:
    two = Two(home_with_key(tmp_path), visibility_seconds=0, one_computer=True)
    two.win()
    two.cloud.denied.add("release")
    [left] = keeper(two.cloud, home=two.home, journal=two.first).down(("dev",)).left
    assert left.resource_id.kind == "launch-template"
    assert "not authorized" in left.reason
    assert is_open(two.first.read("dev"))
