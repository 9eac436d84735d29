"""The name is taken, and who holds it cannot be seen: nothing is launched elsewhere instead."""

from pathlib import Path

import pytest
from tests.fakes.edges import launched
from tests.fakes.journal import MemoryJournal
from tests.fakes.threads import without_threads
from tests.unit.keeper.sweep_stage import Stage

from spotkeeper.errors import CredentialsProblem, ExpiredCredentials, LeftBehind, PermissionDenied
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.model.machine import ENDED
from spotkeeper.model.need import Need


@pytest.mark.parametrize("refusal", [ExpiredCredentials, PermissionDenied])
def test_a_second_computer_that_may_not_see_the_holder_launches_nothing_in_another_region(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: type[CredentialsProblem]
) -> None:
    without_threads(monkeypatch)
    stage = Stage(tmp_path)
    stage.up()
    stage.journal = MemoryJournal()
    stage.cloud.refusals["holder"] = refusal("no")
    launch_request = LaunchRequest("dev", Need(types=("m5.large",), regions=("eu-west-1",)))

    with pytest.raises(LeftBehind, match="Left behind: launch-template"):  # it cannot tell
        launched(stage.keeper(), launch_request)

    assert [each.region for each in stage.ec2.servers.values() if each.state not in ENDED] == [
        "us-east-1"
    ]


def test_a_login_that_expires_while_the_name_is_claimed_does_not_close_the_region(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_threads(monkeypatch)
    stage = Stage(tmp_path)
    stage.cloud.refusals["claim"] = ExpiredCredentials("no")
    launch_request = LaunchRequest("dev", Need(types=("m5.large",), regions=("eu-west-1",)))

    with pytest.raises(ExpiredCredentials):
        launched(stage.keeper(), launch_request)

    assert stage.cloud.calls.count("claim") == 1
