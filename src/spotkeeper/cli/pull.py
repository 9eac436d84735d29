"""``spot pull``."""

from pathlib import Path

import click

from spotkeeper.cli import render, suggestions
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.terminal import plain_text

COLUMNS = (render.field("Name", "name"), render.field("Local", "local"))


@click.command(name="pull", short_help="Fetch a run's output, or other files.")
@click.argument("name", shell_complete=suggestions.machines)
@click.argument("remote", required=False)
@click.argument("local", required=False, type=click.Path(path_type=Path))
@global_options
@pass_choices
def command(choices: Choices, /, name: str, remote: str | None, local: Path | None) -> None:
    """Fetch a file, or what is in the folder REMOTE, of a machine into the folder LOCAL: what the
    run wrote to SPOT_OUTPUT_DIR into ./output by default.

    A relative REMOTE is of the run's folder (checkpoint, work/metrics.csv), before the first run
    of ~/NAME, where `spot push` puts things. Nothing is deleted here.

    Example: spot pull train checkpoint
    """
    found = choices.keeper().pull(name, remote, local, choices.region)
    choices.talk.finish()
    if choices.output != "table":
        render.emit(choices, "pull", [found.to_dict()], columns=COLUMNS, warnings=())
        return
    click.echo(plain_text(f"{name}: {found.remote} is in {found.local}"))
