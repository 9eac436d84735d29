"""Price histories in files: every form that is read, and every way in which one can be wrong."""

import gzip
import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.errors import BadInput, NotFound
from spotkeeper.store import price_rows, unpacking
from spotkeeper.store.price_files import read_dump
from spotkeeper.store.price_rows import Dump, PoolName

HEADER = "timestamp,availability_zone,instance_type,spot_price_usd_per_hour"
ROWS = (
    "2021-03-02T01:39:04+00:00,us-east-1a,g4dn.xlarge,0.1578",
    "2021-03-02T01:39:05+00:00,us-east-1b,g4dn.xlarge,0.1600",
    "2021-03-03T00:00:00+00:00,us-east-1a,p3.2xlarge,0.918",
    "2021-03-04T12:00:00+00:00,us-east-1a,g4dn.xlarge,0.1700",
)
CSV = "\n".join((HEADER, *ROWS, ""))
FIRST = datetime(2021, 3, 2, 1, 39, 4, tzinfo=UTC).timestamp()
LAST = datetime(2021, 3, 4, 12, tzinfo=UTC).timestamp()
REAL_DATA = Path(os.environ.get("SPOT_TEST_DATA", "/nowhere"))

File = Callable[[str | bytes], Path]


@pytest.fixture
def file(tmp_path: Path) -> File:
    def written(content: str | bytes) -> Path:
        path = tmp_path / "dump"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def item(**different: Any) -> dict[str, Any]:
    """An item as the AWS CLI prints it."""
    return {
        "AvailabilityZone": "us-east-1a",
        "AvailabilityZoneId": "use1-az1",
        "InstanceType": "g4dn.xlarge",
        "ProductDescription": "Linux/UNIX",
        "SpotPrice": "0.157800",
        "Timestamp": "2021-03-02T01:39:04+00:00",
        **different,
    }


def answer(*items: Mapping[str, Any]) -> str:
    return json.dumps({"SpotPriceHistory": list(items)}, indent=4)


def plain(dump: Dump) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Rows by type and zone."""
    return {
        (name.instance_type, name.zone or name.zone_id): list(
            zip(rows.times, rows.usd_per_hour, strict=True)
        )
        for name, rows in dump.pools.items()
    }


def refused(path: Path) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read_dump(path)
    return caught.value


EXPECTED = {
    ("g4dn.xlarge", "us-east-1a"): [(FIRST, 0.1578), (LAST, 0.17)],
    ("g4dn.xlarge", "us-east-1b"): [(FIRST + 1, 0.16)],
    ("p3.2xlarge", "us-east-1a"): [(datetime(2021, 3, 3, tzinfo=UTC).timestamp(), 0.918)],
}


FORMS = {
    "csv": CSV.encode(),
    "without an end of line": CSV.rstrip().encode(),
    "windows": CSV.replace("\n", "\r\n").encode(),
    "byte order mark": b"\xef\xbb\xbf" + CSV.encode(),
    "utf-16": CSV.encode("utf-16"),
    "gz": gzip.compress(CSV.encode()),
    "gz in two parts": gzip.compress(CSV[:99].encode()) + gzip.compress(CSV[99:].encode()),
    "tsv": CSV.replace(",", "\t").encode(),
    "quoted": CSV.replace("g4dn.xlarge", '"g4dn.xlarge"').encode(),
    "blank lines": CSV.replace("\n", "\n\n").encode(),
    "spaces": CSV.replace(",", ", ").encode(),
    "zulu": CSV.replace("+00:00", "Z").encode(),
    "no offset": CSV.replace("+00:00", "").encode(),
    "another offset": CSV.replace("T01:39:04+00:00", "T03:39:04+02:00").encode(),
    "parts of a second": CSV.replace("+00:00", ".000000+00:00").encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_table_says_the_same(form: str, file: File) -> None:
    dump = read_dump(file(FORMS[form]))

    assert plain(dump) == EXPECTED
    assert (dump.rows, dump.end) == (4, LAST)
    assert dump.types == {"g4dn.xlarge", "p3.2xlarge"}


def test_columns_may_stand_anywhere_and_others_are_passed_over(file: File) -> None:
    dump = read_dump(
        file(
            "note,SpotPrice,InstanceType,ProductDescription,Timestamp,AvailabilityZoneId\n"
            "x_y,0.2,g5.xlarge,Linux/UNIX,2026-01-01T00:00:00Z,use1-az2\n"
        )
    )

    assert list(dump.pools) == [PoolName("g5.xlarge", "", "use1-az2", "Linux/UNIX")]


def test_plain_names_of_columns_do_too(file: File) -> None:
    dump = read_dump(file("time,zone,type,price\n2026-01-01T00:00:00Z,us-east-1a,g5.xlarge,0.2\n"))

    assert [(name.instance_type, name.zone) for name in dump.pools] == [
        ("g5.xlarge", "us-east-1a")
    ]


def test_a_table_without_a_header_has_the_usual_order(file: File) -> None:
    dump = read_dump(
        file("use1-az2\tg5.xlarge\tLinux/UNIX\t0.200000\t2022-05-31T18:20:41+00:00\n" * 2)
    )

    assert dump.rows == 2
    assert list(dump.pools) == [PoolName("g5.xlarge", "", "use1-az2", "Linux/UNIX")]


def test_a_header_in_the_usual_order_is_a_header(file: File) -> None:
    dump = read_dump(
        file("az_id,instance_type,product,price,timestamp\nuse1-az2,g5.xlarge,,0.2,2022-05-31\n")
    )

    assert dump.rows == 1


def test_what_the_aws_command_line_prints(file: File) -> None:
    older = item(SpotPrice="0.15", Timestamp="2021-03-01T00:00:00+00:00")

    dump = read_dump(file(answer(item(), older)))

    [rows] = dump.pools.values()
    assert list(rows.usd_per_hour) == [0.1578, 0.15]
    assert dump.end == FIRST


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([item()]),
        json.dumps({"SpotPriceHistory": [item()], "NextToken": None}),
        json.dumps({"NextToken": "abc", "SpotPriceHistory": [item(SpotPrice=0.1578)]}, indent=2),
    ],
)
def test_other_forms_of_the_answer(text: str, file: File) -> None:
    assert plain(read_dump(file(text))) == {("g4dn.xlarge", "us-east-1a"): [(FIRST, 0.1578)]}


def test_a_long_answer_is_read_in_pieces(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "PIECE_BYTES", 100)
    items = [item(SpotPrice=str(number)) for number in range(1, 51)]

    [rows] = read_dump(file(answer(*items))).pools.values()

    assert list(rows.usd_per_hour) == [float(number) for number in range(1, 51)]


def test_a_long_table_is_read_in_pieces(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "PIECE_BYTES", 7)

    assert plain(read_dump(file(CSV))) == EXPECTED


def test_only_the_types_that_were_asked_for_are_kept_and_the_end_is_the_files(file: File) -> None:
    dump = read_dump(file(CSV), ["p3.*"])

    assert [name.instance_type for name in dump.pools] == ["p3.2xlarge"]
    assert dump.types == {"g4dn.xlarge", "p3.2xlarge"}
    assert (dump.rows, dump.end) == (4, LAST)


def test_other_products_are_counted_and_left_out(file: File) -> None:
    windows, vpc = (
        item(ProductDescription="Windows"),
        item(ProductDescription="Linux/UNIX (Amazon VPC)"),
    )

    dump = read_dump(file(answer(item(), windows, vpc, windows)))

    assert dump.others == {"Windows": 2}
    assert {name.product for name in dump.pools} == {"Linux/UNIX", "Linux/UNIX (Amazon VPC)"}
    assert dump.rows == 4


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        read_dump(tmp_path / "none.csv")


def test_a_folder(tmp_path: Path) -> None:
    assert "Cannot read" in refused(tmp_path).message


@pytest.mark.parametrize(
    "content", ["", "\n \n", "[]", '{"SpotPriceHistory": []}', HEADER, CSV[:66]]
)
def test_a_file_without_a_price(content: str, file: File) -> None:
    assert "holds no prices" in refused(file(content)).message


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("timestamp,availability_zone,instance_type", "price"),
        ("availability_zone,instance_type,price", "time"),
        ("timestamp,instance_type,price", "zone"),
        ("timestamp,availability_zone,price", "type"),
        ("a,b,c", "type, price, time, zone"),
        ("hello world", "type, price, time, zone"),
        ("time,timestamp,zone,instance_type,price", "two for time"),
    ],
)
def test_missing_columns_are_named_with_file_and_line(
    header: str, missing: str, file: File
) -> None:
    path = file(f"{header}\n1,2,3\n")

    problem = refused(path)

    assert problem.message.startswith(f"{path}:1: ")
    assert problem.message.endswith(missing)
    assert "timestamp,availability_zone" in problem.next_step


BAD_ROWS = {
    "a price that is none": ("0.1700", "cheap", "'cheap' is no price"),
    "not a number": ("0.1700", "NaN", "'NaN' is no price"),
    "endless": ("0.1700", "inf", "'inf' is no price"),
    "negative": ("0.1700", "-0.17", "'-0.17' is no price"),
    "free": ("0.1700", "0", "'0' is no price"),
    "absurd": ("0.1700", "1e300", "'1e300' is no price"),
    "Python's own number": ("0.1700", "1_000", "'1_000' is no price"),
    "no price": ("0.1700", "", "no price"),
    "a time that is none": ("2021-03-04T12", "yesterday", "is no time"),
    "a day that is none": ("2021-03-04", "2021-02-30", "is no time"),
    "before Spot": ("2021-03-04", "1999-03-04", "is no time"),
    "far away": ("2021-03-04", "9999-03-04", "is no time"),
    "a column too many": ("0.1700", "0.1700,1", "5 columns instead of 4"),
    "a column too few": (",g4dn.xlarge,0.1700", ",0.1700", "3 columns instead of 4"),
    "no type": ("g4dn.xlarge,0.1700", ",0.1700", "no type"),
    "no zone": ("us-east-1a,g4dn.xlarge,0.1700", ",g4dn.xlarge,0.1700", "no zone"),
    "an open quote": ("g4dn.xlarge,0.1700", '"g4dn.xlarge,0.1700', "columns instead of 4"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_row_is_named_with_file_and_line_and_how_much_was_good(
    case: str, file: File
) -> None:
    good, bad, told = BAD_ROWS[case]
    row = ROWS[3].replace(good, bad)
    path = file(CSV.replace(ROWS[3], row))

    problem = refused(path)

    assert problem.message.startswith(f"{path}:5: ")
    assert told in problem.message
    assert "3 rows before it" in problem.message
    assert problem.exit_code == 2


def test_lines_that_are_too_long_and_too_short_in_turn_are_not_taken_for_rows(file: File) -> None:
    path = file(f"{HEADER}\n{ROWS[0]},x\n{ROWS[1].rpartition(',')[0]}\n{ROWS[2]}\n")

    assert refused(path).message.startswith(f"{path}:2: 5 columns")


def test_the_line_is_right_in_a_later_piece(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "PIECE_BYTES", 150)
    path = file("\r\n".join((HEADER, *ROWS * 20, "rubbish", *ROWS)))

    problem = refused(path)

    assert problem.message.startswith(f"{path}:82: 1 columns")
    assert "80 rows before it" in problem.message


@pytest.mark.parametrize("missing", ["InstanceType", "SpotPrice", "Timestamp"])
def test_an_item_without_a_field_is_named(missing: str, file: File) -> None:
    broken = {name: value for name, value in item().items() if name != missing}
    path = file(answer(item(), broken))

    problem = refused(path)

    assert problem.message.startswith(f"{path}: item 2: no ")
    assert "1 rows before it" in problem.message


@pytest.mark.parametrize("bad", ["nan", None, [], {"a": 1}, "x" * 500])
def test_an_item_of_a_wrong_kind_is_named(bad: Any, file: File) -> None:
    told = refused(file(answer(item(SpotPrice=bad)))).message

    assert "item 1: " in told
    assert len(told) < 300


@pytest.mark.parametrize("text", ['{"SpotPriceHistory": [1]}', "[[1, 2]]"])
def test_items_that_are_no_objects(text: str, file: File) -> None:
    assert "item 1: no type" in refused(file(text)).message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"Reservations": []}', 'without a list "SpotPriceHistory"'),
        ('{"SpotPriceHistory": {}}', 'without a list "SpotPriceHistory"'),
        (answer(item())[:-20], "cut off"),
        (answer(item()) * 2, "more behind its list"),
        ("[" * 100_000, "no JSON behind item 0"),
        ('[{"a":' * 100_000, "no JSON behind item 0"),
        (answer(item())[:-3] + "," + "rubbish" * 20_000, "no JSON behind item 1"),
    ],
)
def test_json_that_is_something_else(text: str, told: str, file: File) -> None:
    assert told in refused(file(text)).message


def test_a_cut_off_gz_says_how_much_could_be_read(file: File) -> None:
    many = "\n".join((HEADER, *(ROWS * 20_000)))
    packed = gzip.compress(many.encode())

    problem = refused(file(packed[: len(packed) // 2]))

    assert "cut off or damaged" in problem.message
    assert " 0 rows" not in problem.message
    assert problem.message.endswith("rows could be read")


def test_a_damaged_gz(file: File) -> None:
    packed = bytearray(gzip.compress(CSV.encode()))
    packed[40] ^= 0xFF

    assert "damaged" in refused(file(bytes(packed))).message


@pytest.mark.parametrize("content", [b"PK\x03\x04\xff\xfe", b"\x28\xb5\x2f\xfd\x00", b"\xff" * 99])
def test_a_file_that_is_no_text(content: bytes, file: File) -> None:
    assert "no text" in refused(file(content)).message


def test_a_line_without_end(file: File) -> None:
    told = refused(file(CSV + "x" * 1_000_000)).message

    assert "line of more than 65,536 characters" in told


def test_what_unpacks_without_end_is_refused(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "SMALL_BYTES", 1_000_000)
    bomb = gzip.compress((f"{HEADER}\n" + f"{ROWS[0]}\n" * 200_000).encode(), 9)

    assert "unpacks to more than 100 times its size" in refused(file(bomb)).message


def test_more_pools_than_there_can_be(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_rows, "MAX_POOLS", 2)

    assert "more pools than EC2 has" in refused(file(CSV)).message
    assert (
        "more pools than EC2 has"
        in refused(file(answer(*(item(InstanceType=name) for name in "abc")))).message
    )


@given(st.binary(max_size=400))
def test_no_content_is_a_surprise(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("dump") / "dump"
    path.write_bytes(content)

    assert refused(path).exit_code == 2


@given(st.text(alphabet='{}[]",:0123456789.aeInstcTyp\n\t\r\x00\u2028', max_size=80))
def test_no_rows_are_a_surprise(tmp_path_factory: pytest.TempPathFactory, rows: str) -> None:
    path = tmp_path_factory.mktemp("dump") / "dump"
    path.write_text(f"{HEADER}\n{rows}", encoding="utf-8")

    assert refused(path).exit_code == 2


@pytest.mark.world("price files", by="AWS's prices of 2021 and 2022")
@pytest.mark.shared_data
def test_three_real_months() -> None:
    path = REAL_DATA / "aws-spot-price-history-us-east-1-linux-2021-03_05.csv.gz"
    if not path.is_file():
        pytest.skip(f"SPOT_TEST_DATA names no folder with {path.name}")

    dump = read_dump(path)

    assert dump.rows == 268_364
    assert sum(len(rows.times) for rows in dump.pools.values()) == dump.rows
    assert len(dump.types) == 255


@pytest.mark.world("price files", by="AWS's prices of 2021 and 2022")
@pytest.mark.shared_data
def test_a_real_day_of_all_regions() -> None:
    path = REAL_DATA / "aws-spot-price-all-regions-2022-05-31.tsv.gz"
    if not path.is_file():
        pytest.skip(f"SPOT_TEST_DATA names no folder with {path.name}")

    dump = read_dump(path)

    assert dump.rows == 33_362
    assert sum(len(rows.times) for rows in dump.pools.values()) == 9_281
    assert dump.others == {
        "Red Hat Enterprise Linux": 9_281,
        "SUSE Linux": 9_281,
        "Windows": 5_519,
    }
