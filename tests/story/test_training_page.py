"""The scripts of docs/training.md: the page shows the files, and each survives a rehearsal."""

import json
import re
from pathlib import Path

import pytest
from tests.story.test_rehearse import rehearse

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "docs" / "training"
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def test_the_page_shows_the_files_as_they_are() -> None:
    shown = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert sorted(shown) == sorted(path.read_text() for path in SCRIPTS.glob("*.py"))


@pytest.mark.parametrize("name", ["plain_loop.py"])
def test_a_script_of_the_page_survives_and_loses_nothing(name: str, tmp_path: Path) -> None:
    script = {name: (SCRIPTS / name).read_text()}
    done = rehearse(tmp_path, f"python3 {name} 60", "--output", "json", files=script)
    found = json.loads(done.stdout)
    assert (found["survives"], found["steps_done"], found["steps_twice"]) == (True, 60, 0), found
