"""From what was typed, in a file or by a program, to a launch request: checked."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from spotkeeper.errors import BadInput
from spotkeeper.keeper.inputs import (
    NO_DEADLINE,
    dollars,
    given_length,
    in_its_line,
    length,
    max_price,
    need_from,
    refuse_unmeant,
    with_file,
)
from spotkeeper.lifecycle.guard import DEFAULT_ROLE
from spotkeeper.lifecycle.launch_request import LaunchRequest, check
from spotkeeper.lifecycle.ports import OnInterruption
from spotkeeper.lifecycle.userdata import MAX_BYTES, MAX_PLAIN_BYTES
from spotkeeper.model.connect import Connect
from spotkeeper.model.machine import Kind
from spotkeeper.model.need import Need
from spotkeeper.model.option import LAUNCH, NEED
from spotkeeper.model.tags import NAME_PATTERN
from spotkeeper.store.settings import Settings
from spotkeeper.timings import DEFAULT_LIFE


def launch_request_of(name: str, words: Mapping[str, Any]) -> LaunchRequest:
    """What a program asks for. ``lasting`` is a time such as ``"8h"``; ``None`` is for ever.

    Raises:
        BadInput: as ``launch_request_from``.
    """
    told = dict(words)
    if "lasting" in told and told["lasting"] is None:
        told["lasting"] = NO_DEADLINE
    settings = Settings(tags=told.pop("tags", None) or {})
    regions = tuple(told.pop("regions", ()))
    given = dict.fromkeys(option.word for option in (*NEED, *LAUNCH))
    return launch_request_from({**given, **told, "name": name}, settings, regions)


def launch_request_from(
    given: Mapping[str, Any], settings: Settings, regions: tuple[str, ...]
) -> LaunchRequest:
    """What the command line says, the file where it is silent, the defaults where both are.

    Raises:
        BadInput: what cannot be understood, or be meant, with the line of the file that says it;
            a file that cannot be read, or no need.
    """
    try:
        found = _launch_request(with_file(given, settings), settings, regions)
        check(found)
    except BadInput as problem:
        raise in_its_line(problem, given, settings) from None
    return found


def _launch_request(
    merged: Mapping[str, Any], settings: Settings, regions: tuple[str, ...]
) -> LaunchRequest:
    refuse_unmeant(LAUNCH, merged)
    behaviour = merged["on_interruption"]
    need = need_from(merged, regions or tuple(settings.get("region") or ()))
    _refuse_nothing(need)
    name, label = _name(merged["name"], settings)
    return LaunchRequest(
        name=name,
        need=need,
        kind=Kind.ONCE if merged["once"] else Kind.BOX,
        on_interruption=behaviour and OnInterruption(behaviour),
        max_price=max_price(merged["max_price"]),
        lasting=_lasting(merged["lasting"], merged["budget_usd"]),
        image=merged["image"],
        disk_gib=merged["disk_gb"],
        user_script=_user_script(merged["user_data"], settings),
        role=merged["role"] or "",
        tags={**label, **settings.tags, **_tags(merged["tags"] or ())},
        key_file=_key_file(merged["key_file"]),
        key_name="" if merged["key_file"] else str(settings.get("key-name") or ""),
        connect=Connect(merged["connect"] or Connect.PUBLIC),
        subnet_id=merged["subnet_id"],
        group_ids=tuple(merged["group_ids"] or ()),
        open_to_world=bool(merged["open_to_world"]),
        guard=merged["guard"],
        guard_role=str(merged["guard_role"] or DEFAULT_ROLE),
        budget_usd=dollars(merged["budget_usd"], "--budget", "Use dollars such as 5."),
        idle=given_length(merged["idle"], "--idle", "Use 30m or 2h.") if merged["idle"] else None,
        notify_url=_notify_url(merged["notify_url"]),
    )


def _notify_url(text: str | None) -> str:
    """Not repeated where it is none: part of it may be a secret."""
    try:
        parts = urlsplit(text or "")
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if text and (not is_url or not text.isascii() or not text.isprintable() or " " in text):
        raise BadInput(
            "--notify is no address of the web",
            next_step="Use one that takes a POST, such as https://ntfy.sh/TOPIC.",
        )
    return text or ""


def _key_file(text: str | None) -> Path | None:
    try:
        return Path(text).expanduser().absolute() if text else None
    except (RuntimeError, OSError) as problem:
        raise BadInput(f"--key {text}: {problem}", next_step="Type the whole path.") from problem


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
