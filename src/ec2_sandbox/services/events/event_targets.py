"""Events on their way: which rules match, what is sent, and to which queue or log group.

Imports moto's EventBridge, so it is imported only when somebody uses that.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import moto.events.models
from moto.core.exceptions import ServiceException
from moto.core.utils import unix_time, unix_time_millis, utcfromtimestamp

from ec2_sandbox.catalogue import ACCOUNT_ID

ISO_SECONDS = "%Y-%m-%dT%H:%M:%SZ"
LOG_STREAM = "events"
PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.-]+)>")


def send(event: Mapping[str, Any]) -> None:
    """Give the event to the default bus of its region."""
    touched = dict(moto.events.models.events_backends[ACCOUNT_ID].items())
    if backend := touched.get(event["region"]):
        for rule in list(backend.event_buses["default"].rules.values()):
            send_to_targets(rule, event)


def send_to_targets(rule: Any, event: Mapping[str, Any], **_: Any) -> None:
    """Deliver an event to a rule's targets; in place of moto's own, which needs jsonpath."""
    if rule.state != "ENABLED" or not rule.event_pattern.dump():
        return
    shown = {**event, "time": _iso(event["time"])}
    shown.pop("ingestion-time", None)
    if not rule.event_pattern.matches_event(shown):
        return
    for target in rule.targets:
        _deliver(target, body_for(target, shown))


def body_for(target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """What the target gets: the event, a constant, a part of it, or a template filled in."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(at_path(event, target["InputPath"]))
    if "InputTransformer" in target:
        return _filled_in(target["InputTransformer"], event)
    return json.dumps(event)


def at_path(event: Any, path: str) -> Any:
    """The value at ``$.detail.instance-id`` or ``$.resources[0]``; None where there is none."""
    found = event
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path.removeprefix("$")):
        if index:
            is_there = isinstance(found, list) and int(index) < len(found)
            found = found[int(index)] if is_there else None
        else:
            found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _filled_in(transformer: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    paths = transformer.get("InputPathsMap", {})
    values = {name: at_path(event, path) for name, path in paths.items()}
    values["aws.events.event.json"] = event
    template: str = transformer["InputTemplate"]

    def value(found: re.Match[str]) -> str:
        filling = values.get(found[1])
        if isinstance(filling, str):
            return filling if _is_quoted(template, found) else json.dumps(filling)
        return json.dumps(filling) if filling is not None else ""

    return PLACEHOLDER.sub(value, template)


def _is_quoted(template: str, found: re.Match[str]) -> bool:
    """Whether a placeholder stands inside a JSON string of the template."""
    return template[: found.start()].count('"') % 2 == 1


def _deliver(target: Mapping[str, Any], body: str) -> None:
    """Nothing is told of a target that is gone, as EventBridge tells nothing of it."""
    service, region, name = _parsed(target["Arn"])
    try:
        if service == "sqs":
            group_id = target.get("SqsParameters", {}).get("MessageGroupId")
            to_queue(region, name, body, group_id=group_id)
        elif service == "logs":
            _to_log_group(region, name.removeprefix("log-group:").removesuffix(":*"), body)
    except ServiceException:
        return


def _parsed(arn: str) -> tuple[str, str, str]:
    parts = arn.split(":", 5)
    return (parts[2], parts[3], parts[5]) if len(parts) == 6 else ("", "", "")  # noqa: PLR2004


def to_queue(region: str, name: str, body: str, *, group_id: str | None = None) -> None:
    """Send a message to a queue of SQS."""
    from moto.sqs.models import sqs_backends

    sqs_backends[ACCOUNT_ID][region].send_message(
        queue_name=name, message_body=body, group_id=group_id
    )


def _to_log_group(region: str, name: str, body: str) -> None:
    from moto.logs.models import logs_backends

    backend = logs_backends[ACCOUNT_ID][region]
    group = backend.groups.get(name)
    if group is None:
        return
    if LOG_STREAM not in group.streams:
        backend.create_log_stream(name, LOG_STREAM)
    line = {"timestamp": int(unix_time_millis()), "message": body}
    backend.put_log_events(name, LOG_STREAM, [line])


def _iso(moment: Any) -> str:
    """EventBridge's spelling of a time that PutEvents may leave out or give as a number."""
    if isinstance(moment, str):
        return moment
    return str(utcfromtimestamp(int(moment or unix_time())).strftime(ISO_SECONDS))


def install() -> None:
    """Make PutEvents deliver this way too."""
    moto.events.models.Rule.send_to_targets = send_to_targets
