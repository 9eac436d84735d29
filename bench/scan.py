"""The whole market against the AWS command line and boto3: CPU seconds of whole processes.

A local server answers for 30 regions, 80 ms later each time (price_server.py). `spot find` has its
cache of hardware, On-Demand prices and the Spot Advisor from a run before; the Spot prices
themselves are asked for anew in every run. Exits with 1 when a limit is missed.

usage: python bench/scan.py [ROUNDS]
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import price_server
from processes import ROUNDS, Cost, medians, run, run_often

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
REGIONS = price_server.region_names(price_server.MOST_REGIONS)

FIND = (BIN / "spot", "find", "--region", "any", "--output", "json")
FROM_CACHE = {
    "spot find --offline": (BIN / "spot", "find", "--offline", "--output", "json"),
    "spot ls --offline": (BIN / "spot", "ls", "--offline", "--output", "json"),
}
AWS_HISTORY = (
    BIN / "aws", "ec2", "describe-spot-price-history",
    "--product-descriptions", "Linux/UNIX", "--output", "json", "--region",
)  # fmt: skip
AWS_VERSION = (BIN / "aws", "--version")

TIMES_LESS_THAN_AWS = 40.0
TIMES_LESS_THAN_BOTO3 = 18.0
TIMES_LESS_THAN_AWS_VERSION = 2.0
MOST_MB = 100.0
PAGES_OF_A_LONG_SCAN = 60

Environment = dict[str, str]


@contextmanager
def market(home: Path, pages: int) -> Iterator[Environment]:
    """A server of its own, and the environment of its clients."""
    server = subprocess.Popen(
        [sys.executable, HERE / "price_server.py", "--pages", str(pages)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if server.stdin is None or server.stdout is None:
        raise SystemExit("the price server cannot be started")
    url = f"http://127.0.0.1:{int(server.stdout.readline())}"
    try:
        yield {
            "HOME": str(home),
            "SPOT_HOME": str(home / "spot"),
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": url,
            "SPOT_ADVISOR_URL": f"{url}/spot-advisor-data.json",
            "AWS_ACCESS_KEY_ID": "AKIABENCH",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": REGIONS[0],
            "AWS_DEFAULT_REGION": REGIONS[0],
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    finally:
        server.stdin.close()
        server.wait()
        server.stdout.close()


def every_region_by_aws(environment: Environment) -> Cost:
    """The AWS command line, once per region."""
    costs = (run((*AWS_HISTORY, region), environment) for region in REGIONS)
    return sum(costs, Cost(0, 0))


def verdict(name: str, seconds: float, against: float | None = None, limit: float = 0) -> bool:
    """Print a line of the table; whether its limit was held."""
    if against is None:
        print(f"{name:<44}{seconds:>9.3f}")
        return True
    print(f"{name:<44}{seconds:>9.3f}{against / seconds:>14.1f}{limit:>9.0f}")
    return against / seconds >= limit


def compare(home: Path, rounds: int) -> bool:
    """Everything that is measured in CPU seconds; whether every limit was held."""
    with market(home, price_server.PAGES_OF_A_MARKET) as environment:
        found = home / "found.json"
        run(FIND, environment, into=found)
        run((BIN / "spot", "find", "--output", "json"), environment)
        run((BIN / "spot", "ls", "--output", "json"), environment)
        check(found)
        seconds = medians(
            {
                "aws": lambda: every_region_by_aws(environment),
                "boto3": lambda: run(
                    (sys.executable, HERE / "boto3_scan.py", *REGIONS), environment
                ),
                "find": lambda: run_often(FIND, environment),
                "aws --version": lambda: run_often(AWS_VERSION, environment),
                **{
                    name: partial(run_often, command, environment)
                    for name, command in FROM_CACHE.items()
                },
            },
            rounds,
        )
    print(f"{len(REGIONS)} regions, 90,000 prices, median of {rounds}, in turn\n")
    print(f"{'':<44}{'CPU s':>9}{'times less':>14}{'limit':>9}")
    verdict("aws ec2 describe-spot-price-history", seconds["aws"])
    held = verdict("spot find --region any", seconds["find"], seconds["aws"], TIMES_LESS_THAN_AWS)
    verdict("boto3, one region after another", seconds["boto3"])
    held &= verdict(
        "spot find --region any", seconds["find"], seconds["boto3"], TIMES_LESS_THAN_BOTO3
    )
    verdict("aws --version", seconds["aws --version"])
    for name in FROM_CACHE:
        against = seconds["aws --version"]
        held &= verdict(name, seconds[name], against, TIMES_LESS_THAN_AWS_VERSION)
    return held


def check(found: Path) -> None:
    """Whether all regions were really read."""
    answer = json.loads(found.read_text())
    if answer["warnings"] or not answer["items"]:
        raise SystemExit(f"the scan is not whole: {answer['warnings']}")


def memory(home: Path) -> bool:
    """The peak of a long scan; whether its limit was held.

    The first look of a day asks which regions the account may use, by boto3. What boto3 needs for
    itself is shown, but says nothing of how prices are streamed.
    """
    with market(home, PAGES_OF_A_LONG_SCAN) as environment:
        peaks = [run(FIND, environment, into=home / "found.json").peak_mb for _ in range(2)]
    check(home / "found.json")
    prices = len(REGIONS) * PAGES_OF_A_LONG_SCAN * price_server.ROWS_PER_PAGE
    print(f"\n{f'peak of a scan of {prices:,} prices':<44}{'MB':>9}{'':>14}{'limit':>9}")
    print(f"{'the first of a day, with boto3':<44}{peaks[0]:>9.1f}")
    print(f"{'every other':<44}{peaks[1]:>9.1f}{'':>14}{MOST_MB:>9.0f}")
    return peaks[1] <= MOST_MB


def main() -> int:
    """Everything; 0 when every limit was held."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        held = [compare(Path(folder), rounds), memory(Path(folder))]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
