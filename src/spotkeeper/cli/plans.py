"""A plan in words: shown before anything is spent."""

from datetime import datetime

import click

from spotkeeper.cli import records, render
from spotkeeper.cli.gpus import gpu
from spotkeeper.cli.text import plain_text
from spotkeeper.lifecycle.plan import Plan
from spotkeeper.model.duration import words
from spotkeeper.model.machine import Kind
from spotkeeper.model.money import plain

PLAN_COLUMNS = (render.field("Name", "name"), render.field("Image", "image"))

_AFTER_DEADLINE = {
    Kind.BOX: "then it is powered off, and only its disk costs",
    Kind.ONCE: "then it is ended",
}


_AFTER_GUARD = {
    Kind.BOX: "then its request is cancelled, it is ended, and its disk costs until `spot down`",
    Kind.ONCE: "then it is ended",
}


def say_plan(plan: Plan, *, dry_run: bool) -> None:
    """What, where, dollars an hour and a day, saving, risk and deadline: on stderr."""
    click.echo(plain_text(f"{'Dry run' if dry_run else 'Plan'} for {plan.wish.name}"), err=True)
    for label, told in _facts(plan):
        click.echo(plain_text(f"  {label:<10} {told}"), err=True)
    for warning in plan.warnings:
        click.echo(plain_text(f"  note: {warning}"), err=True)


def _facts(plan: Plan) -> list[tuple[str, str]]:
    offer, wish = plan.first, plan.wish
    zone = offer.pool.zone
    others = len(plan.candidates) - 1
    pool = f"{offer.pool.instance_type} in {zone.name}" + (f" ({zone.id})" if zone.id else "")
    if others:
        pool += f"; {others} more pool{'s' if others > 1 else ''} if that is dry"
    return [
        ("kind", f"{wish.kind}; on interruption: {wish.behaviour}"),
        ("pool", pool),
        ("hardware", _hardware(plan)),
        ("price", _price(plan)),
        ("risk", _risk(offer.interruption_band)),
        ("max price", _max_price(plan)),
        ("image", plan.image),
        ("disk", _disk(plan)),
        ("deadline", _deadline(plan)),
        *_limits(plan),
    ]


def _hardware(plan: Plan) -> str:
    row = records.offer(plan.first)
    gpus = f", {gpu(row)} GiB" if row["gpu_name"] else ""
    return f"{row['vcpus']} vCPU, {row['memory_gib']:g} GiB memory{gpus}, {row['arch']}"


def _risk(band: str | None) -> str:
    if band is None:
        return "interruption band unknown"
    return f"{band} interrupted last month (Spot Advisor)"


def _price(plan: Plan) -> str:
    offer = plan.first
    told = f"${plain(offer.spot_usd_per_hour)}/h, ${plan.usd_per_day}/day"
    if offer.on_demand_usd_per_hour is None:
        return f"{told} (On-Demand price unknown)"
    return (
        f"{told}, {offer.saving_percent} % below On-Demand "
        f"(${plain(offer.on_demand_usd_per_hour)}/h)"
    )


def _disk(plan: Plan) -> str:
    told, cost = f"{plan.disk.size_gib} GB {plan.disk.volume_type}, encrypted", plan.disk_cost
    if cost is None:
        return f"{told}; costs while it exists (price unknown)"
    rates = f"${render.money(cost.usd_per_hour)}/h, ${render.money(cost.usd_per_month, 2)}/month"
    return f"{told}: {rates} while it exists"


def _max_price(plan: Plan) -> str:
    limit = plan.candidates[0].max_usd_per_hour
    return "none (EC2's default: On-Demand)" if limit is None else f"${plain(limit)}/h"


def _deadline(plan: Plan) -> str:
    if plan.deadline is None or plan.lasting is None:
        return "none: it runs, and costs, until you end it"
    after = _AFTER_GUARD if plan.wish.guard else _AFTER_DEADLINE
    return f"{_minute(plan.deadline)} (in {words(plan.lasting)}), {after[plan.wish.kind]}"


def _limits(plan: Plan) -> list[tuple[str, str]]:
    """The budget and the guard that were asked for."""
    limits = []
    if plan.wish.budget_usd is not None:
        told = f"${plain(plan.wish.budget_usd)} of compute at the price of the pool"
        first = plan.deadline != plan.not_after
        after = ", which sets the deadline" if first else "; the deadline comes first"
        limits.append(("budget", told + after))
    if plan.wish.guard:
        limits.append(("guard", "EventBridge Scheduler, besides the timer on the machine"))
    return limits


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
