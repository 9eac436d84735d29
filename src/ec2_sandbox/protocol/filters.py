"""EC2's filters: several values mean any, several filters mean all, * and ? are wildcards."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ec2_sandbox.protocol.refusal import EC2Error, invalid_value, refuse

Filters = Mapping[str, list[str]]

MOST_VALUES = 200  # in one call (APIReference/Query-Requests.html, filters)

# A backslash takes the meaning from what follows (UserGuide/Using_Filtering.html).
TOKEN = re.compile(r"\\.|[*?]|[^\\*?]+|\\$", re.DOTALL)
WILDCARDS = {"*": ".*", "?": "."}
NOTHING = "(?!)"


class Wanted(NamedTuple):
    """Names as they are, and what those with wildcards fit."""

    names: frozenset[str]
    wild: re.Pattern[str]


@lru_cache(maxsize=1_000)
def _patterns(texts: tuple[str, ...]) -> Wanted:
    """What any of them fits, at once: 200 names are asked of a thousand types."""
    special = [text for text in texts if set("*?\\") & set(text)]
    each = ("".join(map(_expression, TOKEN.findall(text))) for text in special)
    either = "|".join(f"(?:{one})" for one in each) or NOTHING
    return Wanted(frozenset(texts).difference(special), re.compile(either, re.DOTALL))


def _expression(token: str) -> str:
    if token in WILDCARDS:
        return WILDCARDS[token]
    return re.escape(token[1:] if token[0] == "\\" and len(token) > 1 else token)


def matches(value: Any, wanted: Iterable[str]) -> bool:
    """Whether a value, or one of a list of values, fits one of the patterns."""
    if isinstance(value, list | tuple | set | frozenset):
        return any(matches(one, wanted) for one in value)
    if value is None:
        return False
    text = str(value).lower() if isinstance(value, bool) else str(value)
    names, wild = _patterns(tuple(map(str, wanted)))
    return text in names or wild.fullmatch(text) is not None


def passes(filters: Filters, value_of: Callable[[str], Any]) -> bool:
    """Whether a thing passes every filter; ``value_of`` gives its value for a filter's name."""
    return all(matches(value_of(name), wanted) for name, wanted in filters.items())


def check_number(filters: Filters) -> None:
    """Refuse more values than one call may bring."""
    if sum(len(values) for values in filters.values()) > MOST_VALUES:
        raise refuse(
            "FilterLimitExceeded",
            f"The maximum number of filter values specified on a single call is {MOST_VALUES}",
        )


def unknown_filter(name: str) -> EC2Error:
    """EC2's answer to a filter that an operation does not have; raise what this returns."""
    return invalid_value(f"The filter '{name}' is invalid")


def tag_value(name: str, tags: Mapping[str, str]) -> Any:
    """The value of the filters ``tag:KEY``, ``tag-key`` and ``tag-value``; else an error."""
    if name.startswith("tag:"):
        return tags.get(name.removeprefix("tag:"))
    if name == "tag-key":
        return list(tags)
    if name == "tag-value":
        return list(tags.values())
    raise unknown_filter(name)


def at_path(thing: Any, path: str) -> Any:
    """Follow ``Gpus.Name`` through mappings and lists; a list gives all its values."""
    for part in path.split("."):
        if isinstance(thing, list):
            thing = [item.get(part) for item in thing]
        else:
            thing = (thing or {}).get(part)
    return thing
