"""The console: the instance's own facts, its host keys, never its user data."""

import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta

from ec2_sandbox.ec2.boot_text import KEYS_BEGIN, KEYS_END, Machine, console_text

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MACHINE = Machine(
    instance_id="i-0123456789abcdef0",
    instance_type="g5.xlarge",
    zone="us-east-1b",
    hostname="ip-172-31-0-5.ec2.internal",
    private_ip="172.31.0.5",
    architecture="x86_64",
    vcpus=4,
    memory_mib=16_384,
    user_data=b"#!/bin/bash\nexport SECRET=hunter2\n",
)


def shown(after: float, *, ran: float | None = None, seed: int = 1) -> str:
    """The console so many seconds after the start; it ran until ``ran``, or runs on."""
    end = NOON + timedelta(seconds=ran if ran is not None else after + 1)
    now = NOON + timedelta(seconds=after)
    return console_text(MACHINE, [(NOON, end)], now, seed=seed)


def test_the_first_seconds_are_silent() -> None:
    assert shown(5) == ""


def test_the_kernel_comes_before_cloud_init() -> None:
    assert "g5.xlarge" in shown(10)
    assert "cloud-init" not in shown(10).lower()
    assert "i-0123456789abcdef0 in us-east-1b" in shown(60)


def test_the_clock_is_set_to_the_time_of_the_boot() -> None:
    assert "setting system clock to 2026-01-05T12:00:08 UTC" in shown(60)


def test_of_user_data_only_the_length_is_told() -> None:
    assert "2 lines, 34 bytes" in shown(60)
    assert "hunter2" not in shown(60)


def test_the_host_keys_are_well_formed_and_stay_the_same() -> None:
    block = shown(60).partition(KEYS_BEGIN)[2].partition(KEYS_END)[0]
    keys = re.findall(r"(\d+) SHA256:([A-Za-z0-9+/]{43}) root@\S+ \((\w+)\)", block)
    assert [(bits, kind) for bits, _, kind in keys] == [
        ("256", "ECDSA"),
        ("256", "ED25519"),
        ("3072", "RSA"),
    ]
    assert {len(b64decode(printed + "=")) for _, printed, _ in keys} == {32}
    assert block == shown(9_999).partition(KEYS_BEGIN)[2].partition(KEYS_END)[0]
    assert keys[0][1] not in shown(60, seed=2)


def test_a_machine_that_stopped_said_so() -> None:
    assert "Power down" not in shown(600)
    assert shown(600, ran=300).rstrip().endswith("reboot: Power down")


def test_a_machine_that_stopped_early_got_no_further() -> None:
    assert KEYS_BEGIN not in shown(600, ran=12)


def test_every_boot_is_on_it() -> None:
    runs = [
        (NOON, NOON + timedelta(hours=1)),
        (NOON + timedelta(hours=2), NOON + timedelta(hours=9)),
    ]
    text = console_text(MACHINE, runs, NOON + timedelta(hours=3), seed=1)
    assert text.count("Linux version") == 2
    assert text.count("Power down") == 1
