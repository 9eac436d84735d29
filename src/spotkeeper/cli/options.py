"""The NEED options, shared by ``find`` and ``up``."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import click

from spotkeeper.cli import suggestions
from spotkeeper.errors import BadInput
from spotkeeper.model.instance_type import Arch
from spotkeeper.model.money import parse_usd
from spotkeeper.model.need import Need

F = TypeVar("F", bound=Callable[..., Any])

ARCHS = tuple(arch.value for arch in Arch)

#: The largest numbers that mean something; a configuration file may hold any.
MOST = {
    "gpus": 10_000,
    "gpu_memory": 1_000_000,
    "vcpus": 1_000_000,
    "memory": 1_000_000,
    "max_interruption": 100,
}

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


def need_from(given: Mapping[str, Any], regions: tuple[str, ...]) -> Need:
    """The need that the options state.

    Raises:
        BadInput: the price limit is not an amount, a number is below 0 or beyond all reason, or
            there is no such architecture.
    """
    for name, most in MOST.items():
        if not 0 <= (given[name] or 0) <= most:  # which is so for nan as well
            raise BadInput(
                f"{name.replace('_', '-')} cannot be {given[name]}", next_step=f"Use 0 to {most}."
            )
    if given["arch"] not in (None, *ARCHS):
        raise BadInput(f"arch cannot be {given['arch']!r}", next_step=f"Use {' or '.join(ARCHS)}.")
    return Need(
        types=tuple(given["types"]),
        exclude=tuple(given["exclude"]),
        regions=regions,
        zones=tuple(given["zones"]),
        gpus=given["gpus"] or 0,
        gpu=given["gpu"],
        gpu_memory_gb=given["gpu_memory"] or 0,
        vcpus=given["vcpus"] or 0,
        memory_gib=given["memory"] or 0,
        arch=given["arch"],
        max_price_usd_per_hour=dollars(
            given["max_hourly"], "--max-hourly", "Use a number like 0.50."
        ),
        max_interruption_percent=given["max_interruption"],
    )


def dollars(text: object, option: str, hint: str) -> Decimal | None:
    """The amount that an option was given, if it was."""
    if text is None:
        return None
    try:
        return parse_usd(str(text))
    except ValueError as problem:
        raise BadInput(f"{option}: {problem}", next_step=hint) from None
