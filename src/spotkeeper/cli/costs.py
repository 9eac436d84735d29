"""``spot costs``."""

from dataclasses import replace

import click

from spotkeeper.cli import render
from spotkeeper.cli.context import Choices, global_options, pass_choices


def interruptions(row: render.Row) -> str:
    """How often, as far as it was seen."""
    least = "at least " if row["unseen"] else ""
    return f"{least}{row['interruptions']} x"


COLUMNS = (
    render.field("Of", "group"),
    render.Column("Ran", lambda row: render.seconds(row["ran_seconds"]), right=True, spare=6),
    render.Column("Interrupted", interruptions, right=True, spare=3),
    render.usd("Spot $", "spot_usd"),
    replace(render.usd("Disks\n$", "disk_usd"), spare=5),
    replace(render.usd("Addresses\n$", "address_usd"), spare=4),
    render.usd("Sum $", "total_usd"),
    replace(render.usd("On-\nDemand $", "on_demand_usd"), spare=2),
    render.percent("Saved\n%", "saving_percent", spare=1),
)


@click.command(name="costs", short_help="What your machines have cost, by name, day, type or tag.")
@click.option("--month", metavar="YYYY-MM", help="Only this month (UTC); all that is known else.")
@click.option("--by", metavar="name|day|type|tag:KEY", default="name", show_default=True)
@global_options
@pass_choices
def command(choices: Choices, /, *, month: str | None, by: str) -> None:
    """What your machines have cost, by the journal of this computer and EC2's prices of the time.

    An estimate of compute, disks and public addresses; AWS's bill decides. What nobody saw is
    counted: then the sums are at most so high. EC2 tells prices of 90 days, and the disks of a
    machine that another computer launched are not known.
    """
    found = choices.keeper().costs(month, by=by, regions=choices.region)
    rows = [row.to_dict() for row in found.rows]
    render.emit(choices, "costs", rows, columns=COLUMNS, warnings=found.warnings)
    if not rows and choices.output == "table":
        click.echo("The journal of this computer knows of no machine that ran then.", err=True)
