"""The lines of a journal, and what is left of them after an accident."""

import json
import zlib
from datetime import timedelta

import pytest
from tests.unit.model.make import NOON

from spotkeeper.model.journal_entry import Damaged, Entry, Intent, Launched, Ready, Seen
from spotkeeper.model.launch import LaunchToken
from spotkeeper.store.journal import CUT, VERSION, TooNew, entries, line

FIRST = Intent(NOON, token=LaunchToken("t1"), region="us-east-1")
SECOND = Launched(NOON + timedelta(seconds=4), token=LaunchToken("t1"), instance="i-1")
THIRD = Seen(NOON + timedelta(seconds=9), state="ünïcode \u2028 \n and \\")
ALL = (FIRST, SECOND, THIRD)
WRITTEN = NOON + timedelta(hours=1)


def read(data: bytes) -> tuple[Entry, ...]:
    return entries(data, written=WRITTEN)


def record(**fields: object) -> bytes:
    """A line that is whole, whatever it says."""
    text = json.dumps({"v": VERSION, "at": NOON.isoformat(), "what": "seen", **fields}).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def test_a_file_cut_off_at_any_byte_says_what_was_said_before() -> None:
    whole = b"".join(map(line, ALL))
    for length in range(len(whole)):
        found = read(whole[:length])
        assert found == ALL[: len(found)]
        assert len(found) >= whole[:length].count(b"\n")


def test_a_cut_off_line_that_the_next_writer_marked_is_passed_over_at_every_byte() -> None:
    cut = line(SECOND)
    for length in range(1, len(cut) - 1):
        data = line(FIRST) + cut[:length] + CUT + b"\n" + line(THIRD)
        assert read(data) == (FIRST, THIRD)
    assert read(line(FIRST) + cut[:-1] + CUT + b"\n" + line(THIRD)) == ALL


def test_a_mark_that_was_cut_off_itself_changes_nothing() -> None:
    for length in range(len(CUT) + 1):
        data = line(FIRST) + line(SECOND)[:-1] + CUT[:length]
        assert read(data) == (FIRST, SECOND)
        assert read(data + CUT + b"\n" + line(THIRD)) == ALL


def test_two_writers_who_both_mark_a_cut_off_line_lose_nothing() -> None:
    mark = CUT + b"\n"
    assert read(line(FIRST)[:9] + mark + line(SECOND) + mark + line(THIRD)) == (SECOND, THIRD)


def test_no_flipped_bit_is_a_silent_loss() -> None:
    whole = b"".join(map(line, ALL))
    for position in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[position // 8] ^= 1 << position % 8
        found = read(bytes(damaged))
        assert found == ALL or any(isinstance(entry, Damaged) for entry in found), position
        known = [entry for entry in found if not isinstance(entry, Damaged)]
        assert known == [entry for entry in ALL if entry in known]


def test_a_damaged_line_is_as_old_as_the_next_one() -> None:
    assert read(b"?\n" + line(FIRST) + b"?\n?\n" + line(THIRD)) == (
        Damaged(FIRST.at),
        FIRST,
        *[Damaged(THIRD.at)] * 2,
        THIRD,
    )


def test_the_last_damaged_line_is_as_old_as_the_file_or_the_line_before() -> None:
    assert read(line(FIRST) + b"?\n")[-1] == Damaged(WRITTEN)
    late = Seen(WRITTEN + timedelta(hours=9))
    assert read(line(late) + b"?\n")[-1] == Damaged(late.at)


@pytest.mark.parametrize("tail", [b"\0" * 200, b"\xff\x00 garbage", b"deadbeef {}", b"\r\r"])
def test_what_a_power_cut_leaves_at_the_end_is_passed_over(tail: bytes) -> None:
    assert read(line(FIRST) + tail) == (FIRST,)
    assert read(line(FIRST) + tail + CUT + b"\n" + line(SECOND)) == (FIRST, SECOND)


@pytest.mark.parametrize("lost", [b"\0" * 200, b"\xff\x00 garbage", b"deadbeef {}", b"{}", b"\r"])
def test_the_same_in_the_middle_is_damage(lost: bytes) -> None:
    assert [entry.kind for entry in read(lost + b"\n" + line(FIRST))] == ["damaged", "intent"]


@pytest.mark.parametrize(
    "fields",
    [
        {"at": "2026-11-23T12:00:00"},
        {"at": "yesterday"},
        {"at": 5},
        {"v": None},
        {"v": "new"},
        {"region": 7},
        {"region": {"deep": []}},
    ],
)
def test_a_whole_line_that_makes_no_sense_is_damage(fields: dict[str, object]) -> None:
    assert [*map(type, read(record(**fields)))] == [Damaged]


@pytest.mark.parametrize("text", [b"[]", b"7", b"{}", b"null", b"[" * 100_000])
def test_a_whole_line_that_is_no_record_is_damage(text: bytes) -> None:
    found = read(b"%08x %s\n" % (zlib.crc32(text), text))
    assert [*map(type, found)] == [Damaged]


@pytest.mark.parametrize("fields", [{"v": VERSION + 1}, {"what": "frozen"}])
def test_a_line_of_a_later_version_is_not_guessed_at(fields: dict[str, object]) -> None:
    with pytest.raises(TooNew):
        read(line(FIRST) + record(**fields))


def test_what_version_1_launched_counts_as_ready() -> None:
    """It said nothing when a launch was done; a sweep must not take its machines for broken."""
    found = read(record(v=1, what="intent") + record(v=1, what="launched", token="t"))
    assert [*map(type, found)] == [Intent, Launched, Ready]
    assert isinstance(found[-1], Ready)
    assert found[-1].token == "t"
