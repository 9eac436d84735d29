"""From what was typed, in a file or by a program, to a launch request: checked."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from spotkeeper.errors import BadInput
from spotkeeper.keeper.inputs import (
    NO_DEADLINE,
    OPTION_OF_WORD,
    LaunchWords,
    dollars,
    length,
    max_price,
    need_from,
)
from spotkeeper.lifecycle.guard import DEFAULT_ROLE, GUARDS
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.ports import OnInterruption
from spotkeeper.lifecycle.userdata import MAX_BYTES, MAX_PLAIN_BYTES
from spotkeeper.model.machine import Kind
from spotkeeper.model.need import Need
from spotkeeper.model.tags import NAME_PATTERN
from spotkeeper.store.settings import Settings
from spotkeeper.timings import DEFAULT_LIFE

#: Options whose parameter is not called like their key in the file.
_KEY_OF_PARAMETER = {
    "types": "type",
    "zones": "zone",
    "lasting": "for",
    "groups": "security-group",
}


_OPTION_OF_WORD = {
    **OPTION_OF_WORD,
    "budget_usd": "budget",
    "disk_gb": "disk",
    "key_file": "key",
    "subnet_id": "subnet",
    "group_ids": "groups",
}


def launch_request_of(name: str, words: Mapping[str, Any]) -> LaunchRequest:
    """What a program asks for. ``lasting`` is a time such as ``"8h"``; ``None`` is for ever.

    Raises:
        BadInput: as ``launch_request_from``.
    """
    told = {_OPTION_OF_WORD.get(word, word): value for word, value in words.items()}
    if "lasting" in told and told["lasting"] is None:
        told["lasting"] = NO_DEADLINE
    settings = Settings(tags=told.pop("tags", None) or {})
    regions = tuple(told.pop("regions", ()))
    names = LaunchWords.__annotations__
    given = dict.fromkeys(_OPTION_OF_WORD.get(each, each) for each in names)
    return launch_request_from({**given, **told, "name": name, "tags": ()}, settings, regions)


def launch_request_from(
    given: Mapping[str, Any], settings: Settings, regions: tuple[str, ...]
) -> LaunchRequest:
    """What the command line says, the file where it is silent, the defaults where both are.

    Raises:
        BadInput: an option that cannot be understood, a file that cannot be read, or no need.
    """
    chosen = {name: value for name, value in given.items() if not _silent(value)}
    merged = {**dict.fromkeys(given), **_from_file(settings, given), **chosen}
    for many in ("types", "exclude", "zones", "groups"):
        merged[many] = tuple(merged[many] or ())
    need = need_from(merged, regions or tuple(settings.get("region") or ()))
    _refuse_nothing(need)
    name, label = _name(merged["name"], settings)
    return LaunchRequest(
        name=name,
        need=need,
        kind=Kind.ONCE if merged["once"] else Kind.BOX,
        on_interruption=_behaviour(merged["on_interruption"]),
        max_price=max_price(merged["max_price"]),
        lasting=_lasting(merged["lasting"], merged["budget"]),
        image=merged["image"],
        disk_gib=merged["disk"],
        user_script=_user_script(merged["user_data"], settings),
        tags={**label, **settings.tags, **_tags(given["tags"])},
        key_file=_key_file(merged["key"]),
        key_name="" if merged["key"] else str(settings.get("key-name") or ""),
        subnet_id=merged["subnet"],
        group_ids=merged["groups"],
        open_to_world=bool(merged["open_to_world"]),
        guard=_guard(merged["guard"]),
        guard_role=str(merged["guard_role"] or DEFAULT_ROLE),
        budget_usd=dollars(merged["budget"], "--budget", "Use dollars such as 5."),
    )


def _key_file(text: str | None) -> Path | None:
    try:
        return Path(text).expanduser().absolute() if text else None
    except (RuntimeError, OSError) as problem:
        raise BadInput(f"--key {text}: {problem}", next_step="Type the whole path.") from problem


def _silent(value: object) -> bool:
    """Whether an option was not typed; a typed 0 was."""
    return value is None or value is False or value == ()


def _from_file(settings: Settings, given: Mapping[str, Any]) -> dict[str, Any]:
    keys = {name: _KEY_OF_PARAMETER.get(name, name.replace("_", "-")) for name in given}
    values = {name: settings.get(key) for name, key in keys.items() if name != "name"}
    return {name: value for name, value in values.items() if value is not None}


def _refuse_nothing(need: Need) -> None:
    if need == Need(regions=need.regions, exclude=need.exclude, zones=need.zones):
        raise BadInput(
            "Nothing says what kind of machine is wanted",
            next_step="Add a need such as --gpus 1, --vcpus 8 or --type g5.xlarge.",
        )


def _name(given: str | None, settings: Settings) -> tuple[str, dict[str, str]]:
    """The machine's name, and the Name tag where the file spells it in a way a name cannot be."""
    if given:
        return given, {}
    spelled = settings.get("name")
    if not spelled:
        raise BadInput("The machine needs a name", next_step="Type it: spot up NAME ...")
    name = re.sub(r"[^a-z0-9]+", "-", str(spelled).lower()).strip("-")[:39].strip("-")
    if not NAME_PATTERN.fullmatch(name):
        raise BadInput(f"{settings.origin}: Name {spelled!r} cannot be a machine's name")
    return name, {"Name": str(spelled)}


def _behaviour(text: str | None) -> OnInterruption | None:
    if text is None:
        return None
    try:
        return OnInterruption(text)
    except ValueError:
        choices = ", ".join(OnInterruption)
        raise BadInput(f"on-interruption cannot be {text!r}; use {choices}") from None


def _guard(text: str | None) -> str | None:
    if text is not None and text not in GUARDS:
        raise BadInput(f"guard cannot be {text!r}; use {', '.join(GUARDS)}")
    return text


def _lasting(by: timedelta | str | None, budget: object) -> timedelta | None:
    """The time that was typed; 24 hours where nothing was, unless a budget sets the deadline."""
    if by is None:
        return DEFAULT_LIFE if budget is None else None
    return length(by, "--for")


def _user_script(path: str | None, settings: Settings) -> bytes | None:
    text = settings.get("user-data-text")
    if path is None and isinstance(text, str):
        if text.startswith("#") or "\n" in text:
            return text.encode()
        path = text
    if path is None:
        return None
    try:
        with Path(path).expanduser().open("rb") as file:
            script = file.read(MAX_PLAIN_BYTES + 1)
    except (OSError, ValueError, RuntimeError) as problem:  # no file, no path, no such user
        told = getattr(problem, "strerror", None) or problem
        raise BadInput(
            f"Cannot read the user data {path}: {told}",
            next_step="Name a readable file with --user-data.",
        ) from problem
    if len(script) > MAX_PLAIN_BYTES:
        raise BadInput(
            f"The user data {path} is over {MAX_PLAIN_BYTES:,} bytes; EC2 takes {MAX_BYTES:,}",
            next_step="Let a short script fetch the rest from S3.",
        )
    return script


def _tags(pairs: tuple[str, ...]) -> dict[str, str]:
    tags = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise BadInput(f"--tag {pair!r} has no =", next_step="Use --tag Project=demo.")
        tags[key] = value
    return tags
