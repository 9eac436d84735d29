from dataclasses import replace

import pytest

from ec2_sandbox.market.pools import Pool
from ec2_sandbox.spot_requests.due_events import View, due_event
from ec2_sandbox.spot_requests.request_states import RequestEvent, Situation

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
        (replace(QUIET, reclaiming=True), RequestEvent.RECLAIM),
        (replace(QUIET, reclaiming=True, outbid=True), RequestEvent.RECLAIM),
        (replace(QUIET, outbid=True), RequestEvent.OUTBID),
        (replace(QUIET, has_expired=True), RequestEvent.EXPIRE),
        (replace(NOTICED, notice_is_over=True), RequestEvent.INTERRUPT),
        (replace(NOTICED, notice_is_over=True, has_expired=True), RequestEvent.INTERRUPT),
        (EVALUATED, RequestEvent.FULFIL),
        (replace(EVALUATED, is_early=True), RequestEvent.NOT_YET),
        (replace(EVALUATED, is_broken=True), RequestEvent.BAD),
        (replace(EVALUATED, obstacle=RequestEvent.LIMIT), RequestEvent.LIMIT),
        (replace(EVALUATED, situation=Situation.SCHEDULED), RequestEvent.VALID),
        (WAITING, RequestEvent.FULFIL),
        (replace(WAITING, obstacle=RequestEvent.NO_ROOM), RequestEvent.NO_ROOM),
        (replace(WAITING, situation=Situation.PLACING), RequestEvent.LAUNCH),
        (replace(WAITING, situation=Situation.STARTING), RequestEvent.STARTED),
        (STOPPED, RequestEvent.FULFIL),
        (replace(STOPPED, root_is_gone=True), RequestEvent.ROOT_GONE),
    ],
)
def test_what_falls_due(view: View, event: RequestEvent) -> None:
    assert due_event(view) is event


@pytest.mark.parametrize(
    "view",
    [
        replace(QUIET, obstacle=RequestEvent.NO_ROOM),
        replace(NOTICED, reclaiming=True),
        replace(EVALUATED, pass_is_over=False),
        replace(EVALUATED, situation=Situation.SCHEDULED, is_early=True),
        replace(WAITING, may_relaunch=False),
        replace(WAITING, obstacle=RequestEvent.NO_ROOM, obstacle_is_shown=True),
        replace(WAITING, situation=Situation.PLACING, pass_is_over=False),
        replace(STOPPED, obstacle=RequestEvent.NO_ROOM),
        replace(STOPPED, obstacle=RequestEvent.OUTBID),
        replace(QUIET, situation=Situation.STOPPED_BY_USER),
        replace(QUIET, situation=Situation.STOPPING_BY_EC2, reclaiming=True),
        replace(QUIET, situation=Situation.ENDED),
    ],
)
def test_what_does_not(view: View) -> None:
    assert due_event(view) is None
