"""Launching anew: after a token that was used up, and after an instance that ended at once."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes import geography, orders
from tests.fakes.cloud import FakeCloud
from tests.fakes.ec2 import TERMINATED_LISTED
from tests.unit.lifecycle.test_launch import A, Attempt, B, ended_earlier

from spotkeeper.errors import NameTaken, NoCapacity, StaleToken
from spotkeeper.lifecycle.ports import LaunchOrder
from spotkeeper.model.journal_entry import Intent, LaunchRefused
from spotkeeper.model.launch import LaunchToken, client_token
from spotkeeper.model.machine import Instance
from spotkeeper.model.tags import TAG_LAUNCH
from spotkeeper.timings import VISIBILITY_WINDOW

FIRST_TOKEN = client_token(owner=geography.OWNER, name="dev", attempt=1, pool=geography.pool(A))


class Mismatch(FakeCloud):
    """EC2 knows the first token from a call with other parameters, of which nothing is left."""

    def run(self, order: LaunchOrder) -> Instance:
        if order.token == FIRST_TOKEN:
            self.arrives("run", ())
            raise StaleToken("used up", aws_code="IdempotentParameterMismatch")
        return super().run(order)


def elsewhere(cloud: FakeCloud, name: str = "dev", token: LaunchToken = FIRST_TOKEN) -> Instance:
    """Another computer with the same login launches, and its claim is gone."""
    order = orders.order(A, name=name)
    tags = {**order.tags, TAG_LAUNCH: token}
    return cloud.run(replace(order, token=token, tags=tags))


def test_a_token_whose_instance_ended_gives_way_at_once() -> None:
    attempt = Attempt()
    ended_earlier(attempt)
    attempt.cloud.clock.sleep(TERMINATED_LISTED)
    again = Attempt(attempt.cloud)
    began = again.cloud.clock.now()
    again.go(A)
    assert again.cloud.clock.now() - began < timedelta(minutes=1)
    first, second = (e for e in again.journal.read("dev") if isinstance(e, Intent))
    [refused] = (e for e in again.journal.read("dev") if isinstance(e, LaunchRefused))
    assert refused == LaunchRefused(refused.at, geography.REGION, first.token, StaleToken.kind)
    assert first.at < refused.at < second.at
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.claim != second.claim
    assert again.launcher.made.tokens == {second.token}


def test_a_token_of_a_machine_that_is_listed_as_ended_gives_way_at_once() -> None:
    attempt = Attempt()
    instance = elsewhere(attempt.cloud)
    attempt.cloud.cancel(geography.REGION, [str(instance.request_id)])
    attempt.cloud.terminate(geography.REGION, [instance.id])
    attempt.cloud.clock.sleep(timedelta(minutes=3))
    attempt.cloud.ec2.disks.clear()
    began = attempt.cloud.clock.now()
    attempt.go(A)
    assert attempt.cloud.clock.now() - began < timedelta(minutes=1)


def test_a_token_of_what_no_list_shows_gives_way_when_the_window_is_over() -> None:
    attempt = Attempt(Mismatch())
    elsewhere(attempt.cloud, "other", LaunchToken("another"))
    began = attempt.cloud.clock.now()
    attempt.go(A)
    waited = attempt.cloud.clock.now() - began
    assert VISIBILITY_WINDOW <= waited < VISIBILITY_WINDOW + timedelta(minutes=1)


def test_a_token_of_a_machine_that_is_listed_late_is_no_second_machine() -> None:
    attempt = Attempt(FakeCloud(visibility=timedelta(seconds=120)))
    elsewhere(attempt.cloud, "other", LaunchToken("another"))
    instance = elsewhere(attempt.cloud)
    with pytest.raises(NameTaken, match=instance.id):
        attempt.go(A)
    assert len(attempt.cloud.ec2.servers) == 2


def test_after_an_instance_that_ended_at_once_the_launch_goes_on_as_another() -> None:
    attempt = Attempt()
    attempt.prepare(A, B)
    first = attempt.launch()
    attempt.cloud.cancel(geography.REGION, [str(first.request_id)])
    attempt.cloud.terminate(geography.REGION, [first.id])
    attempt.cloud.clock.sleep(timedelta(minutes=3))
    ec2, launcher = attempt.cloud.ec2, attempt.launcher
    ec2.groups.clear()
    ec2.keys.clear()
    ec2.resource_ids.clear()
    [candidate, _] = attempt.plan.candidates
    for _ in range(2):
        launcher.pass_over(candidate, NoCapacity("it ended"), attempt.prerequisites)
        assert (launcher.given, launcher.made.tokens) == ({}, frozenset())
    second = attempt.launch()
    assert second.zone_name == "us-east-1b"
    assert (len(ec2.groups), len(ec2.keys), attempt.runs) == (1, 1, 2)
    assert launcher.given == {geography.REGION: {second.id, second.request_id}}
    assert launcher.made.tokens == {second.tags[TAG_LAUNCH]}
    nonces = {e.claim for e in attempt.journal.read("dev") if isinstance(e, Intent)}
    assert nonces == launcher.made.nonces
    assert len(nonces) == 2


def test_what_was_passed_over_is_named_when_nothing_is_left() -> None:
    attempt = Attempt()
    attempt.prepare(A)
    [candidate] = attempt.plan.candidates
    attempt.launcher.pass_over(candidate, NoCapacity("it ended"), attempt.prerequisites)
    with pytest.raises(NoCapacity, match="it ended"):
        attempt.launch()
