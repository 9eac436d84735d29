"""``spot show``."""

import click

from spotkeeper.cli import suggestions
from spotkeeper.cli.choices import Choices, global_options, pass_choices
from spotkeeper.cli.machines import show_one


@click.command(name="show", short_help="Show one machine.")
@click.argument("name", shell_complete=suggestions.machines)
@global_options
@pass_choices
def command(choices: Choices, name: str) -> None:
    """Show one machine: state, request, price, deadline and how to reach it."""
    keeper = choices.keeper()
    show_one(choices, keeper.machine(name, choices.region), keeper.warnings)
