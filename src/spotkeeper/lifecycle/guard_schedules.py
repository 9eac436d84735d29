"""Arm, move and remove the guard outside of a machine: its pair of schedules."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from spotkeeper.errors import GuardRoleMissing, PermissionDenied, Refused, SpotkeeperError
from spotkeeper.lifecycle import guard
from spotkeeper.lifecycle.guard import Guarded
from spotkeeper.lifecycle.ports import Clock, Cloud, Schedules
from spotkeeper.model.machine import Instance, Machine
from spotkeeper.model.resource import ResourceId
from spotkeeper.model.schedule import GuardCall, Schedule
from spotkeeper.model.tags import TAG_DEADLINE, parse_tag_time, tag_time
from spotkeeper.timings import SCHEDULE_PAUSES

ASK_FOR = "Ask for the permissions that `spot policy guard` prints, or leave --guard out."


class GuardSchedules:
    """Keeps the schedules of one owner's machines in step with their deadlines."""

    def __init__(self, owner: str, *, schedules: Schedules, cloud: Cloud, clock: Clock) -> None:
        self._owner = owner
        self._schedules = schedules
        self._cloud = cloud
        self._clock = clock

    def arm(self, instance: Instance, deadline: datetime) -> None:
        """Make the schedules of an instance that was launched a moment ago, and verify them.

        Raises:
            GuardRoleMissing: the Scheduler may not take on the role.
            SpotkeeperError: the guard is not armed, and the launch must be undone.
        """
        try:
            self._write(guard.guarded(Machine(instance, None), self._owner), deadline, None)
        except PermissionDenied as denied:
            known = isinstance(denied, GuardRoleMissing)
            raise type(denied)(
                f"The guard cannot be armed: {denied.message}",
                next_step=denied.next_step if known else ASK_FOR,
                region=instance.region,
                aws_code=denied.aws_code,
            ) from denied

    def move(
        self, machine: Machine, deadline: datetime | None, tags: Mapping[str, str] | None = None
    ) -> None:
        """Give a machine another deadline, and other tags with it.

        The tags come last: they are what a repeat starts from, so that whoever died in between
        moves the deadline to the same time again, and not twice. Until then the earlier of both
        times counts.

        Raises:
            SpotkeeperError: the deadline is the old one, for a part of the guard at least.
        """
        if guard.is_guarded(machine.tags):
            if deadline is None:
                known = frozenset({machine.launch})
                remove(
                    self._schedules, machine.name, machine.region, owner=self._owner, known=known
                )
            else:
                self._write(guard.guarded(machine, self._owner), deadline, machine.deadline)
        instance, request = machine.instance, machine.request
        behind = request.id if request else instance and instance.request_id
        ids = [each for each in (instance and instance.id, behind) if each]
        moved = {TAG_DEADLINE: tag_time(deadline), **(tags or {})}
        self._cloud.retag(machine.region, ids, moved)

    def re_aim(self, machine: Machine) -> bool:
        """Let the schedules end the instance that the request has now; whether they did not.

        A request launches another instance where its first was ended by others than EC2. That one
        carries the tags that the first was launched with, if any: those of the request are newer.
        What is due already is left alone.
        """
        if machine.instance is None or machine.request is None:
            return False
        tags = {k: v for k, v in machine.request.tags.items() if not k.startswith("aws:")}
        deadline, now = parse_tag_time(tags.get(TAG_DEADLINE)), self._clock.now()
        if deadline is None or deadline <= now:
            return False
        what = guard.guarded(Machine(machine.instance, machine.request), self._owner)
        _, wanted = guard.schedules(what, deadline, now)
        kept = self._schedules.find(what.region, wanted.name)
        if kept is not None and kept.target == what.instance_id:
            return False
        self._cloud.retag(what.region, [what.instance_id], tags)
        self._write(what, deadline, None)
        return True

    def _write(self, what: Guarded, deadline: datetime, present: datetime | None) -> None:
        pair = guard.schedules(what, deadline, self._clock.now())
        for schedule in guard.in_safe_order(pair, present):
            self._armed(schedule)
            self._verify(schedule)

    def _armed(self, schedule: Schedule) -> None:
        for pause in SCHEDULE_PAUSES:
            try:
                return self._schedules.arm(schedule)
            except GuardRoleMissing:
                self._clock.sleep(pause)
        return self._schedules.arm(schedule)

    def _verify(self, schedule: Schedule) -> None:
        for pause in (*SCHEDULE_PAUSES, timedelta(0)):
            if self._schedules.find(schedule.region, schedule.name) == schedule:
                return
            self._clock.sleep(pause)
        raise Refused(
            f"EventBridge Scheduler does not keep {schedule.name} as it was made",
            region=schedule.region,
        )


def remove(
    schedules: Schedules,
    name: str,
    region: str,
    *,
    owner: str,
    known: Collection[str] = (),
    only: Collection[str] | None = None,
) -> list[ResourceId]:
    """Delete an owner's schedules of a name; gives those that AWS listed.

    Those of ``known`` launches, given by their tokens, are deleted whether they are listed or not:
    a list may be a moment old, or denied. ``only`` spares the other launches of the name.

    Raises:
        SpotkeeperError: one cannot be deleted, or others than the known cannot be listed.
    """
    parts = None if only is None else {launch[: guard.TOKEN_PART] for launch in only}
    meant = known if only is None else set(known) & set(only)
    names = {guard.schedule_name(name, launch, call) for launch in meant for call in GuardCall}
    listed: list[Schedule] = []
    unlisted: SpotkeeperError | None = None
    try:
        listed += (
            schedule
            for schedule in schedules.listed(region, f"{name}-")
            if schedule.owner == owner and _is_of(schedule.name, name, parts)
        )
    except SpotkeeperError as refusal:
        unlisted = refusal
    # The one that terminates goes first: left alone it would make a request launch another one.
    for each in sorted(names | {schedule.name for schedule in listed}, reverse=True):
        schedules.disarm(region, each)
    if unlisted:
        raise unlisted
    return [guard.resource_id_of(schedule) for schedule in listed]


def _is_of(schedule: str, name: str, parts: Collection[str] | None) -> bool:
    found = guard.parts_of(schedule)
    return found is not None and found[0] == name and (parts is None or found[1] in parts)
