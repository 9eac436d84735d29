"""The verbs of ``spot sandbox`` that play EC2's part, and those that tell what happened."""

import os
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from ec2_sandbox.client import Control, HappeningKind, daemon
from spotkeeper.cli import render, suggestions
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.terminal import plain_text
from spotkeeper.errors import BadInput
from spotkeeper.keeper.sandbox import sandbox_home
from spotkeeper.model.duration import parse_duration
from spotkeeper.model.money import parse_usd
from spotkeeper.model.spelling import counted
from spotkeeper.store.folders import Folders

MILLISECONDS = re.compile(r"(\d+)ms")

EVENT_COLUMNS = (
    render.Column("Time", lambda row: _clock_time(row["at"])),
    render.field("What happened", "sentence", wraps=True),
)
BILL_COLUMNS = (
    render.field("Resource", "subject"),
    render.field("", "what", wraps=True),
    render.Column("For", lambda row: render.seconds(row["seconds"]), right=True),
    render.usd("USD", "usd"),
    render.field("", "note", wraps=True),
)


@click.command(short_help="Move its clock forward.")
@click.argument("duration")
@global_options
@pass_choices
def advance(choices: Choices, /, duration: str) -> None:
    """Move the sandbox's clock forward, as in 10m or 3h. What is due meanwhile happens."""
    now = control().advance(timedelta(seconds=seconds_of(duration, least=1)))
    _say(choices, {"now": now.isoformat()}, f"It is now {_clock_time(now)} UTC in the sandbox.")


@click.command(short_help="Interrupt a machine.")
@click.argument("name", shell_complete=suggestions.machines)
@global_options
@pass_choices
def interrupt(choices: Choices, /, name: str) -> None:
    """Interrupt a machine: a two-minute notice, then EC2 takes the capacity back for a while."""
    told = control().interrupt(name)
    words = (
        f"{told['instance_id']} in {told['pool']} gets a notice: {told['action']} at "
        f"{_minute(told['at'])}.\nCapacity is back at {_minute(told['capacity_back_at'])}."
    )
    _say(choices, told, words)


@click.command(short_help="Shut a machine down from inside.")
@click.argument("name", shell_complete=suggestions.machines)
@global_options
@pass_choices
def shutdown(choices: Choices, /, name: str) -> None:
    """Do what `shutdown -h now` inside the machine does."""
    told = control().shutdown(name)
    _say(choices, told, f"{told['instance_id']} is {told['state']}.")


@click.command(short_help="Make a pool dry.")
@click.argument("pool", metavar="TYPE@ZONE")
@click.option("--for", "lasting", metavar="30m", help="How long; until `refill` by default.")
@global_options
@pass_choices
def drain(choices: Choices, /, pool: str, lasting: str | None) -> None:
    """Make a pool dry: launches fail, and its machines are interrupted."""
    told = control().drain(pool, seconds_of(lasting, least=1) / 60 if lasting else None)
    until = f" until {_minute(told['until'])}" if told["until"] else ""
    _say(choices, told, f"{pool} has no capacity{until}.")


@click.command(short_help="Give a dry pool its capacity back.")
@click.argument("pool", metavar="TYPE@ZONE")
@global_options
@pass_choices
def refill(choices: Choices, /, pool: str) -> None:
    """Give a dry pool its capacity back; EC2 restarts the boxes that wait for it."""
    _say(choices, control().refill(pool), f"{pool} has capacity again.")


@click.command(short_help="Set a pool's Spot price.")
@click.argument("pool", metavar="TYPE@ZONE")
@click.argument("usd")
@global_options
@pass_choices
def price(choices: Choices, /, pool: str, usd: str) -> None:
    """Set a pool's Spot price from now on, in dollars per hour."""
    try:
        amount = parse_usd(usd)
    except ValueError as problem:
        raise BadInput(str(problem)) from None
    told = control().price(pool, amount)
    _say(choices, told, f"{pool} costs {render.rate(amount)} from now on.")


@click.command(short_help="Set a quota.")
@click.argument("code")
@click.argument("vcpus", type=click.FloatRange(0))
@global_options
@pass_choices
def quota(choices: Choices, /, code: str, vcpus: float) -> None:
    """Set a vCPU quota by its code, such as L-3819A6DF (G and VT), in all regions or in those of
    --region."""
    hands = control()
    for region in choices.region or (None,):
        hands.quota(code, vcpus, region)
    where = ", ".join(choices.region) or "all regions"
    told = {"code": code, "vcpus": vcpus, "regions": list(choices.region) or None}
    _say(choices, told, f"{code} is {vcpus:g} vCPU in {where}.")


@click.command(name="fail-next", short_help="Make the next calls of an action fail.")
@click.argument("action")
@click.argument("code")
@click.option("--times", type=click.IntRange(1), metavar="N", default=1, help="How many calls; 1.")
@click.option("--message", metavar="TEXT", default="", help="In which words; AWS's by default.")
@click.option("--after-effect", is_flag=True, help="The call works, and its answer is lost.")
@global_options
@pass_choices
def fail_next(choices: Choices, /, action: str, code: str, **how: Any) -> None:
    """Make the next calls of an action, as in RunInstances, answer an error code of AWS."""
    hands = control()
    for region in choices.region or (None,):
        hands.fail(action, code, region=region, **how)
    when = " after its effect" if how["after_effect"] else ""
    calls = counted(how["times"], "call")
    told = {"action": action, "code": code, **how, "regions": list(choices.region) or None}
    _say(choices, told, f"The next {calls} of {action} will answer {code}{when}.")


@click.command(short_help="Let every call take longer.")
@click.argument("duration")
@click.option("--action", metavar="NAME", help="Only calls of this action.")
@global_options
@pass_choices
def latency(choices: Choices, /, duration: str, action: str | None) -> None:
    """Let calls take so much real time longer, as in 200ms or 2s; 0 ends it."""
    seconds = seconds_of(duration)
    control().latency(timedelta(seconds=seconds), action)
    told = {"seconds": seconds, "action": action}
    which = f"of {action} " if action else ""
    _say(choices, told, f"Calls {which}take {seconds:g} s longer.")


@click.command(short_help="Limit calls as EC2 does, or not.")
@click.argument("switch", type=click.Choice(("on", "off")))
@global_options
@pass_choices
def throttle(choices: Choices, /, switch: str) -> None:
    """Limit calls by EC2's token buckets, per action and region; off at first."""
    control().throttle(on=switch == "on")
    _say(choices, {"throttle": switch}, f"Throttling is {switch}.")


@click.command(short_help="Tell what happened.")
@click.option("--since", metavar="2h", help="So long ago, or a time (ISO 8601).")
@click.option(
    "--kind",
    type=click.Choice([str(kind) for kind in HappeningKind]),
    metavar="KIND",
    help=f"Only one of {', '.join(HappeningKind)}.",
)
@click.option("--name", metavar="NAME", help="Only about this machine, request, disk or pool.")
@global_options
@pass_choices
def events(choices: Choices, /, since: str | None, kind: str | None, name: str | None) -> None:
    """Tell what happened in the sandbox, oldest first, in its own time."""
    found = control().events(since=_moment_or_length(since), kind=kind, name=name)
    render.emit(choices, "sandbox-events", found, columns=EVENT_COLUMNS)


@click.command(short_help="Tell what AWS would charge.")
@global_options
@pass_choices
def bill(choices: Choices) -> None:
    """Tell what AWS would charge for everything that happened, at the sandbox's prices."""
    told = control().bill()
    rows = [_bill_row(line) for line in told["lines"]]
    total, saving = Decimal(told["usd"]), told["saving"]
    percent = None if saving is None else round(100 * saving, 2)
    extra = {"until": told["until"], "usd": float(total), "saving_percent": percent}
    render.emit(choices, "sandbox-bill", rows, columns=BILL_COLUMNS, extra=extra)
    if choices.output == "table":
        until = _clock_time(told["until"])
        click.echo(plain_text(f"Total {render.total(total)} until {until} UTC."))
        if percent is not None:
            click.echo(plain_text(f"The Spot machines cost {percent:.0f} % less than On-Demand."))


@click.command(short_help="Say where a machine's metadata service is.")
@click.argument("name", shell_complete=suggestions.machines)
@global_options
@pass_choices
def metadata(choices: Choices, /, name: str) -> None:
    """Print what points an AWS SDK at a machine's own metadata service."""
    told = control().metadata(name)
    _say(choices, told, f"export AWS_EC2_METADATA_SERVICE_ENDPOINT={told['endpoint']}")


#: In the order of the help.
VERBS = (
    advance,
    interrupt,
    shutdown,
    drain,
    refill,
    price,
    quota,
    fail_next,
    latency,
    throttle,
    events,
    bill,
    metadata,
)


def home() -> Path:
    """The folder of the user's sandbox."""
    return sandbox_home(Folders.of_user(os.environ).sandbox)


def control() -> Control:
    """The hands, in a sandbox that is started when it does not run."""
    return Control(daemon.ensure(home()))


def seconds_of(text: str, *, least: float = 0) -> float:
    """Read ``200ms``, ``10m``, ``1h30m`` or, where that is allowed, ``0``."""
    if not least and text.strip() in {"0", "0s"}:
        return 0
    if match := MILLISECONDS.fullmatch(text.strip()):
        return int(match[1]) / 1_000
    try:
        return parse_duration(text).total_seconds()
    except ValueError as problem:
        raise BadInput(str(problem)) from None


def _moment_or_length(text: str | None) -> datetime | timedelta | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return timedelta(seconds=seconds_of(text))


def _say(choices: Choices, record: Mapping[str, Any], words: str) -> None:
    """A line or two, or their facts for a program."""
    if choices.output == "table":
        for line in words.splitlines():
            click.echo(plain_text(line))
    else:
        render.emit(choices, "sandbox-answer", [record], columns=())


def _bill_row(line: Mapping[str, Any]) -> dict[str, Any]:
    dollars = ("usd", "on_demand_usd")
    numbers = {name: None if line[name] is None else float(line[name]) for name in dollars}
    return {**line, **numbers}


def _clock_time(moment: datetime | str) -> str:
    return f"{datetime.fromisoformat(str(moment)):%Y-%m-%d %H:%M:%S}"


def _minute(moment: object) -> str:
    return f"{datetime.fromisoformat(str(moment)):%H:%M:%S} UTC"
