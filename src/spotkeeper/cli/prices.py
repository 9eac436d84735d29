"""``spot prices``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spotkeeper.cli import render, suggestions
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.errors import BadInput, Interrupted
from spotkeeper.keeper.inputs import max_price
from spotkeeper.model.max_price import MaxPrice
from spotkeeper.model.price_table import MAX_DAYS

if TYPE_CHECKING:
    from spotkeeper.keeper.prices import PriceHistory
    from spotkeeper.keeper.results import PriceComparison


@click.command(name="prices", short_help="Compare On-Demand and Spot prices of instance types.")
@click.argument("types", metavar="TYPE...", nargs=-1, shell_complete=suggestions.types)
@click.option("--zones", is_flag=True, help="Every zone, not only the cheapest of each region.")
@click.option(
    "--days", type=click.IntRange(1, MAX_DAYS), metavar="N", help="The prices of the last N days."
)
@click.option(
    "--max-price", metavar="PRICE", help="What it would have done: 0.50, spot+5%, od-20%."
)
@click.option("--plot", metavar="FILE", help="Draw the history into a .png or .svg file.")
@click.option(
    "--from", "file", metavar="FILE", help="Read a price history dump; AWS is not asked."
)
@click.option("--refresh", is_flag=True, help="Ask anew for the On-Demand prices of today.")
@click.option("--offline", is_flag=True, help="Compare what `spot find` saw last; asks nobody.")
@global_options
@pass_choices
def command(choices: Choices, /, types: tuple[str, ...], **given: Any) -> int:
    """Compare On-Demand and Spot prices of instance types, now or over time.

    The comparison shows the cheapest zone of each region; --days, --max-price and --plot show the
    history of every zone, of 90 days unless --days says otherwise.

    Without AWS credentials public prices are compared, by region; they have no history.

    \b
    Examples:
      spot prices g5.xlarge g6.xlarge --region us-east-1 --region eu-west-1
      spot prices g5.xlarge --days 30 --max-price od-50% --plot g5.png
      spot prices --from history.csv.gz 'g4dn.*'
    """
    if not types and not given["file"]:
        raise click.UsageError("Name an instance type, or a file with --from")
    tried = _max_price(given)
    over_time = bool(given["days"] or tried or given["plot"])
    if not (over_time or given["file"]):
        return _compare(choices, types, given)
    from spotkeeper.cli.price_history import HistoryView, show

    if given["plot"]:
        from spotkeeper.cli import picture, price_plot

        picture.check(Path(given["plot"]))
    history = _history(choices, types, given)
    if given["plot"]:
        price_plot.draw(history, Path(given["plot"]), tried)
    show(choices, history, HistoryView(tried, brief=not (over_time or types)))
    return Interrupted.exit_code if history.interrupted else 0


def _compare(choices: Choices, types: tuple[str, ...], given: dict[str, Any]) -> int:
    from spotkeeper.cli import offers

    keeper = choices.keeper(refresh=given["refresh"], offline=given["offline"])
    progress = offers.progress(choices)
    found = keeper.prices(types, choices.region, every_zone=given["zones"], progress=progress)
    show_comparison(choices, found)
    return Interrupted.exit_code if found.interrupted else 0


def _history(choices: Choices, types: tuple[str, ...], given: dict[str, Any]) -> "PriceHistory":
    if given["file"]:
        from spotkeeper.keeper.prices import from_file

        return from_file(Path(given["file"]), types, choices.region, given["days"])
    if given["offline"]:
        raise BadInput(
            "--offline has no price histories: only the last prices are remembered",
            next_step="Keep a history with --output csv > FILE, and read it with --from FILE.",
        )
    from spotkeeper.cli.offers import progress

    keeper, days = choices.keeper(refresh=given["refresh"]), given["days"] or MAX_DAYS
    return keeper.price_history(types, choices.region, days=days, progress=progress(choices))


def _max_price(given: dict[str, Any]) -> MaxPrice | None:
    asked = max_price(given["max_price"])
    if asked and given["file"] and asked.base == "od":
        raise BadInput(
            f"--max-price {asked.text}: a file does not say what On-Demand costs",
            next_step="Use an amount such as 0.50, or spot+5%.",
        )
    return asked


PRICES = ("spot_usd_per_hour", "on_demand_usd_per_hour", "saving_percent")

#: A zone's name says its region, which is left out where a terminal has no room for both.
COLUMNS = (
    render.field("Type", "instance_type"),
    render.field("Region", "region", spare=1),
    render.usd("On-Demand $/h", "on_demand_usd_per_hour"),
    render.usd("Spot $/h", "spot_usd_per_hour"),
    render.field("Zone", "zone", spare=4),
    render.percent("% saved", "saving_percent", spare=3),
)


def show_comparison(choices: Choices, comparison: "PriceComparison") -> None:
    """Print a comparison as the user chose, and under a table how old its facts are."""
    from spotkeeper.cli import offers

    rows = [row.to_dict() for row in comparison.rows]
    render.emit(choices, "prices", rows, columns=COLUMNS, warnings=comparison.warnings)
    if choices.output == "table":
        cheapest = [row.cheapest for row in comparison.rows]
        offers.say_facts(cheapest, comparison.made_at, PRICES)
