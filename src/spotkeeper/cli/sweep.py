"""``spot sweep``."""

import click

from spotkeeper.cli import sweepings
from spotkeeper.cli.context import Choices, global_options, pass_choices


@click.command(
    name="sweep", short_help="Find what nobody wants any more, in all regions, and end it."
)
@click.option("--apply", "end", is_flag=True, help="End it; without, it is only listed.")
@global_options
@pass_choices
def command(choices: Choices, end: bool) -> None:  # noqa: FBT001
    """Find everything of yours that nobody wants any more, in all enabled regions.

    Lists Spot requests, instances, disks, snapshots, groups, keys, launch templates, fleets,
    network interfaces and schedules with their age, price and why they are unwanted; --apply ends
    them in the safe order. Only what carries spotkeeper's tag and your own owner id is touched.

    Kept is what this computer launched and did not give back, until its deadline. A machine that
    you launched on ANOTHER computer is unwanted here: look at the list before you add --apply.
    What is younger than five minutes and unknown here is left alone, and told of.

    Spot requests of others that look forgotten are shown with the command that ends them. The exit
    code is 8 while anything is left, and 0 when all is well. Safe to repeat.
    """
    swept = choices.keeper().sweep(apply=end)
    sweepings.show(choices, swept, applied=end)
    if swept.left:
        raise sweepings.left_behind(swept, applied=end)
