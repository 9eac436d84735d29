"""``spot policy``."""

import json
from typing import Any

import click

from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.options import need_options
from spotkeeper.errors import BadInput
from spotkeeper.keeper.inputs import need_from
from spotkeeper.lifecycle.grants import (
    COMMANDS,
    ENDPOINT,
    GUARD,
    GUARD_ROLE,
    GUARD_TRUST,
    INSTANCE_PROFILE,
    SSM,
)

_OF_GUARD = (GUARD_ROLE, GUARD_TRUST)
PARTS = (*COMMANDS, GUARD, GUARD_ROLE, INSTANCE_PROFILE, ENDPOINT, SSM)


@click.command(name="policy", short_help="Print the least IAM policy that a command needs.")
@click.argument("part", metavar="[COMMAND]", required=False, type=click.Choice(PARTS))
@need_options
@click.option("--cloudformation", is_flag=True, help="As a stack for whoever may make policies.")
@click.option("--guard-role", metavar="ROLE", help="Of the guard; spotkeeper-guard by default.")
@click.option(
    "--role",
    is_flag=False,
    flag_value=GUARD_ROLE,
    metavar="[NAME]",
    help="With instance-profile: whose; with guard, and no name: what its role may do.",
)
@click.option("--trust", is_flag=True, help="With guard: who takes its role on.")
@global_options
@pass_choices
def command(
    choices: Choices, /, *, part: str | None, role: str | None, trust: bool, **given: Any
) -> None:
    """Print the least IAM policy that a command needs, or that all of them need.

    It is for your account, owner tag, partition and regions, with ACCOUNT and user/NAME in their
    place where you are not logged in. It allows Spot only, and of a need only its types.

    `guard` is what --guard scheduler needs besides, `role` what the role may do in whose name
    EventBridge Scheduler ends machines, `guard --trust` whom that role trusts. `instance-profile`
    is what `up --role NAME` needs besides, for a role of the profile's name; `endpoint` and `ssm`
    what `--connect` does.

    \b
    Examples:
      spot policy --region eu-west-1 --type 'g5.*' > spot.json
      spot policy --region any --cloudformation > stack.json
    """
    named = part == INSTANCE_PROFILE
    asked = GUARD_TRUST if trust else None if named else role
    if asked and (part != GUARD or given["cloudformation"] or asked not in _OF_GUARD):
        raise BadInput(
            "--role and --trust go with `spot policy guard` only, and with no stack; --role NAME "
            f"with `spot policy {INSTANCE_PROFILE}`"
        )
    printed = choices.keeper().policy(
        asked or part,
        need_from(given, choices.region),
        guard_role=given["guard_role"],
        role=role if named else None,
        cloudformation=given["cloudformation"],
    )
    click.echo(json.dumps(printed, indent=2))
