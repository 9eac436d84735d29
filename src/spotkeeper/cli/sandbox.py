"""``spot sandbox``: the simulated EC2 as a process; ``sandbox_verbs`` are the hands in it."""

import os
import shlex
import shutil
from dataclasses import replace
from typing import Any

import click

from ec2_sandbox.client import (
    ACCOUNTS,
    GUEST_MODES,
    SCENARIOS,
    Control,
    SandboxOptions,
    SandboxStatus,
    daemon,
)
from spotkeeper.cli import render, sandbox_verbs
from spotkeeper.cli.context import Choices, Commands, global_options, pass_choices
from spotkeeper.cli.sandbox_verbs import home, seconds_of
from spotkeeper.errors import BadInput
from spotkeeper.keeper.sandbox import sandbox_problems
from spotkeeper.store.folders import Folders

NOTHING = "none"
COLUMNS = (render.field("Sandbox", "fact"), render.field("", "value", wraps=True))


class SandboxGroup(Commands):
    """The verbs, whose problems are told as those of every other command."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb that was named."""
        with sandbox_problems():
            return super().invoke(ctx)


@click.group(
    name="sandbox",
    cls=SandboxGroup,
    short_help="Run a simulated EC2 on this computer, at no cost.",
)
@global_options
def command() -> None:
    """Run a simulated EC2 with a Spot market on this computer, at no cost.

    `spot --sandbox ...` starts it by itself. Every EC2 client can use it:

    eval "$(spot sandbox env)"; aws ec2 describe-spot-price-history

    Prices, capacity and interruptions are simulated, not AWS's. A pool is spelled TYPE@ZONE, as
    in g5.xlarge@us-east-1a.
    """


for verb in sandbox_verbs.VERBS:
    command.add_command(verb)


def _length(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    return None if value is None else seconds_of(value)


_MARKET_OPTIONS = (
    click.option("--begins", metavar="TIME", help="Its first moment, ISO 8601; none is now."),
    click.option("--step", metavar="1s", callback=_length, help="What a call takes at speed 0."),
    click.option(
        "--dwell",
        type=float,
        metavar="X",
        help="How long it takes to stop: 1 as EC2, 0 no time.",
    ),
    click.option(
        "--visibility",
        metavar="5s",
        callback=_length,
        help="How much later new ids are found.",
    ),
    click.option(
        "--replay", metavar="FILE", help="A price history to follow, .csv or .csv.gz; or none."
    ),
    click.option(
        "--guests",
        type=click.Choice(GUEST_MODES),
        help="Machines are nothing, or processes here.",
    ),
    click.option(
        "--account",
        type=click.Choice(ACCOUNTS),
        help="Quotas, of an old account or a new one.",
    ),
    click.option("--speed", type=float, metavar="X", help="Its seconds per real second."),
    click.option("--seed", type=int, metavar="N", help="Another number is another market."),
    click.option(
        "--scenario",
        type=click.Choice(SCENARIOS),
        metavar="NAME",
        help=f"Which market: {', '.join(SCENARIOS)}.",
    ),
)


def _market_options(function: Any) -> Any:
    for option in _MARKET_OPTIONS:
        function = option(function)
    return function


@command.command(short_help="Start it, or find it running.")
@_market_options
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="A port, instead of any free one."
)
@global_options
@pass_choices
def start(choices: Choices, /, port: int | None, **market: Any) -> None:
    """Start the sandbox, or find it running. Its state survives a stop."""
    before = daemon.status(home())
    chosen = replace(_chosen(before.options, market), port=port)
    if before.running and port in (None, before.port) and _same(chosen, before.options):
        _show(choices, before)
    elif before.running:
        another_port = "`spot sandbox stop` first: it takes a port when it starts."
        another_world = "`spot sandbox reset` takes new options, and begins a new world."
        raise BadInput(
            f"The sandbox already runs at {before.url} with {_told(before.options)}",
            next_step=another_port if _same(chosen, before.options) else another_world,
        )
    else:
        _show(choices, daemon.start(home(), options=chosen))


@command.command(short_help="Stop it; its state is kept.")
@global_options
@pass_choices
def stop(choices: Choices) -> None:
    """Stop the sandbox. Its state is kept and is there again at the next start."""
    _show(choices, daemon.stop(home()))


@command.command(short_help="Say whether it runs, where, and how things stand.")
@global_options
@pass_choices
def status(choices: Choices) -> None:
    """Say whether the sandbox runs and where, its time, and what there is in it."""
    found = daemon.status(home())
    _show(choices, found, Control(found).status() if found.running else {})


@command.command(short_help="Print what points any AWS tool at it.")
@global_options
def env() -> None:
    """Print what points any AWS tool of this shell at the sandbox: eval "$(spot sandbox env)"."""
    for name, value in daemon.environment(daemon.ensure(home())).items():
        click.echo(f"export {name}={shlex.quote(value)}")
    click.echo(f"unset {' '.join(daemon.UNSET)}")


@command.command(short_help="Forget everything and start afresh.")
@_market_options
@global_options
@pass_choices
def reset(choices: Choices, /, **market: Any) -> None:
    """Forget all machines, prices and clock changes, and start afresh on the same port.

    What this computer remembers of its machines is forgotten too.
    """
    before = daemon.status(home())
    afresh = daemon.reset(home(), options=_chosen(before.options, market))
    shutil.rmtree(Folders.of_user(os.environ).practice.state, ignore_errors=True)
    _show(choices, afresh)


def _elsewhere(url: str) -> list[str]:
    """That the endpoint of this shell is another one, which AWS's tools would go on using."""
    named = os.environ.get("AWS_ENDPOINT_URL")
    if not (url and named) or named == url:
        return []
    again = 'run `eval "$(spot sandbox env)"` again'
    return [f"AWS_ENDPOINT_URL is {named} here, and the sandbox is at {url}: {again}."]


def _chosen(before: SandboxOptions, asked: dict[str, Any]) -> SandboxOptions:
    """The options last used, with those that were asked for now."""
    given = {name: value for name, value in asked.items() if value is not None}
    ended = {name: None for name in ("replay", "begins") if given.get(name) == NOTHING}
    return replace(before, **{**given, **ended})


def _same(one: SandboxOptions, other: SandboxOptions) -> bool:
    return replace(one, port=None) == replace(other, port=None)


def _told(options: SandboxOptions) -> str:
    """The options, those that nobody changes only where they were changed."""
    usual = vars(SandboxOptions())
    rare = ("speed", "step", "begins", "dwell", "visibility", "replay", "guests")
    changed = [f", {n} {vars(options)[n]}" for n in rare if vars(options)[n] != usual[n]]
    account = _account(options)
    words = f"scenario {options.scenario}, seed {options.seed}, {account} account"
    return words + "".join(changed)


def _account(options: SandboxOptions) -> str:
    """The scenario may say more of the account than the account's own option."""
    return "fresh" if options.is_fresh else options.account


def _show(choices: Choices, found: SandboxStatus, live: dict[str, Any] | None = None) -> None:
    chosen = vars(found.options)
    row = {
        "running": found.running,
        "url": found.url or None,
        "pid": found.pid,
        **{name: value for name, value in chosen.items() if name != "port"},
        "account": _account(found.options),
        "home": str(found.home),
        **(live or {}),
    }
    rows = [row]
    if choices.output == "table":
        rows = [{"fact": _words(fact), "value": value} for fact, value in row.items()]
    render.emit(
        choices, "sandbox", rows, columns=COLUMNS, warnings=[*found.notes, *_elsewhere(found.url)]
    )


def _words(fact: str) -> str:
    return "sandbox time" if fact == "now" else fact.replace("_", " ")
