"""User data: the guard first, values only as base64, never too much."""

import base64
from email import message_from_string
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.agent import boot_script
from spotkeeper.errors import BadInput
from spotkeeper.lifecycle.userdata import MAX_BYTES, compose

SCRIPT = "#!/bin/bash\nset -u\n"
VALUES = {"deadline": "2026-11-24T09:00:00Z"}


def parts(message: str) -> list[Message]:
    parsed = message_from_string(message)
    assert parsed.get_content_type() == "multipart/mixed"
    assert not parsed.defects
    found = parsed.get_payload()
    assert isinstance(found, list)
    return [part for part in found if isinstance(part, Message)]


def body(part: Message) -> bytes:
    decoded = part.get_payload(decode=True)
    assert isinstance(decoded, bytes)
    return decoded


def test_the_first_part_runs_on_every_boot_before_all_else() -> None:
    [only] = parts(compose(SCRIPT, VALUES, None))
    assert only.get_content_type() == "text/cloud-boothook"
    assert body(only).startswith(SCRIPT.encode())


def test_the_same_launch_has_the_same_user_data() -> None:
    once, again = (compose(SCRIPT, VALUES, b"#!/bin/sh\n") for _ in range(2))
    assert once == again
    assert "mime-version:" in once[:4096].lower()  # by this cloud-init knows it


def test_values_follow_the_script_as_base64_after_a_marker() -> None:
    [only] = parts(compose(SCRIPT, VALUES, None))
    last = body(only).decode().splitlines()[-1]
    marker, key, value = last.split(" ")
    assert (marker, key) == ("#spotkeeper", "deadline")
    assert base64.b64decode(value, validate=True).decode() == VALUES["deadline"]


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (b"#!/bin/sh\necho hello\n", "text/x-shellscript"),
        (b"#!/usr/bin/env python3\n", "text/x-shellscript"),
        (b"#cloud-config\npackages: [git]\n", "text/cloud-config"),
        (b"#!/bin/sh\n\xff\xfe binary\n", "text/x-shellscript"),
    ],
)
def test_the_users_script_is_the_second_part_byte_for_byte(script: bytes, kind: str) -> None:
    first, second = parts(compose(SCRIPT, VALUES, script))
    assert first.get_content_type() == "text/cloud-boothook"
    assert second.get_content_type() == kind
    assert body(second) == script


@pytest.mark.parametrize("script", [b"", b"echo hello", b"\xef\xbb\xbf#!/bin/sh", b"<powershell>"])
def test_a_script_that_nothing_would_run_is_refused(script: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        compose(SCRIPT, VALUES, script)
    assert "#!" in caught.value.next_step


HOSTILE = [
    "$(touch /tmp/owned)",
    "`id`",
    "'; rm -rf / #",
    '"; shutdown now; "',
    "a\nMIME-Version: 1.0\n\n#!/bin/sh\nid",
    "--spotkeeper-part--\n#!/bin/sh",
    "\x00\x1b]0;title\x07",
    "\N{EN DASH}\N{RIGHT-TO-LEFT OVERRIDE}evil",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_never_appears_raw(value: str) -> None:
    message = compose(SCRIPT, {"deadline": value}, None)
    assert value not in message
    [only] = parts(message)
    script = body(only).decode()
    assert value not in script
    lines = script.splitlines()
    assert len(lines) == len(SCRIPT.splitlines()) + 1


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_script_stays_in_its_own_part(value: str) -> None:
    script = b"#!/bin/sh\n" + value.encode()
    _, second = parts(compose(SCRIPT, VALUES, script))
    assert body(second) == script


@given(value=st.text(max_size=400), script=st.binary(max_size=2000))
def test_whatever_is_put_in_comes_out(value: str, script: bytes) -> None:
    first, second = parts(compose(SCRIPT, {"x": value}, b"#!" + script))
    encoded = body(first).decode().splitlines()[-1].split(" ")[2]
    assert base64.b64decode(encoded).decode() == value
    assert body(second) == b"#!" + script


def test_more_than_16_kb_is_refused_with_what_would_fit() -> None:
    script = b"#!/bin/sh\n" + b"x" * MAX_BYTES
    with pytest.raises(BadInput) as caught:
        compose(SCRIPT, VALUES, script)
    assert "16,384" in caught.value.message
    room = int(
        caught.value.next_step.partition("about ")[2].partition(" bytes")[0].replace(",", "")
    )
    fits = compose(SCRIPT, VALUES, b"#!/bin/sh\n" + b"x" * (room - 200))
    assert len(fits) <= MAX_BYTES


def test_the_real_boot_script_leaves_room_for_the_users() -> None:
    message = compose(boot_script(), VALUES, b"#!/bin/sh\n" + b"x" * 6000)
    assert len(message.encode()) <= MAX_BYTES
