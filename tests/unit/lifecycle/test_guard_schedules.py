"""Arming, moving and removing the schedules of a machine."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes import geography, orders
from tests.fakes.cloud import FakeCloud
from tests.fakes.fate import Crash, Fate, Killed
from tests.fakes.schedules import FakeSchedules

from spotkeeper import timings
from spotkeeper.errors import GuardRoleMissing, PermissionDenied, Refused
from spotkeeper.lifecycle import guard
from spotkeeper.lifecycle.guard_schedules import GuardSchedules, remove
from spotkeeper.lifecycle.presence import machines
from spotkeeper.model.machine import Machine
from spotkeeper.model.schedule import GuardCall, Schedule
from spotkeeper.model.tags import TAG_DEADLINE, TAG_OWNER, tag_time

REGION, OWNER = geography.REGION, geography.OWNER
ROLE = "arn:aws:iam::123456789012:role/spotkeeper-guard"
HOUR = timedelta(hours=1)
TOKEN = "0123456789abcdef"


class Watch:
    """A guarded box, and the one who guards it."""

    def __init__(self, fate: Fate | None = None) -> None:
        self.cloud = FakeCloud()
        self.schedules = FakeSchedules(self.cloud)
        order = orders.order()
        tags = {**order.tags, **guard.guard_tags(ROLE), "spotkeeper:launch": TOKEN}
        self.instance = self.cloud.run(replace(order, tags=tags))
        self.deadline = orders.UNTIL
        self.cloud.fate = fate or Fate()

    @property
    def guard_schedules(self) -> GuardSchedules:
        cloud = self.cloud
        return GuardSchedules(OWNER, schedules=self.schedules, cloud=cloud, clock=cloud.clock)

    @property
    def machine(self) -> Machine:
        """The one that is alive, if any is."""
        found = machines(self.cloud, REGION, OWNER, "dev")
        return max(found, key=lambda machine: machine.alive)

    @property
    def kept(self) -> dict[GuardCall, Schedule]:
        return {each.call: each for each in self.schedules.kept.values()}

    def arm(self) -> None:
        self.guard_schedules.arm(self.instance, self.deadline)


def test_a_launch_is_armed_with_a_pair_that_was_verified() -> None:
    watch = Watch()
    watch.arm()
    cancel, terminate = watch.kept[GuardCall.CANCEL], watch.kept[GuardCall.TERMINATE]
    assert cancel.name == f"dev-{TOKEN[:12]}-cancel"
    assert (cancel.at, cancel.target) == (watch.deadline, watch.instance.request_id)
    assert (terminate.target, terminate.role) == (watch.instance.id, ROLE)
    assert watch.cloud.calls == ["arm schedule", "find schedule"] * 2


def test_a_role_that_is_new_is_waited_for_and_one_that_is_missing_is_told() -> None:
    watch = Watch()
    watch.cloud.refusals["arm schedule"] = GuardRoleMissing("no such role")
    before = watch.cloud.clock.now()
    with pytest.raises(GuardRoleMissing) as caught:
        watch.arm()
    assert "cannot be armed" in caught.value.message
    assert "spot policy guard" in caught.value.next_step
    assert watch.cloud.clock.now() - before < timedelta(seconds=15)
    assert watch.cloud.calls.count("arm schedule") == 3


def test_a_denied_schedule_names_the_policy_that_is_needed() -> None:
    watch = Watch()
    watch.cloud.denied = {"arm schedule"}
    with pytest.raises(PermissionDenied) as caught:
        watch.arm()
    assert "spot policy guard" in caught.value.next_step


def test_a_schedule_that_is_kept_otherwise_is_not_taken_for_armed() -> None:
    watch = Watch()
    watch.schedules.find = lambda region, name: None  # type: ignore[method-assign]
    with pytest.raises(Refused, match="does not keep"):
        watch.arm()


@pytest.mark.parametrize("by", [4 * HOUR, -4 * HOUR], ids=["later", "earlier"])
def test_a_move_that_died_anywhere_leaves_the_earlier_time_and_is_repeated_to_the_same(
    by: timedelta,
) -> None:
    for at in range(10):
        watch = Watch()
        watch.arm()
        old, new = watch.deadline, watch.deadline + by
        machine = watch.machine
        watch.cloud.fate = Killed(at // 2, after=bool(at % 2))
        with pytest.raises(Crash):
            watch.guard_schedules.move(machine, new)
        watch.cloud.fate = Fate()

        kept = watch.kept
        assert kept[GuardCall.CANCEL].at < kept[GuardCall.TERMINATE].at
        assert {each.at for each in kept.values()} <= {
            moment + after
            for moment in (old, new)
            for after in (0 * HOUR, timings.TERMINATE_AFTER)
        }
        told = watch.machine.deadline
        assert told in (old, new)
        if told == new:
            assert kept[GuardCall.TERMINATE].at == new + timings.TERMINATE_AFTER
        else:
            watch.guard_schedules.move(watch.machine, new)
        assert watch.machine.deadline == watch.kept[GuardCall.CANCEL].at == new


def test_a_move_changes_the_tags_of_instance_and_request_in_one_call() -> None:
    watch = Watch()
    watch.arm()
    watch.guard_schedules.move(watch.machine, watch.deadline + HOUR, {"spotkeeper:budget": "none"})
    machine = watch.machine
    assert machine.instance is not None
    assert machine.request is not None
    for resource_id in (machine.instance, machine.request):
        assert resource_id.tags[TAG_DEADLINE] == tag_time(watch.deadline + HOUR)
        assert resource_id.tags["spotkeeper:budget"] == "none"
    assert watch.cloud.calls.count("retag") == 1


def test_a_machine_without_a_deadline_has_no_schedules() -> None:
    watch = Watch()
    watch.arm()
    watch.guard_schedules.move(watch.machine, None)
    assert watch.kept == {}
    assert watch.machine.deadline is None


def test_a_machine_with_its_own_timer_only_never_asks_the_scheduler() -> None:
    cloud = FakeCloud()
    cloud.run(orders.order())
    [machine] = machines(cloud, REGION, OWNER, "dev")
    guard_schedules = GuardSchedules(
        OWNER, schedules=FakeSchedules(cloud), cloud=cloud, clock=cloud.clock
    )
    guard_schedules.move(machine, orders.UNTIL + HOUR)
    assert not [call for call in cloud.calls if "schedule" in call]


def relaunched(watch: Watch) -> None:
    """Somebody ends the instance in the console, and its request launches another one."""
    watch.cloud.terminate(REGION, [watch.instance.id])
    watch.cloud.clock.sleep(timedelta(minutes=5))
    watch.cloud.ec2.catch_up()


def test_the_guard_follows_a_box_to_its_new_instance() -> None:
    watch = Watch()
    watch.arm()
    watch.guard_schedules.move(watch.machine, watch.deadline + HOUR)
    relaunched(watch)
    born = watch.machine
    assert born.instance is not None
    assert born.instance.id != watch.instance.id

    assert watch.guard_schedules.re_aim(born)
    assert not watch.guard_schedules.re_aim(watch.machine)

    assert watch.kept[GuardCall.TERMINATE].target == born.instance.id
    assert watch.machine.deadline == watch.deadline + HOUR
    watch.cloud.clock.sleep(watch.deadline - watch.cloud.clock.now() + 2 * HOUR)
    watch.schedules.fire()
    watch.cloud.clock.sleep(timedelta(minutes=5))
    assert not watch.machine.alive


def test_a_guard_that_fell_away_is_armed_again_before_its_deadline_only() -> None:
    watch = Watch()
    assert watch.guard_schedules.re_aim(watch.machine)
    assert set(watch.kept) == set(GuardCall)

    watch.schedules.kept.clear()
    watch.cloud.clock.sleep(watch.deadline - watch.cloud.clock.now())
    assert not watch.guard_schedules.re_aim(watch.machine)


def test_only_the_owners_schedules_of_the_name_are_removed() -> None:
    watch = Watch()
    watch.arm()
    mine = watch.kept[GuardCall.CANCEL]
    forgotten_requests = [
        replace(mine, name=f"dev-{'f' * 12}-cancel", owner="somebody:else"),
        replace(mine, name=f"dev-2-{TOKEN[:12]}-cancel"),
        replace(mine, name="dev-by-hand"),
    ]
    for each in forgotten_requests:
        watch.schedules.kept[each.region, each.name] = each

    gone = remove(watch.schedules, "dev", REGION, owner=OWNER, known={"never-listed-launch"})

    assert {resource_id.id for resource_id in gone} == {
        f"dev-{TOKEN[:12]}-{call}" for call in GuardCall
    }
    assert {name for _, name in watch.schedules.kept} == {each.name for each in forgotten_requests}


def test_known_schedules_go_although_none_may_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    watch.arm()

    def denied(region: str, prefix: str = "") -> tuple[Schedule, ...]:
        raise PermissionDenied("ListSchedules: not authorized")

    monkeypatch.setattr(watch.schedules, "listed", denied)
    with pytest.raises(PermissionDenied):
        remove(watch.schedules, "dev", REGION, owner=OWNER, known={TOKEN})
    assert watch.schedules.kept == {}


def test_the_schedules_of_another_launch_are_spared() -> None:
    watch = Watch()
    watch.arm()
    other = replace(watch.kept[GuardCall.CANCEL], name=f"dev-{'e' * 12}-cancel")
    watch.schedules.kept[REGION, other.name] = other
    remove(watch.schedules, "dev", REGION, owner=OWNER, only={TOKEN})
    assert list(watch.schedules.kept.values()) == [other]


def test_the_schedules_of_a_machine_are_known_by_their_owner() -> None:
    watch = Watch()
    watch.arm()
    assert {each.owner for each in watch.schedules.kept.values()} == {OWNER}
    assert watch.machine.tags[TAG_OWNER] == OWNER
