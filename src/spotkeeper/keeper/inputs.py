"""What a program or the command line passes, checked: a need, and what the verbs are told."""

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from spotkeeper.errors import BadInput
from spotkeeper.market.feeds import Progress
from spotkeeper.model.duration import parse_duration
from spotkeeper.model.instance_type import Arch
from spotkeeper.model.max_price import MaxPrice
from spotkeeper.model.money import parse_usd
from spotkeeper.model.need import Need
from spotkeeper.model.record import Result

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


class NeedWords(TypedDict, total=False):
    """What hardware is wanted; see ``Need``. Amounts may be numbers or text."""

    types: Sequence[str]
    exclude: Sequence[str]
    regions: Sequence[str]
    zones: Sequence[str]
    gpus: int
    gpu: str
    gpu_memory_gb: float
    vcpus: int
    memory_gib: float
    arch: str
    max_spot_usd_per_hour: Decimal | float | str
    max_interruption_percent: int


class FindWords(NeedWords, total=False):
    """A need, and how the market is shown; see ``spot find --help``."""

    sort: str
    limit: int
    why: bool
    score: bool
    quota: bool
    progress: Progress


class LaunchWords(NeedWords, total=False):
    """A need, and what ``spot up`` takes besides; see ``spot up --help``."""

    once: bool
    on_interruption: str
    max_price: Decimal | float | str
    lasting: timedelta | str | None
    budget_usd: Decimal | float | str
    guard: str
    guard_role: str
    image: str
    disk_gb: int
    user_data: str | Path
    tags: Mapping[str, str]
    key_file: str | Path
    subnet_id: str
    group_ids: Sequence[str]
    open_to_world: bool


#: The words of a need whose option is called otherwise on the command line.
OPTION_OF_WORD = {
    "gpu_memory_gb": "gpu_memory",
    "memory_gib": "memory",
    "max_spot_usd_per_hour": "max_hourly",
    "max_interruption_percent": "max_interruption",
}


def need_of(words: Mapping[str, Any]) -> Need:
    """The need that a program's words state.

    Raises:
        BadInput: as ``need_from``.
    """
    silent = dict.fromkeys(NeedWords.__annotations__)
    given = {**silent, "types": (), "exclude": (), "zones": (), **words}
    told = {OPTION_OF_WORD.get(name, name): value for name, value in given.items()}
    return need_from(told, tuple(given["regions"] or ()))


def checked(words: Any = None) -> Callable[[F], F]:
    """Refuse what a verb cannot mean: an unknown keyword, text for a list, a wrong type. Its
    keywords beyond those it names are ``words``."""

    def check_first(verb: F) -> F:
        signature = inspect.signature(verb)
        known = frozenset(words.__annotations__ if words else ())

        @functools.wraps(verb)
        def call(*args: Any, **named: Any) -> Any:
            try:
                bound = signature.bind(*args, **named).arguments
            except TypeError as problem:
                raise BadInput(f"{verb.__name__}: {problem}", next_step=HELP) from None
            more = bound.pop("words", {})
            if unknown := sorted(more.keys() - known):
                raise BadInput(f"{verb.__name__} takes no {unknown[0]}", next_step=HELP)
            for word, value in (bound | more).items():
                _check(verb.__name__, word, value)
            return verb(*args, **named)

        return call  # type: ignore[return-value]

    return check_first


HELP = "`help(spotkeeper.Keeper)` lists what each verb takes."
_NUMBER = (int, float, Decimal)
_AMOUNT = (*_NUMBER, str)

#: What each word may be; a list of texts is ``list``. A word means the same in every verb.
ACCEPTED: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("types", "exclude", "regions", "zones", "names", "group_ids"), (list,)),
    **dict.fromkeys(("gpus", "vcpus", "limit", "days", "disk_gb"), (int,)),
    **dict.fromkeys(("gpu_memory_gb", "memory_gib", "max_interruption_percent"), _NUMBER),
    **dict.fromkeys(("max_spot_usd_per_hour", "max_price", "budget_usd"), _AMOUNT),
    **dict.fromkeys(("gpu", "arch", "name", "region", "sort", "image", "command"), (str,)),
    **dict.fromkeys(("on_interruption", "guard", "guard_role", "subnet_id"), (str,)),
    **dict.fromkeys(("why", "score", "quota", "apply", "ended", "once", "every"), (bool,)),
    **dict.fromkeys(("dry_run", "open_to_world", "cloudformation", "every_zone"), (bool,)),
    **dict.fromkeys(("lasting", "by"), (str, timedelta)),
    "tags": (Mapping,),
    "plan": (Result,),
}


def _check(verb: str, word: str, value: object) -> None:
    """Whether a word may have a value; ``None`` is as good as none."""
    accepted = ACCEPTED.get(word)
    if accepted is None or value is None:
        return
    if accepted == (list,):
        fine = isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping)
        if fine and all(isinstance(each, str) for each in value):  # type: ignore[attr-defined]
            return
        raise BadInput(
            f"{verb}: {word} must be a list of texts, not {value!r:.60}",
            next_step=f'Write {word}=["..."].',
        )
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
        kinds = " or ".join(each.__name__ for each in accepted)
        raise BadInput(f"{verb}: {word} must be {kinds}, not {value!r:.60}", next_step=HELP)


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
        max_spot_usd_per_hour=dollars(
            given["max_hourly"], "--max-hourly", "Use a number like 0.50."
        ),
        max_interruption_percent=given["max_interruption"],
    )


def length(by: timedelta | str | None) -> timedelta | None:
    """A length of time, also as it is typed; ``None`` is for ever.

    Raises:
        BadInput: the text is no length of time.
    """
    return typed_length(by, "", "Use 4h, 90m, 2d or none.") if isinstance(by, str) else by


def typed_length(text: str, option: str, hint: str) -> timedelta:
    """The length of time that an option was given, or an argument.

    Raises:
        BadInput: the text is none.
    """
    try:
        return parse_duration(text)
    except ValueError as problem:
        told = f"{option}: {problem}" if option else str(problem)
        raise BadInput(told, next_step=hint) from None


def dollars(text: object, option: str, hint: str) -> Decimal | None:
    """The amount that an option was given, if it was."""
    if text is None:
        return None
    try:
        return parse_usd(str(text))
    except ValueError as problem:
        raise BadInput(f"{option}: {problem}", next_step=hint) from None


def max_price(text: object) -> MaxPrice | None:
    """The maximum price that was given, if it was.

    Raises:
        BadInput: it has none of the four forms.
    """
    if text is None:
        return None
    try:
        return MaxPrice.parse(str(text))
    except ValueError as problem:
        raise BadInput(
            f"--max-price: {problem}", next_step="Use 0.50, spot+5%, od or od-20%."
        ) from None
