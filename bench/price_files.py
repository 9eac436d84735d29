"""A price history read and summarised per pool: `spot prices --from` against pandas.

CPU seconds of whole processes (start, imports and printing included) and their peak memory; both
print the same figures, which are compared first. The file is the one that is named, or 90 days of
us-east-1 in the folder that SPOT_TEST_DATA names. Exits with 1 when a limit is missed.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

ROUNDS = 5
BIN = Path(sys.executable).parent
NAME = "aws-spot-price-history-us-east-1-linux-2021-03_05.csv.gz"
DATA = Path(os.environ.get("SPOT_TEST_DATA", "/nowhere")) / NAME

#: Times the CPU of pandas, and megabytes.
MOST_CPU = 1.0
MOST_MEMORY_MB = 80.0

#: Type, zone and six figures.
CELLS = 8

#: The same summary, with a median weighted by time, as vectors.
PANDAS = """
import sys
import pandas as pd

rows = pd.read_csv(sys.argv[1], parse_dates=["timestamp"])
pool = ["instance_type", "availability_zone"]
rows = rows.sort_values([*pool, "timestamp"], kind="stable")
groups = rows.groupby(pool, sort=False)
price = "spot_price_usd_per_hour"
until = groups["timestamp"].shift(-1).fillna(rows["timestamp"].max())
rows["seconds"] = (until - rows["timestamp"]).dt.total_seconds()
before = groups[price].shift()
rows["changes"] = (rows[price] != before) & before.notna()
found = rows.groupby(pool).agg(
    rows=(price, "size"),
    changes=("changes", "sum"),
    least=(price, "min"),
    greatest=(price, "max"),
    last=(price, "last"),
)
ordered = rows.sort_values([*pool, price])
passed = ordered.groupby(pool)["seconds"].cumsum()
whole = ordered.groupby(pool)["seconds"].transform("sum")
found["median"] = ordered[(passed >= whole / 2) & (passed > 0)].groupby(pool)[price].first()
columns = ["rows", "changes", "least", "median", "greatest", "last"]
found[columns].to_csv(sys.stdout, float_format="%.4f")
"""


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float, str]:
    """CPU seconds, peak megabytes, and what was printed."""
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(command, env=environment, stdout=printed)
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{command[0]} failed")
        printed.seek(0)
        peak = used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
        return used.ru_utime + used.ru_stime, peak, printed.read()


def figures(printed: str, delimiter: str) -> dict[tuple[str, str], list[Decimal]]:
    """The figures of every pool of a table, by type and zone."""
    found = {}
    for line in printed.splitlines():
        cells = re.split(delimiter, line.strip())
        if len(cells) == CELLS and re.fullmatch(r"[\d,]+", cells[2]):
            found[cells[0], cells[1]] = [Decimal(cell.replace(",", "")) for cell in cells[2:]]
    return found


def differing(ours: str, theirs: str) -> list[tuple[str, str]]:
    """Pools whose figures are not the same to the last digit shown, rounding apart."""
    mine, other = figures(ours, r"\s{2,}"), figures(theirs, ",")
    if not mine or set(mine) != set(other):
        raise SystemExit(f"{len(mine)} pools here, {len(other)} in pandas")
    return [
        pool
        for pool, found in mine.items()
        if any(differ(a, b) for a, b in zip(found, other[pool], strict=True))
    ]


def differ(shown: Decimal, exact: Decimal) -> bool:
    """Whether a figure is another one; the last digit of a fraction may be rounded either way."""
    places = -int(shown.as_tuple().exponent)
    return abs(shown - exact) > (Decimal("1.01").scaleb(-places) if places else 0)


def main() -> int:
    """Run both in turn, print a table, and say whether the limits were held."""
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    if not data.is_file():
        print(f"Skipped: SPOT_TEST_DATA names no folder with {data.name}.")
        return 0
    with tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "PATH": os.environ["PATH"], "SPOT_HOME": home}
        commands = {
            "spot prices --from": [str(BIN / "spot"), "prices", "--from", str(data)],
            "pandas": [sys.executable, "-c", PANDAS, str(data)],
        }
        printed = {name: measured(each, environment)[2] for name, each in commands.items()}
        wrong = differing(*printed.values())
        runs = [
            {name: measured(each, environment)[:2] for name, each in commands.items()}
            for _ in range(ROUNDS)
        ]
    cpu = {name: statistics.median(run[name][0] for run in runs) for name in commands}
    peak = {name: max(run[name][1] for run in runs) for name in commands}
    ours, theirs = commands
    pools = len(figures(printed[ours], r"\s{2,}"))
    print(f"{data.name}: {pools:,} pools; medians of {ROUNDS} whole processes, in turn\n")
    print(f"{'':<20}{'CPU s':>8}{'of pandas':>11}{'limit':>7}{'peak MB':>9}{'limit':>7}")
    ratio = cpu[ours] / cpu[theirs]
    limits = f"{ratio:>11.2f}{MOST_CPU:>7.2f}{peak[ours]:>9.0f}{MOST_MEMORY_MB:>7.0f}"
    print(f"{ours:<20}{cpu[ours]:>8.3f}{limits}")
    print(f"{theirs:<20}{cpu[theirs]:>8.3f}{1:>11.2f}{'':>7}{peak[theirs]:>9.0f}")
    for pool in wrong[:5]:
        print(f"differs: {pool}")
    return int(bool(wrong) or ratio > MOST_CPU or peak[ours] > MOST_MEMORY_MB)


if __name__ == "__main__":
    sys.exit(main())
