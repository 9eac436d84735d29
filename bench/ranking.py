"""Ranking 90,000 offers against the same in polars: CPU seconds of whole processes.

Both are given the same rows, as they come from a scan, the same hardware and the same hazards, and
must find the same twenty pools. Counted is everything from the start of the process, imports
included, but for reading the input from a file. Exits with 1 when the limit is missed.

usage: python bench/ranking.py [ROUNDS]
"""

import ast
import marshal
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import price_server
from processes import ROUNDS
from rank_once import WAYS, Market

ONCE = Path(__file__).parent / "rank_once.py"
TIMES_LESS_THAN_POLARS = 4.0
ZONES = "abc"
MOMENT = "2026-11-01T10:00:00.000Z"


def market() -> Market:
    """A thousand types in three zones of thirty regions; the same in every run."""
    dice = random.Random(7)  # noqa: S311
    regions = price_server.region_names(price_server.MOST_REGIONS)
    hardware = {
        name: (dice.choice((2, 4, 8, 16, 32, 64, 96)), 16384, dice.choice((0, 0, 0, 1, 4, 8)))
        for name in price_server.TYPES
    }
    hazards = {region: {name: dice.random() / 50 for name in hardware} for region in regions}
    rows = {
        region: [
            (name, "Linux/UNIX", f"{dice.random() * 9 + 0.003:.6f}", MOMENT, region + letter, "az")
            for letter in ZONES
            for name in hardware
        ]
        for region in regions
    }
    return rows, hardware, hazards


def main() -> int:
    """Both ways in turn; 0 when the limit was held."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "market"
        file.write_bytes(marshal.dumps(market()))
        for _ in range(rounds):
            for way in WAYS:
                command = [sys.executable, str(ONCE), way, str(file)]
                run = subprocess.run(command, env={}, check=True, capture_output=True)
                runs[way].append(ast.literal_eval(run.stdout.decode()))
    if any(run["top"] != runs["polars"][0]["top"] for each in runs.values() for run in each):
        raise SystemExit("the two ways do not find the same pools")
    seconds = {way: statistics.median(run["cpu"] for run in each) for way, each in runs.items()}
    ratio = seconds["polars"] / seconds["spotkeeper"]
    print(f"ranking 90,000 offers, median of {rounds}, in turn, imports included\n")
    print(f"{'':<44}{'CPU s':>9}{'times less':>14}{'limit':>9}")
    print(f"{'polars':<44}{seconds['polars']:>9.3f}")
    print(
        f"{'spotkeeper':<44}{seconds['spotkeeper']:>9.3f}{ratio:>14.1f}"
        f"{TIMES_LESS_THAN_POLARS:>9.0f}"
    )
    return int(ratio < TIMES_LESS_THAN_POLARS)


if __name__ == "__main__":
    sys.exit(main())
