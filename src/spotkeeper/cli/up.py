"""``spot up``."""

from pathlib import Path
from typing import Any

import click

from spotkeeper.cli import records, render, suggestions
from spotkeeper.cli.ask import agreed
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.machines import show_one
from spotkeeper.cli.options import need_options
from spotkeeper.cli.plans import PLAN_COLUMNS, say_plan
from spotkeeper.cli.text import plain_text
from spotkeeper.cli.wishes import wish_from
from spotkeeper.lifecycle.guard import GUARDS
from spotkeeper.lifecycle.plan import Plan
from spotkeeper.store.settings import load

BEHAVIOURS = ("stop", "hibernate", "terminate")


@click.command(
    name="up", short_help="Launch a machine on the best pool and wait until it answers."
)
@click.argument("name", required=False)
@need_options
@click.option("--once", is_flag=True, help="Gone when interrupted, instead of a box that is kept.")
@click.option("--on-interruption", type=click.Choice(BEHAVIOURS), help="What EC2 does with it.")
@click.option("--max-price", metavar="P", help="0.50, spot+5%, od or od-20%; none by default.")
@click.option("--for", "lasting", metavar="8h", help="Deadline, 24h by default; `none` for never.")
@click.option("--budget", metavar="USD", help="Deadline when so much is spent on compute.")
@click.option("--guard", type=click.Choice(GUARDS), help="End it from outside as well.")
@click.option("--guard-role", metavar="ROLE", help="Of that guard; spotkeeper-guard by default.")
@click.option(
    "--image",
    metavar="IMAGE",
    shell_complete=suggestions.images,
    help="deep-learning, ubuntu, amazon-linux or ami-...",
)
@click.option("--disk", type=int, metavar="GB", help="Root disk, 100 by default.")
@click.option("--user-data", metavar="FILE", help="Script or cloud-config for the first boot.")
@click.option("--tag", "tags", metavar="K=V", multiple=True, help="Tag for all that is made.")
@click.option("--key", metavar="FILE.pub", help="Public key; the usual one in ~/.ssh by default.")
@click.option("--subnet", metavar="ID", help="Subnet, instead of the default VPC's.")
@click.option("--security-group", "groups", metavar="ID", multiple=True, help="Your own group.")
@click.option("--open-to-world", is_flag=True, help="Let every address reach ssh. Not advised.")
@click.option("--config", metavar="FILE", help="spot.toml, or the JSON of the old script.")
@click.option("--dry-run", is_flag=True, help="Show the plan, ask EC2 whether it may, stop there.")
@click.option("--yes", is_flag=True, help="Do not ask (needed without a terminal).")
@global_options
@pass_choices
def command(
    choices: Choices, /, config: str | None, *, dry_run: bool, yes: bool, **given: Any
) -> None:
    """Launch a machine on the best pool and wait until it answers.

    A box is kept: when EC2 takes its capacity back it is stopped, and restarted with its disk when
    capacity returns. With --once it is gone instead. The plan with its cost is shown first. A pool
    without capacity is skipped for the next one.

    Example: spot up train --gpus 1 --gpu-memory 16 --for 8h
    """
    settings = load(Path(config) if config else None, folder=Path.cwd())
    choices.profile = choices.profile or settings.get("profile")
    wish = wish_from(given, settings, choices.region)
    choices.region, choices.work = wish.need.regions, settings.work

    def confirm(plan: Plan) -> bool:
        say_plan(plan, dry_run=dry_run)
        if not yes and not dry_run:
            agreed(choices, "Launch it?")
        elif dry_run and choices.output != "table":
            render.emit(choices, "plan", [records.plan(plan)], columns=PLAN_COLUMNS)
        return True

    report = choices.keeper().up(wish, confirm=confirm, dry_run=dry_run)
    if report is None:
        click.echo("EC2 would allow it (DryRun). Nothing was changed.", err=True)
        return
    show_one(choices, report, report.warnings if choices.output == "json" else ())
    if choices.output == "table" and report.login:
        click.echo(plain_text(f"or: spot ssh {wish.name}"))
        click.echo(plain_text(f"give it back with: spot down {wish.name}"))
