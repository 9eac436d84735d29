"""A moto that renames what we touch must fail here, and say what."""

import ast
import builtins
import inspect
import re
from collections.abc import Iterator
from functools import cache, reduce
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

import ec2_sandbox
from ec2_sandbox.moto_hooks import TOUCHED

SOURCE = Path(ec2_sandbox.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("name", TOUCHED)
def test_moto_still_has(name: str) -> None:
    """A name of an instance is looked for in the words of its class: no class has it."""
    module, _, path = name.partition(":")
    *owners, last = path.split(".")
    owner = reduce(getattr, owners, import_module(module))
    if not hasattr(owner, last):
        assert re.search(rf"\bself\.{last}\b", inspect.getsource(owner))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported() -> Iterator[str]:
    """What is imported from moto, by name."""
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("moto"):
                yield from (f"{node.module}:{each.name}" for each in node.names)


def private_attributes() -> set[str]:
    """Private names that are used of anything and defined nowhere in the package: moto's own."""
    used, own = set[str](), {*dir(builtins), *dir(NamedTuple("Any", []))}
    for path in FILES:
        for node in ast.walk(tree(path)):
            match node:
                case ast.Attribute(attr=name) if name.startswith("_") and not name.endswith("__"):
                    is_stored = isinstance(node.ctx, ast.Store)
                    is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
                    (own if is_stored and is_own else used).add(name)
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    own.add(name)
                case ast.AnnAssign(target=ast.Name(id=name)) | ast.Name(id=name, ctx=ast.Store()):
                    own.add(name)
                case _:
                    pass
    return used - own


def test_every_import_of_moto_is_listed_and_exists() -> None:
    for name in imported():
        module, _, path = name.partition(":")
        found = import_module(module)
        if not hasattr(found, path):
            import_module(f"{module}.{path}")


def test_no_private_name_of_moto_is_missing_from_the_list() -> None:
    listed = {path.split(".")[-1] for name in TOUCHED for path in [name.partition(":")[2]]}
    assert private_attributes() - listed == set()
