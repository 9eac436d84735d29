"""``spot start``."""

import click

from spotkeeper.cli import suggestions
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.machines import show_one


@click.command(name="start", short_help="Start a stopped box again.")
@click.argument("name", shell_complete=suggestions.machines)
@global_options
@pass_choices
def command(choices: Choices, name: str) -> None:
    """Start a box that you, or its guard, stopped. Its pool must have capacity.

    A deadline that has passed is moved to 24 hours from now. A box that EC2 interrupted can only
    be started by EC2, which does so when capacity returns.
    """
    keeper = choices.keeper()
    show_one(choices, keeper.start(name, choices.region), keeper.warnings)
