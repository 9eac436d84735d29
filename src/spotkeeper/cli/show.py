"""``spot show``."""

import click

from spotkeeper.cli import history, suggestions
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.machines import show_one
from spotkeeper.errors import BadInput


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
        history.show(choices, keeper.history(name, every=every), keeper.warnings)
        return
    report = keeper.machine(name, choices.region)
    show_one(choices, report, (*keeper.warnings, *report.warnings))
