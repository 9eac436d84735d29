"""User data: the guard first, values only as base64, never too much."""

import base64
import gzip
import random
from email import message_from_string
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import cloud_init
from tests.unit.lifecycle import user_data_forms as forms

from spotkeeper.agent import boot_script
from spotkeeper.errors import BadInput
from spotkeeper.lifecycle.userdata import MAX_BYTES, UNPACKED_FIRST, compose, refuse_before_guard

SCRIPT = "#!/bin/bash\nset -u\n"
VALUES = {"deadline": "2026-11-24T09:00:00Z"}


def parts(message: str | bytes) -> list[Message]:
    if isinstance(message, bytes):
        message = gzip.decompress(message).decode()
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
    assert isinstance(once, str)
    assert "mime-version:" in once[:4096].lower()  # by this cloud-init knows it


def test_values_follow_the_script_as_base64_after_a_marker() -> None:
    [only] = parts(compose(SCRIPT, VALUES, None))
    last = body(only).decode().splitlines()[-1]
    marker, key, value = last.split(" ")
    assert (marker, key) == ("#spotkeeper", "deadline")
    assert base64.b64decode(value, validate=True).decode() == VALUES["deadline"]


@pytest.mark.parametrize(("script", "kind"), forms.SINGLE)
def test_the_users_data_is_the_second_part_byte_for_byte(script: bytes, kind: str) -> None:
    first, second = parts(compose(SCRIPT, VALUES, script))
    assert first.get_content_type() == "text/cloud-boothook"
    assert second.get_content_type() == kind
    assert body(second) == script


@pytest.mark.parametrize(("message", "expected"), forms.SEVERAL)
def test_messages_and_packed_data_become_parts_of_the_one_message(
    message: bytes, expected: list[tuple[str, bytes]]
) -> None:
    composed = compose(SCRIPT, VALUES, message)
    assert isinstance(composed, str)
    assert composed.isascii()
    found = [(part.get_content_type(), body(part)) for part in parts(composed)[1:]]
    assert found == expected


def test_a_part_keeps_the_headers_that_cloud_init_reads() -> None:
    _, part = parts(compose(SCRIPT, VALUES, forms.WITH_HEADERS))
    assert (part.get_filename(), part["Merge-Type"]) == ("a.cfg", "list(append)")


@pytest.mark.parametrize(("script", "told"), forms.REFUSED)
def test_data_that_nothing_would_run_is_refused(script: bytes, told: str) -> None:
    with pytest.raises(BadInput, match=told) as caught:
        compose(SCRIPT, VALUES, script)
    assert caught.value.next_step


@pytest.mark.parametrize("script", [each for each, _ in forms.SINGLE + forms.SEVERAL])
def test_what_cloud_init_unpacks_before_the_guard_is_armed_is_refused(script: bytes) -> None:
    kinds = {part.get_content_type() for part in parts(compose(SCRIPT, VALUES, script))}
    if kinds & UNPACKED_FIRST:
        with pytest.raises(BadInput, match="before it runs anything") as caught:
            refuse_before_guard(script)
        assert "--guard scheduler" in caught.value.next_step
    else:
        refuse_before_guard(script)


# cloud-init itself

needs_cloud_init = pytest.mark.skipif(not cloud_init.python(), reason="needs cloud-init")


@pytest.mark.world("user data", by="cloud-init")
@needs_cloud_init
@pytest.mark.parametrize(
    "script",
    [each for each, kind in forms.SINGLE if kind not in UNPACKED_FIRST]
    + [each for each, expected in forms.SEVERAL if expected[0][0] not in UNPACKED_FIRST],
)
@pytest.mark.one_in(3)
def test_cloud_init_takes_every_part_for_what_it_is(script: bytes) -> None:
    composed = compose(SCRIPT, VALUES, script)
    expected = [(part.get_content_type(), body(part)) for part in parts(composed)]
    assert cloud_init.read(composed, cloud_init.python()) == expected


@pytest.mark.world("user data", by="cloud-init")
@needs_cloud_init
@pytest.mark.parametrize("script", forms.UNPACKED_IN_VAIN)
def test_cloud_init_gives_up_on_all_of_it_where_unpacking_fails(script: bytes) -> None:
    with pytest.raises(cloud_init.Unreadable):
        cloud_init.read(compose(SCRIPT, VALUES, script), cloud_init.python())
    with pytest.raises(BadInput):
        refuse_before_guard(script)


@pytest.mark.world("user data", by="cloud-init")
@needs_cloud_init
def test_cloud_init_unpacks_what_had_to_be_compressed() -> None:
    script = b"#!/bin/sh\n" + b"# the same again\n" * 1200
    composed = compose(boot_script(), VALUES, script)
    assert isinstance(composed, bytes)
    (guard, _), second = cloud_init.read(composed, cloud_init.python())
    assert (guard, second) == ("text/cloud-boothook", ("text/x-shellscript", script))


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


@given(value=st.text(max_size=400), script=st.text(max_size=2000))
def test_whatever_is_put_in_comes_out(value: str, script: str) -> None:
    first, second = parts(compose(SCRIPT, {"x": value}, b"#!" + script.encode()))
    encoded = body(first).decode().splitlines()[-1].split(" ")[2]
    assert base64.b64decode(encoded).decode() == value
    assert body(second) == b"#!" + script.encode()


@given(st.binary(max_size=400))
def test_whatever_is_given_is_composed_or_refused(data: bytes) -> None:
    for head in (b"", b"#!", b"Content-Type: ", b"MIME-Version: 1.0\n", b"\x1f\x8b\x08"):
        try:
            composed = compose(SCRIPT, VALUES, head + data)
        except BadInput:
            continue
        assert str(composed).isascii()


def noise(size: int) -> bytes:
    """A script of which nothing can be compressed away but what its letters leave unused."""
    letters = bytes(range(33, 127))
    return b"#!/bin/sh\n" + bytes(random.Random(1).choices(letters, k=size - 10))  # noqa: S311


def test_the_guard_leaves_ten_kilobytes_to_any_script() -> None:
    assert len(boot_script().encode()) <= 6 * 1024
    script = noise(10 * 1024)
    _, second = parts(compose(boot_script(), VALUES, script))
    assert body(second) == script


def test_more_than_16_kb_is_refused_with_what_would_fit() -> None:
    script = noise(MAX_BYTES)
    with pytest.raises(BadInput, match="EC2 takes 16,384") as caught:
        compose(boot_script(), VALUES, script)
    over = int(caught.value.next_step.split(" by ")[1].split(" bytes")[0].replace(",", ""))
    assert compose(boot_script(), VALUES, script[: len(script) - 2 * over])
