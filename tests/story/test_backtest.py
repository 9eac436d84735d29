"""`spot backtest`: a job tried on files of the past."""

import csv
import struct
import sys
from io import StringIO
from pathlib import Path

import pytest
from tests.story.conftest import Spot

JOB = ("--work", "2h", "--within", "3h", "--restart", "15m", "--on-demand", "3")


@pytest.fixture
def past(home: Path) -> str:
    """Spot for an hour and a half of each two hours and a half, in ticks of half an hour."""
    path = home / "past.csv"
    rows = [
        f"2026-03-01T{tick // 2:02d}:{30 * (tick % 2):02d}:00Z,us-east-1a,{int(tick % 5 < 3)},1.0"
        for tick in range(40)
    ]
    text = "\n".join(("time,zone,available,spot_usd_per_hour", *rows, ""))
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("columns", [60, 80])
def test_a_table_that_fits_with_what_was_tried_over_it(
    spot: Spot, past: str, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)

    answer = spot("backtest", past, *JOB, "--starts", "35", "--no-color")

    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0].startswith("past.csv: 2h of work within 3h, 15m for a restart; starts")
    assert max(map(len, lines)) <= columns
    rows = {line.split()[0]: line.split()[1:] for line in lines[-7:]}
    assert rows["optimum"][-1] == "100.0"
    assert rows["on-demand"][:2] == ["7.50", "7.50"]
    assert rows["spot-only"][2 if columns == 60 else 3] == "35"
    assert "spot-only was late in 35 of 35 runs" in answer.err
    assert "capacity" in answer.err


def test_for_programs(spot: Spot, past: str) -> None:
    chosen = ("--policy", "ours", "--policy", "greedy", "--starts", "3")
    document = spot("backtest", past, *JOB, *chosen, "--output", "json").document
    table = spot("backtest", past, *JOB, *chosen, "--output", "csv").out

    assert (document["schema"], document["kind"]) == (1, "backtest")
    assert [item["policy"] for item in document["items"]] == ["optimum", "ours", "greedy"]
    assert [start["time"] for start in document["starts"]] == [
        "2026-03-01T00:00:00Z",
        "2026-03-01T08:30:00Z",
        "2026-03-01T17:00:00Z",
    ]
    assert document["starts"][0]["usd"] == {"ours": 4.5, "greedy": 4.5}
    read = list(csv.DictReader(StringIO(table)))
    assert [row["policy"] for row in read] == ["optimum", "ours", "greedy"]
    assert float(read[0]["mean_usd"]) == document["items"][0]["mean_usd"]


@pytest.mark.soak
def test_a_history_of_prices_with_the_list_price_of_now(spot: Spot, home: Path) -> None:
    history = spot(
        "prices", "g5.xlarge", "--region", "us-east-1", "--days", "20", "--output", "csv"
    )
    (home / "g5.csv").write_text(history.out, encoding="utf-8")
    job = ("--work", "10h", "--within", "14h", "--starts", "4", "--output", "json")

    found = spot("backtest", "g5.csv", "--max-price", "od-10%", *job).document

    [listed] = spot("prices", "g5.xlarge", "--region", "us-east-1", "--output", "json").items
    assert found["on_demand_usd_per_hour"] == listed["on_demand_usd_per_hour"]
    assert len(found["zones"]) >= 2
    assert found["restart_hours"] == pytest.approx(1 / 6)
    ours = found["items"][1]
    assert (ours["policy"], ours["late"]) == ("ours", 0)


def test_a_picture(spot: Spot, past: str, home: Path) -> None:
    pytest.importorskip("matplotlib", reason="the plot extra is not installed")

    answer = spot("backtest", past, *JOB, "--plot", "past.png", "--starts", "35")

    assert answer.code == 0, answer.err
    data = (home / "past.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24])[0] > 1_000
    assert "past.png is written" in answer.err


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        (("--work", "2h", "--within", "1h", "--on-demand", "3"), 2, "--within 2h30m or more"),
        (("--work", "two hours", "--within", "3h"), 2, "--work: 'two hours' is not a duration"),
        (("--work", "2h", "--within", "3h"), 2, "--on-demand USD"),
        (("--work", "2h", "--within", "3h", "--on-demand", "nan"), 2, "not a dollar amount"),
        (("--work", "2h", "--within", "3h", "--max-price", "cheap"), 2, "od-20%"),
        ((*JOB, "--egress-gb", "nan"), 2, "--egress-gb"),
        ((*JOB, "--starts", "0"), 2, "--starts"),
        ((*JOB, "--policy", "best"), 2, "ours-without-controller"),
        ((*JOB, "--plot", "x.pdf"), 2, ".png or a .svg"),
        (("--within", "3h"), 2, "--work"),
    ],
    ids=range(10),
)
def test_what_cannot_be_tried_is_one_paragraph(
    spot: Spot, past: str, given: tuple[str, ...], code: int, told: str
) -> None:
    answer = spot("backtest", past, *given)

    assert (answer.code, answer.out) == (code, "")
    assert told in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_a_file_with_1_and_0_mixed_up_is_asked_about(spot: Spot, home: Path) -> None:
    rows = [f"2026-03-01T{tick:02d}:00:00Z,a,{int(not tick)},1.0" for tick in range(24)]
    text = "\n".join(("time,zone,available,spot_usd_per_hour", *rows, ""))
    (home / "turned.csv").write_text(text, encoding="utf-8")

    answer = spot("backtest", "turned.csv", *JOB)

    assert answer.code == 3
    assert "4.2 % of the time" in answer.err
    assert "Turn the column round" in answer.err
    assert spot("backtest", "nothing.csv", *JOB).code == 7
