"""``spot up``."""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from spotkeeper.cli import render
from spotkeeper.cli.context import Choices, agreed, global_options, pass_choices
from spotkeeper.cli.machines import show_one
from spotkeeper.cli.offers import gpu
from spotkeeper.cli.options import launch_options, need_options
from spotkeeper.cli.terminal import plain_text, terminal_width
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.keeper.launch_inputs import launch_request_from
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.plan import Plan
from spotkeeper.model.connect import WAYS
from spotkeeper.model.duration import words
from spotkeeper.model.machine import Kind
from spotkeeper.model.spelling import counted
from spotkeeper.store.settings import load

PLAN_COLUMNS = (render.field("Name", "name"), render.field("Image", "image"))

_AFTER_DEADLINE = {
    Kind.BOX: "then it is powered off, and only its disk costs",
    Kind.ONCE: "then it is ended",
}


_AFTER_GUARD = {
    Kind.BOX: "then its request is cancelled, it is ended, and its disk costs until `spot down`",
    Kind.ONCE: "then it is ended",
}


def say_plan(plan: Plan, *, dry_run: bool, settings: Path | None = None) -> None:
    """What, where, dollars an hour and a day, saving, risk and deadline: on stderr."""
    click.echo(
        plain_text(f"{'Dry run' if dry_run else 'Plan'} for {plan.launch_request.name}"), err=True
    )
    facts = [f"  {label:<10} {told}" for label, told in _facts(plan)]
    if settings:
        facts.append(f"  settings   {settings}")
    for line in (*facts, *(f"  note: {warning}" for warning in plan.warnings)):
        for part in _wrapped(plain_text(line)):
            click.echo(plain_text(part), err=True)


def _wrapped(line: str) -> list[str]:
    """In lines of a terminal, what goes on beneath its beginning."""
    import textwrap

    if not sys.stderr.isatty():
        return [line]
    width, indent = max(40, terminal_width()), " " * 13
    return textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False)


def _facts(plan: Plan) -> list[tuple[str, str]]:
    offer, launch_request = plan.first, plan.launch_request
    zone = offer.pool.zone
    pool = f"{offer.pool.instance_type} in {zone.name}" + (f" ({zone.id})" if zone.id else "")
    others = [each.offer.spot_usd_per_hour for each in plan.candidates[1:]]
    return [
        ("kind", f"{launch_request.kind}; on interruption: {launch_request.behaviour}"),
        ("pool", pool),
        *[
            ("if dry", f"{counted(len(others), 'more pool')}, up to {render.rate(max(others))}")
            for _ in others[:1]
        ],
        ("hardware", _hardware(plan)),
        ("price", _price(plan)),
        ("risk", _risk(offer.interruption_band)),
        ("max price", _max_price(plan)),
        ("image", plan.image),
        ("disk", _disk(plan)),
        ("address", _address(plan)),
        *_given(launch_request),
        ("deadline", _deadline(plan)),
        *_limits(plan),
        *_sums(plan),
    ]


def _address(plan: Plan) -> str:
    told, usd = WAYS[plan.launch_request.connect].told, plan.address_usd_per_hour
    return f"{told}, {render.rate(usd)} while it runs" if usd else told


def _given(launch_request: LaunchRequest) -> list[tuple[str, str]]:
    """What else the machine gets, where something was given."""
    given = (
        ("tags", ", ".join(f"{key}={value}" for key, value in launch_request.tags.items())),
        ("key", str(launch_request.key_file or launch_request.key_name)),
        ("role", launch_request.role),
        ("user data", f"{len(launch_request.user_script or b'')} bytes, for the first boot"),
    )
    return [each for each in given if each[1] and not each[1].startswith("0 bytes")]


def _sums(plan: Plan) -> list[tuple[str, str]]:
    """What it all costs until the deadline, now and at the most."""
    if plan.deadline is None:
        return []
    if plan.at_today_usd is None:
        return [("cost", "until then unknown: the price of its disk is")]
    limit = "On-Demand; --max-price lowers it"
    limit = "your maximum price" if plan.candidates[0].max_price_usd_per_hour else limit
    most = "unknown" if plan.at_most_usd is None else f"{render.total(plan.at_most_usd)} ({limit})"
    today = render.total(plan.at_today_usd)
    return [("cost", f"until then at today's price {today}; at most {most}")]


def _hardware(plan: Plan) -> str:
    row = plan.first.to_dict()
    gpus = f", {gpu(row)} GB" if row["gpu_name"] else ""
    return f"{row['vcpus']} vCPU, {row['memory_gib']:g} GiB memory{gpus}, {row['arch']}"


def _risk(band: str | None) -> str:
    if band is None:
        return "interruption band unknown"
    return f"{band} interrupted last month (Spot Advisor)"


def _price(plan: Plan) -> str:
    offer = plan.first
    told = f"{render.rate(offer.spot_usd_per_hour)}, ${plan.usd_per_day}/day"
    if offer.on_demand_usd_per_hour is None:
        return f"{told} (On-Demand price unknown)"
    return (
        f"{told}, {offer.saving_percent} % below On-Demand "
        f"({render.rate(offer.on_demand_usd_per_hour)})"
    )


def _disk(plan: Plan) -> str:
    told, cost = f"{plan.disk.size_gib} GB {plan.disk.volume_type}, encrypted", plan.disk_cost
    for disk in plan.further_disks:
        told += f"; {disk.size_gib} GB {disk.volume_type} of the image"
    if cost is None:
        return f"{told}; costs while it exists (price unknown)"
    month = render.total(cost.usd_per_month)
    return f"{told}: {render.rate(cost.usd_per_hour)}, {month}/month while it exists"


def _max_price(plan: Plan) -> str:
    limit = plan.candidates[0].max_price_usd_per_hour
    return "none (EC2's default: On-Demand)" if limit is None else render.rate(limit)


def _deadline(plan: Plan) -> str:
    if plan.deadline is None or plan.lasting is None:
        return "none: it runs, and costs, until you end it"
    after = _AFTER_GUARD if plan.launch_request.guard else _AFTER_DEADLINE
    ends = f"{render.moment(plan.deadline)} (in {words(plan.lasting)})"
    return f"{ends}, {after[plan.launch_request.kind]}"


def _limits(plan: Plan) -> list[tuple[str, str]]:
    """What else ends it, or is told of it, where that was asked for."""
    limits = []
    if plan.launch_request.budget_usd is not None:
        budget = render.total(plan.launch_request.budget_usd)
        told = f"{budget} of compute at the price of the pool"
        first = plan.deadline != plan.not_after
        after = ", which sets the deadline" if first else "; the deadline comes first"
        limits.append(("budget", told + after))
    if plan.launch_request.guard:
        limits.append(("guard", "EventBridge Scheduler, besides the timer on the machine"))
    if plan.launch_request.idle:
        limits.append(("idle", f"powered off when not used for {words(plan.launch_request.idle)}"))
    if plan.launch_request.notify_url:
        host = urlsplit(plan.launch_request.notify_url).hostname
        limits.append(("notify", f"{host}, of what becomes of its runs"))
    return limits


def agreed_plan(choices: Choices, keeper: Keeper, plan: Plan, question: str) -> Plan:
    """The plan that the user says yes to: one whose prices rose meanwhile is made and shown anew.

    Raises:
        Declined: the user said no, or there is no terminal to ask at.
    """
    agreed(choices, question)
    while usd := keeper.dearer_now(plan):
        choices.talk.say(f"Prices rose above those of the plan, up to {render.rate(usd)}; anew:")
        plan = keeper.plan(plan.launch_request)
        say_plan(plan, dry_run=False)
        agreed(choices, question)
    return plan


@click.command(
    name="up", short_help="Launch a machine on the best pool and wait until it answers."
)
@click.argument("name", required=False)
@need_options
@launch_options
@click.option("--config", metavar="FILE", help="spot.toml, or the JSON of the old script.")
@click.option("--dry-run", is_flag=True, help="Show the plan, ask EC2 whether it may, stop there.")
@click.option("--yes", is_flag=True, help="Do not ask (needed without a terminal).")
@global_options
@pass_choices
def command(
    choices: Choices, /, config: str | None, *, dry_run: bool, yes: bool, **given: Any
) -> None:
    """Launch a machine on the best pool and wait until it answers.

    A box is kept: when EC2 takes its capacity back it is stopped, and restarted with its disk when
    capacity returns. With --once it is gone instead. The plan with its cost is shown first. A pool
    without capacity is skipped for the next one.

    Example: spot up train --gpus 1 --gpu-memory 16 --for 8h
    """
    settings = load(Path(config) if config else None, folder=Path.cwd())
    choices.profile = choices.profile or settings.get("profile")
    launch_request = launch_request_from(given, settings, choices.region)
    choices.region, choices.work = launch_request.need.regions, settings.work

    keeper = choices.keeper()
    plan = keeper.plan(launch_request)
    say_plan(plan, dry_run=dry_run, settings=settings.origin)
    if dry_run:
        if choices.output != "table":
            render.emit(choices, "plan", [plan.to_dict()], columns=PLAN_COLUMNS)
        keeper.dry_run(plan)
        click.echo("EC2 would allow it (DryRun). Nothing was changed.", err=True)
        return
    if not yes:
        plan = agreed_plan(choices, keeper, plan, "Launch it?")
    report = keeper.up(plan)
    choices.runs = launch_request.name
    show_one(choices, report, report.warnings if choices.output == "json" else ())
    if choices.output == "table" and report.login:
        click.echo(plain_text(f"or: spot ssh {launch_request.name}"))
        click.echo(plain_text(f"give it back with: spot down {launch_request.name}"))
