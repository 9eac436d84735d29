"""What is to be run: read from the command line before anybody is asked."""

from pathlib import Path

import pytest

from spotkeeper.errors import BadInput
from spotkeeper.keeper.run import run_order
from spotkeeper.model.machine import Machine


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "code"
    found.mkdir()
    (found / "plain.sh").write_text("true\n")
    (found / "mine").write_text("#!/bin/sh\n")
    (found / "mine").chmod(0o755)
    (found / ".env").write_bytes(
        b"# words\n\nA=1\nexport B = 2 \nC='it''s'\nD=\"x y\"\nE=a=b\nHOME\nF=\xff\n"
    )
    monkeypatch.chdir(found)
    return found


def test_what_is_typed_wins_over_the_file_and_every_byte_is_kept() -> None:
    words = {"env": ("A=two words", "EMPTY="), "env_file": ".env"}
    order = run_order(["python3", "x.py", ""], words, environment={"HOME": "/home/me"})
    assert order.command == ("python3", "x.py", "")
    assert order.variables == {
        "A": "two words",
        "B": "2",
        "C": "it''s",
        "D": "x y",
        "E": "a=b",
        "HOME": "/home/me",
        "F": "\udcff",
        "EMPTY": "",
    }
    assert "two words" not in repr(order)


def steps(**words: object) -> tuple[tuple[str, ...], ...]:
    order = run_order(["true"], words, environment={})
    return order.spec(Machine(None, None), "run").setup


@pytest.mark.parametrize(
    ("file", "step"), [("plain.sh", ("bash", "plain.sh")), ("mine", ("./mine",))]
)
def test_a_set_up_runs_as_its_file_says(file: str, step: tuple[str, ...]) -> None:
    assert steps(setup=file) == (step,)


NEEDS = "[project]\nname = 'x'\ndependencies = ['torch']\n"
LATER = "[project]\nname = 'x'\ndynamic = ['dependencies']\n"


@pytest.mark.parametrize(
    ("files", "words", "found"),
    [
        ({}, {}, ""),
        ({"requirements.txt": "torch"}, {}, "requirements.txt"),
        ({"requirements.txt": "torch"}, {"setup": "none"}, ""),
        ({"requirements.txt": "torch"}, {"setup": "plain.sh"}, "plain.sh"),
        ({"requirements.txt": "torch", "gpu.txt": "torch"}, {"setup": "gpu.txt"}, "gpu.txt"),
        ({"requirements.txt": "torch", ".spotignore": "*.txt"}, {}, ""),
        ({"requirements.txt": "torch", "pyproject.toml": "[tool.ruff]"}, {}, "requirements.txt"),
        ({"requirements.txt": "torch", "pyproject.toml": NEEDS}, {}, "pyproject.toml"),
        ({"pyproject.toml": LATER}, {}, "pyproject.toml"),
        ({"uv.lock": "", "pyproject.toml": NEEDS}, {}, "uv.lock"),
        ({"sub/requirements.txt": "torch"}, {}, ""),
    ],
)
def test_what_the_code_needs_is_found_in_the_folder(
    files: dict[str, str], words: dict[str, object], found: str, folder: Path
) -> None:
    (folder / "sub").mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    order = run_order(["true"], words, environment={})
    assert order.setup_file == found
    told = [step[-1] for step in steps(**words)]
    assert told == ([found] if found else [])


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        (["true"], {"setup": "missing.sh"}, "--setup missing.sh is no file of"),
        (["true"], {"setup": "../outside.sh"}, "--setup ../outside.sh is no file of"),
        (["true"], {"env": ("TOKEN",)}, "--env TOKEN: this shell has no variable"),
        (["true"], {"env": ("=x",)}, "env cannot be used"),
        (["true"], {"env_file": "missing"}, "--env-file missing: No such file"),
        (["true"], {"env_file": "."}, "--env-file .: Is a directory"),
        (["true"], {"grace": "soon"}, "--grace:"),
        (["true"], {"grace": "48h"}, "grace_s cannot be used"),
        ([""], {}, "command cannot be used"),
        (["a\0b"], {}, "a NUL in it"),
    ],
)
def test_what_no_machine_could_run_is_refused(
    command: list[str], words: dict[str, object], said: str
) -> None:
    with pytest.raises(BadInput) as caught:
        run_order(command, words, environment={})
    assert said in caught.value.message


@pytest.mark.parametrize("text", ["[project", "project = 'x'", "[project]\ndynamic = 5"])
def test_a_project_that_cannot_be_read_is_refused_by_its_name(text: str, folder: Path) -> None:
    (folder / "pyproject.toml").write_text(text)
    with pytest.raises(BadInput, match="cannot be read"):
        run_order(["true"], {}, environment={})


def test_a_folder_that_is_gone_is_told(folder: Path) -> None:
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()
    with pytest.raises(BadInput, match="does not exist any more"):
        run_order(["true"], {}, environment={})
