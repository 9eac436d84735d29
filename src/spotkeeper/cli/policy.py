"""``spot policy``."""

import json

import click

from spotkeeper.cli.choices import Choices, global_options, pass_choices
from spotkeeper.lifecycle.policy import COMMANDS


@click.command(name="policy", short_help="Print the least IAM policy that a command needs.")
@click.argument("verb", metavar="COMMAND", type=click.Choice(COMMANDS))
@global_options
@pass_choices
def command(choices: Choices, verb: str) -> None:
    """Print the least IAM policy that a command needs, for your account, region and partition.

    Example: spot policy up --region eu-west-1 > spot-up.json
    """
    region = choices.region[0] if choices.region else None
    click.echo(json.dumps(choices.keeper().policy(verb, region), indent=2))
