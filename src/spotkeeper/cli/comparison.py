"""How a comparison of prices is shown: a line per type and region."""

from typing import TYPE_CHECKING

from spotkeeper.cli import offers, records, render

if TYPE_CHECKING:
    from spotkeeper.cli.context import Choices
    from spotkeeper.keeper.results import Comparison

PRICES = ("spot_usd_per_hour", "on_demand_usd_per_hour", "saving_percent")

#: A zone's name says its region, which is left out where a terminal has no room for both.
COLUMNS = (
    render.field("Type", "instance_type"),
    render.field("Region", "region", spare=1),
    render.usd("On-Demand $/h", "on_demand_usd_per_hour"),
    render.usd("Spot $/h", "spot_usd_per_hour"),
    render.field("Zone", "zone"),
    render.percent("% saved", "saving_percent"),
)


def show(choices: "Choices", comparison: "Comparison") -> None:
    """Print a comparison as the user chose, and under a table how old its facts are."""
    rows = [records.price_row(row) for row in comparison.rows]
    render.emit(choices, "prices", rows, columns=COLUMNS, warnings=comparison.warnings)
    if choices.output == "table":
        offers.say_facts([row.cheapest for row in comparison.rows], comparison.made_at, PRICES)
