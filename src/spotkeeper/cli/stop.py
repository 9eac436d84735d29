"""``spot stop``."""

import click

from spotkeeper.cli import suggestions
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.machines import show_one


@click.command(name="stop", short_help="Stop a box; its disk is kept, and still costs.")
@click.argument("name", shell_complete=suggestions.machines)
@global_options
@pass_choices
def command(choices: Choices, name: str) -> None:
    """Stop a box. Compute costs nothing from then on; the disk is kept, and still costs: how much
    is shown."""
    keeper = choices.keeper()
    show_one(choices, keeper.stop(name, choices.region), keeper.warnings)
