"""The numbers to hold, and what no file may do: read from the source, not from memory."""

import ast
import importlib
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest

import ec2_sandbox
import spotkeeper
from spotkeeper import errors
from spotkeeper.errors import Scope, SpotkeeperError
from spotkeeper.model.spot_request import STATUS_WORDS

SOURCE = Path(spotkeeper.__file__).parent
SANDBOX = Path(ec2_sandbox.__file__).parent
FILES = sorted((*SOURCE.rglob("*.py"), *SANDBOX.rglob("*.py")))
EXIT_CODES = {1, 2, 3, 4, 5, 6, 7, 8, 9, 130}  # as `spot --help` tells them; 0 is no error

Kind = TypeVar("Kind", bound=ast.AST)
Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

DRAWN = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, SpotkeeperError)
]


def named(path: Path, node: ast.AST | None = None) -> str:
    """Where something stands, to be found with one click."""
    line = f":{node.lineno}" if node is not None and hasattr(node, "lineno") else ""
    return f"src/{path.relative_to(SOURCE.parent)}{line}"


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(text_of(path))


@cache
def nodes(kind: type[Kind]) -> list[tuple[Path, Kind]]:
    """All of a kind, in all files."""
    every = ((path, node) for path in FILES for node in ast.walk(parsed(path)))
    return [(path, node) for path, node in every if isinstance(node, kind)]


def functions() -> Iterator[tuple[Path, Function]]:
    yield from nodes(ast.FunctionDef)
    yield from nodes(ast.AsyncFunctionDef)


def lines_of(function: Function) -> int:
    """From the `def` to the last line, the docstring left out."""
    whole = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None:
        return whole
    return whole - ((first.end_lineno or first.lineno) - first.lineno + 1)


def parameters_of(function: Function) -> int:
    """All parameters but the instance or class that a method is called on."""
    asked = function.args
    names = [each.arg for each in (*asked.posonlyargs, *asked.args, *asked.kwonlyargs)]
    return len([name for name in names if name not in {"self", "cls"}])


def calls(name: str) -> Iterator[tuple[Path, ast.Call]]:
    for path, node in nodes(ast.Call):
        if ast.unparse(node.func) == name:
            yield path, node


def test_no_function_is_longer_than_40_lines() -> None:
    assert [named(path, f) for path, f in functions() if lines_of(f) > 40] == []


def test_half_of_the_functions_have_at_most_8_lines() -> None:
    lengths = sorted(lines_of(function) for _, function in functions())
    assert lengths[len(lengths) // 2] <= 8


def test_no_file_is_longer_than_400_lines() -> None:
    long = [path for path in FILES if len(text_of(path).splitlines()) > 400]
    assert [named(path) for path in long] == []


@pytest.mark.parametrize("package", [SOURCE, SANDBOX], ids=lambda package: package.name)
def test_no_two_public_classes_of_a_package_share_a_name(package: Path) -> None:
    names = Counter(
        node.name
        for path, node in nodes(ast.ClassDef)
        if path.is_relative_to(package) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_no_function_takes_more_than_6_parameters() -> None:
    assert [named(path, f) for path, f in functions() if parameters_of(f) > 6] == []


def test_no_folder_is_named_after_a_layer() -> None:
    forbidden = {"utils", "common", "helpers", "core", "managers", "services"}
    folders = {path.parent for path in FILES}
    services = SANDBOX / "services"  # those of AWS that stand around EC2, not a layer
    assert [named(each) for each in folders - {services} if each.name in forbidden] == []


def test_the_public_names_are_complete_and_sorted() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    offered = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spotkeeper.")
        for alias in node.names
    }
    assert set(spotkeeper.__all__) == offered | {"__version__"}
    assert list(spotkeeper.__all__) == sorted(spotkeeper.__all__)
    assert all(getattr(spotkeeper, name) is not None for name in spotkeeper.__all__)
    with pytest.raises(AttributeError):
        spotkeeper.nothing_of_that_name  # noqa: B018 - the access is the test


def test_the_version_is_that_of_the_project() -> None:
    project = SOURCE.parent.parent / "pyproject.toml"
    if not project.is_file():
        pytest.skip("not a checkout")
    assert f'version = "{spotkeeper.__version__}"' in project.read_text(encoding="utf-8")


def ours(path: Path) -> bool:
    """Whether a file is spotkeeper's: the sandbox has errors of its own, and prints."""
    return path.is_relative_to(SOURCE)


def errors_elsewhere() -> list[type[SpotkeeperError]]:
    """Members of the family that stand beside the code they belong to."""
    family = {kind.__name__ for kind in DRAWN}
    found = []
    for path, node in nodes(ast.ClassDef):
        if path.name != "errors.py" and ours(path):
            bases = {ast.unparse(base).split(".")[-1] for base in node.bases}
            if family & bases:
                module = ".".join(("spotkeeper", *path.relative_to(SOURCE).with_suffix("").parts))
                found.append(getattr(importlib.import_module(module), node.name))
    return found


ERRORS = [*DRAWN, *errors_elsewhere()]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_says_its_kind_its_exit_code_and_what_to_do(
    kind: type[SpotkeeperError],
) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.kind)
    assert kind.exit_code in EXIT_CODES
    assert kind.default_next_step.strip()
    assert isinstance(kind.scope, Scope)
    assert kind.__doc__


@pytest.mark.parametrize("kind", DRAWN, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_drawn_tree_below_its_parent(
    kind: type[SpotkeeperError],
) -> None:
    drawn = [line for line in (errors.__doc__ or "").splitlines() if re.search(r"[├└]──", line)]
    rows = {re.split(r"── ", line)[1].split()[0]: line for line in drawn}
    if kind is SpotkeeperError:
        assert "SpotkeeperError" in (errors.__doc__ or "")
        return
    assert kind.__name__ in rows
    parent = kind.__mro__[1].__name__
    above = list(rows)[: list(rows).index(kind.__name__)]
    depth = rows[kind.__name__].index("──")
    owners = [name for name in above if rows[name].index("──") < depth]
    assert (owners[-1] if owners else "SpotkeeperError") == parent
    told = re.search(rf"{kind.__name__}\s+(\d+)\b", rows[kind.__name__])
    assert told is None or int(told[1]) == kind.exit_code


def test_the_tree_draws_no_error_that_does_not_exist() -> None:
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    assert set(drawn) == {kind.__name__ for kind in DRAWN} - {"SpotkeeperError"}


def test_no_two_errors_are_of_the_same_kind() -> None:
    kinds = [kind.kind for kind in ERRORS]
    assert len(set(kinds)) == len(kinds)


def test_no_shell_is_ever_asked_to_read_a_command() -> None:
    shells = [named(path, node) for path, node in nodes(ast.keyword) if node.arg == "shell"]
    assert shells == []
    assert [named(path, call) for path, call in calls("os.system")] == []


def test_only_the_command_line_prints() -> None:
    cli = SOURCE / "cli"
    silent = [(p, call) for p, call in calls("print") if ours(p) and not p.is_relative_to(cli)]
    assert [named(*each) for each in silent] == []


def test_every_public_name_is_documented() -> None:
    bare = []
    for path in FILES:
        bare += [named(path, node) for node in public(parsed(path)) if not ast.get_docstring(node)]
    assert bare == []


def public(owner: ast.Module | ast.ClassDef) -> Iterator[Documented]:
    """Classes, functions and methods that somebody else may use."""
    for node in owner.body:
        if isinstance(node, Documented) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


def test_every_file_says_what_it_is_for() -> None:
    trees = {path: parsed(path) for path in FILES}
    said = {path for path, tree in trees.items() if ast.get_docstring(tree) or not tree.body}
    assert [named(path) for path in FILES if path not in said] == []


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    texts = [*FILES, *SOURCE.parent.rglob("*.sh")]
    assert [named(path) for path in texts if later.search(text_of(path))] == []


@pytest.mark.parametrize("code", STATUS_WORDS)
def test_every_status_can_be_told_with_a_time(code: str) -> None:
    told = STATUS_WORDS[code].format(at="12:00")
    assert told
    assert not {"{", "}"} & set(told)
