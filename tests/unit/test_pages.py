"""A page that a comment, a docstring or another page names is there to be read."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"(?<![\w/.:-])(?:[\w.-]+/)*[\w.-]+\.md\b")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)")
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

if not (ROOT / "docs").is_dir():
    pytest.skip("not a checkout", allow_module_level=True)


def said(path: Path) -> Iterator[str]:
    """The comments and docstrings of a module; all of a page or script."""
    text = path.read_text(encoding="utf-8")
    if ".md" not in text:
        return
    if path.suffix != ".py":
        yield text
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Documented):
            yield ast.get_docstring(node) or ""


def files(*patterns: str) -> list[Path]:
    folders = [ROOT / name for name in ("src", "tests", "bench", "docs")]
    found = [path for folder in folders for pattern in patterns for path in folder.rglob(pattern)]
    return [*found, *(path for pattern in patterns for path in ROOT.glob(pattern))]


def test_every_page_that_is_named_exists() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files("*.py", "*.sh", "*.md", "*.toml")
        for text in said(path)
        for name in NAMED.findall(text)
        if not any((folder / name).is_file() for folder in (ROOT, ROOT / "docs", path.parent))
    ]
    assert missing == []


def test_every_file_that_a_page_links_to_exists() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in files("*.md")
        for target in LINK.findall(path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert missing == []


def test_transcripts_and_commands_fit_a_terminal_of_80_columns() -> None:
    blocks = [
        (path, block)
        for path in files("*.md")
        for block in re.findall(
            r"^```(?:console|sh)\n(.*?)^```$",
            path.read_text(encoding="utf-8"),
            re.MULTILINE | re.DOTALL,
        )
    ]
    assert len(blocks) > 15
    assert [
        f"{path.relative_to(ROOT)}: {line}"
        for path, block in blocks
        for line in block.splitlines()
        if len(line) > 80
    ] == []


def test_every_file_that_the_architecture_names_is_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:\w+/)+\w+\.py)`", page)) - {"cli/NAME.py", "keeper/NAME.py"}
    assert len(named) > 30
    assert {each for each in named if not (ROOT / "src" / "spotkeeper" / each).exists()} == set()


def test_the_architecture_counts_the_files_that_an_addition_touches() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| .+ \| (\d+) \| (.+) \|$", page.partition("## Where to add")[2], re.MULTILINE
    )
    assert len(rows) > 5
    for count, files_named in rows:
        assert len(re.findall(r"`[\w/.]+`", files_named)) == int(count), files_named
