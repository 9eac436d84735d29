"""Fault Injection Service's interruption of Spot instances; moto keeps templates and experiments.

The action ``aws:ec2:send-spot-instance-interruptions`` (FIS guide, fis-actions-reference): a
rebalance recommendation at once, the notice two minutes before the interruption.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import moto.fis.models
from moto.core.exceptions import JsonRESTError

from ec2_sandbox.agenda import Alarm
from ec2_sandbox.spot_requests.due_events import NOTICED, RUNNING
from ec2_sandbox.spot_requests.endings import interrupt_request
from ec2_sandbox.spot_requests.spot_requests import SpotRequest
from ec2_sandbox.world import spot_requests, world

ACTION, TARGET, KIND = (
    "aws:ec2:send-spot-instance-interruptions",
    "SpotInstances",
    "aws:ec2:spot-instance",
)
SECONDS = re.compile(r"PT(?:(\d+)M)?(?:(\d+)S)?")
SELECTION = re.compile(r"(?:(?P<how>COUNT|PERCENT)\((?P<number>\d+)\)|ALL)")
NOTICE, LONGEST = timedelta(minutes=2), timedelta(minutes=15)

_start = moto.fis.models.FISBackend.start_experiment


def install() -> None:
    """Let an experiment that starts have its effect."""
    moto.fis.models.FISBackend.start_experiment = _start_experiment


def _start_experiment(backend: Any, **asked: Any) -> Any:
    template = backend.experiment_templates.get(asked["experiment_template_id"])
    known = set(backend.experiments)
    started = _start(backend, **asked)
    if template and started["id"] not in known:
        for action in template.actions.values():
            _act(action, template.targets or {}, backend.region_name)
    return started


def _act(action: Mapping[str, Any], targets: Mapping[str, Any], region: str) -> None:
    target = targets.get(action.get("targets", {}).get(TARGET, ""), {})
    if action["actionId"] != ACTION or target.get("resourceType") != KIND:
        raise _invalid(f"The sandbox does not model {action['actionId']}, only {ACTION}.")
    before = _length(action.get("parameters", {}).get("durationBeforeInterruption", ""))
    chosen = _chosen(target, region)
    if not chosen:
        raise _invalid("Target resolution returned empty set.")
    for request in chosen:
        request.advise()
        moment = world().now + before - NOTICE
        act = partial(_interrupt, request)
        world().plan(Alarm(f"fis-{request.id}", moment, act))


def _interrupt(request: SpotRequest) -> None:
    if request.situation in RUNNING:
        interrupt_request(request)


def _chosen(target: Mapping[str, Any], region: str) -> list[SpotRequest]:
    """Running Spot instances by id or by tags, as many as the selection mode says."""
    if target.get("filters"):
        raise _invalid("The sandbox does not model filters of targets; name ids or tags.")
    held = [one for one in spot_requests() if one.instance and one.pool.region == region]
    ids = {arn.rpartition("/")[2] for arn in target.get("resourceArns") or []}
    tags = target.get("resourceTags") or {}
    fit = [
        request
        for request in held
        if request.situation in RUNNING | NOTICED
        if request.instance_id in ids
        or (tags and tags.items() <= request.ec2_backend.tags.get(request.instance_id, {}).items())
    ]
    mode = SELECTION.fullmatch(target.get("selectionMode", ""))
    if mode is None:
        raise _invalid("The selection mode is ALL, COUNT(n) or PERCENT(n).")
    number = int(mode["number"] or 100)
    return fit[: number if mode["how"] == "COUNT" else len(fit) * number // 100]


def _length(text: str) -> timedelta:
    found = SECONDS.fullmatch(text)
    minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0)
    length = timedelta(minutes=minutes, seconds=seconds)
    if not NOTICE <= length <= LONGEST:
        raise _invalid("durationBeforeInterruption is from PT2M to PT15M.")
    return length


def _invalid(message: str) -> JsonRESTError:
    return JsonRESTError("ValidationException", message)
