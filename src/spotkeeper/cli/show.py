"""``spot show``."""

import click

from spotkeeper.cli import render, suggestions
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.machines import show_one
from spotkeeper.cli.terminal import plain_text
from spotkeeper.errors import BadInput
from spotkeeper.keeper.results import MachineHistory


def _time(row: render.Row) -> str:
    return str(row["at"]).replace("T", " ").removesuffix("Z")


def _ran(row: render.Row) -> str:
    seconds = row["ran_seconds"]
    return "" if seconds is None else render.seconds(seconds)


def _cost(row: render.Row) -> str:
    return "" if row["ran_seconds"] is None else render.money(row["spot_usd"])


COLUMNS = (
    render.Column("Time (UTC)", _time),
    render.field("What happened", "text", wraps=True),
    render.Column("Ran", _ran, right=True),
    render.Column("Spot $", _cost, right=True),
)


def show_history(choices: Choices, found: MachineHistory, warnings: tuple[str, ...]) -> None:
    """A line for each thing that happened; costs are estimates, of compute alone."""
    rows = [chapter.to_dict() for chapter in found.chapters]
    extra = {"name": found.name, "lives": found.lives}
    render.emit(choices, "history", rows, columns=COLUMNS, warnings=warnings, extra=extra)
    ran = [row for row in rows if row["ran_seconds"] is not None]
    if choices.output == "table" and len(ran) > 1:
        usd = [row["spot_usd"] for row in ran]
        cost = render.total(None if None in usd else sum(usd))
        whole = render.seconds(sum(row["ran_seconds"] for row in ran))
        click.echo(plain_text(f"In all {whole}, {cost} of compute."))
    earlier = found.lives - len({row["life"] for row in rows})
    if earlier and choices.output == "table":
        told = f"{earlier} earlier {'life' if earlier == 1 else 'lives'} of {found.name}"
        click.echo(plain_text(f"{told}: add --all to see everything"), err=True)


@click.command(name="show", short_help="Show one machine.")
@click.argument("name", shell_complete=suggestions.machines)
@click.option(
    "--history", "past", is_flag=True, help="Tell its life instead; also of one that is gone."
)
@click.option("--all", "every", is_flag=True, help="With --history: all lives of the name.")
@global_options
@pass_choices
def command(choices: Choices, /, *, name: str, past: bool, every: bool) -> None:
    """Show one machine: state, request, price, deadline and how to reach it.

    The deadline of a machine with a budget is moved here when price and time passed ask for
    another one, and the guard of a relaunched box is pointed at its new instance; both are said.

    With --history: what happened to it, from the journal of this computer, as far as it was seen:
    the life that is on, or the last one of a name that is gone. What it cost is an estimate of
    compute alone.
    """
    if every and not past:
        raise BadInput("--all goes with --history")
    keeper = choices.keeper()
    if past:
        show_history(choices, keeper.history(name, every=every), keeper.warnings)
        return
    report = keeper.show(name, choices.region)
    show_one(choices, report, (*keeper.warnings, *report.warnings))
