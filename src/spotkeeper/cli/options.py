"""Options of the command line, made of their records."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from spotkeeper.cli import suggestions
from spotkeeper.model.option import LAUNCH, NEED, Option, Takes

F = TypeVar("F", bound=Callable[..., Any])

_SUGGESTED = {
    "types": suggestions.types,
    "image": suggestions.images,
    "regions": suggestions.regions,
}


def as_click(option: Option, name: str = "") -> Callable[[F], F]:
    """An option as click knows it, passed under a name or its own word."""
    kinds: dict[Takes, Any] = {
        Takes.WHOLE: int if option.most is None else click.IntRange(0),
        Takes.NUMBER: click.FloatRange(0),
    }
    return click.option(
        f"--{option.flag}",
        name or option.word,
        type=click.Choice(option.choices) if option.choices else kinds.get(option.takes),
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
