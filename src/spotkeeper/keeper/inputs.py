"""What a program or the command line passes, checked: a need, and what the verbs are told."""

from __future__ import annotations  # the words are read as text

import re
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypedDict

from spotkeeper.errors import BadInput
from spotkeeper.model.duration import parse_duration
from spotkeeper.model.max_price import MaxPrice
from spotkeeper.model.money import parse_usd
from spotkeeper.model.need import Need
from spotkeeper.model.option import NEED, OPTIONS, Option
from spotkeeper.timings import FOR_EVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from spotkeeper.keeper.backtest import BacktestRequest
    from spotkeeper.keeper.rehearse import RehearsalOrder
    from spotkeeper.market.feeds import Progress
    from spotkeeper.store.settings import Settings


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
    by: str
    limit: int
    why: bool
    score: bool
    quota: bool
    progress: Progress | None


class LaunchWords(NeedWords, total=False):
    """A need, and what ``spot up`` takes besides; see ``spot up --help``."""

    once: bool
    on_interruption: str
    max_price: Decimal | float | str
    lasting: timedelta | str | None
    budget_usd: Decimal | float | str
    idle: timedelta | str
    notify_url: str
    guard: str
    guard_role: str
    image: str
    disk_gb: int
    user_data: str | Path
    role: str
    tags: Mapping[str, str]
    key_file: str | Path
    connect: str
    subnet_id: str
    group_ids: Sequence[str]
    open_to_world: bool


MOST_NOTICES = 20
MOST_STARTS = 100_000
LENGTHS = "Use 48h, 90m or 2d."


class RehearseWords(TypedDict, total=False):
    """How a command is interrupted; see ``spot rehearse --help``."""

    notices: int
    hard: bool
    grace: timedelta | str
    signal: str
    seed: int


class RunWords(TypedDict, total=False):
    """How a command is run on a machine; see ``spot run --help``."""

    setup: str | Path
    env: Mapping[str, str]
    env_file: str | Path
    signal: str
    grace: timedelta | str
    retries: int
    then: str


class LogWords(TypedDict, total=False):
    """Which part of the output is wanted; ``whole`` begins at set-up."""

    follow: bool
    lines: int
    since: timedelta | str
    attempt: int
    raw: bool
    whole: bool


class BacktestWords(TypedDict, total=False):
    """What a file of the past does not say; see ``spot backtest --help``."""

    restart: timedelta | str
    on_demand_usd_per_hour: Decimal | float | str
    spot_usd_per_hour: Decimal | float | str
    max_price: Decimal | float | str
    egress_gb: Decimal | float | str
    starts: int
    policies: Sequence[str]
    regions: Sequence[str]
    yes: bool


def need_of(words: Mapping[str, Any]) -> Need:
    """The need that a program's words state.

    Raises:
        BadInput: as ``need_from``.
    """
    given = {**dict.fromkeys(option.word for option in NEED), **words}
    return need_from(given, tuple(given.get("regions") or ()))


def need_from(given: Mapping[str, Any], regions: tuple[str, ...]) -> Need:
    """The need that the options state.

    Raises:
        BadInput: the price limit is not an amount, a number is below 0 or beyond all reason, or
            there is no such architecture.
    """
    refuse_unmeant(NEED, given)
    return Need(
        types=tuple(given["types"] or ()),
        exclude=tuple(given["exclude"] or ()),
        regions=regions,
        zones=tuple(given["zones"] or ()),
        gpus=given["gpus"] or 0,
        gpu=given["gpu"],
        gpu_memory_gb=given["gpu_memory_gb"] or 0,
        vcpus=given["vcpus"] or 0,
        memory_gib=given["memory_gib"] or 0,
        arch=given["arch"],
        max_spot_usd_per_hour=dollars(
            given["max_spot_usd_per_hour"], "--max-hourly", "Use a number like 0.50."
        ),
        max_interruption_percent=given["max_interruption_percent"],
    )


def with_file(given: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """What was typed, and what the file says where the command line is silent."""
    said = {option.word: settings.get(option.flag) for option in OPTIONS if option.word in given}
    return {word: said.get(word) if _is_silent(value) else value for word, value in given.items()}


def in_its_line(problem: BadInput, given: Mapping[str, Any], settings: Settings) -> BadInput:
    """The same error, told with the line of the file where that, and nobody else, says it."""
    typed = {f"--{each.flag}" for each in OPTIONS if not _is_silent(given.get(each.word))}
    for said in re.findall(r"--[a-z-]+|'.*?'", problem.message):
        if said in settings.lines and said not in typed:
            place = f"{settings.origin}, line {settings.lines[said]}"
            return BadInput(f"{place}: {problem.message}", next_step=problem.next_step)
    return problem


def _is_silent(value: object) -> bool:
    """Whether an option was not typed; a typed 0 was."""
    return value is None or value is False or value == ()


def refuse_unmeant(options: Iterable[Option], given: Mapping[str, Any]) -> None:
    """Refuse a number beyond all reason, and what is none of the choices."""
    for option in options:
        value, most = given[option.word], option.most
        if most is not None and not 0 <= (value or 0) <= most:  # which is so for nan as well
            raise BadInput(f"--{option.flag} cannot be {value}", next_step=f"Use 0 to {most}.")
        if option.choices and value not in (None, *option.choices):
            raise BadInput(
                f"--{option.flag} cannot be {value!r}",
                next_step=f"Use {' or '.join(option.choices)}.",
            )


#: As typed for "for ever".
NO_DEADLINE = "none"


def length(by: timedelta | str | None, option: str = "") -> timedelta | None:
    """A length of time, also as it is typed; ``None`` is for ever.

    Raises:
        BadInput: the text is no length of time, or it is none that is meant.
    """
    if by is None or str(by).strip().lower() == NO_DEADLINE:
        return None
    return given_length(by, option, "Use 4h, 90m, 2d or none.")


def given_length(by: timedelta | str, option: str, hint: str) -> timedelta:
    """The length of time that an option was given, or an argument.

    Raises:
        BadInput: the text is none, or it is one that nobody means.
    """
    try:
        found = parse_duration(by) if isinstance(by, str) else by
    except ValueError as problem:
        told = str(problem)
    else:
        if timedelta(0) < found <= FOR_EVER:
            return found
        told = f"{by} is " + (
            f"over {FOR_EVER.days} days" if found > FOR_EVER else "no time at all"
        )
    raise BadInput(f"{option}: {told}" if option else told, next_step=hint)


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


def order_of(command: Sequence[str], words: Mapping[str, Any]) -> RehearsalOrder:
    """What is to be rehearsed, for the command line or a program.

    Raises:
        BadInput: there is no command, or it is to be interrupted in a way that cannot be meant.
    """
    from spotkeeper.keeper.rehearse import RehearsalOrder
    from spotkeeper.work.contract import SIGNALS

    notices, name = words.get("notices", 1), words.get("signal", "TERM")
    grace = words.get("grace", "60s")
    if not command or not 1 <= notices <= MOST_NOTICES or name not in SIGNALS:
        raise BadInput(
            f"There is no rehearsal of {list(command)} with {notices} notices by SIG{name}",
            next_step=f"Give a command, 1 to {MOST_NOTICES} notices, and {', '.join(SIGNALS)}.",
        )
    try:
        most = parse_duration(grace) if isinstance(grace, str) else grace
    except ValueError as problem:
        raise BadInput(f"--grace: {problem}", next_step="Use 60s or 2m.") from None
    grace_s = most.total_seconds()
    return RehearsalOrder(
        tuple(command), notices, words.get("hard", False), grace_s, name, words.get("seed", 1)
    )


def request_of(path: str | Path, words: Mapping[str, Any]) -> BacktestRequest:
    """The job, for the command line or a program; ``restart`` may stand in ``spot.toml``.

    Raises:
        BadInput: a length of time, an amount or a policy that cannot be understood.
    """
    from pathlib import Path

    from spotkeeper.keeper.backtest import BacktestRequest
    from spotkeeper.store.settings import load
    from spotkeeper.work.policies import POLICIES

    restart, chosen = words.get("restart"), tuple(words.get("policies") or POLICIES)
    starts = words.get("starts", 100)
    if not 1 <= starts <= MOST_STARTS or not set(chosen) <= set(POLICIES):
        raise BadInput(
            f"There are no {starts} starts under {', '.join(chosen)}",
            next_step=f"Use 1 to {MOST_STARTS} starts; the policies are {', '.join(POLICIES)}.",
        )

    def amount(word: str, option: str) -> Decimal | None:
        return dollars(words.get(word), option, "Use a number like 0.50.")

    return BacktestRequest(
        Path(path),
        work=given_length(words["work"], "--work", LENGTHS),
        within=given_length(words["within"], "--within", LENGTHS),
        restart=given_length(restart, "--restart", LENGTHS)
        if restart
        else load(None, folder=Path.cwd()).work.restart,
        on_demand_usd_per_hour=amount("on_demand_usd_per_hour", "--on-demand"),
        spot_usd_per_hour=amount("spot_usd_per_hour", "--spot"),
        max_price=max_price(words.get("max_price")),
        egress_gb=amount("egress_gb", "--egress-gb") or Decimal(0),
        starts=starts,
        policies=chosen,
        regions=tuple(words.get("regions") or ()),
    )
