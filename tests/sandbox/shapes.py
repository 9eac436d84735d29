"""An answer's body against the output shape that botocore has for the operation.

botocore's own parser passes over whatever it does not know; this does not.
"""

import json
import re
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
TRUTHS = {"true", "false"}
NUMBERS = {"integer": int, "long": int, "float": float, "double": float}

# Beside the members of the shape.
ALWAYS = {"requestId"}


def problems_of_xml(operation: Any, body: bytes) -> list[str]:
    """What EC2 would never have answered, each with its path."""
    root = ElementTree.fromstring(body)  # noqa: S314 - our own server
    name = _name(root)
    if name != f"{operation.name}Response":
        return [f"{operation.name}: the answer is called {name}"]
    elements = [element for element in root if _name(element) not in ALWAYS]
    if operation.output_shape is None:
        return [f"{operation.name}: {_name(one)} in an empty answer" for one in elements]
    return list(_members(elements, operation.output_shape, operation.name))


def _element(element: ElementTree.Element, shape: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        yield from _members(list(element), shape, path)
    elif shape.type_name == "list":
        yield from _items(element, shape, path)
    elif len(element):
        yield f"{path}: elements where a {shape.type_name} belongs"
    else:
        yield from _scalar(element.text or "", shape, path)


def _members(elements: list[ElementTree.Element], shape: Any, path: str) -> Iterator[str]:
    known = {
        member.serialization.get("name", name): member for name, member in shape.members.items()
    }
    names = [_name(element) for element in elements]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{path}.{name}: more than once"
    for element, name in zip(elements, names, strict=True):
        if name in known:
            yield from _element(element, known[name], f"{path}.{name}")
        else:
            yield f"{path}.{name}: unknown"


def _items(element: ElementTree.Element, shape: Any, path: str) -> Iterator[str]:
    expected = shape.member.serialization.get("name", "member")
    for item in element:
        if _name(item) != expected:
            yield f"{path}.{_name(item)}: an item should be called {expected}"
        else:
            yield from _element(item, shape.member, f"{path}[]")


def _scalar(text: str, shape: Any, path: str) -> Iterator[str]:
    kind = shape.type_name
    if kind == "boolean" and text not in TRUTHS:
        yield f"{path}: {text!r} is no boolean"
    elif kind == "timestamp" and not TIME.fullmatch(text):
        yield f"{path}: {text!r} is no time"
    elif kind in NUMBERS and not _is_number(text, NUMBERS[kind]):
        yield f"{path}: {text!r} is no {kind}"
    elif kind == "blob" and not _is_base64(text):
        yield f"{path}: no base64"
    elif kind == "string" and text and shape.enum and text not in {*shape.enum, *UNLIKE_THE_MODEL}:
        yield f"{path}: {text!r} is none of {shape.enum}"


#: As EC2 answers by the AWS command line's examples, though not by its model.
UNLIKE_THE_MODEL = ("lowestPrice",)


def problems_of_json(operation: Any, body: bytes) -> list[str]:
    """As ``problems_of_xml``, for the services that speak JSON."""
    return list(_json(json.loads(body), operation.output_shape, operation.name))


def _json(value: Any, shape: Any, path: str) -> Iterator[str]:
    kind = shape.type_name
    if not _is_json(value, kind):
        yield f"{path}: {value!r} is no {kind}"
    elif kind == "structure":
        for name, inner in value.items():
            if name in shape.members:
                yield from _json(inner, shape.members[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}: unknown"
    elif kind == "list":
        for inner in value:
            yield from _json(inner, shape.member, f"{path}[]")
    elif kind == "string" and shape.enum and value not in shape.enum:
        yield f"{path}: {value!r} is none of {shape.enum}"


JSON_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "double": (int, float),
    "float": (int, float),
    "integer": (int,),
    "list": (list,),
    "long": (int,),
    "map": (dict,),
    "string": (str,),
    "structure": (dict,),
    "timestamp": (int, float),
}


def _is_json(value: Any, kind: str) -> bool:
    """A boolean is an int to Python, and none to JSON."""
    return isinstance(value, JSON_TYPES[kind]) and isinstance(value, bool) == (kind == "boolean")


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _is_number(text: str, kind: type[int] | type[float]) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _is_base64(text: str) -> bool:
    try:
        b64decode(text, validate=True)
    except NoBase64:
        return False
    return True
