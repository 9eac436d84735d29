"""Payloads in what this computer remembers: read back as they were, and in their own place."""

import contextlib
import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests import hostile
from tests.unit.model.make import NOON

from spotkeeper.errors import BadInput
from spotkeeper.model.journal_entry import Intent
from spotkeeper.model.launch import LaunchToken
from spotkeeper.store.cache import Cache
from spotkeeper.store.journal import FileJournal
from spotkeeper.store.price_files import read_dump

PAYLOADS = hostile.payloads()


def test_the_journal_gives_back_every_payload(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "journal")
    (tmp_path / "journal").mkdir(mode=0o700)
    written = [Intent(NOON, region=each, token=LaunchToken(each)) for each in PAYLOADS[::6]]
    for number, entry in enumerate(written):
        journal.append(f"n{number % 3}", entry)
    read = [list(journal.read(f"n{of}")) for of in range(3)]
    assert read == [written[of::3] for of in range(3)]
    assert len(list(tmp_path.rglob("*"))) == 4


def test_the_cache_gives_back_every_payload_and_stays_in_its_folder(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", lambda: NOON)
    for payload in PAYLOADS:
        cache.put("prices", payload, {payload: payload})
    for payload in PAYLOADS:
        assert cache.get("prices", payload, younger_than=timedelta(1)) == {payload: payload}
    assert {entry.key for entry in cache.entries()} == set(PAYLOADS)
    assert {path.parent for path in tmp_path.rglob("*.cache")} == {tmp_path / "cache" / "v2"}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json"])
def test_a_file_of_prices_is_refused_or_holds_the_payload(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"given{suffix}"
    for payload in PAYLOADS[::3]:
        good = {"Timestamp": "2026-11-01T00:00:00Z", "SpotPrice": "0.1"}
        row = {**good, "InstanceType": payload, "AvailabilityZone": payload}
        separator = "\t" if suffix == ".tsv" else ","
        lines = (separator.join(row), separator.join(row.values()))
        text = json.dumps({"SpotPriceHistory": [row]}) if suffix == ".json" else "\n".join(lines)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        with contextlib.suppress(BadInput):
            assert repr(read_dump(path))
