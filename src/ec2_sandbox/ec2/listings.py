"""Filters and pages of what moto lists: its methods give everything, this takes from it.

moto knows a part of EC2's filters, few wildcards, and pages of nothing. EC2's own model names
every filter of an operation in its documentation, and a filter's name is the path of an element
of the answer, so one rule serves all operations; ``IRREGULAR`` has the names that are no path.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache, partial
from html import unescape
from typing import Any, NamedTuple

from moto.core.responses import ActionResult
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker
from moto.core.utils import get_service_model

from ec2_sandbox.ec2.filter_paths import IRREGULAR
from ec2_sandbox.ec2.xml import stamp
from ec2_sandbox.protocol.filters import Filters, check_number, passes, tag_value, unknown_filter
from ec2_sandbox.protocol.paging import page

Path = tuple[str, ...]

FILTER_IN_TEXT = re.compile(
    r"<li>\s*<p>\s*<code>(?P<name>[^<]+)</code>(?P<rest>.*?)</p>", re.DOTALL
)
ALIAS_SENTENCE = re.compile(r"You can also use (?P<names>.*?) as the filter name", re.DOTALL)
CODE_IN_TEXT = re.compile(r"<code>([^<]+)</code>")

NOWHERE: Path = ("",)
TAG_MEMBERS = ("Tags", "TagSet")

pick = XFormedAttributePicker()


class Listing(NamedTuple):
    """What the model says about an operation that lists things of one kind.

    ``paths``   filter, without hyphens and in lower case, to the path of its value; None for a
                filter that EC2 has and whose value the answer does not show.
    """

    member: str
    item: Any
    paths: dict[str, Path | None]
    has_pages: bool


@cache
def listing_of(operation: str) -> Listing | None:
    """How the operation lists; None when it does not list things of one kind."""
    model = get_service_model("ec2").operation_model(operation)
    inputs = model.input_shape.members if model.input_shape else {}
    outputs = model.output_shape.members if model.output_shape else {}
    lists = [name for name, shape in outputs.items() if _holds_structures(shape)]
    filters = inputs.get("Filters") or inputs.get("Filter")
    if len(lists) != 1 or not (filters or "NextToken" in inputs):
        return None
    item = outputs[lists[0]].member
    names = filter_names(filters.documentation) if filters else []
    regular = {_plain(name): find(item, re.split(r"[.\-]", name)) for name in names}
    irregular = {_plain(name): path for name, path in IRREGULAR.get(operation, {}).items()}
    return Listing(
        member=lists[0], item=item, paths={**regular, **irregular}, has_pages="NextToken" in inputs
    )


def answered(call: Any, listing: Listing, method: Callable[[], Any]) -> Any:
    """moto's whole list, what passes the filters of it, and of that one page."""
    asked = call.params
    filters: Filters = call._filters_from_querystring()  # noqa: SLF001 - moto's own reader
    check_number(filters)
    if unknown := [name for name in filters if not _is_known(name, listing)]:
        raise unknown_filter(unknown[0])
    ours = {name: values for name, values in filters.items() if _is_ours(name, listing)}
    call.params = _without(asked, ours, listing)
    result = method()
    if not isinstance(result, ActionResult) or not isinstance(result.result, dict):
        return result
    rows: Sequence[Any] = result.result.get(listing.member) or []
    rows = [row for row in rows if passes(ours, partial(value_of, row, listing))]
    if not listing.has_pages:
        return ActionResult({**result.result, listing.member: rows})
    found, token = page(rows, asked, default=max(len(rows), 1))
    return ActionResult({**result.result, listing.member: found, "NextToken": token})


def shown(call: Any, operation: str, rows: Sequence[Any]) -> Any:
    """An answer of our own with these things, filtered and paged like moto's.

    Nothing fits a filter whose value the answer does not show.
    """
    listing = listing_of(operation)
    if listing is None:
        raise LookupError(operation)
    ours = listing._replace(paths={k: path or NOWHERE for k, path in listing.paths.items()})
    return answered(call, ours, lambda: ActionResult({listing.member: rows}))


def path_of(operation: str, name: str) -> str:
    """The path of a filter's value with dots; EC2's error for a filter it does not have."""
    listing = listing_of(operation)
    path = listing.paths.get(_plain(name)) if listing else None
    if path is None:
        raise unknown_filter(name)
    return ".".join(path)


def value_of(row: Any, listing: Listing, name: str) -> Any:
    """The value, or values, that a filter looks at."""
    if name.startswith("tag"):
        return tag_value(name, dict(_tags(row, listing)))
    path = listing.paths[_plain(name)]
    return list(_values(row, listing.item, path or ()))


def find(shape: Any, parts: Sequence[str]) -> Path | None:
    """The path of members that a filter's words spell, the longest names first."""
    if not parts:
        return ()
    for length in range(len(parts), 0, -1):
        head = _plain("".join(parts[:length]))
        for name, member in _members(shape).items():
            if head in _spellings(name, member):
                rest = find(member, parts[length:])
                if rest is not None:
                    return (name, *rest)
    return None


def _without(params: Any, ours: Filters, listing: Listing) -> dict[str, Any]:
    """The call as moto is to see it: without pages, and without the filters that are ours."""
    left = {k: v for k, v in params.items() if k not in {"MaxResults", "NextToken"}}
    if not listing.has_pages:
        left = dict(params)
    for key in ("Filters", "Filter"):
        if key in left:
            left[key] = [one for one in left[key] if one["Name"] not in ours]
    return left


def _is_known(name: str, listing: Listing) -> bool:
    if name.startswith("tag:") or name in {"tag-key", "tag-value"}:
        return _tag_member(listing) is not None
    return _plain(name) in listing.paths


def _is_ours(name: str, listing: Listing) -> bool:
    return name.startswith("tag") or bool(listing.paths[_plain(name)])


def filter_names(documentation: str) -> Iterator[str]:
    """The filters that an operation's documentation lists, with their aliases."""
    for found in FILTER_IN_TEXT.finditer(documentation):
        yield unescape(found["name"]).strip()
        if alias := ALIAS_SENTENCE.search(found["rest"]):
            yield from CODE_IN_TEXT.findall(alias["names"])


def _plain(name: str) -> str:
    return name.replace("-", "").lower()


def _spellings(name: str, member: Any) -> set[str]:
    """A list of things is filtered by the name of one: ``attachmentSet`` as ``attachment``."""
    key, element = _plain(name), _plain(member.serialization.get("name", name))
    return {key, element, element.removesuffix("set"), key.removesuffix("s")}


def _holds_structures(shape: Any) -> bool:
    return bool(shape.type_name == "list" and shape.member.type_name == "structure")


def _members(shape: Any) -> dict[str, Any]:
    while shape.type_name == "list":
        shape = shape.member
    return dict(shape.members) if shape.type_name == "structure" else {}


def _values(thing: Any, shape: Any, path: Path) -> Iterator[Any]:
    """Every value at the path, through lists, as the serializer would show them."""
    if thing is None:
        return
    if isinstance(thing, list | tuple | set | frozenset):
        for one in thing:
            yield from _values(one, shape.member, path)
    elif not path:
        yield stamp(thing) if isinstance(thing, datetime) else thing
    else:
        if (member := shape.members.get(path[0])) is None:
            return
        member.parent = shape
        value = pick(AttributePickerContext(thing, path[0], member))
        yield from _values(value, member, path[1:])


def _tag_member(listing: Listing) -> str | None:
    return next((name for name in TAG_MEMBERS if name in _members(listing.item)), None)


def _tags(row: Any, listing: Listing) -> Iterator[tuple[str, str]]:
    member = _tag_member(listing) or TAG_MEMBERS[0]
    shape = _members(listing.item)[member]
    for tag in pick(AttributePickerContext(row, member, shape)) or []:
        plain = {key.lower(): value for key, value in tag.items()}
        yield plain["key"], plain.get("value", "")
