"""``spot find``."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from spotkeeper.cli import offers, render
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.options import need_options
from spotkeeper.errors import BadInput, Interrupted
from spotkeeper.keeper.inputs import in_its_line, need_from, with_file
from spotkeeper.model.need import Need
from spotkeeper.model.offer import GroupBy, SortBy
from spotkeeper.model.option import NEED, REGIONS
from spotkeeper.store.settings import Settings, load


@click.command(name="find", short_help="Rank the Spot pools that fit a need, best first.")
@need_options
@click.option(
    "--sort",
    type=click.Choice([by.value for by in SortBy]),
    default=SortBy.VALUE.value,
    show_default=True,
    help="What makes a pool better; value is dollars per hour of work that is kept.",
)
@click.option(
    "--by",
    type=click.Choice([by.value for by in GroupBy]),
    default=GroupBy.TYPE.value,
    show_default=True,
    help="One row for each type and region, with its best zone, or for each zone.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    default=20,
    show_default=True,
    help="So many rows.",
)
@click.option("--why", is_flag=True, help="Say why the first is first, and the others refused.")
@click.option("--score", is_flag=True, help="Ask for placement scores (few questions a day).")
@click.option("--quota", is_flag=True, help="Ask how many machines your Spot quotas allow.")
@click.option("--refresh", is_flag=True, help="Ask anew for what is remembered for days.")
@click.option(
    "--offline", is_flag=True, help="Only what is remembered, with its age; asks nobody."
)
@click.option("--config", metavar="FILE", help="spot.toml: the need in it, and [work].")
@global_options
@pass_choices
def command(choices: Choices, /, *, refresh: bool, offline: bool, **given: Any) -> int:
    """Rank the Spot pools that fit a need, best first.

    The best is where an hour of work that is kept costs least: the price, and the time that
    interruptions cost. How long a restart takes, how far checkpoints are apart and how long the
    run is says [work] in spot.toml; without it restart = "10m", checkpoint = "30m", run = "24h".

    Without AWS credentials the public feeds answer, by region.

    \b
    Examples:
      spot find --gpus 1 --gpu-memory 16 --region any
      spot find --type 'g5.*' --type 'g6.*' --max-hourly 0.80 --why
    """
    config, why = given["config"], given["why"]
    settings = load(Path(config) if config else None, folder=Path.cwd())
    need, note = _need(given, settings, choices.region)
    choices.profile = choices.profile or settings.get("profile")
    choices.region, choices.work = need.regions, settings.work
    keeper = choices.keeper(refresh=refresh, offline=offline)
    ranking = keeper.find(
        need,
        progress=offers.progress(choices),
        **{word: given[word] for word in ("sort", "by", "limit", "why", "score", "quota")},
    )
    ranking = replace(ranking, warnings=(*note, *ranking.warnings))
    if not ranking.offers:
        from spotkeeper.lifecycle.plan import no_offers

        raise no_offers(ranking)
    rows = [offer.to_dict() for offer in ranking.offers]
    explained = ranking.why.to_dict() if ranking.why else None
    refused = [refusal.to_dict() for refusal in ranking.refused]
    render.emit(
        choices,
        "offers",
        rows,
        columns=offers.columns(rows),
        warnings=(*keeper.warnings, *ranking.warnings),
        extra={"why": explained, "refused": refused} if why else None,
    )
    if choices.output == "table":
        offers.say_why(explained, ranking.refused_by_reason if why else {})
        offers.say_rest(ranking)
    return Interrupted.exit_code if ranking.interrupted else 0


def _need(
    given: dict[str, Any], settings: Settings, regions: tuple[str, ...]
) -> tuple[Need, tuple[str, ...]]:
    """The need that `spot up` would have here, and a note of what the file says of it."""
    told = with_file(given, settings)
    of_file = [
        each.flag for each in NEED if told[each.word] and told[each.word] != given[each.word]
    ]
    if not regions and settings.get(REGIONS.flag):
        regions = tuple(settings.get(REGIONS.flag) or ())
        of_file.append(REGIONS.flag)
    note = (f"{', '.join(of_file)} as {settings.origin} says, also for `spot up`",)
    try:
        return need_from(told, regions), note if of_file else ()
    except BadInput as problem:
        raise in_its_line(problem, given, settings) from None
