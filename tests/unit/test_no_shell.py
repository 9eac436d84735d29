"""No text is ever given to a shell or run as code, here or in a test or benchmark: by lint."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUFF = Path(sys.executable).with_name("ruff")

#: What must never be written, and ruff's name for it.
BANNED = {
    "S602": "subprocess.run(text, shell=True)",
    "S604": "run(text, shell=True)",
    "S605": "os.system(text)",
    "S307": "eval(text)",
    "S102": "exec(text)",
    "S301": "pickle.loads(text)",
}

#: The sandbox reads its own snapshot with pickle, and tests run the examples of our own pages.
EXCUSED_NOWHERE = sorted({*BANNED} - {"S301", "S102"})


@pytest.mark.skipif(not RUFF.exists(), reason="ruff is not installed")
@pytest.mark.parametrize("folder", ["src/spotkeeper/cli", "src/ec2_sandbox", "tests", "bench"])
def test_the_lint_refuses_to_run_a_text(folder: str) -> None:
    head = "import os\nimport pickle\nimport subprocess\n\n\ndef f(text, run):\n"
    code = head + "".join(f"    {line}\n" for line in BANNED.values())
    done = subprocess.run(
        [
            RUFF,
            "check",
            "--no-cache",
            "--output-format=concise",
            f"--stdin-filename={folder}/x.py",
        ],
        input=code,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    for number, rule in enumerate(BANNED, start=code[: code.index("def f")].count("\n") + 2):
        assert any(f"x.py:{number}:" in line and rule in line for line in lines), (rule, lines)


def test_nothing_in_the_project_is_excused_from_it() -> None:
    excuses = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in ("src", "tests", "bench")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(rf"# noqa: .*({'|'.join(EXCUSED_NOWHERE)})", line)
    ]
    assert excuses == []
