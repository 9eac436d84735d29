"""The commands of docs/prices.md are run, and its table has the titles that are printed."""

import re
import shlex
from pathlib import Path

from tests.story.conftest import Spot

PAGE = (Path(__file__).parents[2] / "docs" / "prices.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]


def test_every_command_of_the_page_works(spot: Spot, home: Path) -> None:
    assert len(COMMANDS) >= 6
    for line in COMMANDS:
        command, _, target = line.partition(" > ")
        answer = spot(*shlex.split(command)[1:])
        assert answer.code == 0, f"{line}\n{answer.err}"
        if target:
            (home / target).write_text(answer.out)


def test_the_table_of_the_page_is_the_one_that_is_printed(spot: Spot) -> None:
    [shown] = [text.splitlines() for kind, text in BLOCKS if kind == "text"]
    printed = spot("prices", "g6.xlarge", "--region", "us-east-1", "--days", "30").out.splitlines()

    assert max(map(len, shown)) <= 80
    for line in (0, 2):  # what and when; type, region and On-Demand price
        assert re.sub(r"\d+", "N", shown[line]) == re.sub(r"\d+", "N", printed[line])
    assert shown[3].split() == printed[3].split()
    assert shown[-1].split()[-2:] == printed[-1].split()[-2:]
