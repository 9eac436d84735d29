"""The scripts of docs/training.md: the page shows the files, and each survives a rehearsal."""

import importlib.util
import json
import os
import re
import sys
from pathlib import Path

import pytest
from tests.story.test_rehearse import rehearse

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "docs" / "training"
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def test_the_page_shows_the_files_as_they_are() -> None:
    shown = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert sorted(shown) == sorted(path.read_text() for path in SCRIPTS.glob("*.py"))


def python_with_torch() -> Path | None:
    """A Python that has PyTorch, transformers and lightning; None where there is none."""
    named = os.environ.get("SPOT_TEST_TORCH", "")
    here = all(map(importlib.util.find_spec, ("torch", "transformers", "lightning")))
    return Path(named) if named else (Path(sys.executable) if here else None)


needs_torch = pytest.mark.skipif(
    python_with_torch() is None, reason="SPOT_TEST_TORCH names no Python that has PyTorch"
)


@pytest.mark.parametrize(
    ("command", "steps"),
    [
        ("python3 plain_loop.py", 60),
        pytest.param("python hf_trainer.py", 60, marks=needs_torch),
        pytest.param("python lightning_trainer.py", 1500, marks=needs_torch),
        pytest.param("torchrun --nproc-per-node 2 ddp.py", 1500, marks=needs_torch),
    ],
)
@pytest.mark.one_in(3)
def test_a_script_of_the_page_survives_and_loses_nothing(
    command: str, steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = python_with_torch()
    if python is not None:
        monkeypatch.setenv("PATH", f"{python.parent}:{os.environ['PATH']}")
    name = command.rsplit(maxsplit=1)[-1]
    script = {name: (SCRIPTS / name).read_text()}
    done = rehearse(
        tmp_path, f"{command} {steps}", "--notices", "2", "--output", "json", files=script
    )
    found = json.loads(done.stdout)
    assert (found["survives"], found["steps_done"], found["steps_twice"]) == (True, steps, 0), (
        found
    )
