from dataclasses import replace

import pytest

from spotkeeper.sandbox.requests.due_events import View, due_event
from spotkeeper.sandbox.requests.request_states import Event, Situation

QUIET = View(
    situation=Situation.RUNNING,
    status_code="fulfilled",
    notice_is_over=False,
    has_expired=False,
    may_relaunch=True,
    dry=False,
    reclaiming=False,
    outbid=False,
)


def test_a_running_machine_is_left_alone() -> None:
    assert due_event(QUIET) is None


@pytest.mark.parametrize(
    ("view", "event"),
    [
        (replace(QUIET, reclaiming=True, dry=True), Event.RECLAIM),
        (replace(QUIET, outbid=True), Event.OUTBID),
        (replace(QUIET, has_expired=True), Event.EXPIRE),
        (replace(QUIET, situation=Situation.NOTICED, notice_is_over=True), Event.INTERRUPT),
        (replace(QUIET, situation=Situation.WAITING), Event.FULFIL),
        (replace(QUIET, situation=Situation.WAITING, dry=True), Event.NO_ROOM),
        (replace(QUIET, situation=Situation.WAITING, outbid=True), Event.OUTBID),
        (replace(QUIET, situation=Situation.STOPPED_BY_EC2), Event.FULFIL),
    ],
)
def test_what_falls_due(view: View, event: Event) -> None:
    assert due_event(view) is event


@pytest.mark.parametrize(
    "view",
    [
        replace(QUIET, dry=True),
        replace(QUIET, situation=Situation.NOTICED, reclaiming=True),
        replace(QUIET, situation=Situation.WAITING, may_relaunch=False),
        replace(
            QUIET, situation=Situation.WAITING, dry=True, status_code="capacity-not-available"
        ),
        replace(QUIET, situation=Situation.STOPPED_BY_EC2, dry=True),
        replace(QUIET, situation=Situation.STOPPED_BY_USER),
        replace(QUIET, situation=Situation.ENDED, has_expired=True),
    ],
)
def test_what_does_not(view: View) -> None:
    assert due_event(view) is None
