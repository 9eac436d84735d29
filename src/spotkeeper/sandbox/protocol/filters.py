"""EC2's filters: several values mean any, several filters mean all, * and ? are wildcards."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from spotkeeper.sandbox.protocol.refusal import invalid_value

Filters = Mapping[str, list[str]]


@lru_cache(maxsize=1_000)
def _pattern(text: str) -> re.Pattern[str]:
    escaped = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped, re.DOTALL)


def matches(value: Any, wanted: Iterable[str]) -> bool:
    """Whether a value, or one of a list of values, fits one of the patterns."""
    if isinstance(value, list | tuple | set | frozenset):
        return any(matches(one, wanted) for one in value)
    if value is None:
        return False
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return any(_pattern(pattern).fullmatch(text) for pattern in wanted)


def passes(filters: Filters, value_of: Callable[[str], Any]) -> bool:
    """Whether a thing passes every filter; ``value_of`` gives its value for a filter's name."""
    return all(matches(value_of(name), wanted) for name, wanted in filters.items())


def tag_value(name: str, tags: Mapping[str, str]) -> Any:
    """The value of the filters ``tag:KEY``, ``tag-key`` and ``tag-value``; else an error."""
    if name.startswith("tag:"):
        return tags.get(name.removeprefix("tag:"))
    if name == "tag-key":
        return list(tags)
    if name == "tag-value":
        return list(tags.values())
    raise invalid_value(f"The filter '{name}' is invalid")


def at_path(thing: Any, path: str) -> Any:
    """Follow ``Gpus.Name`` through mappings and lists; a list gives all its values."""
    for part in path.split("."):
        if isinstance(thing, list):
            thing = [item.get(part) for item in thing]
        else:
            thing = (thing or {}).get(part)
    return thing
