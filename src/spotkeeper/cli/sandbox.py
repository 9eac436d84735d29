"""``spot sandbox``: the daemon and its control verbs."""

import os
import shlex
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from spotkeeper.cli import render
from spotkeeper.cli.choices import Choices, global_options, pass_choices
from spotkeeper.errors import BadInput
from spotkeeper.model.duration import parse_duration
from spotkeeper.model.money import parse_usd
from spotkeeper.sandbox import daemon
from spotkeeper.sandbox.control import Control
from spotkeeper.sandbox.options import ACCOUNTS, SCENARIOS, SandboxOptions, SandboxStatus
from spotkeeper.store.folders import Folders

COLUMNS = (render.field("Sandbox", "fact"), render.field("", "value", wraps=True))


@click.group(name="sandbox", short_help="Run a simulated EC2 on this computer, at no cost.")
@global_options
def command() -> None:
    """Run a simulated EC2 with a Spot market on this computer, at no cost.

    `spot --sandbox ...` starts it by itself. Every EC2 client can use it:

    eval "$(spot sandbox env)"; aws ec2 describe-spot-price-history

    Prices, capacity and interruptions are simulated, not AWS's. A pool is spelled TYPE@ZONE, as
    in g5.xlarge@us-east-1a.
    """


def _market_options(function: Any) -> Any:
    for option in (
        click.option("--account", type=click.Choice(ACCOUNTS), help="Quotas."),
        click.option("--seed", type=int, help="Another number is another market."),
        click.option("--scenario", type=click.Choice(SCENARIOS), help="Which market."),
    ):
        function = option(function)
    return function


@command.command(short_help="Start it, or find it running.")
@_market_options
@click.option("--port", type=click.IntRange(1, 65535), help="A port, instead of any free one.")
@global_options
@pass_choices
def start(choices: Choices, /, port: int | None, **market: Any) -> None:
    """Start the sandbox, or find it running. Its state survives a stop."""
    before = daemon.status(_home())
    chosen = _chosen(before.options, {**market, "port": port})
    if before.running and port in (None, before.port) and _same(chosen, before.options):
        _show(choices, before)
    elif before.running:
        raise BadInput(
            f"The sandbox already runs at {before.url} with {_told(before.options)}",
            next_step="Stop it first (`spot sandbox stop`), or use `spot sandbox reset`.",
        )
    else:
        _show(choices, daemon.start(_home(), options=chosen))


@command.command(short_help="Stop it; its state is kept.")
@global_options
@pass_choices
def stop(choices: Choices) -> None:
    """Stop the sandbox. Its state is kept and is there again at the next start."""
    _show(choices, daemon.stop(_home()))


@command.command(short_help="Say whether it runs, and where.")
@global_options
@pass_choices
def status(choices: Choices) -> None:
    """Say whether the sandbox runs, and where."""
    _show(choices, daemon.status(_home()))


@command.command(short_help="Print what points any AWS tool at it.")
@global_options
def env() -> None:
    """Print `export` lines that point any AWS tool at the sandbox: eval "$(spot sandbox env)"."""
    for name, value in daemon.environment(daemon.ensure(_home())).items():
        click.echo(f"export {name}={shlex.quote(value)}")


@command.command(short_help="Forget everything and start afresh.")
@_market_options
@global_options
@pass_choices
def reset(choices: Choices, /, **market: Any) -> None:
    """Forget all machines, prices and clock changes, and start afresh on the same port."""
    before = daemon.status(_home())
    _show(choices, daemon.reset(_home(), options=_chosen(before.options, market)))


@command.command(short_help="Move its clock forward.")
@click.argument("duration")
@global_options
def advance(duration: str) -> None:
    """Move the sandbox's clock forward, as in 10m or 3h. What is due meanwhile happens."""
    length = _length(duration)
    click.echo(f"It is now {_control().advance(length):%Y-%m-%d %H:%M:%S} UTC in the sandbox.")


@command.command(short_help="Interrupt a machine.")
@click.argument("name")
@global_options
def interrupt(name: str) -> None:
    """Interrupt a machine: a two-minute notice, then EC2 takes the capacity back for a while."""
    told = _control().interrupt(name)
    click.echo(
        f"{told['instance_id']} in {told['pool']} gets a notice: {told['action']} at "
        f"{_minute(told['at'])}. Capacity is back at {_minute(told['capacity_back_at'])}."
    )


@command.command(short_help="Make a pool dry.")
@click.argument("pool")
@click.option("--for", "lasting", metavar="30m", help="How long; until `refill` by default.")
@global_options
def drain(pool: str, lasting: str | None) -> None:
    """Make a pool dry: launches fail, and its machines are interrupted."""
    minutes = _length(lasting).total_seconds() / 60 if lasting else None
    until = _control().drain(pool, minutes)["until"]
    click.echo(f"{pool} has no capacity{f' until {_minute(until)}' if until else ''}.")


@command.command(short_help="Give a dry pool its capacity back.")
@click.argument("pool")
@global_options
def refill(pool: str) -> None:
    """Give a dry pool its capacity back; EC2 restarts the boxes that wait for it."""
    _control().refill(pool)
    click.echo(f"{pool} has capacity again.")


@command.command(short_help="Set a pool's Spot price.")
@click.argument("pool")
@click.argument("usd")
@global_options
def price(pool: str, usd: str) -> None:
    """Set a pool's Spot price from now on, in dollars per hour."""
    try:
        amount = parse_usd(usd)
    except ValueError as problem:
        raise BadInput(str(problem)) from None
    _control().price(pool, amount)
    click.echo(f"{pool} costs ${usd}/h from now on.")


def _home() -> Path:
    return Folders.of_user(os.environ).sandbox


def _control() -> Control:
    return Control(daemon.ensure(_home()))


def _chosen(before: SandboxOptions, asked: dict[str, Any]) -> SandboxOptions:
    """The options last used, with those that were asked for now."""
    given = {name: value for name, value in asked.items() if value is not None}
    return SandboxOptions(
        scenario=given.get("scenario", before.scenario),
        seed=given.get("seed", before.seed),
        port=given.get("port"),
        account=given.get("account", before.account),
    )


def _length(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as problem:
        raise BadInput(str(problem)) from None


def _minute(moment: object) -> str:
    return f"{datetime.fromisoformat(str(moment)):%H:%M:%S} UTC"


def _same(one: SandboxOptions, other: SandboxOptions) -> bool:
    return _told(one) == _told(other)


def _told(options: SandboxOptions) -> str:
    return f"scenario {options.scenario}, seed {options.seed}, {options.account} account"


def _show(choices: Choices, found: SandboxStatus) -> None:
    row = {
        "running": found.running,
        "url": found.url or None,
        "pid": found.pid,
        "scenario": found.options.scenario,
        "seed": found.options.seed,
        "account": found.options.account,
        "home": str(found.home),
    }
    rows = [row]
    if choices.output == "table":
        rows = [{"fact": fact, "value": value} for fact, value in row.items()]
    render.emit(choices, "sandbox", rows, columns=COLUMNS, warnings=found.notes)
