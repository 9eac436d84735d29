"""The control verbs that only look: the time, the state of things, what happened, the bill."""

from collections import Counter
from typing import Any

from ec2_sandbox import bill as billing
from ec2_sandbox import catalogue
from ec2_sandbox.errors import BadInput
from ec2_sandbox.event_text import sentence
from ec2_sandbox.history import Happening, HappeningKind
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.server import history_file
from ec2_sandbox.server.call_log import log
from ec2_sandbox.server.control_args import Asked
from ec2_sandbox.server.machines_named import ids_named
from ec2_sandbox.world import instances, spot_requests, world

Content = dict[str, Any]
OPEN = {"open", "active", "disabled"}


def now(_asked: Asked) -> Content:
    """The sandbox's time."""
    return {"now": world().now.isoformat()}


def status(_asked: Asked) -> Content:
    """How things stand."""
    here = world()
    states = Counter(str(instance.state) for instance in instances())
    return {
        "now": here.now.isoformat(),
        "machines_running": states["running"],
        "machines_listed": states.total(),
        "requests_open": sum(request.state in OPEN for request in spot_requests()),
        "faults_pending": sum(fault.times for fault in here.faults),
        "throttle": here.throttle is not None,
        "latencies": here.latencies,
        "happenings": here.history.saved + len(here.history.unsaved),
        "calls_answered": log.total,
    }


def calls(_asked: Asked) -> Content:
    """The AWS calls since the last reset; the last 10,000."""
    return {"calls": [list(call) for call in log.recent]}


def events(asked: Asked) -> Content:
    """What happened, oldest first, as facts and as a sentence."""
    since, kind, name = asked.since_if_any(), _kind(asked), asked.text_if_any("name")
    ids = ids_named(name) if name else None
    found = (
        told
        for told in history_file.read(asked.home, world().history)
        if (since is None or told.moment >= since)
        and (kind is None or told.kind is kind)
        and (ids is None or _is_about(told, ids))
    )
    return {"events": [_event(told) for told in found]}


def _kind(asked: Asked) -> HappeningKind | None:
    word = asked.text_if_any("kind")
    try:
        return HappeningKind(word) if word else None
    except ValueError:
        raise BadInput(
            f"'{word}' is no kind of event", next_step=f"Use one of {', '.join(HappeningKind)}."
        ) from None


def _is_about(told: Happening, ids: set[str]) -> bool:
    return told.subject in ids or not ids.isdisjoint(told.facts.values())


def _event(told: Happening) -> Content:
    return {
        "at": told.moment.isoformat(),
        "kind": told.kind.value,
        "subject": told.subject,
        "region": told.region,
        "sentence": sentence(told),
        "facts": dict(told.facts),
    }


def bill(asked: Asked) -> Content:
    """What AWS would have charged until now; dollars as text, exact to 28 digits."""
    told = history_file.read(asked.home, world().history)
    found = billing.bill(told, billing.Prices(_spot_steps, _on_demand), world().now)
    return {
        "until": world().now.isoformat(),
        "lines": [_line(line) for line in found.lines],
        "usd": str(billing.decimal(found.usd)),
        "saving": None if found.saving is None else float(found.saving),
    }


def _line(line: billing.Line) -> Content:
    instead = line.on_demand_usd
    return {
        "subject": line.subject,
        "what": line.what,
        "begins": line.begins.isoformat(),
        "seconds": line.seconds,
        "usd": str(billing.decimal(line.usd)),
        "on_demand_usd": None if instead is None else str(billing.decimal(instead)),
        "note": line.note,
    }


def _spot_steps(pool: Pool, begins: int, ends: int) -> list[billing.Step]:
    """The prices of a pool while something ran in it."""
    market = world().market
    later = market.changes_within(pool, begins, ends - 1)
    return [
        billing.Step(begins, market.price(pool, begins)),
        *(billing.Step(change.second, change.micros) for change in later),
    ]


def _on_demand(pool: Pool) -> int:
    return catalogue.on_demand(pool.region, pool.instance_type)
