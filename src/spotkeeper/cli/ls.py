"""``spot ls``."""

import click

from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.machines import show_list, show_remembered


@click.command(name="ls", short_help="List your machines in all regions, as AWS sees them now.")
@click.option("--all", "ended", is_flag=True, help="Also those that ended in the last hour.")
@click.option("--offline", is_flag=True, help="The list of last time; asks nobody.")
@global_options
@pass_choices
def command(choices: Choices, /, *, ended: bool, offline: bool) -> None:
    """List your machines in all enabled regions, or in those named with --region.

    The list is AWS's own, by tags: a machine that was launched on another computer is in it too.
    """
    keeper = choices.keeper(offline=offline)
    if offline:
        show_remembered(choices, keeper.last_listing())
    else:
        show_list(choices, keeper.ls(choices.region, ended=ended))
