"""A simulated week in every run, a simulated year for each of a thousand seeds in a soak."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.unit.keeper.year import lived

from spotkeeper.keeper.sweep import Sweep
from spotkeeper.lifecycle.region_ending import Actions, RegionEnding

WEEK, SPRING, YEAR = 7, 120, 365
SEEDS, SEEDS_OF_A_SHARD = 1000, 25

#: A name has an entry or two for everything that befalls it.
MOST_ENTRIES_A_COMMAND = 2

HISTORY_OF_A_WEEK = """
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tests.unit.keeper.year import lived
print("\\n".join(lived(1, Path(sys.argv[1]), 7).history))
"""


def test_a_week_leaves_nothing_and_ends_nothing_that_is_wanted(tmp_path: Path) -> None:
    week = lived(1, tmp_path, WEEK)
    assert week.wrong == [], "\n".join(week.history)
    assert week.commands > 10
    assert week.faults > 5
    assert week.sweeps == 1


def test_a_week_is_lived_again_call_by_call_by_another_process(tmp_path: Path) -> None:
    first = lived(1, tmp_path / "here", WEEK).history
    again = subprocess.run(
        [sys.executable, "-c", HISTORY_OF_A_WEEK, str(tmp_path / "there")],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert again.stdout.splitlines() == first


def lives(folder: Path) -> Iterator[Sequence[str]]:
    """What went wrong in the spring of some seeds, one after another."""
    return (lived(seed, folder / str(seed), SPRING).wrong for seed in range(1, 11))


def test_a_year_finds_a_sweep_that_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sweep, "_end_step", lambda *_: None)
    told = (each for wrong in lives(tmp_path) for each in wrong)
    assert any(each.partition(" left: ")[2] for each in told)


def test_a_year_finds_a_terminate_before_its_cancel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = RegionEnding._act

    def wrongly(self: RegionEnding, todo: Actions) -> None:
        if todo.terminate:
            self.ports.cloud.terminate(self.region, todo.terminate)
        act(self, todo)

    monkeypatch.setattr(RegionEnding, "_act", wrongly)
    assert any(lives(tmp_path))


@pytest.mark.soak
@pytest.mark.parametrize("shard", range(SEEDS // SEEDS_OF_A_SHARD))
def test_a_year_leaves_nothing_and_ends_nothing_that_is_wanted(tmp_path: Path, shard: int) -> None:
    bills = 0
    for seed in range(shard * SEEDS_OF_A_SHARD, (shard + 1) * SEEDS_OF_A_SHARD):
        year = lived(seed, tmp_path / str(seed), YEAR)
        assert year.wrong == [], f"seed {seed}"
        assert year.commands > 300
        assert year.sweeps > 30
        assert year.most_entries < MOST_ENTRIES_A_COMMAND * year.commands
        bills += year.bills
    assert bills > SEEDS_OF_A_SHARD
