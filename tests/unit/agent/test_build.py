"""The packed agent: one file, the same everywhere, for every Python from 3.9 on."""

import ast
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from spotkeeper.agent.build import CORE, DUTIES, duty_classes, pack, packed_agent
from spotkeeper.agent.serve import Duty

#: All that it may have, without what is no code.
MOST_LINES = 2500

OLDEST = (3, 9)


def sources() -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(pack())) as bundle:
        return {name: bundle.read(name).decode() for name in bundle.namelist()}


def oldest_python() -> str:
    """A Python of the oldest version that is on this computer, else this one."""
    found = [shutil.which(f"python3.{minor}") for minor in range(OLDEST[1], 12)]
    pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob("3.9.*/bin/python3"))
    for each in (*map(str, pyenv), *found):
        if (
            each
            and subprocess.run([each, "-c", ""], capture_output=True, check=False).returncode == 0
        ):
            return each
    return sys.executable


def answer(file: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    command = [oldest_python(), "-I", str(file), "--home", str(file.parent / "home"), *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def test_the_same_source_gives_the_same_bytes() -> None:
    assert pack() == pack() == packed_agent()[0]


def test_every_part_is_python_of_the_oldest_version_and_uses_its_library_alone() -> None:
    allowed = sys.stdlib_module_names | {"spotkeeper"}
    for name, text in sources().items():
        for node in ast.walk(ast.parse(text, name, feature_version=OLDEST)):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            else:
                continue
            assert {module.split(".")[0] for module in modules} <= allowed, name


def test_every_part_that_is_imported_is_packed() -> None:
    packed = {f"spotkeeper.{part}" for part in (*CORE, *DUTIES)}
    for name, text in sources().items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spotkeeper."):
                asked = {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
                assert asked & packed, f"{name}: {node.module}"


def test_it_is_no_longer_than_it_may_be() -> None:
    agent = [text for name, text in sources().items() if "/agent/" in name]
    assert sum(bool(line.strip()) for text in agent for line in text.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("without", [*DUTIES, "nothing"])
@pytest.mark.one_in(4)
def test_every_duty_can_be_left_out_by_its_line(without: str, tmp_path: Path) -> None:
    file = tmp_path / "agent.pyz"
    file.write_bytes(pack([duty for duty in DUTIES if duty != without]))
    answered = answer(file, "status")
    assert answered.returncode == 0, answered.stderr
    assert json.loads(answered.stdout)["record"] is None


def test_each_duty_is_one_class() -> None:
    classes = duty_classes()
    assert len(set(classes)) == len(DUTIES)
    assert Duty not in classes


@pytest.mark.parametrize(
    ("arguments", "text", "refused"),
    [
        (["start"], "{", "no description of a run"),
        (
            ["start"],
            '{"schema": 1, "run_id": "r", "name": "n", "command": ["true"], "setup": []}',
            "not prepared",
        ),
        (["cancel"], "", "no run"),
        (["logs"], "", "no run"),
        (["prepare", "r", "--user", "nobody-of-that-name"], "", "no user"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    arguments: list[str], text: str, refused: str, tmp_path: Path
) -> None:
    file = tmp_path / "agent.pyz"
    file.write_bytes(packed_agent()[0])
    answered = answer(file, *arguments, text=text)
    assert answered.returncode == 3
    assert refused in json.loads(answered.stdout)["refused"]
    assert answered.stderr == ""


def test_an_agent_whose_parent_was_gone_before_it_began_ends_too(tmp_path: Path) -> None:
    file = tmp_path / "agent.pyz"
    file.write_bytes(packed_agent()[0])
    answered = answer(file, "serve", "--stand-in", "--parent", "1")
    assert (answered.returncode, answered.stdout) == (0, "")
