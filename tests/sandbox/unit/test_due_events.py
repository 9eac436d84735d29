from dataclasses import replace

import pytest

from ec2_sandbox.market.pools import Pool
from ec2_sandbox.requests.due_events import View, due_event
from ec2_sandbox.requests.request_states import Event, Situation

QUIET = View(situation=Situation.RUNNING, pool=Pool("us-east-1a", "g5.xlarge"))
EVALUATED = replace(QUIET, situation=Situation.EVALUATING)
WAITING = replace(QUIET, situation=Situation.WAITING)
STOPPED = replace(QUIET, situation=Situation.STOPPED_BY_EC2)
NOTICED = replace(QUIET, situation=Situation.NOTICED)


def test_a_running_machine_is_left_alone() -> None:
    assert due_event(QUIET) is None


@pytest.mark.parametrize(
    ("view", "event"),
    [
        (replace(QUIET, reclaiming=True), Event.RECLAIM),
        (replace(QUIET, reclaiming=True, outbid=True), Event.RECLAIM),
        (replace(QUIET, outbid=True), Event.OUTBID),
        (replace(QUIET, has_expired=True), Event.EXPIRE),
        (replace(NOTICED, notice_is_over=True), Event.INTERRUPT),
        (replace(NOTICED, notice_is_over=True, has_expired=True), Event.INTERRUPT),
        (EVALUATED, Event.FULFIL),
        (replace(EVALUATED, is_early=True), Event.NOT_YET),
        (replace(EVALUATED, is_broken=True), Event.BAD),
        (replace(EVALUATED, obstacle=Event.LIMIT), Event.LIMIT),
        (replace(EVALUATED, situation=Situation.SCHEDULED), Event.VALID),
        (WAITING, Event.FULFIL),
        (replace(WAITING, obstacle=Event.NO_ROOM), Event.NO_ROOM),
        (replace(WAITING, situation=Situation.PLACING), Event.LAUNCH),
        (replace(WAITING, situation=Situation.STARTING), Event.STARTED),
        (STOPPED, Event.FULFIL),
        (replace(STOPPED, root_is_gone=True), Event.ROOT_GONE),
    ],
)
def test_what_falls_due(view: View, event: Event) -> None:
    assert due_event(view) is event


@pytest.mark.parametrize(
    "view",
    [
        replace(QUIET, obstacle=Event.NO_ROOM),
        replace(NOTICED, reclaiming=True),
        replace(EVALUATED, pass_is_over=False),
        replace(EVALUATED, situation=Situation.SCHEDULED, is_early=True),
        replace(WAITING, may_relaunch=False),
        replace(WAITING, obstacle=Event.NO_ROOM, obstacle_is_shown=True),
        replace(WAITING, situation=Situation.PLACING, pass_is_over=False),
        replace(STOPPED, obstacle=Event.NO_ROOM),
        replace(STOPPED, obstacle=Event.OUTBID),
        replace(QUIET, situation=Situation.STOPPED_BY_USER),
        replace(QUIET, situation=Situation.STOPPING_BY_EC2, reclaiming=True),
        replace(QUIET, situation=Situation.ENDED),
    ],
)
def test_what_does_not(view: View) -> None:
    assert due_event(view) is None
