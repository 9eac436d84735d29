"""A moto that renames what the package takes from it must fail here, and say what.

What is taken is read from the syntax tree of the whole package, so that no name can be missing.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import ec2_sandbox
from ec2_sandbox.moto_hooks import PRIVATE

SOURCE = Path(ec2_sandbox.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
SCOPES = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef)
OF_NAMED_TUPLES = {"_replace"}
SET_BY_NAME = {"getattr", "setattr", "hasattr", "delattr"}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def taken(scope: ast.AST) -> Iterator[tuple[str, str]]:
    """What a scope itself imports from moto: the name that it has there, and its whole name."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "moto":
            yield from (
                (each.asname or each.name, f"{node.module}.{each.name}") for each in node.names
            )
        elif isinstance(node, ast.Import):
            for each in node.names:
                if each.name.split(".")[0] == "moto":
                    yield each.asname or "moto", each.name if each.asname else "moto"
        elif not isinstance(node, SCOPES):
            yield from taken(node)


def whole_names() -> set[str]:
    """Everything of moto that the package reaches from an import, whether read or replaced."""
    found = set[str]()
    for path in FILES:
        for scope in (node for node in ast.walk(tree(path)) if isinstance(node, SCOPES)):
            known = dict(taken(scope))
            found |= set(known.values())
            for node in ast.walk(scope):
                root, _, rest = chain(node).partition(".")
                if rest and root in known:
                    found.add(f"{known[root]}.{rest}")
    return found


def chain(node: ast.AST) -> str:
    """``a.b.c`` of an attribute of an attribute of a name; else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := chain(node.value)):
        return f"{owner}.{node.attr}"
    return ""


def resolved(name: str) -> Any:
    """The module, or what a module holds."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        owner, _, last = name.rpartition(".")
        return getattr(resolved(owner), last)


@pytest.mark.parametrize("name", sorted(whole_names()))
def test_moto_still_has(name: str) -> None:
    assert resolved(name) is not None


def heirs() -> Iterator[tuple[type, ast.ClassDef]]:
    """Our classes that inherit from moto's."""
    for path in FILES:
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and "moto" in path.read_text(encoding="utf-8"):
                kind = getattr(importlib.import_module(module_of(path)), node.name)
                if any(parent.__module__.startswith("moto.") for parent in kind.__mro__):
                    yield kind, node


HEIRS = list(heirs())


@pytest.mark.parametrize(("kind", "node"), HEIRS, ids=[kind.__name__ for kind, _ in HEIRS])
@pytest.mark.one_in(3)
def test_moto_still_gives_its_heir(kind: type, node: ast.ClassDef) -> None:
    written = (each for each in kind.__mro__ if each.__module__ != "builtins")
    texts = "".join(map(inspect.getsource, written))
    missing = []
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and ast.unparse(each.value) in ("self", "super()"):
            is_set = re.search(rf"\bself\.{each.attr}\b[^=\n]*= ", texts)
            parents = kind.__mro__[1:] if ast.unparse(each.value) == "super()" else [kind]
            if not is_set and not any(hasattr(parent, each.attr) for parent in parents):
                missing.append(each.attr)
    assert missing == []


def private_names() -> set[str]:
    """Names with an underscore that are asked of something else than oneself."""
    found = set[str]()
    for path in FILES:
        for node in ast.walk(tree(path)):
            match node:
                case ast.Attribute(attr=name, value=owner) if ast.unparse(owner) not in (
                    "self",
                    "cls",
                    "super()",
                ):
                    found.add(name)
                case ast.Call(
                    func=ast.Name(id=caller), args=[_, ast.Constant(value=str(name)), *_]
                ):
                    found |= {name} if caller in SET_BY_NAME else set()
                case _:
                    pass
    return {name for name in found if re.match("_[^_]", name)} - OF_NAMED_TUPLES


def test_the_list_of_private_names_is_that_of_the_source() -> None:
    assert private_names() == {name.rpartition(".")[2] for name in PRIVATE}


@pytest.mark.parametrize("name", PRIVATE)
def test_a_class_of_moto_still_has_the_private(name: str) -> None:
    """Of its own, or set in its methods: an attribute of an instance is in no class."""
    owner, _, last = name.rpartition(".")
    kind = resolved(owner)
    assert hasattr(kind, last) or re.search(rf"\bself\.{last}\b", inspect.getsource(kind))
