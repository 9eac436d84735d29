"""``spot down``."""

import click

from spotkeeper.cli import render, suggestions
from spotkeeper.cli.context import Choices, agreed, global_options, pass_choices
from spotkeeper.errors import BadInput
from spotkeeper.keeper.results import DownReport
from spotkeeper.lifecycle.teardown import left_behind

ENDED = (
    render.field("Ended", "kind"),
    render.field("Id", "id"),
    render.field("Region", "region"),
)
COSTS = (
    render.field("Name", "name"),
    render.field("Type", "instance_type", spare=4),
    render.Column("Ran", lambda row: render.seconds(row["ran_seconds"]), right=True),
    render.Column("Interrupted", lambda row: f"{row['interruptions']} x", right=True, spare=5),
    render.usd("Spot $", "spot_usd"),
    render.usd("On-Demand $", "on_demand_usd"),
    render.percent("Saved %", "saving_percent", spare=3),
)


@click.command(name="down", short_help="Give machines back: cancel, terminate, verify, clean up.")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=suggestions.machines)
@click.option("--all", "everything", is_flag=True, help="Everything of yours.")
@click.option("--yes", is_flag=True, help="Do not ask (needed without a terminal).")
@global_options
@pass_choices
def command(choices: Choices, names: tuple[str, ...], everything: bool, yes: bool) -> None:  # noqa: FBT001
    """Give machines back: cancel the request, terminate, verify, delete disk, group and key.

    Safe to repeat. The exit code is 8, with a list, while anything is left. The cost shown is an
    estimate of compute alone; AWS's bill decides.
    """
    if bool(names) == everything:
        raise BadInput("Name the machines to give back, or use --all")
    keeper, where = choices.keeper(), choices.region
    if everything and not yes:
        found = ", ".join(keeper.everything(where))
        agreed(choices, f"Give everything back ({found or 'nothing'})?")
    report = keeper.down(names, where, everything=everything)
    _show(choices, report)
    if report.left:
        raise left_behind(report.left)


def _show(choices: Choices, report: DownReport) -> None:
    told = report.to_dict()
    ended, costs = told["ended"], told["costs"]
    if choices.output != "table":
        extra = {"ended": ended, "left": told["left"], "costs": costs}
        render.emit(choices, "down", ended, columns=ENDED, warnings=report.warnings, extra=extra)
        return
    render.emit(choices, "down", ended, columns=ENDED, warnings=report.warnings)
    if costs:
        click.echo("\nWhat it cost (estimate, compute only):")
        render.emit(choices, "costs", costs, columns=COSTS)
    if not told["left"]:
        click.echo("Nothing is left.")
