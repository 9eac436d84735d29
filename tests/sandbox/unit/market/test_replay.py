import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2_sandbox.errors import BadInput
from ec2_sandbox.market import replay
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.market.prices import DAY, Change, Market

HEADER = "timestamp,availability_zone,instance_type,spot_price_usd_per_hour"
A, B = Pool("us-east-1a", "g5.xlarge"), Pool("us-east-1b", "m5.large")
FIRST = 1_614_600_000  # of the file: 2021-03-01T12:00:00Z
BEGINS = 1_790_000_000  # of the sandbox
CEILING = 1_006_000

records = st.lists(
    st.tuples(st.sampled_from([A, B]), st.integers(0, 90 * DAY), st.integers(100, CEILING)),
    min_size=1,
    max_size=40,
    unique_by=lambda record: record[:2],
)


def line(pool: Pool, second: int, micros: int) -> str:
    moment = datetime.fromtimestamp(FIRST + second, UTC).isoformat()
    return f"{moment},{pool.zone},{pool.instance_type},{micros / 1_000_000:.6f}"


def written(folder: Path, *lines: str, header: str = HEADER, name: str = "prices.csv") -> Path:
    text = "\n".join([header, *lines, ""])
    path = folder / name
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def replayed(
    path: Path, *, ceiling: int = CEILING, known: tuple[Pool, ...] = (A, B)
) -> replay.ReplayedMarket:
    return replay.replayed_market(
        replay.load(path),
        begins=BEGINS,
        is_pool=lambda pool: pool in known,
        on_demand=lambda *_: ceiling,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("replay")


@given(records)
def test_the_past_is_the_file_shifted(folder: Path, told: list[tuple[Pool, int, int]]) -> None:
    path = written(folder, *(line(*record) for record in told))
    shift = BEGINS - FIRST - max(second for _, second, _ in told)
    span = max(second for _, second, _ in told) - min(second for _, second, _ in told)
    for pool, played in replayed(path).series.items():
        expected = sorted(
            Change(FIRST + second + shift, micros) for who, second, micros in told if who == pool
        )
        assert played.changes_within(BEGINS - span - 1, BEGINS) == expected
        for change in expected:
            assert played.change_in_effect(change.second) == change


@given(records, st.integers(-400 * DAY, 400 * DAY), st.integers(0, 200 * DAY))
def test_it_repeats_for_ever(
    folder: Path, told: list[tuple[Pool, int, int]], after: int, length: int
) -> None:
    told = [(A, 0, 500), (A, 90 * DAY, 700), *(one for one in told if one[1] % (90 * DAY))]
    period = 91 * DAY
    path = written(folder, *(line(*record) for record in told))
    played, after = replayed(path).series[A], BEGINS + after
    found = played.changes_within(after, after + length)
    assert found == sorted(found)
    assert all(after < change.second <= after + length for change in found)
    later = played.changes_within(after + period, after + period + length)
    assert later == [Change(second + period, micros) for second, micros in found]
    last = found[-1] if found else played.change_in_effect(after)
    assert played.change_in_effect(after + length) == last


def test_the_newest_record_has_just_happened_and_the_oldest_comes_within_a_day(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, line(A, 0, 200_000), line(A, 60, 300_000))
    played = replayed(path).series[A]
    assert played.change_in_effect(BEGINS) == Change(BEGINS, 300_000)
    assert played.change_in_effect(BEGINS + DAY - 61) == Change(BEGINS, 300_000)
    assert played.change_in_effect(BEGINS + DAY - 60) == Change(BEGINS + DAY - 60, 200_000)


def test_a_packed_file_and_other_columns_are_read_alike(tmp_path: Path) -> None:
    plain = written(tmp_path, line(A, 0, 200_000))
    packed = written(tmp_path, line(A, 0, 200_000), name="prices.csv.gz")
    turned = written(
        tmp_path,
        "x,0.200000,g5.xlarge,us-east-1a,2021-03-01 12:00:00",
        header="more,spot_price_usd_per_hour,instance_type,availability_zone,timestamp",
        name="turned.csv",
    )
    assert replay.check(plain) == replay.check(packed) == replay.check(turned)
    moment = datetime.fromtimestamp(FIRST, UTC)
    assert replay.check(plain) == replay.Summary(records=1, pools=1, first=moment, last=moment)


def test_unknown_pools_are_left_out_and_high_prices_lowered(tmp_path: Path) -> None:
    path = written(tmp_path, line(A, 0, 200_000), line(A, 9, 300_000), line(B, 5, 90_000))
    found = replayed(path, ceiling=250_000, known=(A,))
    assert (list(found.series), found.left_out, found.capped) == ([A], 1, 1)
    assert found.series[A].change_in_effect(BEGINS).micros == 250_000
    assert found.told() == (
        "Of the replayed prices, 1 records are of pools that the sandbox does not have and 1 were "
        "lowered to the simulated On-Demand price."
    )
    assert replayed(path).told() is None


def test_the_market_plays_it_and_a_forced_price_wins(tmp_path: Path) -> None:
    path = written(tmp_path, line(A, 0, 200_000))
    forced = {A: (Change(BEGINS + 5, 900_000),)}
    market = Market(1, "calm", lambda *_: CEILING, forced, replayed(path).series)
    assert market.price(A, BEGINS) == 200_000
    assert market.price(A, BEGINS + 5) == 900_000
    assert market.changes_within(A, BEGINS + 4, BEGINS + 9) == [Change(BEGINS + 5, 900_000)]
    natural = Market(1, "calm", lambda *_: CEILING)
    assert market.price(B, BEGINS) == natural.price(B, BEGINS)


def test_of_two_records_of_one_second_the_later_holds(tmp_path: Path) -> None:
    path = written(tmp_path, line(A, 0, 200_000), line(A, 0, 300_000))
    assert replayed(path).series[A].change_in_effect(BEGINS).micros == 300_000
    assert replay.check(path).records == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("yesterday,us-east-1a,g5.xlarge,0.5", ":3: 'yesterday' is not a time"),
        ("2021-03-01T12:00:00Z,us-east-1a,g5.xlarge,free", ":3: 'free' is not a price"),
        ("2021-03-01T12:00:00Z,us-east-1a,g5.xlarge,nan", ":3: 'nan' is not a price"),
        ("2021-03-01T12:00:00Z,us-east-1a,g5.xlarge,-1", ":3: '-1' is not a price"),
        ("2021-03-01T12:00:00Z,us-east-1a,g5.xlarge,1e300", ":3: '1e300' is not a price"),
        ("2021-03-01T12:00:00Z,here,g5.xlarge,0.5", ":3: 'g5.xlarge' in 'here' is not a type"),
        ("2021-03-01T12:00:00Z,us-east-1a", ":3: fewer columns than the header"),
    ],
)
def test_a_bad_row_is_told_with_its_line(tmp_path: Path, row: str, said: str) -> None:
    path = written(tmp_path, line(A, 0, 200_000), row)
    with pytest.raises(BadInput) as caught:
        replay.check(path)
    assert caught.value.message.startswith(f"{path}{said}")
    assert "timestamp, availability_zone" in (caught.value.next_step or "")


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    text, cut, empty = (tmp_path / name for name in ("text.csv.gz", "cut.csv.gz", "empty.csv"))
    text.write_text(HEADER)
    cut.write_bytes(gzip.compress(f"{HEADER}\n{line(A, 0, 200_000)}\n".encode())[:-20])
    empty.touch()
    for path, said in (
        (tmp_path / "none.csv", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (text, "is not a gzip file"),
        (cut, "cannot be read: "),
        (empty, ":1: no column timestamp, availability_zone, instance_type, spot_price"),
        (written(tmp_path, header="timestamp,price"), ":1: no column availability_zone"),
        (written(tmp_path, name="rowless.csv"), "holds no prices"),
    ):
        with pytest.raises(BadInput) as caught:
            replay.check(path)
        assert f"{path}" in caught.value.message
        assert said in caught.value.message


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path, line(A, 0, 200_000))
    assert replay.load(path) is replay.load(path)
    written(tmp_path, line(A, 0, 200_000), line(A, 1, 300_000))
    assert replay.check(path).records == 2
