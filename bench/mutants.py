"""Whether the tests of the safety core would notice that one of its rules is gone.

Each module is changed in one place at a time, and its own tests are run against every change:
mutmut keeps the interpreter warm and forks, so that one takes a fraction of a second. To its
changes two are added, since a rule is mostly a statement or a condition: a statement is left out,
and a condition holds always or never. Wording is not a rule: texts and what is said to the user
stay as they are. mutmut changes neither properties nor what stands outside of functions.

What lives meets the crash sweep, and what lives then is printed. A line of bench/mutants.tsv says
of what lives why that is right.

usage: python bench/mutants.py [--no-crash-sweep] [MODULE ...]
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
MUTMUT = Path(__file__).with_name("mutmut_rules.py")
DEFENDED = Path(__file__).with_suffix(".tsv")
PACKAGE = Path("src/spotkeeper/lifecycle")
TESTS = Path("tests/unit/lifecycle")
CRASH_SWEEP = TESTS / "test_crash_sweep.py"
PROCESSES = 2

#: The tests of each module of the safety core.
OWN_TESTS: Mapping[str, Sequence[str]] = {
    "sweep": ("test_sweep.py", "test_sweep_strangers.py"),
    "sweep_order": ("test_sweep_order.py",),
    "settle": ("test_settle.py",),
    "target": ("test_target.py",),
    "teardown": (
        "test_teardown.py",
        "test_teardown_claim_and_guard.py",
        "test_teardown_shared.py",
    ),
    "name_claim": ("test_name_claim.py",),
    "launch": ("test_launch.py", "test_launch_again.py", "test_launch_records.py"),
}

#: Of one process, in one order, with the same examples every time.
STEADY = ("-q", "-x", "-n0", "-p", "no:randomly", "-p", "no:cacheprovider", "--hypothesis-seed=0")

#: mutmut's codes for: all tests passed; no test came by.
LIVED = frozenset({0, 33})

#: Lines that only talk to the user.
TALK = r"talk\.(say|waiting)\("

CONFIG = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = ["{module}"]
do_not_mutate_patterns = ['{talk}']
pytest_add_cli_args = {steady}
pytest_add_cli_args_test_selection = {tests}
timeout_constant = 10.0
use_git_change_detection = false
"""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of a module."""

    name: str
    change: str

    @property
    def told(self) -> str:
        """The function, and the change itself."""
        function = self.name.rpartition(".")[2].rpartition("__mutmut_")[0]
        return f"{function.rpartition('ǁ')[2].removeprefix('x_')}: {self.change}"


class Bench:
    """A copy of the project in which one module is changed."""

    def __init__(self, module: str, folder: Path) -> None:
        self._module = PACKAGE / f"{module}.py"
        self._folder = folder
        self._copy = folder / "mutants"
        tests = [str(TESTS / each) for each in OWN_TESTS[module]]
        config = CONFIG.format(
            module=self._module, talk=TALK, steady=json.dumps(STEADY), tests=json.dumps(tests)
        )
        for each in ("src", "tests"):
            shutil.copytree(ROOT / each, folder / each, ignore=shutil.ignore_patterns("*.pyc"))
        project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        (folder / "pyproject.toml").write_text(project + config, encoding="utf-8")

    def run(self) -> Mapping[str, int]:
        """The exit code of the module's own tests for each change."""
        done = self._mutmut("run", f"--max-children={PROCESSES}")
        found = self._copy / f"{self._module}.meta"
        if done.returncode or not found.exists():
            sys.exit(f"mutmut failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        codes: Mapping[str, int] = json.loads(found.read_text())["exit_code_by_key"]
        return codes

    def mutant(self, name: str) -> Mutant:
        """What a change changes."""
        shown = self._mutmut("show", name)
        lines = [line for line in shown.stdout.splitlines() if line[:3] not in ("---", "+++")]
        changed = [f"{line[0]} {line[1:].strip()}" for line in lines if line[:1] in "+-" and line]
        return Mutant(name, "  ".join(changed))

    def _mutmut(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, str(MUTMUT), *words)
        return subprocess.run(
            command, cwd=self._folder, capture_output=True, text=True, check=False
        )

    def survives_crash_sweep(self, name: str) -> bool:
        """Whether no trial of the crash sweep stumbles over a change."""
        trials = ("-m=", "-k=at_any_moment or some_pairs or listed_long_after", CRASH_SWEEP)
        command = (sys.executable, "-m", "pytest", *STEADY, *trials)
        environment = {**os.environ, "MUTANT_UNDER_TEST": name}
        environment["PYTHONPATH"] = str(self._copy / "src")
        done = subprocess.run(
            command, cwd=self._copy, env=environment, capture_output=True, check=False
        )
        return done.returncode == 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the changes of one module."""

    module: str
    mutants: int
    killed_by_own_tests: int
    lived: Sequence[Mutant]
    alive: Sequence[Mutant]

    def row(self) -> str:
        """A line of the table."""
        met = len(self.lived) - len(self.alive)
        figures = (self.mutants, self.killed_by_own_tests, met, len(self.alive))
        return f"{self.module:<12}" + "".join(f"{figure:>16,}" for figure in figures)


HEADER = f"{'module':<12}" + "".join(
    f"{word:>16}" for word in ("mutants", "own tests", "crash sweep", "alive")
)


def tallied(module: str, *, with_crash_sweep: bool) -> Tally:
    """Run all changes of a module."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        bench = Bench(module, Path(folder))
        codes = bench.run()
        lived = [name for name, code in codes.items() if code in LIVED]
        alive = lived
        if with_crash_sweep:
            with ThreadPoolExecutor(PROCESSES) as pool:
                survives = pool.map(bench.survives_crash_sweep, lived)
                alive = [name for name, lives in zip(lived, survives, strict=True) if lives]
        mutants = {name: bench.mutant(name) for name in lived}
    return Tally(
        module,
        len(codes),
        len(codes) - len(lived),
        [mutants[name] for name in lived],
        [mutants[name] for name in alive],
    )


def defended() -> Mapping[tuple[str, str], str]:
    """The reason of each change that may live, by module and change."""
    if not DEFENDED.exists():
        return {}
    with DEFENDED.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {(row["module"], row["change"]): row["reason"] for row in rows}


def main() -> int:
    """Print a line per module, and what lives; fails where something lives undefended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", default=[*OWN_TESTS])
    parser.add_argument("--no-crash-sweep", action="store_true")
    asked = parser.parse_args()
    reasons = defended()
    print(HEADER, flush=True)
    undefended = 0
    for module in asked.modules:
        tally = tallied(module, with_crash_sweep=not asked.no_crash_sweep)
        print(tally.row(), flush=True)
        for mutant in tally.alive:
            reason = reasons.get((module, mutant.told), "")
            undefended += not reason
            print(f"    {mutant.told}\n        {reason or 'UNDEFENDED'}", flush=True)
    return 1 if undefended else 0


if __name__ == "__main__":
    sys.exit(main())
