"""Ctrl-C in every wait: exit 130, and `spot down` leaves nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot
from tests.story.living import at_ec2s_pace, lives

from spotkeeper.aws.cloud import Ec2Cloud
from spotkeeper.errors import NotFound
from spotkeeper.keeper.clocks import PracticeClock
from spotkeeper.model.machine import Instance

UP = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")

Press = Callable[..., None]
Unlisted = Callable[[int], None]


@pytest.fixture
def press_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Press:
    """Ctrl-C during the n-th wait from now on, and the following ones of ``times``."""
    slept = PracticeClock.sleep

    def arm(wait: int = 1, *, times: int = 1) -> None:
        waits = 0

        def sleep(clock: PracticeClock, length: timedelta) -> None:
            nonlocal waits
            waits += 1
            if wait <= waits < wait + times:
                raise KeyboardInterrupt
            slept(clock, length)

        monkeypatch.setattr(PracticeClock, "sleep", sleep)

    return arm


@pytest.fixture
def still_unlisted(monkeypatch: pytest.MonkeyPatch) -> Unlisted:
    """The next looks at an instance find nothing yet, as with a slow EC2."""

    def arm(times: int) -> None:
        poll = iter(range(times))
        asked = Ec2Cloud.instance

        def instance(cloud: Ec2Cloud, region: str, instance_id: str) -> Instance:
            if next(poll, None) is not None:
                raise NotFound(f"EC2 does not list {instance_id}")
            return asked(cloud, region, instance_id)

        monkeypatch.setattr(Ec2Cloud, "instance", instance)

    return arm


@pytest.mark.parametrize("wait", [1, 3])
@pytest.mark.one_in(2)
@pytest.mark.soak
def test_while_the_machine_starts_the_launch_is_undone(
    spot: Spot, sandbox: Sandbox, still_unlisted: Unlisted, press_ctrl_c: Press, wait: int
) -> None:
    still_unlisted(5)
    press_ctrl_c(wait)

    up = spot(*UP)

    assert up.code == 130
    assert "giving back what was begun" in up.err
    assert "was given back" in up.error["message"]
    assert account.left(sandbox) == []
    assert spot("down", "train", "--yes").code == 0


def test_while_a_lost_answer_is_asked_for_again_the_launch_is_undone(
    spot: Spot, sandbox: Sandbox, press_ctrl_c: Press
) -> None:
    sandbox.control.fail("RunInstances", "InternalError", http_status=503, after_effect=True)
    press_ctrl_c(1)

    up = spot(*UP)

    assert up.code == 130
    assert account.left(sandbox) == []


def test_twice_says_what_may_be_left_and_how_to_end_it(
    spot: Spot, sandbox: Sandbox, still_unlisted: Unlisted, press_ctrl_c: Press
) -> None:
    still_unlisted(1)
    press_ctrl_c(1, times=2)

    up = spot(*UP)

    assert up.code == 130
    assert "train may still exist" in up.error["message"]
    assert "`spot down train`" in up.error["next_step"]
    assert spot("down", "train", "--yes").code == 0
    assert account.left(sandbox) == []


@pytest.mark.soak
def test_while_a_machine_stops_or_starts_down_still_ends_it(
    spot: Spot, sandbox: Sandbox, still_unlisted: Unlisted, press_ctrl_c: Press
) -> None:
    assert spot(*UP).code == 0
    for verb, *command in (("stop",), ("start",), ("stop",), ("run", "--", "true")):
        still_unlisted(1)
        press_ctrl_c(1)
        answer = spot(verb, "train", "--output", "json", *command)
        assert answer.code == 130
        assert answer.error["kind"] == "interrupted"
        assert "spot ls" in answer.error["next_step"]

    assert spot("down", "train", "--yes").code == 0
    assert account.left(sandbox) == []


@pytest.mark.parametrize("wait", [1, 2])
@pytest.mark.one_in(2)
def test_while_a_machine_ends_the_same_down_can_be_repeated(
    spot: Spot, sandbox: Sandbox, press_ctrl_c: Press, wait: int
) -> None:
    assert spot(*UP).code == 0
    press_ctrl_c(wait)
    assert spot("down", "train", "--yes").code == 130

    down = spot("down", "train", "--yes", "--output", "json")

    assert down.code == 0, down.err
    assert account.left(sandbox) == []


@pytest.mark.parametrize("visibility", [0, 120])
@pytest.mark.parametrize("wait", [1, 3])
@pytest.mark.one_in(4)
@pytest.mark.soak
def test_at_ec2s_pace_a_launch_is_undone_whether_its_ids_are_known_yet_or_not(
    spot: Spot, sandbox: Sandbox, press_ctrl_c: Press, wait: int, visibility: int
) -> None:
    at_ec2s_pace(sandbox, visibility=visibility)
    press_ctrl_c(wait)

    up = spot(*UP)

    assert up.code == 130
    assert account.left(sandbox) == []
    sandbox.control.advance(timedelta(minutes=10))
    assert spot("ls").code == 0
    assert account.left(sandbox) == []
    assert len(lives(sandbox)) == 1


@pytest.mark.soak
def test_at_ec2s_pace_every_wait_can_be_left_and_down_still_ends_it(
    spot: Spot, sandbox: Sandbox, press_ctrl_c: Press
) -> None:
    at_ec2s_pace(sandbox)
    assert spot(*UP).code == 0
    for line in ("stop train", "start train", *2 * ("down train --yes",)):
        press_ctrl_c(1)
        answer = spot(*line.split(), "--output", "json")
        assert (line, answer.code) == (line, 130)

    press_ctrl_c(1, times=0)
    assert spot("down", "train", "--yes").code == 0
    assert account.left(sandbox) == []


@pytest.mark.usefixtures("spot")
def test_a_real_sigint_undoes_a_real_launch(sandbox: Sandbox) -> None:
    sandbox.control.fail(
        "RunInstances", "ServiceUnavailable", times=4, http_status=503, after_effect=True
    )
    line = [sys.executable, "-m", "spotkeeper", *UP]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr is not None
        for told in child.stderr:
            if "asking again" in told:
                os.kill(child.pid, signal.SIGINT)
                break
        rest = child.stderr.read()
        child.wait()

    assert child.returncode == 130, rest
    assert "Traceback" not in rest
    assert account.left(sandbox) == []


def test_at_the_question_nothing_was_begun(
    spot: Spot, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("spotkeeper.cli.up.agreed", interrupted)

    answer = spot("up", "train", "--type", "g5.xlarge")

    assert answer.code == 130
    assert account.left(sandbox) == []
