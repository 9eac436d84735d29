"""The lifecycle's ``Schedules`` in memory: they call the fake EC2 when their time has come."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from tests.fakes.cloud import LATENCY, FakeCloud

from spotkeeper.errors import PermissionDenied, Refused
from spotkeeper.model.schedule import Schedule

P = ParamSpec("P")
R = TypeVar("R")


def answered(
    method: Callable[Concatenate["FakeSchedules", P], R],
) -> Callable[Concatenate["FakeSchedules", P], R]:
    """A call over the network: it takes time, may be denied, and its answer may be lost."""
    call = f"{method.__name__} schedule"

    @wraps(method)
    def through(self: "FakeSchedules", /, *args: P.args, **kwargs: P.kwargs) -> R:
        self.cloud.fate.before(call)
        self.cloud.clock.sleep(LATENCY)
        self.cloud.ec2.catch_up()
        if call in self.cloud.denied:
            raise PermissionDenied(f"{call}: not authorized", aws_code="AccessDeniedException")
        if call in self.cloud.refusals:
            raise self.cloud.refusals[call]
        try:
            return method(self, *args, **kwargs)
        finally:
            self.cloud.fate.after(call)

    return through


class FakeSchedules:
    """The schedules of one cloud, which outlive the process that made them."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud = cloud
        self.kept = cloud.ec2.schedules

    @answered
    def arm(self, schedule: Schedule) -> None:
        if schedule.at <= self.cloud.clock.now():
            raise Refused("CreateSchedule: it is past", aws_code="ValidationException")
        key = schedule.region, schedule.name
        born = self.kept[key].created if key in self.kept else self.cloud.clock.now()
        self.kept[key] = replace(schedule, created=born)

    @answered
    def find(self, region: str, name: str) -> Schedule | None:
        return self.kept.get((region, name))

    @answered
    def disarm(self, region: str, name: str) -> None:
        self.kept.pop((region, name), None)

    @answered
    def listed(self, region: str, prefix: str = "") -> tuple[Schedule, ...]:
        """A list may be as old as EC2's."""
        known = (each for (where, _), each in self.kept.items() if where == region)
        here = (each for each in known if self._is_listed(each))
        return tuple(sorted(each for each in here if each.name.startswith(prefix)))

    def fire(self) -> None:
        """Let what is due happen."""
        self.cloud.ec2.catch_up()

    def _is_listed(self, schedule: Schedule) -> bool:
        now = self.cloud.clock.now()
        return now - (schedule.created or now) >= self.cloud.ec2.visibility
