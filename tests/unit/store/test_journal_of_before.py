"""A journal that an earlier version wrote is read, its entries as they were meant."""

import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.unit.model.make import NOON

from spotkeeper.model import lives
from spotkeeper.model.journal_entry import (
    DeadlineMoved,
    Ending,
    Intent,
    Launched,
    LaunchRefused,
    NameClaimed,
    NameReleased,
    Ready,
    Seen,
    Settled,
    Settling,
)
from spotkeeper.model.launch import ClaimNonce, LaunchToken
from spotkeeper.store.journal import FileJournal

#: One line of every kind, as version 2 wrote them when an entry was a bag of texts.
LINES = (
    '"attempt":"3","at":"2026-11-23T12:00:00+00:00","claim":"n1","claim_region":"us-east-1",'
    '"expects":"instance volume","guard":"scheduler","key_file":"/k.pub","owner":"1:user/a",'
    '"pool":"g5.xlarge@us-east-1a","region":"us-east-1","token":"t1","v":2,"what":"intent"',
    '"at":"2026-11-23T12:00:00+00:00","claim":"n1","claim_id":"lt-1","claim_region":"us-east-1",'
    '"v":2,"what":"claimed"',
    '"at":"2026-11-23T12:00:00+00:00","code":"no-capacity","region":"us-east-1","token":"t0","v":2,'
    '"what":"refused"',
    '"at":"2026-11-23T12:00:00+00:00","instance":"i-1","region":"us-east-1","request":"sir-1",'
    '"token":"t1","v":2,"what":"launched"',
    '"at":"2026-11-23T12:00:00+00:00","token":"t1","v":2,"what":"ready"',
    '"at":"2026-11-23T12:00:00+00:00","by":"user","instance":"i-1",'
    '"launched":"2026-11-23T11:00:00+00:00","region":"us-east-1",'
    '"since":"2026-11-23T11:30:00.250000+00:00","state":"running","type":"g5.xlarge","v":2,'
    '"what":"seen","zone":"us-east-1a"',
    '"at":"2026-11-23T12:00:00+00:00","before":"never","deadline":"2026-11-24T18:00:00Z","v":2,'
    '"what":"moved"',
    '"at":"2026-11-23T12:00:00+00:00","only":"t0 t1","v":2,"what":"ending"',
    '"at":"2026-11-23T12:00:00+00:00","claim_id":"lt-1","v":2,"what":"released"',
    '"at":"2026-11-23T12:00:00+00:00","v":2,"what":"settling"',
    '"at":"2026-11-23T12:00:00+00:00","v":2,"what":"settled"',
)

HALF_PAST = datetime(2026, 11, 23, 11, 30, 0, 250_000, tzinfo=UTC)
T0, T1, N1 = LaunchToken("t0"), LaunchToken("t1"), ClaimNonce("n1")
ENTRIES = (
    Intent(
        NOON,
        region="us-east-1",
        pool="g5.xlarge@us-east-1a",
        token=T1,
        attempt=3,
        claim=N1,
        claim_region="us-east-1",
        owner="1:user/a",
        guard="scheduler",
        key_file="/k.pub",
    ),
    NameClaimed(NOON, "lt-1", N1, "us-east-1"),
    LaunchRefused(NOON, "us-east-1", T0, "no-capacity"),
    Launched(NOON, "us-east-1", T1, "i-1", "sir-1"),
    Ready(NOON, T1),
    Seen(
        NOON,
        state="running",
        since=HALF_PAST,
        launched=NOON - timedelta(hours=1),
        by="user",
        instance="i-1",
        region="us-east-1",
        zone_name="us-east-1a",
        instance_type="g5.xlarge",
    ),
    DeadlineMoved(NOON, datetime(2026, 11, 24, 18, tzinfo=UTC), None),
    Ending(NOON, frozenset({T0, T1})),
    NameReleased(NOON, "lt-1"),
    Settling(NOON),
    Settled(NOON),
)


def test_every_kind_of_line_is_read_and_written_again_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "j").mkdir(mode=0o700)
    texts = [f"{{{line}}}".encode() for line in LINES]
    lines = b"".join(b"%08x %s\n" % (zlib.crc32(text), text) for text in texts)
    (tmp_path / "j" / "dev.jsonl").write_bytes(lines)
    (tmp_path / "j" / "dev.jsonl").chmod(0o600)
    journal = FileJournal(tmp_path / "j")
    assert tuple(journal.read("dev")) == ENTRIES
    for entry in ENTRIES:
        journal.append("again", entry)
    assert journal.read("again") == journal.read("dev")
    assert lives.attempts(journal.read("again")) == 3
