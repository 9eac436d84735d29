"""``spot doctor``."""

from collections.abc import Sequence

import click

from spotkeeper.cli import render
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.options import as_click
from spotkeeper.cli.terminal import plain_text
from spotkeeper.lifecycle.doctor import CheckStatus
from spotkeeper.model.option import LAUNCH

#: A new account may launch small standard machines and no GPU; both are worth a look.
USUAL_TYPES = ("m5.large", "g5.xlarge")

OPTIONS = {option.word: option for option in LAUNCH}


@click.command(name="doctor", short_help="Check what a launch needs, each line with its fix.")
@click.option("--type", "types", metavar="TYPE", multiple=True, help="Types to check quotas for.")
@click.option(
    "--image", metavar="IMAGE", default="ubuntu", show_default=True, help="Image to check."
)
@as_click(OPTIONS["connect"])
@as_click(OPTIONS["role"])
@as_click(OPTIONS["subnet_id"])
@global_options
@pass_choices
def command(choices: Choices, /, types: tuple[str, ...], image: str, **given: str | None) -> int:
    """Check credentials, region, network, image, key, permission, Spot role and quotas; and what
    --connect, --role and --subnet of a launch would need.

    Nothing is changed: permissions are asked with EC2's DryRun. The exit code is 1 if a launch
    would fail.
    """
    keeper = choices.keeper()
    region = choices.region[0] if choices.region else None
    said = {word: value for word, value in given.items() if value}
    checks = keeper.doctor(types or USUAL_TYPES, image=image, region=region, **said)
    rows = [check.to_dict() for check in checks]
    if choices.output == "table":
        render.warn(keeper.warnings)
        _say(rows)
    else:
        render.emit(choices, "checks", rows, columns=(), warnings=keeper.warnings)
    return int(any(check.verdict is CheckStatus.BROKEN for check in checks))


def _say(rows: Sequence[render.Row]) -> None:
    """A line per check, and its fix, which is there to be copied, on a line of its own."""
    for row in rows:
        click.echo(plain_text(f"{row['verdict']:<9}{row['name']}: {row['told']}"))
        if row["fix"]:
            click.echo(plain_text(f"{'':<9}fix: {row['fix']}"))
