"""EventBridge Scheduler on the sandbox's clock: each schedule is a thing on the agenda.

The schedules themselves are moto's; here is when they fire, and what becomes of it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ec2_sandbox.catalogue import ACCOUNT_ID
from ec2_sandbox.history import HappeningKind
from ec2_sandbox.services.scheduler.schedule_times import Once, parse_timing
from ec2_sandbox.services.scheduler.universal_targets import DONE, Outcome, invoke
from ec2_sandbox.world import world

MOST_RETRIES = 4  # AWS tries up to 185 times in a day; that would only fill the history
FIRST_RETRY = timedelta(minutes=1)  # doubled each time
INSTANT = timedelta(microseconds=1)


@dataclass
class PlannedSchedule:
    """One schedule's place on the agenda.

    ``after`` is the last moment at which it fired, ``failed`` how often in a row the call that is
    being repeated was refused.
    """

    region: str
    group: str
    name: str
    after: datetime
    failed: int = 0
    retry_at: datetime | None = None

    @property
    def agenda_key(self) -> str:
        """As unique as its ARN."""
        return f"schedule|{self.region}|{self.group}|{self.name}"

    def next_due(self, now: datetime) -> datetime | None:
        """The next occurrence or the next try; None when it is over, disabled or deleted."""
        schedule = self._schedule()
        if schedule is None:
            return None
        return self.retry_at or _occurrence(schedule, self.after)

    def fall_due(self) -> None:
        """Call the target, and see whether that was the last time."""
        schedule = self._schedule()
        if schedule is None:
            return
        if self.retry_at is None:
            self.after = world().now
        self._settle(schedule, invoke(schedule.target, self.region))
        is_over = self.retry_at is None and _occurrence(schedule, self.after) is None
        if is_over and schedule.action_after_completion == "DELETE":
            _backend(self.region).delete_schedule(self.group, self.name)

    def _settle(self, schedule: Any, outcome: Outcome) -> None:
        """Tell how it went; plan another try if the policy has one."""
        policy = schedule.target.get("RetryPolicy", {})
        tries = min(policy.get("MaximumRetryAttempts", MOST_RETRIES), MOST_RETRIES)
        oldest = self.after + timedelta(seconds=policy.get("MaximumEventAgeInSeconds", 86_400))
        retry_at = world().now + FIRST_RETRY * 2**self.failed
        again = outcome.may_repeat and self.failed < tries and retry_at <= oldest
        self.failed, self.retry_at = (self.failed + 1, retry_at) if again else (0, None)
        said = outcome.said
        if said != DONE:
            said = f"{said}, to be tried again" if again else f"{said}, dropped"
        facts = {"target": str(schedule.target["Arn"]), "outcome": said}
        world().tell(HappeningKind.SCHEDULE, self.name, self.region, facts)

    def _schedule(self) -> Any:
        """moto's schedule, while there is one that may fire."""
        group = _backend(self.region).schedule_groups.get(self.group)
        schedule = group.schedules.get(self.name) if group else None
        return schedule if schedule and schedule.state == "ENABLED" else None


def _occurrence(schedule: Any, after: datetime) -> datetime | None:
    """The first moment after ``after`` at which the schedule fires."""
    timing = parse_timing(schedule.schedule_expression, schedule.schedule_expression_timezone)
    anchor = _moment(schedule.start_date) or _moment(schedule.last_modified_date) or after
    found = timing.next_after(after, anchor)
    end = None if isinstance(timing, Once) else _moment(schedule.end_date)
    return None if found and end and found > end else found


def _moment(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(float(seconds), UTC) if seconds else None


def _backend(region: str) -> Any:
    from moto.scheduler.models import scheduler_backends

    return scheduler_backends[ACCOUNT_ID][region]


def plan(region: str, group: str, name: str) -> None:
    """A schedule was made or changed: it fires from now on, a rate without a start at once."""
    schedule = _backend(region).schedule_groups[group].schedules[name]
    changed = datetime.fromtimestamp(schedule.last_modified_date, UTC)
    world().plan(PlannedSchedule(region, group, name, after=changed - INSTANT))


def forget(region: str, group: str, name: str) -> None:
    """A schedule was deleted."""
    world().agenda.forget(PlannedSchedule(region, group, name, after=world().now))
