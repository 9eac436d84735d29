"""Options of the command line, made of their records."""

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from spotkeeper.cli import suggestions
from spotkeeper.model.option import LAUNCH, NEED, Option, Takes

F = TypeVar("F", bound=Callable[..., Any])

#: What people write behind a number of gigabytes; memory and disks are counted in powers of two.
_GIB = {"": 1, "g": 1, "gb": 1, "gib": 1, "t": 1024, "tb": 1024, "tib": 1024}


class Amount(click.ParamType[float]):
    """A number that may bear the unit of its option: ``80``, ``80GB``, ``1.5TiB``."""

    name = "amount"

    def __init__(self, option: Option) -> None:
        self._has_reach = option.most is not None  # of the others, who takes it knows the least
        self._whole = option.takes is Takes.WHOLE
        self._units = _GIB if (option.shown or "").startswith("G") else {"": 1}

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number, in the unit of the option."""
        number, unit = _NUMBER.fullmatch(str(value).strip()).groups()  # type: ignore[union-attr]
        try:
            amount = float(number) * self._units[unit.lower()]
            exact = int(number) * self._units[unit.lower()] if self._whole else amount
        except (KeyError, ValueError):
            like = "80 or 80GB" if self._units is _GIB else "8"
            kind = "whole number" if self._whole else "number"
            self.fail(f"{value!r} is not a {kind} like {like}.", param, ctx)
        if amount < 0 and self._has_reach:
            self.fail(f"{value!r} is below zero.", param, ctx)
        return exact


_NUMBER = re.compile(r"(?s)(.*?)([A-Za-z]*)")

_SUGGESTED = {
    "types": suggestions.types,
    "gpu": suggestions.gpus,
    "image": suggestions.images,
    "regions": suggestions.regions,
}


def as_click(option: Option, name: str = "") -> Callable[[F], F]:
    """An option as click knows it, passed under a name or its own word."""
    kind = Amount(option) if option.takes in {Takes.WHOLE, Takes.NUMBER} else None
    return click.option(
        f"--{option.flag}",
        name or option.word,
        type=click.Choice(option.choices) if option.choices else kind,
        metavar=option.shown,
        multiple=option.takes is Takes.TEXTS,
        is_flag=option.takes is Takes.SWITCH or None,  # False would be a switch with a value
        shell_complete=_SUGGESTED.get(option.word),
        help=option.help,
    )


def _all(options: Iterable[Option]) -> Callable[[F], F]:
    def add(function: F) -> F:
        for option in reversed(tuple(options)):
            function = as_click(option)(function)
        return function

    return add


need_options = _all(NEED)
launch_options = _all(LAUNCH)
