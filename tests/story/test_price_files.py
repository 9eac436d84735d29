"""`spot prices --from`: dumps of price histories, without asking anybody."""

import csv
import gzip
import json
import os
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story.conftest import Spot

HEADER = "timestamp,availability_zone,instance_type,spot_price_usd_per_hour"
DUMP = "\n".join(
    (
        HEADER,
        "2021-03-01T00:00:00+00:00,us-east-1a,g4dn.xlarge,0.20",
        "2021-03-01T00:00:00+00:00,us-east-1b,g4dn.xlarge,0.15",
        "2021-03-01T00:00:00+00:00,eu-west-1a,p3.2xlarge,0.90",
        "2021-03-08T00:00:00+00:00,us-east-1a,g4dn.xlarge,0.40",
        "2021-03-09T00:00:00+00:00,us-east-1a,g4dn.xlarge,0.20",
        "2021-03-11T00:00:00+00:00,us-east-1b,g4dn.xlarge,0.15",
        "",
    )
)
JSON = ("--output", "json")


@pytest.fixture
def dump(home: Path) -> str:
    path = home / "dump.csv.gz"
    path.write_bytes(gzip.compress(DUMP.encode()))
    return str(path)


def test_one_line_per_pool(spot: Spot, dump: str) -> None:
    answer = spot("prices", "--from", dump)

    assert answer.code == 0, answer.err
    head, _, _, *rows = (line.split() for line in answer.out.splitlines())
    assert " ".join(head) == "6 rows, 3 pools, 10 days to 2021-03-11 00:00 UTC"
    assert rows == [
        ["g4dn.xlarge", "us-east-1a", "3", "2", "0.2000", "0.2000", "0.4000", "0.2000"],
        ["g4dn.xlarge", "us-east-1b", "2", "0", "0.1500", "0.1500", "0.1500", "0.1500"],
        ["p3.2xlarge", "eu-west-1a", "1", "0", "0.9000", "0.9000", "0.9000", "0.9000"],
    ]


def test_nobody_is_asked_and_no_sandbox_is_started(
    spot: Spot, dump: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SPOT_HOME", str(tmp_path / "empty"))

    answer = spot("prices", "--from", dump, "--debug")

    assert answer.code == 0
    assert "calls: none" in answer.err
    assert not (tmp_path / "empty").exists()


def test_neither_boto3_nor_rich_is_imported(dump: str) -> None:
    code = (
        "import sys; from spotkeeper.cli.app import run; code = run(sys.argv[1:]);"
        "heavy = {'boto3', 'botocore', 'moto', 'matplotlib', 'numpy'} & set(sys.modules);"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, "prices", "--from", dump, "g4dn.*", "--max-price", "0.3"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_a_history_is_tried_as_the_live_one_is(spot: Spot, dump: str) -> None:
    answer = spot("prices", "--from", dump, "g4dn.xlarge", "--max-price", "0.30")

    assert "g4dn.xlarge in us-east-1, On-Demand price unknown" in answer.out
    assert "us-east-1a would have been outbid 10 % of 10 days, first after 7d" in answer.out
    assert "us-east-1b would never have been outbid in 10 days" in answer.out
    assert "p3.2xlarge" not in answer.out


def test_the_last_days_of_a_file(spot: Spot, dump: str) -> None:
    answer = spot("prices", "--from", dump, "--days", "2", *JSON)

    found = {item["zone"]: item for item in answer.items}
    assert [usd for _, usd in found["us-east-1a"]["series"]] == [0.2]
    assert {item["from"] for item in answer.items} == {"2021-03-09T00:00:00Z"}
    assert {item["on_demand_usd_per_hour"] for item in answer.items} == {None}


def test_what_is_written_as_csv_is_read_again(spot: Spot, dump: str, home: Path) -> None:
    first = spot("prices", "--from", dump, "--output", "csv").out
    again = home / "again.csv"
    again.write_text(first)

    assert spot("prices", "--from", str(again), "--output", "csv").out == first
    assert len(list(csv.DictReader(StringIO(first)))) == 6


def test_a_live_history_is_the_same_out_of_its_own_file(spot: Spot, home: Path) -> None:
    live = ("prices", "g5.xlarge", "--region", "us-east-1", "--days", "5")
    (home / "live.csv").write_text(spot(*live, "--output", "csv").out)

    items = spot("prices", "--from", "live.csv", *JSON).items

    assert [item["series"] for item in items] == [
        item["series"] for item in spot(*live, *JSON).items
    ]


def test_what_the_aws_command_line_prints(spot: Spot, home: Path, sandbox: Sandbox) -> None:
    asked = sandbox.client("ec2").describe_spot_price_history(
        InstanceTypes=["g5.xlarge"], ProductDescriptions=["Linux/UNIX"]
    )
    rows = [
        {**row, "Timestamp": row["Timestamp"].isoformat()} for row in asked["SpotPriceHistory"]
    ]
    (home / "cli.json").write_text(json.dumps({"SpotPriceHistory": rows}, indent=4))

    items = spot("prices", "--from", "cli.json", *JSON).items

    assert sum(item["rows"] for item in items) == len(rows)
    assert {item["zone_id"] for item in items} == {row["AvailabilityZoneId"] for row in rows}


def test_a_dump_through_a_pipe(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "spotkeeper", "prices", "--from", "/dev/stdin"],
        input=gzip.compress(DUMP.encode()),
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert b"6 rows, 3 pools" in done.stdout


def test_a_terminal_without_blocks_gets_plain_characters(dump: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "spotkeeper", "prices", "--from", dump, "g4dn.*"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert b"#" in done.stdout
    assert b"-----" in done.stdout


def test_regions_of_a_file(spot: Spot, dump: str) -> None:
    items = spot("prices", "--from", dump, "--region", "eu-west-1", *JSON).items
    none = spot("prices", "--from", dump, "--region", "us-west-2")

    assert [item["instance_type"] for item in items] == ["p3.2xlarge"]
    assert none.code == 2
    assert "It has eu-west-1, us-east-1." in none.err


def test_other_products_are_told(spot: Spot, home: Path) -> None:
    rows = DUMP.replace("hour\n", "hour,product\n").replace("0.20\n", "0.20,Linux/UNIX\n")
    rows = rows.replace("0.15\n", "0.15,Windows\n").replace("0.40\n", "0.40,Linux/UNIX\n")
    (home / "mixed.csv").write_text(rows.replace("0.90\n", "0.90,SUSE Linux\n"))

    answer = spot("prices", "--from", "mixed.csv", *JSON)

    assert [item["zone"] for item in answer.items] == ["us-east-1a"]
    [told] = answer.document["warnings"]
    assert told == "3 rows are left out: they are of SUSE Linux, Windows"


def test_a_file_of_other_products_only(spot: Spot, home: Path) -> None:
    (home / "windows.tsv").write_text(
        "use1-az2\tg5.xlarge\tWindows\t0.2\t2022-05-31T18:20:41+00:00\n"
    )

    answer = spot("prices", "--from", "windows.tsv")

    assert answer.code == 2
    assert "only of Windows" in answer.err


def test_zones_that_are_known_by_id_only(spot: Spot, home: Path) -> None:
    (home / "ids.tsv").write_text(
        "use1-az2\tg5.xlarge\tLinux/UNIX\t0.2\t2022-05-31T18:20:41+00:00\n"
    )

    answer = spot("prices", "--from", "ids.tsv")
    item = spot("prices", "--from", "ids.tsv", *JSON).items[0]

    assert "use1-az2" in answer.out
    assert (item["region"], item["zone"], item["zone_id"]) == (None, None, "use1-az2")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("g4dn.xlagre", "Did you mean g4dn.xlarge?"), ("zz9", "Leave TYPE out"), ("x*", "TYPE")],
)
def test_a_type_that_the_file_does_not_have(spot: Spot, dump: str, name: str, hint: str) -> None:
    answer = spot("prices", "--from", dump, name)

    assert answer.code == 2
    assert hint in answer.err


def test_a_part_of_on_demand_means_nothing_in_a_file(spot: Spot, dump: str) -> None:
    answer = spot("prices", "--from", dump, "--max-price", "od-20%")

    assert answer.code == 2
    assert "what On-Demand costs" in answer.err


def test_a_missing_file(spot: Spot, home: Path) -> None:
    answer = spot("prices", "--from", "none.csv", *JSON)

    assert answer.code == 7
    assert answer.error["kind"] == "not-found"


def test_a_bad_row_is_an_error_of_one_paragraph(spot: Spot, home: Path) -> None:
    (home / "bad.csv").write_text(DUMP.replace("0.40", "NaN"))

    answer = spot("prices", "--from", "bad.csv")

    assert answer.code == 2
    assert answer.err.startswith("spot: bad.csv:5: 'NaN' is no price; 3 rows before it")
    assert len(answer.err.splitlines()) == 1
    assert not answer.out


def test_escape_codes_of_a_file_never_reach_the_terminal(spot: Spot, home: Path) -> None:
    hostile = "us-east-1\x1b[31m\x07\u202ea"
    (home / "hostile.csv").write_text(DUMP.replace("us-east-1a", hostile), encoding="utf-8")
    named = home / "bad\x1b[2J.csv"
    named.write_text("hello")

    shown = [
        spot("prices", "--from", "hostile.csv"),
        spot("prices", "--from", "hostile.csv", "g4dn.*", "--max-price", "0.3"),
        spot("prices", "--from", "hostile.csv", "--output", "csv"),
        spot("prices", "--from", str(named)),
    ]

    for answer in shown:
        text = answer.out + answer.err
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert [answer.code for answer in shown] == [0, 0, 0, 2]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the owner reads everything")
def test_a_file_that_may_not_be_read(spot: Spot, dump: str) -> None:
    Path(dump).chmod(stat.S_IWUSR)

    answer = spot("prices", "--from", dump)

    assert answer.code == 2
    assert "Cannot read" in answer.err
