"""The boot script under every payload, run by the real bash."""

from pathlib import Path

import pytest
from tests import hostile
from tests.unit.agent.machine_room import SYSTEMD, Room, furnished, linux_only

from spotkeeper.lifecycle.userdata import compose

pytestmark = linux_only

TEXTS = [payload for payload in hostile.payloads() if hostile.is_text(payload)]
STUBS = [*SYSTEMD, "curl", "touch"]


def boots(room: Room, payload: str) -> None:
    """A boot with the payload for a deadline, and a look of the guard with it for a tag."""
    room.forget()
    assert room.boot(payload).returncode == 0
    room.tag(payload)
    room.look()
    allowed = ("systemctl ", "shutdown -h ")
    assert [call for call in room.calls if not call.startswith(allowed)] == [], repr(payload)
    assert [path.name for path in room.folder.rglob(hostile.CANARY)] == []


@pytest.mark.soak
def test_a_sample_executes_nothing(tmp_path: Path) -> None:
    room = furnished(tmp_path, STUBS)
    for payload in hostile.sample():
        if hostile.is_text(payload):
            boots(room, payload)


@pytest.mark.soak
def test_no_payload_executes_anything(tmp_path: Path) -> None:
    room = furnished(tmp_path, STUBS)
    for payload in TEXTS:
        boots(room, payload)


def test_no_payload_stands_raw_in_the_user_data() -> None:
    script = "#!/bin/bash\n"
    for payload in TEXTS:
        plain = str(compose(script, {"deadline": "x"}, b"#!/bin/sh\n"))
        message = str(compose(script, {"deadline": payload}, b"#!/bin/sh\n" + payload.encode()))
        assert message.count("--spotkeeper-part") == plain.count("--spotkeeper-part")
        assert message.isascii()
        assert not hostile.unsafe(message)
        if payload.strip() and not payload.isalnum():
            assert message.count(payload) <= max(plain.count(payload), message.count("=")) or (
                len(payload) < 3
            )
