"""docs/deadline.md: its table is what the command prints, its constants are those of the code."""

import re
import shlex
from pathlib import Path

import pytest
from tests.story.conftest import Spot

from spotkeeper.work import deadline

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deadline.md").read_text(encoding="utf-8")
#: With each command on one line.
WHOLE = PAGE.replace("\\\n", "")


def test_the_table_is_what_the_command_prints(spot: Spot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")
    [(command, told)] = re.findall(r"^```console\n\$ spot (.*?)\n(.*?)^```$", WHOLE, re.M | re.S)

    assert spot(*shlex.split(command)).out == told


@pytest.mark.soak
def test_the_picture_can_be_drawn_again(
    spot: Spot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="the plot extra is not installed")
    (home / "docs").symlink_to(ROOT / "docs")
    [command] = re.findall(r"^```sh\nspot (.*)\n```$", WHOLE, re.MULTILINE)

    answer = spot(*shlex.split(command))

    assert answer.code == 0, answer.err
    assert (home / "backtest.png").read_bytes().startswith(b"\x89PNG")
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", PAGE):
        assert (ROOT / "docs" / picture).is_file()


def test_the_constants_are_those_that_decide() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([0-9.]+) \|", PAGE, re.MULTILINE)

    assert len(rows) == 6
    assert {name: float(value) for name, value in rows} == {
        name: getattr(deadline, name) for name, _ in rows
    }
