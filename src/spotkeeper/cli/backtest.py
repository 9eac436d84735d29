"""``spot backtest``."""

import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spotkeeper.cli import render
from spotkeeper.cli.context import Choices, agreed, global_options, pass_choices
from spotkeeper.cli.terminal import plain_text, terminal_width
from spotkeeper.errors import Declined
from spotkeeper.keeper.inputs import request_of
from spotkeeper.model.duration import words
from spotkeeper.work.policies import POLICIES

if TYPE_CHECKING:
    from spotkeeper.keeper.backtest import BacktestReport

#: What is over sooner is not worth a word meanwhile.
QUIET_FOR = timedelta(seconds=2)

ON_DEMAND, SPOT = "on_demand_usd_per_hour", "spot_usd_per_hour"


@click.command(name="backtest", short_help="Try on the past when a job should pay On-Demand.")
@click.argument("path", metavar="FILE")
@click.option("--work", metavar="TIME", required=True, help="How long the job takes: 48h.")
@click.option("--within", metavar="TIME", required=True, help="How soon it must be done: 52h.")
@click.option(
    "--restart", metavar="TIME", help="From a start until the work goes on; 10m, or of spot.toml."
)
@click.option(
    "--on-demand", "on_demand_usd_per_hour", metavar="USD", help="What On-Demand costs per hour."
)
@click.option(
    "--spot",
    "spot_usd_per_hour",
    metavar="USD",
    help="One Spot price, in place of those of the file.",
)
@click.option("--max-price", metavar="PRICE", help="Spot counts up to it: 0.50, spot+5%, od-60%.")
@click.option("--egress-gb", metavar="N", help="Data that moves with the job between zones.")
@click.option(
    "--starts",
    type=click.IntRange(1),
    metavar="N",
    default=100,
    show_default=True,
    help="From so many moments, spread over the file.",
)
@click.option(
    "--policy",
    "policies",
    metavar="NAME",
    multiple=True,
    type=click.Choice(tuple(POLICIES)),
    help=f"Only these: {', '.join(POLICIES)}.",
)
@click.option("--plot", metavar="FILE", help="Draw what came of it into a .png or .svg file.")
@global_options
@pass_choices
def command(choices: Choices, /, path: str, **given: Any) -> int:
    """Try on the past when a job should wait for Spot and when it should pay On-Demand.

    FILE is a CSV with time,zone,available,spot_usd_per_hour and a row for each tick and zone
    (available: 1 where Spot was to be had), or a price history with --max-price. The job begins at
    many moments of it, under each policy; the optimum knew everything beforehand.

    \b
    Examples:
      spot backtest seen.csv.gz --work 48h --within 52h --on-demand 3.06
      spot backtest g5.csv --max-price od-60% --work 48h --within 70h
    """
    from spotkeeper.keeper.backtest import backtest, list_price

    if given["plot"]:
        from spotkeeper.cli import picture

        picture.check(Path(given["plot"]))
    report = backtest(
        request_of(path, {**given, "regions": choices.region}),
        list_price=list_price(lambda *asked: choices.keeper().prices(*asked)),
        confirm=lambda question: _confirm(choices, question),
        told=_progress(choices),
    )
    choices.talk.finish()
    if given["plot"]:
        from spotkeeper.cli import backtest_plot

        backtest_plot.draw(report, Path(given["plot"]))
    show(choices, report)
    return 0


def _confirm(choices: Choices, question: str) -> None:
    if not choices.interactive:
        raise Declined(
            f"{question} There is no terminal to ask at",
            next_step="Turn the column round if its 1 means preempted, else say so at a terminal.",
        )
    agreed(choices, question)


def _progress(choices: Choices) -> Callable[[int, int], None]:
    begin = time.monotonic()

    def told(_done: int, starts: int) -> None:
        passed = timedelta(seconds=time.monotonic() - begin)
        if passed >= QUIET_FOR:
            choices.talk.waiting(f"trying {starts:,} starts", passed)

    return told


def _number(title: str, key: str, *, places: int, spare: int = 0) -> render.Column:
    """A column of numbers that are no money."""

    def cell(row: render.Row) -> str:
        return render.UNKNOWN if row[key] is None else f"{row[key]:.{places}f}"

    return render.Column(title, cell, right=True, spare=spare)


COLUMNS = (
    render.field("Policy", "policy"),
    render.usd("Mean $", "mean_usd", 2),
    replace(render.usd("Median $", "median_usd", 2), spare=2),
    _number("95th pct\n/ optimum", "p95_of_optimum", places=3, spare=1),
    _number("Late", "late", places=0),
    _number("Switches", "mean_switches", places=1, spare=1),
    _number("Gap\nclosed %", "gap_closed_percent", places=1),
)


def show(choices: Choices, report: "BacktestReport") -> None:
    """Print what came of it as the user chose, and over a table what was tried."""
    found = report.to_dict()
    items, warnings = found.pop("items"), found.pop("warnings")
    if choices.output == "table":
        for line in _told(report):
            for part in textwrap.wrap(line, terminal_width()):
                click.echo(plain_text(part))
        click.echo("")
    render.emit(choices, "backtest", items, columns=COLUMNS, warnings=warnings, extra=found)


def _told(report: "BacktestReport") -> Iterator[str]:
    asked, trace = report.request, report.trace
    yield (
        f"{report.title}, {words(asked.restart)} for a restart; starts tried: "
        f"{len(report.first_ticks):,}"
    )
    yield (
        f"{', '.join(pool.name for pool in trace.pools)}, {trace.ticks:,} ticks of "
        f"{words(trace.tick)} from {trace.begin.astimezone(UTC):%Y-%m-%d %H:%M} UTC; Spot in a "
        f"zone {trace.offered_share * 100:.1f} % of the time"
    )
    least, most = (render.money(each) for each in report.spot_usd_per_hour)
    spot = least if least == most else f"{least} to {most}"
    yield f"On-Demand ${render.money(report.on_demand_usd_per_hour)}/h, Spot ${spot}/h"
