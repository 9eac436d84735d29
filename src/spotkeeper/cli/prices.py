"""``spot prices``."""

import click

from spotkeeper.cli import records, render
from spotkeeper.cli.choices import Choices, global_options, pass_choices

COLUMNS = (
    render.field("Type", "instance_type"),
    render.field("Region", "region"),
    render.usd("On-Demand $/h", "on_demand_usd_per_hour"),
    render.usd("Spot $/h", "spot_usd_per_hour"),
    render.field("Zone", "zone"),
    render.percent("% saved", "saving_percent"),
)


@click.command(name="prices", short_help="Compare On-Demand and Spot prices of instance types.")
@click.argument("types", metavar="TYPE...", nargs=-1, required=True)
@global_options
@pass_choices
def command(choices: Choices, types: tuple[str, ...]) -> None:
    """Compare On-Demand and Spot prices of instance types.

    The Spot price is that of the cheapest zone of each region, which is named.

    Example: spot prices g5.xlarge g6.xlarge --region us-east-1 --region eu-west-1
    """
    comparison = choices.keeper().prices(types, choices.region)
    rows = [records.price_row(row) for row in comparison.rows]
    render.emit(choices, "prices", rows, columns=COLUMNS, warnings=comparison.warnings)
