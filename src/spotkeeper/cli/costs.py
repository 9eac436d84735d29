"""``spot costs``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spotkeeper.cli import picture, render
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.terminal import plain_text
from spotkeeper.errors import BadInput

if TYPE_CHECKING:
    from spotkeeper.keeper.costs import CostReport

#: The parts of a sum, and how much of a picture a row of them takes.
PARTS = (("Spot", "spot_usd"), ("disks", "disk_usd"), ("addresses", "address_usd"))
MOST_BARS = 100
BAR_INCHES, TITLES_INCHES = 0.3, 1.8


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
@click.option(
    "--by",
    metavar="name|day|type|tag:KEY",
    default="name",
    show_default=True,
    help="A row for each.",
)
@click.option("--plot", metavar="FILE", help="Draw the sums into a .png or .svg file.")
@global_options
@pass_choices
def command(choices: Choices, /, *, month: str | None, by: str, plot: str | None) -> None:
    """What your machines have cost, by the journal of this computer and EC2's prices of the time.

    What runs now is looked at first. The sums are estimates of compute, disks and public
    addresses; AWS's bill decides. What nobody saw is counted: then they are at most so high. EC2
    tells prices of 90 days, and the disks of a machine that another computer launched are not
    known.
    """
    from spotkeeper.keeper.costs import CostRow

    if plot:
        picture.check(Path(plot))
    found = choices.keeper().costs(month, by=by, regions=choices.region)
    rows = render.HeadedRows((row.to_dict() for row in found.rows), CostRow("").to_dict())
    render.emit(choices, "costs", rows, columns=COLUMNS, warnings=found.warnings)
    if not rows and choices.output == "table":
        click.echo("The journal of this computer knows of no machine that ran then.", err=True)
    if plot and rows:
        title = f"What machines have cost by {by}"
        draw(found, Path(plot), f"{title}, {month}" if month else title)


def draw(found: "CostReport", path: Path, title: str) -> None:
    """Draw a bar for each row, of its parts, with its sum at the end, into a file.

    Raises:
        BadInput: more rows than a picture can show.
        StoreProblem: the file cannot be written.
    """
    if len(found.rows) > MOST_BARS:
        step = "Name a --month, or group --by type."
        raise BadInput(f"--plot: {len(found.rows)} bars are too many", next_step=step)
    rows = found.rows[::-1]  # bars are drawn from below
    places, lefts = range(len(rows)), [0.0] * len(rows)
    height_inches = TITLES_INCHES + BAR_INCHES * len(rows)
    with picture.drawn(path, title, height_inches, found.warnings) as figure:
        axes = figure.subplots()
        for (name, key), (colour, _) in zip(PARTS, picture.STYLES, strict=False):
            usd = [float(getattr(row, key) or 0) for row in rows]
            axes.barh(places, usd, left=lefts, color=colour, label=name)
            lefts = [left + each for left, each in zip(lefts, usd, strict=True)]
        for place, left, row in zip(places, lefts, rows, strict=True):
            most = "at most " if row.unseen else ""
            axes.text(left, place, f" {most}{render.total(row.total_usd)}", va="center")
        axes.set_yticks(places, [plain_text(row.group) for row in rows])
        axes.set_xlabel("US dollars, estimated")
        axes.margins(x=0.2)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=len(PARTS))
