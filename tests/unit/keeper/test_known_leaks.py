"""Leaks of other tools, each as the story of a user of ours.

What happened there is in the issues that the tests are named after: terraform-provider-aws #38142,
skypilot #4431 and #4410, fastec2 #14.
"""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.cloud import FakeCloud
from tests.fakes.ec2 import Request
from tests.fakes.edges import home_with_key, keeper, launched
from tests.fakes.fate import Crash, Fate
from tests.fakes.journal import MemoryJournal
from tests.fakes.threads import without_threads
from tests.unit.keeper.histories import NAME, Life

from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.model.machine import ENDED
from spotkeeper.model.need import Need
from spotkeeper.model.spot_request import RequestState
from spotkeeper.model.tags import TAG_NAME


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    without_threads(monkeypatch)
    return home_with_key(tmp_path)


def test_terraform_38142_the_request_behind_a_destroyed_instance_launches_no_other(
    home: Path,
) -> None:
    """There, only the instance was known, and destroying it made EC2 launch another one."""
    life = Life(home)
    first = life.server.id
    life.ec2.late = {Request: timedelta(seconds=200)}  # long after its instance

    assert life.ends_for_good() == []

    assert list(life.ec2.servers) == [first]
    assert life.request.state is RequestState.CANCELLED
    ended_by = [call for call in life.cloud.calls if call in ("cancel", "terminate")]
    assert ended_by[0] == "cancel"


class DiesAfter(Fate):
    """The process is killed when a call has taken effect, before it hears of it."""

    def __init__(self, call: str) -> None:
        super().__init__()
        self._call = call

    def after(self, call: str) -> None:
        if call == self._call:
            raise Crash(call)


def test_skypilot_4431_a_launch_killed_right_after_the_create_call_is_not_forgotten(
    home: Path,
) -> None:
    """There, the record was deleted although the instance lived."""
    cloud, journal = FakeCloud(fate=DiesAfter("run")), MemoryJournal()
    process = keeper(cloud, home=home, journal=journal)
    with pytest.raises(Crash):
        launched(process, LaunchRequest(NAME, Need(types=("g5.xlarge",))))
    cloud.fate = Fate()

    [listed] = keeper(cloud, home=home, journal=journal).ls().reports
    assert listed.machine.name == NAME
    assert keeper(cloud, home=home, journal=journal).down((NAME,)).left == ()
    assert cloud.ec2.leftovers() == []


def test_skypilot_4410_a_machine_given_back_while_ec2_brings_it_back_does_not_come_back(
    home: Path,
) -> None:
    """There, cancelling a job during its recovery left the new instance running."""
    life = Life(home)
    life.interrupt()
    life.wait(minutes=3)
    life.ec2.dry.clear()
    life.ec2.catch_up()  # there is room again: EC2 restarts it at this moment

    assert life.ends_for_good() == []


def test_fastec2_14_what_a_minute_later_replaces_a_terminated_instance_is_still_ours(
    home: Path,
) -> None:
    """There, an instance without a name appeared a minute after the one with a name was ended."""
    life = Life(home)
    first = life.server.id
    life.by_hand("terminate")
    life.wait(minutes=1)

    [second] = [each for each in life.ec2.servers.values() if each.state not in ENDED]
    assert second.id != first
    assert second.tags[TAG_NAME] == NAME
    [listed] = life.keeper().ls().reports
    assert listed.machine.instance is not None
    assert listed.machine.instance.id == second.id
    assert life.ends_for_good() == []
