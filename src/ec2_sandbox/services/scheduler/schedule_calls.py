"""The API of EventBridge Scheduler: moto's, with AWS's checks, in step with the agenda.

Imports moto's Scheduler, so it is imported only when somebody calls that.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import moto.scheduler.urls
from moto.core.exceptions import JsonRESTError
from moto.scheduler.exceptions import ScheduleGroupNotFound, ValidationException
from moto.scheduler.responses import EventBridgeSchedulerResponse

from ec2_sandbox.services.scheduler import schedules
from ec2_sandbox.services.scheduler.schedule_times import BadExpression, Once, parse_timing
from ec2_sandbox.services.scheduler.universal_targets import UNIVERSAL
from ec2_sandbox.world import world

NAME = re.compile(r"[0-9a-zA-Z_.-]{1,64}")
CHOICES: Mapping[str, tuple[str | None, ...]] = {
    "State": (None, "ENABLED", "DISABLED"),
    "ActionAfterCompletion": (None, "NONE", "DELETE"),
}


class SandboxSchedulerResponse(EventBridgeSchedulerResponse):  # type: ignore[misc]
    """One call of the Scheduler API."""

    def create_schedule(self) -> str:
        """Checked and planned; the same client token again is the same schedule."""
        group, name = self._checked()
        token = self._get_param("ClientToken")
        known = group.schedules.get(name)
        if known and token and getattr(known, "client_token", None) == token:
            return json.dumps({"ScheduleArn": known.arn})
        answer: str = super().create_schedule()
        group.schedules[name].client_token = token
        schedules.plan(self.region, group.name, name)
        return answer

    def update_schedule(self) -> str:
        """Every field is replaced, those that are left out too."""
        group, name = self._checked()
        answer: str = super().update_schedule()
        schedule = group.schedules[name]
        schedule.state = self._get_param("State") or "ENABLED"
        schedule.action_after_completion = self._get_param("ActionAfterCompletion")
        schedules.plan(self.region, group.name, name)
        return answer

    def delete_schedule(self) -> str:
        """It does not fire any more."""
        answer: str = super().delete_schedule()
        group = self._get_param("groupName") or "default"
        schedules.forget(self.region, group, self._name())
        return answer

    def create_schedule_group(self) -> str:
        """moto would empty the group of that name."""
        if self._name() in self.scheduler_backend.schedule_groups:
            raise GroupExists(self._name())
        answer: str = super().create_schedule_group()
        return answer

    def delete_schedule_group(self) -> str:
        """With every schedule in it."""
        group = self.scheduler_backend.get_schedule_group(self._name())
        if group.name == "default":
            raise ValidationException("Default schedule group cannot be deleted.")
        for name in group.schedules:
            schedules.forget(self.region, group.name, name)
        answer: str = super().delete_schedule_group()
        return answer

    def _name(self) -> str:
        return str(self.uri.split("?")[0].rstrip("/").split("/")[-1])

    def _checked(self) -> tuple[Any, str]:
        """The group and the name of a schedule that AWS would take."""
        name, group_name = self._name(), self._get_param("GroupName") or "default"
        if not NAME.fullmatch(name):
            raise _invalid(name, "name", "must match [0-9a-zA-Z-_.]+ and have at most 64 letters")
        for key, allowed in CHOICES.items():
            if self._get_param(key) not in allowed:
                raise _invalid(self._get_param(key), key, f"must be one of {list(allowed[1:])}")
        _check_window(self._get_param("FlexibleTimeWindow") or {})
        _check_target(self._get_param("Target") or {})
        self._check_timing()
        group = self.scheduler_backend.schedule_groups.get(group_name)
        if group is None:
            raise ScheduleGroupNotFound(group_name)
        return group, name

    def _check_timing(self) -> None:
        expression = self._get_param("ScheduleExpression") or ""
        try:
            timing = parse_timing(
                expression, self._get_param("ScheduleExpressionTimezone") or "UTC"
            )
        except BadExpression as bad:
            raise ValidationException(str(bad)) from None
        if isinstance(timing, Once) and timing.moment <= world().now:
            raise ValidationException(f"Invalid Schedule Expression {expression}: it is past.")


class GroupExists(JsonRESTError):  # type: ignore[misc]
    """A schedule group of the name exists."""

    code = 409

    def __init__(self, name: str) -> None:
        super().__init__("ConflictException", f"Schedule group {name} already exists.")


def _check_window(window: Mapping[str, Any]) -> None:
    minutes = window.get("MaximumWindowInMinutes")
    if window.get("Mode") not in {"OFF", "FLEXIBLE"}:
        raise _invalid(window.get("Mode"), "flexibleTimeWindow.mode", "must be OFF or FLEXIBLE")
    if (window["Mode"] == "FLEXIBLE") is not bool(minutes):
        raise _invalid(
            minutes, "flexibleTimeWindow.maximumWindowInMinutes", "goes with FLEXIBLE only"
        )


def _check_target(target: Mapping[str, Any]) -> None:
    arn = str(target.get("Arn", ""))
    if not arn.startswith("arn:") or not target.get("RoleArn"):
        raise _invalid(arn, "target", "must have an Arn and a RoleArn")
    if UNIVERSAL.fullmatch(arn):
        try:
            given = json.loads(target.get("Input") or "{}")
        except ValueError:
            given = None
        if not isinstance(given, dict):
            raise _invalid(target.get("Input"), "target.input", "must be a JSON object")


def _invalid(value: Any, where: str, constraint: str) -> ValidationException:
    return ValidationException(
        f"1 validation error detected: Value '{value}' at '{where}' failed to satisfy constraint: "
        f"Member {constraint}"
    )


def install() -> None:
    """Make moto's Scheduler answer with this class."""
    for path in moto.scheduler.urls.url_paths:
        moto.scheduler.urls.url_paths[path] = SandboxSchedulerResponse.dispatch
