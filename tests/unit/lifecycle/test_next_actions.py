"""Deciding from one look what ends next. Pure."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.lifecycle.ports import Observation
from spotkeeper.lifecycle.region_ending import VOLUME_LEAVING, Actions, next_actions
from spotkeeper.model.disk import Disk
from spotkeeper.model.machine import Instance, InstanceState, Volume
from spotkeeper.model.spot_request import RequestState, SpotRequest

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
REGION = "us-east-1"


def instance(id_: str, state: InstanceState, request_id: str | None = None) -> Instance:
    return Instance(id_, REGION, "us-east-1a", "m5.large", state, AT, request_id=request_id)


def request(
    id_: str, state: RequestState, code: str = "fulfilled", instance_id: str | None = None
) -> SpotRequest:
    return SpotRequest(
        id_,
        REGION,
        state,
        code,
        AT,
        persistent=True,
        interruption_behavior="stop",
        created_at=AT,
        instance_id=instance_id,
    )


def volume(id_: str, state: str) -> Volume:
    return Volume(id_, REGION, state, Disk("gp3", 100))


def test_nothing_seen_is_nothing_to_do() -> None:
    assert next_actions(Observation(REGION), ()).none


def test_a_running_box_is_cancelled_and_terminated_and_its_disk_waited_for() -> None:
    seen = Observation(
        REGION,
        (instance("i-1", InstanceState.RUNNING, "sir-1"),),
        (request("sir-1", RequestState.ACTIVE),),
    )
    actions = next_actions(seen, [volume("vol-1", "in-use")])
    assert actions.cancel == ("sir-1",)
    assert actions.terminate == ("i-1",)
    assert [resource_id.id for resource_id in actions.wait_for] == ["vol-1"]
    assert actions.delete_volumes == ()


def test_a_request_that_only_its_instance_names_is_cancelled() -> None:
    seen = Observation(REGION, (instance("i-1", InstanceState.RUNNING, "sir-9"),))
    actions = next_actions(seen, ())
    assert actions.cancel == ("sir-9",)
    assert actions.terminate == ("i-1",)
    assert [instance.id for instance in actions.unpaired] == ["i-1"]


def test_an_instance_whose_request_is_listed_or_that_has_none_is_not_unpaired() -> None:
    seen = Observation(
        REGION,
        (
            instance("i-1", InstanceState.RUNNING, "sir-1"),
            instance("i-2", InstanceState.RUNNING, "sir-2"),
            instance("i-3", InstanceState.RUNNING),
            instance("i-4", InstanceState.TERMINATED, "sir-4"),
        ),
        (request("sir-1", RequestState.ACTIVE), request("sir-2", RequestState.CANCELLED)),
    )
    assert next_actions(seen, ()).unpaired == ()


def test_an_open_request_without_an_instance_is_cancelled() -> None:
    seen = Observation(REGION, (), (request("sir-1", RequestState.OPEN),))
    assert next_actions(seen, ()).cancel == ("sir-1",)


def test_a_cancelled_request_is_not_cancelled_again() -> None:
    seen = Observation(
        REGION,
        (instance("i-1", InstanceState.RUNNING, "sir-1"),),
        (request("sir-1", RequestState.CANCELLED),),
    )
    actions = next_actions(seen, ())
    assert actions.cancel == ()
    assert actions.terminate == ("i-1",)


def test_a_cancelled_request_whose_instance_still_runs_is_not_nothing() -> None:
    running = "request-canceled-and-instance-running"
    seen = Observation(REGION, (), (request("sir-1", RequestState.CANCELLED, running, "i-1"),))
    assert not next_actions(seen, ()).none


def test_requests_that_are_over_are_nothing() -> None:
    seen = Observation(
        REGION,
        (instance("i-1", InstanceState.TERMINATED, "sir-1"),),
        (
            request("sir-1", RequestState.CANCELLED, "instance-terminated-by-user", "i-1"),
            request("sir-2", RequestState.CLOSED, "instance-terminated-by-user"),
            request("sir-3", RequestState.FAILED, "bad-parameters"),
            request("sir-4", RequestState.CANCELLED, "canceled-before-fulfillment"),
        ),
    )
    assert next_actions(seen, ()).none


def test_a_shutting_down_instance_is_waited_for() -> None:
    seen = Observation(REGION, (instance("i-1", InstanceState.SHUTTING_DOWN),))
    actions = next_actions(seen, ())
    assert not actions.none
    assert actions.terminate == ()
    assert [resource_id.id for resource_id in actions.wait_for] == ["i-1"]


def test_a_disk_is_deleted_once_it_is_free() -> None:
    disks = [volume("a", "available"), volume("b", "in-use"), volume("c", "deleting")]
    actions = next_actions(Observation(REGION), disks)
    assert actions.delete_volumes == ("a",)
    assert [resource_id.id for resource_id in actions.wait_for] == ["b"]


IDS = st.integers(0, 5)
INSTANCES = st.builds(
    instance,
    IDS.map("i-{}".format),
    st.sampled_from(InstanceState),
    st.none() | IDS.map("sir-{}".format),
)
REQUESTS = st.builds(request, IDS.map("sir-{}".format), st.sampled_from(RequestState))
VOLUMES = st.builds(
    volume,
    IDS.map("vol-{}".format),
    st.sampled_from(["creating", "available", "in-use", "deleting", "deleted", "error"]),
)
LOOKS = st.builds(
    Observation,
    st.just(REGION),
    st.lists(INSTANCES, max_size=4, unique_by=lambda each: each.id).map(tuple),
    st.lists(REQUESTS, max_size=4, unique_by=lambda each: each.id).map(tuple),
)
DISKS = st.lists(VOLUMES, max_size=4, unique_by=lambda each: each.id)


@given(seen=LOOKS, disks=DISKS)
def test_everything_that_costs_is_acted_upon_or_waited_for(
    seen: Observation, disks: list[Volume]
) -> None:
    actions = next_actions(seen, disks)
    handled = {
        *actions.cancel,
        *actions.terminate,
        *actions.delete_volumes,
        *(resource_id.id for resource_id in actions.wait_for),
    }
    assert {each.id for each in seen.instances if not each.ended} <= set(actions.terminate)
    assert {each.id for each in seen.requests if each.cancellable} <= set(actions.cancel)
    assert {each.id for each in disks if each.state not in VOLUME_LEAVING} <= handled


@given(seen=LOOKS, disks=DISKS)
def test_no_instance_is_terminated_whose_request_may_relaunch_it_uncancelled(
    seen: Observation, disks: list[Volume]
) -> None:
    actions = next_actions(seen, disks)
    over = {each.id for each in seen.requests if not each.cancellable}
    for each in seen.instances:
        if each.id in actions.terminate and each.request_id and each.request_id not in over:
            assert each.request_id in actions.cancel


@given(seen=LOOKS, disks=DISKS)
def test_only_free_disks_are_deleted_and_nothing_twice(
    seen: Observation, disks: list[Volume]
) -> None:
    actions = next_actions(seen, disks)
    free = {each.id for each in disks if each.state == "available"}
    assert set(actions.delete_volumes) == free
    assert len(set(actions.cancel)) == len(actions.cancel)
    assert len(set(actions.terminate)) == len(actions.terminate)


@given(seen=LOOKS, disks=DISKS)
def test_the_same_look_gives_the_same_decision(seen: Observation, disks: list[Volume]) -> None:
    assert next_actions(seen, disks) == next_actions(seen, disks)
    assert Actions().none
