"""Every block of the README is run."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from termios import tcsetwinsize

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tests.conftest import Sandbox
from tests.story.living import at_ec2s_pace

WIDTH = 80
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

#: Where the README's configuration blocks are kept for the commands that follow them.
FILE_OF_LANGUAGE = {"toml": "spot.toml", "json": "ec2-dev.json"}

#: What differs from run to run: ids, addresses, times, prices, and the blanks around them.
CHANGES = (
    (r"\b(i|sir|vol|sg|key|lt)-[0-9a-f]+", r"\1-ID"),
    (r"\b(eu-west-1|euw1-az)[a-c1-3]", r"\1X"),  # which zone is cheapest changes with the time
    (r"ssh -i .*", "ssh -i ..."),
    (r"\d+[hms]( \d+[ms])?\b", "T"),
    (r"[\d][\d.:TZ-]*", "N"),
    (r"[─\s]+", " "),
)


#: Regions are given back side by side: which of them is seen first is chance, and so is whether a
#: volume that goes with its instance is still there.
BY_CHANCE = re.compile(r"ending|making sure|volume ")


@dataclass(frozen=True)
class Block:
    language: str
    text: str


BLOCKS = [
    Block(*match)
    for match in re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
]


def shell(script: str) -> str:
    """What a script prints, both streams in order; it must succeed."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}"
    return done.stdout


def on_a_terminal(command: str) -> str:
    """The same of a command on a terminal of 80 columns, once all lines stand still."""
    ours, theirs = pty.openpty()
    tcsetwinsize(theirs, (40, WIDTH))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    path = f"{Path(sys.executable).parent}:{environment['PATH']}"
    environment |= {"PATH": path, "NO_COLOR": "1", "TERM": "xterm"}
    done = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    told = b""
    with contextlib.suppress(OSError):  # so ends what a terminal tells
        while part := os.read(ours, 2**16):
            told += part
    os.close(ours)
    text = told.decode().replace("\r\n", "\n")
    assert done.wait() == 0, f"{command}\n{text}"
    return re.sub(r"^.*\x1b\[2K", "", text, flags=re.MULTILINE)


def masked(output: str) -> list[str]:
    """Lines with everything that changes replaced, in an order that does not depend on buffers."""
    lines = [
        line for line in output.splitlines() if line.strip(" ─") and not BY_CHANCE.match(line)
    ]
    for pattern, mask in CHANGES:
        lines = [re.sub(pattern, mask, line).strip() for line in lines]
    return sorted(lines)


def steps(transcript: str) -> list[tuple[str, str]]:
    """Commands of a transcript with what they printed."""
    parts = re.split(r"^\$ (.*)\n", transcript, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def test_the_commands_of_the_readme_work_in_order(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = 0
    (home / "docs").symlink_to(ROOT / "docs")
    for block in BLOCKS:
        if block.language in FILE_OF_LANGUAGE:
            (home / FILE_OF_LANGUAGE[block.language]).write_text(block.text)
        elif block.language == "sh" and block.text.startswith("make "):
            shell(f"make -C {ROOT} --dry-run {block.text.removeprefix('make ')}")
            ran += 1
        elif block.language == "sh":
            shell(block.text)
            ran += 1
    assert ran == sum(block.language == "sh" for block in BLOCKS)


def test_the_transcript_is_what_the_commands_print(home: Path, sandbox: Sandbox) -> None:
    at_ec2s_pace(sandbox, scenario="article")
    [transcript] = [block.text for block in BLOCKS if block.language == "console"]
    for command, told in steps(transcript):
        printed = on_a_terminal(command)
        assert masked(printed) == masked(told), command
        lines = [line for line in printed.splitlines() if "ssh -i" not in line]
        assert max(map(len, lines)) <= WIDTH, command


def test_a_notebook_runs_the_python_example_and_shows_its_results(home: Path) -> None:
    [example] = [block.text for block in BLOCKS if block.language == "python"]
    cells = [example, "best", "plan", "keeper.ls()", "keeper.find(gpus=-1)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])

    with pytest.raises(CellExecutionError) as caught:
        NotebookClient(notebook, timeout=60, kernel_name="python3").execute()

    printed, *shown, refused = (cell.outputs[0] for cell in notebook.cells)
    assert "eu-west-1" in printed.text
    tables = [each.data["text/html"] for each in shown]
    assert all(each.startswith("<table>") for each in tables)
    assert "g5.xlarge" in tables[0]
    assert "at_most_usd" in tables[1]
    assert refused.ename == "BadInput"
    assert "Use 0 to 10000." in str(caught.value)  # the note, which is the next step


def test_the_configuration_examples_are_well_formed() -> None:
    for block in BLOCKS:
        if block.language == "toml":
            assert tomllib.loads(block.text)
        if block.language == "json":
            assert json.loads(block.text)


def test_no_block_is_of_a_kind_that_nothing_runs() -> None:
    assert {block.language for block in BLOCKS} == {"sh", "console", "python", "toml", "json"}
