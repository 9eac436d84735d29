"""``spot find``."""

from collections.abc import Mapping
from typing import Any

import click

from spotkeeper.cli import records, render
from spotkeeper.cli.choices import Choices, global_options, pass_choices
from spotkeeper.cli.gpus import gpu
from spotkeeper.cli.needs import need_from, need_options
from spotkeeper.keeper.finding import Inquiry
from spotkeeper.lifecycle.plan import no_offers
from spotkeeper.model.offer import SortBy

COLUMNS = (
    render.field("Type", "instance_type"),
    render.field("Zone", "zone"),
    render.Column("vCPU", lambda row: str(row["vcpus"]), right=True),
    render.Column("GiB", lambda row: f"{row['memory_gib']:g}", right=True),
    render.Column("GPU, GiB", gpu, wraps=True),
    render.usd("Spot $/h", "spot_usd_per_hour"),
    render.usd("On-Demand", "on_demand_usd_per_hour"),
    render.percent("Saved %", "saving_percent"),
)


@click.command(name="find", short_help="Rank the Spot pools that fit a need, cheapest first.")
@need_options
@click.option(
    "--sort",
    type=click.Choice([by.value for by in SortBy]),
    default=SortBy.VALUE.value,
    show_default=True,
    help="What makes a pool better; value is the price while the risk is unknown.",
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Rows.")
@click.option("--why", is_flag=True, help="Also say which pools were refused, and by which rule.")
@click.option("--refresh", is_flag=True, help="Ask anew for what is remembered for days.")
@global_options
@pass_choices
def command(
    choices: Choices, /, sort: str, limit: int, *, why: bool, refresh: bool, **given: Any
) -> None:
    """Rank the Spot pools that fit a need, cheapest first.

    \b
    Examples:
      spot find --gpus 1 --gpu-memory 16 --region any
      spot find --type 'g5.*' --type 'g6.*' --max-hourly 0.80
    """
    keeper = choices.keeper(refresh=refresh)
    inquiry = Inquiry(by=SortBy(sort), limit=limit, explain=why)
    ranking = keeper.find(need_from(given, choices.region), inquiry)
    if not ranking.offers:
        raise no_offers(ranking)
    rows = [records.offer(offer) for offer in ranking.offers]
    refused = [records.refusal(refusal) for refusal in ranking.refused]
    render.emit(
        choices,
        "offers",
        rows,
        columns=COLUMNS,
        warnings=(*keeper.warnings, *ranking.warnings),
        extra={"refused": refused} if why else None,
    )
    if choices.output == "table":
        _say_rest(len(rows), ranking.found, ranking.refused_by_reason if why else {})


def _say_rest(shown: int, found: int, refused: Mapping[str, int]) -> None:
    if shown < found:
        click.echo(f"{shown} of {found} pools; more with --limit {found}", err=True)
    for reason, count in refused.items():
        click.echo(f"refused {count}: {reason}")
