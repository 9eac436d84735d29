"""``spot policy``."""

import json

import click

from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.errors import BadInput
from spotkeeper.lifecycle.policy import COMMANDS, GUARD, GUARD_ROLE, GUARD_TRUST


@click.command(name="policy", short_help="Print the least IAM policy that a command needs.")
@click.argument("verb", metavar="COMMAND", type=click.Choice((*COMMANDS, GUARD)))
@click.option("--role", "part", flag_value=GUARD_ROLE, help="With guard: what its role may do.")
@click.option("--trust", "part", flag_value=GUARD_TRUST, help="With guard: who takes it on.")
@global_options
@pass_choices
def command(choices: Choices, verb: str, part: str | None) -> None:
    """Print the least IAM policy that a command needs, for your account, region and partition.

    `guard` is what --guard scheduler needs besides: your own permissions, with --role those of the
    role in whose name EventBridge Scheduler ends machines, with --trust whom that role trusts.

    Example: spot policy up --region eu-west-1 > spot-up.json
    """
    if part and verb != GUARD:
        raise BadInput("--role and --trust go with `spot policy guard` only")
    region = choices.region[0] if choices.region else None
    click.echo(json.dumps(choices.keeper().policy(part or verb, region), indent=2))
