"""The shape of the source, beside two libraries that are known to read well.

Nothing here is a limit: the limits are in tests/unit/test_architecture.py. The libraries are read,
never imported, so they lie in a folder of their own without what they depend on.

usage: python bench/figures.py FOLDER-OF-THE-LIBRARIES
"""

import ast
import importlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import grimp

HERE = Path(__file__).parent
SOURCE = HERE.parent / "src"
LIBRARIES = ("httpx", "importlinter")
SHORT_FILE_LINES = 60

COMMANDS: Mapping[str, Sequence[str]] = {
    "find": ("find", "--gpus", "1", "--region", "eu-west-1"),
    "up": ("up", "shape", "--type", "g5.xlarge", "--region", "eu-west-1", "--for", "8h", "--yes"),
    "ls": ("ls",),
    "down": ("down", "shape", "--yes"),
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Package:
    """The source of one import package."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.texts = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*.py")}
        self.trees = {path: ast.parse(text) for path, text in self.texts.items()}
        self._face = self.trees[folder / "__init__.py"]

    def lines(self) -> list[int]:
        """The length of each file."""
        return sorted(len(text.splitlines()) for text in self.texts.values())

    def functions(self) -> list[int]:
        """The lines of each function from its `def` on, the docstring left out."""
        nodes = (node for tree in self.trees.values() for node in ast.walk(tree))
        return sorted(_lines_of(node) for node in nodes if isinstance(node, Function))

    def shared_classes(self) -> list[str]:
        """Public classes of one name in two places."""
        names = Counter(
            node.name
            for tree in self.trees.values()
            for node in tree.body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        )
        return sorted(name for name, times in names.items() if times > 1)

    def public_names(self) -> int:
        """How many names the package itself offers."""
        for node in self._face.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                if isinstance(node.value, ast.List | ast.Tuple):
                    return len(node.value.elts)
                return len(importlib.import_module(self.name).__all__)
        return 0

    def import_depth(self) -> int:
        """The longest chain of files that import one another, what only types need left out."""
        graph = grimp.build_graph(self.name, exclude_type_checking_imports=True, cache_dir=None)

        @cache
        def depth(module: str) -> int:
            under_way.add(module)
            below = graph.find_modules_directly_imported_by(module) - under_way
            deepest = max((depth(each) for each in sorted(below)), default=0)
            under_way.remove(module)
            return deepest + 1

        under_way: set[str] = set()
        return max(depth(module) for module in sorted(graph.modules))


def _lines_of(function: Function) -> int:
    whole = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None:
        return whole
    return whole - ((first.end_lineno or first.lineno) - first.lineno + 1)


def rows(package: Package) -> Iterator[tuple[str, str]]:
    """What is told of a package, line by line."""
    lines, functions = package.lines(), package.functions()
    yield "files", f"{len(lines)}"
    yield "lines", f"{sum(lines):,}"
    yield "median file, lines", f"{statistics.median(lines):g}"
    yield f"files under {SHORT_FILE_LINES} lines", f"{sum(n < SHORT_FILE_LINES for n in lines)}"
    yield "functions", f"{len(functions):,}"
    quantiles = [functions[int(share * (len(functions) - 1))] for share in (0.5, 0.95, 1)]
    yield "function p50 / p95 / max, lines", " / ".join(map(str, quantiles))
    yield "import depth, files", f"{package.import_depth()}"
    yield "public names", f"{package.public_names()}"
    yield "public class names shared", f"{len(package.shared_classes())}"


def compare(packages: Sequence[Package]) -> None:
    """One column for each package."""
    print(f"{'':<34}" + "".join(f"{package.name:>14}" for package in packages))
    for each in zip(*map(rows, packages), strict=True):
        print(f"{each[0][0]:<34}" + "".join(f"{figure:>14}" for _, figure in each))
    for package in packages:
        if shared := package.shared_classes():
            print(f"shared in {package.name}: {', '.join(shared)}")


def files_run(command: Sequence[str], environment: Mapping[str, str]) -> set[str]:
    """The files of spotkeeper of which a function ran in a command with the sandbox."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as into:
        subprocess.run(
            [sys.executable, HERE / "files_run.py", into.name, "--sandbox", *command],
            env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return set(into.read().split())


def walk() -> None:
    """How far a command goes through the files.

    Plumbing is what all four commands run through; to understand one of them is to open the rest.
    """
    spot = [sys.executable, "-m", "spotkeeper"]
    with tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "SPOT_HOME": home, "PATH": os.environ["PATH"]}
        try:
            ran = {name: files_run(command, environment) for name, command in COMMANDS.items()}
        finally:
            subprocess.run(
                [*spot, "sandbox", "stop"], env=environment, check=True, capture_output=True
            )
    print("\nfiles of spotkeeper of which a function ran, in the sandbox")
    for name, files in ran.items():
        print(f"  spot {name:<27}{len(files):>14}")
    everywhere = set.intersection(*ran.values())
    print(f"  {'run by all four: plumbing':<32}{len(everywhere):>14}")
    print(f"  {'to open for `spot up`: no plumbing':<32}{len(ran['up'] - everywhere):>12}")


def main() -> None:
    """Print everything."""
    libraries = Path(sys.argv[1])
    sys.path.insert(0, str(libraries))
    ours = sorted(path.parent for path in SOURCE.glob("*/__init__.py"))
    compare([Package(folder) for folder in (*ours, *(libraries / name for name in LIBRARIES))])
    walk()


if __name__ == "__main__":
    main()
