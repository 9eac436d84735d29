"""A machine: how it is joined from two lists, and what is said of it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.make import NOON, instance, request

from spotkeeper.model.machine import DOING, Instance, InstanceState, Kind, Machine, pair
from spotkeeper.model.spot_request import CANCELLABLE, STATUS_WORDS, RequestState, SpotRequest
from spotkeeper.model.tags import TAG_DEADLINE, tag_time

REQUEST_IDS = st.sampled_from(["sir-1", "sir-2", "sir-3", None])


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Instance], list[SpotRequest]]:
    """Instances and requests as EC2 lists them; a persistent request may have had several."""
    owners = draw(st.lists(REQUEST_IDS, max_size=5))
    instances = [instance(f"i-{n}", request_id=owner) for n, owner in enumerate(owners)]
    ids = draw(st.sets(st.sampled_from(["sir-1", "sir-2", "sir-3"])))
    latest = {one.request_id: one.id for one in instances}
    return instances, [request(id_, instance_id=latest.get(id_)) for id_ in sorted(ids)]


@given(world=worlds())
def test_every_thing_is_in_exactly_one_machine(
    world: tuple[list[Instance], list[SpotRequest]],
) -> None:
    machines = pair(*world)
    assert sorted(m.instance.id for m in machines if m.instance) == [i.id for i in world[0]]
    assert sorted(m.request.id for m in machines if m.request) == [r.id for r in world[1]]
    assert all(m.instance or m.request for m in machines)


def test_an_instance_is_joined_to_its_own_request() -> None:
    (machine,) = pair([instance()], [request()])
    assert machine.instance is not None
    assert machine.request is not None


def test_a_request_that_launched_again_belongs_to_its_latest_instance() -> None:
    old = instance("i-1", state=InstanceState.TERMINATED)
    machines = pair([old, instance("i-2")], [request(instance_id="i-2")])
    joined = {m.instance.id: m.request for m in machines if m.instance}
    assert joined["i-2"] is not None
    assert joined["i-1"] is None


def test_machines_are_ordered_by_name() -> None:
    named = [instance(f"i-{n}", request_id=None, tags={"spotkeeper:name": n}) for n in "cab"]
    assert [machine.name for machine in pair(named, [])] == ["a", "b", "c"]


@pytest.mark.parametrize("code", STATUS_WORDS)
def test_every_status_is_told_in_words_with_its_time_and_no_braces(code: str) -> None:
    told = Machine(None, request(status_code=code)).summary()
    assert told == STATUS_WORDS[code].format(at="12:00")
    assert "{" not in told


@pytest.mark.parametrize(
    ("before_s", "told"),
    [
        (0, "stopped at its deadline 12:00"),
        (60, "stopped at its deadline 12:00"),
        (-60, "stopped by you 12:00"),
        (3600, "stopped by you 12:00"),
        (None, "stopped by you 12:00"),
    ],
)
def test_who_stopped_at_its_deadline_was_stopped_by_its_guard(
    before_s: int | None, told: str
) -> None:
    gone = request(status_code="instance-stopped-by-user")
    deadline = None if before_s is None else gone.status_since - timedelta(seconds=before_s)
    tags = {TAG_DEADLINE: tag_time(deadline)}
    assert Machine(instance(state=InstanceState.STOPPED, tags=tags), gone).summary() == told


def test_an_unknown_status_is_told_as_ec2_says_it() -> None:
    assert Machine(instance(), request(status_code="brand-new-code")).summary() == "brand-new-code"


@pytest.mark.parametrize("state", InstanceState)
def test_a_fulfilled_machine_is_in_the_state_of_its_instance_in_plain_words(
    state: InstanceState,
) -> None:
    assert Machine(instance(state=state), request()).summary() == DOING[state]


@pytest.mark.parametrize("state", [InstanceState.STOPPING, InstanceState.SHUTTING_DOWN])
@pytest.mark.parametrize("code", ["marked-for-stop", "instance-terminated-by-user"])
def test_whoever_leaves_is_leaving_whatever_the_request_says(
    state: InstanceState, code: str
) -> None:
    machine = Machine(instance(state=state), request(status_code=code))
    assert machine.summary() == DOING[state]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (InstanceState.STOPPING, "Server.SpotInstanceShutdown"),
        (InstanceState.SHUTTING_DOWN, "Server.SpotInstanceTermination"),
    ],
)
def test_an_interruption_is_told_while_it_lasts(state: InstanceState, reason: str) -> None:
    leaving = instance(state=state, state_reason=reason)
    assert Machine(leaving, request()).summary() == f"{DOING[state]}, interrupted by EC2"
    after = instance(state=InstanceState.RUNNING, state_reason=reason)
    assert Machine(after, request()).summary() == "running"


def test_a_start_tells_what_ec2_does_with_its_request() -> None:
    starting = instance(state=InstanceState.PENDING)
    told = Machine(starting, request(status_code="pending-evaluation")).summary()
    assert told == "starting: EC2 is looking at the request"
    assert Machine(starting, request(status_code="fulfilled")).summary() == "starting"
    late = Machine(starting, request(status_code="instance-stopped-no-capacity"))
    assert late.summary() == "starting"
    assert Machine(instance(), request(status_code="pending-evaluation")).summary() == "running"


@pytest.mark.parametrize("state", [InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED])
def test_an_open_request_of_an_ended_instance_warns_of_the_next_one(state: InstanceState) -> None:
    ended = instance(state=state)
    code = "instance-terminated-by-user"
    again = Machine(ended, request(state=RequestState.OPEN, status_code=code))
    assert again.summary().endswith("; its request launches another one")
    over = Machine(ended, request(state=RequestState.CANCELLED, status_code=code))
    assert "another" not in over.summary()


def test_a_once_machine_in_its_last_two_minutes_is_not_said_to_be_gone() -> None:
    code = "instance-terminated-no-capacity"
    machine = Machine(instance(), request(state=RequestState.CLOSED, status_code=code))
    assert machine.summary() == "EC2 will end it within two minutes (notice 12:00)"


def test_a_machine_that_shuts_down_is_present_and_not_alive() -> None:
    over = request(state=RequestState.CANCELLED)
    leaving = Machine(instance(state=InstanceState.SHUTTING_DOWN), over)
    assert (leaving.present, leaving.alive) == (True, False)
    gone = Machine(instance(state=InstanceState.TERMINATED), over)
    assert (gone.present, gone.alive) == (False, False)
    assert Machine(instance(), over).present


def test_a_machine_without_a_request_is_in_the_state_of_its_instance() -> None:
    assert Machine(instance(state=InstanceState.STOPPED), None).summary() == "stopped"


@pytest.mark.parametrize("code", ["marked-for-stop", "marked-for-termination"])
def test_a_notice_is_told_while_the_instance_still_runs(code: str) -> None:
    assert "notice 12:00" in Machine(instance(), request(status_code=code)).summary()


def test_a_cancelled_request_says_that_its_instance_still_runs() -> None:
    code = "request-canceled-and-instance-running"
    assert "still runs" in Machine(instance(), request(status_code=code)).summary()


@pytest.mark.parametrize("state", [InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED])
def test_an_ended_instance_is_never_said_to_run(state: InstanceState) -> None:
    code = "request-canceled-and-instance-running"
    assert Machine(instance(state=state), request(status_code=code)).summary() == DOING[state]


def test_the_kind_is_read_from_the_tag_and_else_from_the_request() -> None:
    tagged = instance(tags={"spotkeeper:kind": "once"})
    assert Machine(tagged, request()).kind is Kind.ONCE
    assert Machine(instance(), request()).kind is Kind.BOX
    assert Machine(instance(), request(persistent=False)).kind is Kind.ONCE
    assert Machine(instance(tags={"spotkeeper:kind": "?"}), None).kind is Kind.ONCE


def test_a_request_alone_has_tags_zone_type_and_region() -> None:
    machine = Machine(None, request(tags={"spotkeeper:name": "train", "spotkeeper:launch": "t"}))
    assert (machine.name, machine.launch, machine.region) == ("train", "t", "us-east-1")
    assert (machine.zone_name, machine.instance_type) == ("us-east-1a", "g5.xlarge")
    assert machine.state is None


def test_the_tags_of_the_request_count_where_the_instance_has_none() -> None:
    assert Machine(instance(), request(tags={"spotkeeper:name": "train"})).name == "train"


def test_login_and_deadline_come_from_the_tags() -> None:
    told = {"spotkeeper:user": "ubuntu", "spotkeeper:deadline": "2026-11-23T12:00:00Z"}
    assert Machine(instance(tags=told), None).login == "ubuntu"
    assert Machine(instance(tags=told), None).deadline == NOON
    assert Machine(instance(), None).login == "ec2-user"
    assert Machine(instance(tags={"spotkeeper:deadline": "never"}), None).deadline is None


@pytest.mark.parametrize("state", RequestState)
def test_a_machine_is_alive_while_its_request_may_launch(state: RequestState) -> None:
    ended = instance(state=InstanceState.TERMINATED)
    assert Machine(ended, request(state=state)).alive == (state in CANCELLABLE)
    assert Machine(instance(), request(state=state)).alive


def test_a_stopped_instance_is_alive_and_a_terminated_one_is_not() -> None:
    assert Machine(instance(state=InstanceState.STOPPED), None).alive
    assert not Machine(instance(state=InstanceState.TERMINATED), None).alive
