"""Files of availability: taken whole, or refused with the line and the reason."""

import gzip
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spotkeeper.errors import BadInput, NotFound
from spotkeeper.store.availability_files import Availability, read_past
from spotkeeper.store.price_rows import Dump
from spotkeeper.work.trace import Quote

HEADER = "time,zone,available,spot_usd_per_hour"
Rows = list[str]


def row(tick: int, zone: str = "us-east-1a", there: object = 1, usd: object = 0.97) -> str:
    at = datetime(2026, 3, 1, tzinfo=UTC) + tick * timedelta(minutes=10)
    return f"{at:%Y-%m-%dT%H:%M:%SZ},{zone},{there},{usd}"


def rows(ticks: int = 6) -> Rows:
    """Two zones in turn; the second has Spot in every other tick."""
    return [
        each
        for tick in range(ticks)
        for each in (row(tick), row(tick, "us-east-1b", tick % 2, 0.8))
    ]


def written(folder: Path, text: Rows, header: str = HEADER) -> Path:
    path = folder / "past.csv"
    path.write_text("\n".join((header, *text, "")), encoding="utf-8")
    return path


def read(path: Path) -> Availability:
    found = read_past(path)
    assert isinstance(found, Availability)
    return found


@pytest.mark.parametrize(
    "mend",
    [
        lambda text: text,
        lambda text: sorted(text, key=lambda line: line.split(",")[1]),  # zone after zone
        lambda text: [line.replace("Z,", "+00:00,") for line in text],
        lambda text: [line.replace("Z,", ",").replace(",1,", ",True,") for line in text],
        lambda text: [line.replace(",0,", ",0.0,") for line in text],
        lambda text: [f"{line}\r" for line in text],
        lambda text: ["", *text, "", " "],
    ],
    ids=["as it is", "by zone", "offset", "bare", "number", "carriage return", "blank lines"],
)
def test_the_same_file_in_every_way_to_write_it(
    tmp_path: Path, mend: Callable[[Rows], Rows]
) -> None:
    trace = read(written(tmp_path, mend(rows()))).trace

    assert (trace.begin, trace.tick) == (
        datetime(2026, 3, 1, tzinfo=UTC),
        timedelta(minutes=10),
    )
    assert [pool.name for pool in trace.pools] == ["us-east-1a", "us-east-1b"]
    expected = [(Quote(0.97, is_offered=True), Quote(0.8, bool(tick % 2))) for tick in range(6)]
    assert trace.window(0, 6) == expected


def test_packed_with_other_columns_and_in_another_order(tmp_path: Path) -> None:
    path = tmp_path / "past.tsv.gz"
    lines = ["available\tnote\tzone_id\ttime"]
    lines += [f"{tick % 2}\tx\tuse1-az1\t2026-03-01 00:{tick}5" for tick in range(4)]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))

    found = read(path)

    assert [quote.is_offered for (quote,) in found.trace.window(0, 4)] == [False, True] * 2
    assert found.unpriced_line == 3


def test_it_tells_where_spot_is_dearest_and_where_its_price_is_missing(tmp_path: Path) -> None:
    text = [row(0), row(1, usd=1.2), row(2, there=0, usd=9.0), row(3, there=0, usd="")]

    found = read(written(tmp_path, text))

    assert (found.highest_usd_per_hour, found.highest_line) == (1.2, 3)
    assert found.unpriced_line is None  # what cannot be had needs no price
    assert read(written(tmp_path, [*text, row(4, usd="")])).unpriced_line == 6


def test_a_price_history_is_told_apart(tmp_path: Path) -> None:
    header = "timestamp,availability_zone,instance_type,spot_price_usd_per_hour"
    path = written(tmp_path, ["2026-03-01T00:00:00Z,us-east-1a,g5.xlarge,0.4"], header)

    assert isinstance(read_past(path), Dump)


def without(*places: int) -> Callable[[Rows], Rows]:
    return lambda text: [line for place, line in enumerate(text) if place not in places]


def with_row(place: int, line: str) -> Callable[[Rows], Rows]:
    return lambda text: [*text[:place], line, *text[place + 1 :]]


@pytest.mark.parametrize(
    ("mend", "line", "fault"),
    [
        (without(4, 5), 6, "no row between 2026-03-01 00:10:00 UTC and 2026-03-01 00:30:00 UTC"),
        (without(5), 8, "us-east-1b has no row between"),
        (without(3, 5, 7), 8, "3 missing"),
        (with_row(4, row(2, "us-east-1c")), 6, "zone 'us-east-1c' begins at"),
        (with_row(4, row(2, "")), 6, "no zone"),
        (with_row(4, row(2).replace(":20:00", ":25:00")), 6, "has steps of 10m, and here is one"),
        (with_row(2, row(0)), 4, "a second row of us-east-1a"),
        (with_row(4, row(1)), 6, "a second row of us-east-1a for 2026-03-01 00:10:00 UTC"),
        (with_row(8, row(1)), 10, "goes back in time"),
        (with_row(4, row(2, usd="nan")), 6, "'nan' is no price"),
        (with_row(4, row(2, usd="inf")), 6, "'inf' is no price"),
        (with_row(4, row(2, usd=-1)), 6, "'-1' is no price"),
        (with_row(4, row(2, usd=0)), 6, "'0' is no price"),
        (with_row(4, row(2, there="nan")), 6, "'nan' is neither 1 nor 0"),
        (with_row(4, row(2, there=2)), 6, "'2' is neither 1 nor 0"),
        (with_row(4, "never" + row(2)[20:]), 6, "'never' is no time"),
        (with_row(4, "0001-01-01T00:00:00+14:00" + row(2)[20:]), 6, "is no time"),
        (with_row(4, row(2) + ",1"), 6, "5 columns instead of 4"),
    ],
    ids=range(18),
)
def test_a_row_that_does_not_fit_is_refused_with_its_line_and_why(
    tmp_path: Path, mend: Callable[[Rows], Rows], line: int, fault: str
) -> None:
    path = written(tmp_path, mend(rows()))

    with pytest.raises(BadInput) as refused:
        read_past(path)

    assert refused.value.message.startswith(f"{path}:{line}: ")
    assert fault in refused.value.message


@pytest.mark.parametrize(
    ("text", "header", "fault"),
    [
        ([], HEADER, "less than two ticks"),
        ([row(0)], HEADER, "less than two ticks"),
        ([row(0), row(300)], HEADER, "a day at most"),
        (rows()[:-1], HEADER, "us-east-1b ends at 2026-03-01 00:40:00 UTC, us-east-1a at"),
        (rows(), "time,zone,available,available", ":1: two for available"),
        (rows(), "time,place,available,price", ":1: no column for zone"),
        (rows(), "", "no column for"),
        ([f'"{row(0)}'], HEADER, "unexpected end of data"),
        ([row(0, zone="x" * 200_000)], HEADER, "field limit"),
    ],
    ids=range(9),
)
def test_a_file_that_is_not_whole_is_refused(
    tmp_path: Path, text: Rows, header: str, fault: str
) -> None:
    with pytest.raises(BadInput) as refused:
        read_past(written(tmp_path, text, header))

    assert fault in refused.value.message
    assert str(tmp_path) in refused.value.message


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_past(tmp_path / "nothing.csv")
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"time,zone,available\n" * 100)[:-20])
    with pytest.raises(BadInput):
        read_past(tmp_path / "x.gz")


def test_more_zones_than_a_cloud_has_are_refused_before_they_fill_the_memory(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, [row(0, f"zone-{number}") for number in range(1_002)])

    with pytest.raises(BadInput, match="more than 1,000 zones"):
        read_past(path)


def peak_bytes(path: Path, ticks: int) -> int:
    """The memory that it takes to read so many ticks."""
    with gzip.open(path, "wt") as file:
        file.write(HEADER + "\n")
        file.writelines(row(tick, there=int(tick % 997 > 500)) + "\n" for tick in range(ticks))
    tracemalloc.start()
    assert read(path).trace.ticks == ticks
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_length_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "long.csv.gz"
    peak_bytes(path, 1_000)  # what is imported once is not counted

    assert peak_bytes(path, 60_000) < 1.2 * peak_bytes(path, 20_000)
