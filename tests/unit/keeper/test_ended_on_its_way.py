"""A machine that EC2 ends before it is up: why is told, kept, and decides what is next."""

from pathlib import Path

import pytest
from tests.fakes import geography
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import home_with_key, keeper
from tests.fakes.journal import MemoryJournal
from tests.fakes.talk import FakeTalk

from spotkeeper.errors import DiskKeyRefused, EndedWhileStarting, QuotaReached, SpotkeeperError
from spotkeeper.keeper.results import MachineReport
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.model.machine import InstanceState
from spotkeeper.model.need import Need

KEY = ("Client.InternalError", "Client.InternalError: Client error on launch")
FAULT = ("Server.InternalError", "Server.InternalError: Internal error on launch")
DISKS = ("Client.VolumeLimitExceeded", "Volume limit exceeded")

A, B, C = (geography.pool(f"g5.xlarge@us-east-1{letter}") for letter in "abc")
HERE = tuple(
    pool for pool in geography.all_pools("us-east-1") if pool.instance_type == "g5.xlarge"
)


class Desk:
    """Somebody who launches a machine in a world where some pools bring nothing up."""

    def __init__(self, home: Path) -> None:
        self.cloud = FakeCloud()
        self.journal = MemoryJournal()
        self.talk = FakeTalk()
        self.keeper = keeper(self.cloud, home=home, journal=self.journal, talk=self.talk)

    def up(self, *regions: str) -> MachineReport:
        request = LaunchRequest("dev", Need(types=("g5.xlarge",), regions=regions))
        report = self.keeper.up(self.keeper.plan(request))
        assert report is not None
        return report

    @property
    def launched(self) -> list[str]:
        return [str(server.order.pool) for server in self.cloud.ec2.servers.values()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(home_with_key(tmp_path))


def test_a_fault_of_one_pool_gives_way_to_the_next_and_leaves_nothing(desk: Desk) -> None:
    desk.cloud.ec2.doomed[A] = FAULT
    report = desk.up()
    assert report.machine.zone_name == B.zone.name
    assert desk.launched == [str(A), str(B)]
    assert any(FAULT[1] in told for told in desk.talk.said)
    told = [chapter.text for chapter in desk.keeper.history("dev").chapters]
    assert f"ended by EC2: {FAULT[1]}" in told
    desk.keeper.down(("dev",))
    assert desk.cloud.ec2.leftovers() == []
    assert max(desk.cloud.ec2.most_at_once.values(), default=1) == 1


def test_the_name_stays_ours_alone_from_one_pool_to_the_next(desk: Desk) -> None:
    desk.cloud.ec2.doomed[A] = FAULT
    desk.up()
    calls = desk.cloud.calls
    ended = calls.index("cancel")
    second = len(calls) - 1 - calls[::-1].index("run")
    assert "release" in calls[ended:second]
    assert "claim" in calls[ended:second]


@pytest.mark.parametrize(("reason", "kind"), [(KEY, DiskKeyRefused), (DISKS, QuotaReached)])
def test_what_the_account_lacks_in_a_region_is_not_tried_there_again(
    desk: Desk, reason: tuple[str, str], kind: type[SpotkeeperError]
) -> None:
    desk.cloud.ec2.doomed = dict.fromkeys(HERE, reason)
    assert desk.up("us-east-1", "eu-west-1").machine.region == "eu-west-1"
    assert len(desk.launched) <= 2
    desk.keeper.down(("dev",))
    before = len(desk.launched)
    with pytest.raises(kind) as caught:
        desk.up("us-east-1")
    assert len(desk.launched) == before + 1
    assert reason[1] in caught.value.message
    assert "apacity" not in caught.value.message
    assert desk.cloud.ec2.leftovers() == []


def test_faults_everywhere_are_one_sentence_and_no_missing_capacity(desk: Desk) -> None:
    desk.cloud.ec2.doomed = dict.fromkeys(HERE, FAULT)
    with pytest.raises(EndedWhileStarting) as caught:
        desk.up()
    assert desk.launched == [str(A), str(B), str(C)]
    assert "in 3 pools" in caught.value.message
    assert caught.value.exit_code == 1
    assert "apacity" not in caught.value.message
    assert desk.cloud.ec2.leftovers() == []


def test_a_box_that_will_not_start_says_why_and_stays(desk: Desk) -> None:
    desk.up()
    desk.keeper.stop("dev")
    desk.cloud.ec2.doomed[A] = KEY
    with pytest.raises(DiskKeyRefused) as caught:
        desk.keeper.start("dev")
    assert KEY[1] in caught.value.message
    [report] = desk.keeper.ls().reports
    assert report.machine.state == InstanceState.STOPPED
    assert f"stopped by EC2: {KEY[1]}" in report.machine.summary()
    told = [chapter.text for chapter in desk.keeper.history("dev").chapters]
    assert f"stopped by EC2: {KEY[1]}" in told
