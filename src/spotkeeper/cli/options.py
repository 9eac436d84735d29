"""The NEED options, shared by ``find`` and ``up``."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from spotkeeper.cli import suggestions
from spotkeeper.keeper.inputs import ARCHS

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--type",
        "types",
        metavar="GLOB",
        multiple=True,
        shell_complete=suggestions.types,
        help="Type, as in 'g5.*'.",
    ),
    click.option("--exclude", metavar="GLOB", multiple=True, help="Types to leave out."),
    click.option("--zone", "zones", metavar="ZONE", multiple=True, help="Zone name or id."),
    click.option("--gpus", type=click.IntRange(0), metavar="N", help="At least so many GPUs."),
    click.option("--gpu", metavar="NAME", help="GPU model, such as A10G."),
    click.option(
        "--gpu-memory",
        type=click.FloatRange(0),
        metavar="GB",
        help="Per GPU, as the card is sold.",
    ),
    click.option("--vcpus", type=click.IntRange(0), metavar="N", help="At least so many vCPUs."),
    click.option("--memory", type=click.FloatRange(0), metavar="GIB", help="At least so much."),
    click.option("--arch", type=click.Choice(ARCHS), help="Architecture."),
    click.option("--max-hourly", metavar="USD", help="Only pools up to this Spot price."),
    click.option(
        "--max-interruption",
        type=click.IntRange(0, 100),
        metavar="PERCENT",
        help="Only types that EC2 interrupted no more often last month.",
    ),
)


def need_options(function: F) -> F:
    """Add the NEED options to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
