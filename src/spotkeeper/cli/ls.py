"""``spot ls``."""

import click

from spotkeeper.cli.choices import Choices, global_options, pass_choices
from spotkeeper.cli.machines import show_list


@click.command(name="ls", short_help="List your machines in all regions, as AWS sees them now.")
@click.option("--all", "ended", is_flag=True, help="Also those that ended in the last hour.")
@global_options
@pass_choices
def command(choices: Choices, ended: bool) -> None:  # noqa: FBT001
    """List your machines in all enabled regions, or in those named with --region.

    The list is AWS's own, by tags: a machine that was launched on another computer is in it too.
    """
    show_list(choices, choices.keeper().machines(choices.region, ended=ended))
