"""What happened, told to a person: one sentence for each happening. Pure, no moto."""

from collections.abc import Callable, Mapping

from ec2_sandbox.history import Happening, HappeningKind

Facts = Mapping[str, str]

BY = {
    "ec2": "EC2 takes the capacity back",
    "user": "by the user",
    "guest": "shut down from inside",
    "fleet": "by its fleet",
    "request": "by its Spot request",
    "schedule": "by its schedule",
}
LIFECYCLES = {"spot": "Spot", "on-demand": "On-Demand"}


def sentence(told: Happening) -> str:
    """One happening, without its time."""
    return _TELL[told.kind](told.subject, told.facts)


def _instance(subject: str, facts: Facts) -> str:
    where = _joined(facts.get("pool"), LIFECYCLES.get(facts.get("lifecycle", "")))
    why = BY.get(facts.get("cause", ""), facts.get("cause", ""))
    state = facts.get("state", "changed")
    if state in {"pending", "running"}:
        return f"{subject} is {state}{_in_brackets(where)}"
    return f"{subject} is {state}{f': {why}' if why else ''}"


def _request(subject: str, facts: Facts) -> str:
    about = _in_brackets(facts.get("instance") or facts.get("pool"))
    return f"{subject} is {facts.get('state', '')}: {facts.get('code', '')}{about}"


def _notice(subject: str, facts: Facts) -> str:
    at = f" at {_time(facts['at'])}" if facts.get("at") else ""
    return f"{subject} gets its notice: {facts.get('action', 'terminate')}{at}"


def _rebalance(subject: str, facts: Facts) -> str:
    return f"EC2 recommends to leave {subject}{_in_brackets(facts.get('pool'))}"


def _disk(subject: str, facts: Facts) -> str:
    size = _joined(f"{facts['gb']} GB" if facts.get("gb") else None, facts.get("type"))
    return f"{subject} is {facts.get('state', 'changed')}{_in_brackets(size)}"


def _address(subject: str, facts: Facts) -> str:
    return f"{subject} is {facts.get('state', 'changed')}{_in_brackets(facts.get('ip'))}"


def _fleet(subject: str, facts: Facts) -> str:
    words = _joined(
        facts.get("state") or facts.get("event"),
        facts.get("sub_type"),
        facts.get("instance") or facts.get("request"),
        facts.get("description"),
    )
    return f"{subject}: {words or 'changed'}"


def _market(subject: str, facts: Facts) -> str:
    what = facts.get("what", "changed")
    if what == "priced":
        return f"{subject} costs ${facts.get('usd', '?')}/h from now on"
    until = f" until {_time(facts['until'])}" if facts.get("until") else ""
    return f"{subject} is {what}{until}"


def _quota(subject: str, facts: Facts) -> str:
    return f"quota {subject} is {facts.get('vcpus', '?')} vCPU{_in_brackets(facts.get('by'))}"


def _schedule(subject: str, facts: Facts) -> str:
    return f"schedule {subject} fires: {_joined(facts.get('target'), facts.get('outcome'))}"


def _control(subject: str, facts: Facts) -> str:
    details = ", ".join(f"{name} {value}" for name, value in facts.items() if value)
    return f"asked for: {subject}{f' {details}' if details else ''}"


_TELL: Mapping[HappeningKind, Callable[[str, Facts], str]] = {
    HappeningKind.INSTANCE: _instance,
    HappeningKind.REQUEST: _request,
    HappeningKind.NOTICE: _notice,
    HappeningKind.REBALANCE: _rebalance,
    HappeningKind.VOLUME: _disk,
    HappeningKind.SNAPSHOT: _disk,
    HappeningKind.ADDRESS: _address,
    HappeningKind.FLEET: _fleet,
    HappeningKind.MARKET: _market,
    HappeningKind.QUOTA: _quota,
    HappeningKind.SCHEDULE: _schedule,
    HappeningKind.CONTROL: _control,
}


def _joined(*words: str | None) -> str:
    return " ".join(word for word in words if word)


def _in_brackets(words: str | None) -> str:
    return f" ({words})" if words else ""


def _time(moment: str) -> str:
    """The time of day out of an ISO time."""
    return moment[11:19] or moment
