"""Names, owners and tag times."""

from datetime import UTC, datetime, timedelta, timezone

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.make import NOON

from spotkeeper.model.tags import (
    NEVER,
    Caller,
    home_region,
    is_name,
    machine_tags,
    parse_tag_time,
    partition_of,
    shared_tags,
    tag_time,
)

ACCOUNT = "123456789012"


@pytest.mark.parametrize("name", ["a", "0", "train", "gpu-1", "a" * 39, "a-"])
def test_a_name_is_small_letters_digits_and_hyphens(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", "-a", "A", "a_b", "a b", "a.b", "a/b", "../a", "a" * 40, "a\n", "ä", "\u0661"]
)
def test_anything_else_is_no_name(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize(
    ("arn", "owner"),
    [
        ("arn:aws:iam::123456789012:user/alice", "user/alice"),
        ("arn:aws:iam::123456789012:user/team/alice", "user/team/alice"),
        ("arn:aws:sts::123456789012:assumed-role/Dev/alice", "assumed-role/Dev/alice"),
        (
            "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Dev_0a1b/alice@example.com",
            "assumed-role/AWSReservedSSO_Dev_0a1b/alice@example.com",
        ),
        ("arn:aws:iam::123456789012:root", "root"),
        ("arn:aws:sts::123456789012:federated-user/bob", "federated-user/bob"),
        ("arn:aws-cn:iam::123456789012:user/alice", "user/alice"),
        ("arn:aws:sts::123456789012:assumed-role/Dev/botocore-session-17", "assumed-role/Dev"),
    ],
)
def test_the_owner_is_account_and_principal(arn: str, owner: str) -> None:
    assert Caller(ACCOUNT, arn).owner == f"{ACCOUNT}:{owner}"


def test_two_logins_of_one_role_are_two_owners() -> None:
    role = f"arn:aws:sts::{ACCOUNT}:assumed-role/Dev/"
    assert Caller(ACCOUNT, role + "alice").owner != Caller(ACCOUNT, role + "bob").owner


def test_a_session_name_that_botocore_made_up_does_not_change_the_owner() -> None:
    role = f"arn:aws:sts::{ACCOUNT}:assumed-role/Dev/botocore-session-"
    assert Caller(ACCOUNT, role + "1700000000").owner == Caller(ACCOUNT, role + "18").owner


def test_no_deadline_is_written_never() -> None:
    assert tag_time(None) == NEVER
    assert parse_tag_time(NEVER) is None


@pytest.mark.parametrize("text", [None, "", "soon", "2026-13-01", "12:00"])
def test_what_is_no_time_is_none(text: str | None) -> None:
    assert parse_tag_time(text) is None


@given(moment=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), hours=st.integers(-12, 14))  # noqa: DTZ001 - hypothesis adds the zone
def test_a_tag_time_reads_back_in_utc(moment: datetime, hours: int) -> None:
    aware = moment.replace(microsecond=0, tzinfo=timezone(timedelta(hours=hours)))
    text = tag_time(aware)
    assert text.endswith("Z")
    assert parse_tag_time(text) == aware


def test_a_tag_without_a_zone_is_utc() -> None:
    assert parse_tag_time("2026-11-23T12:00:00") == datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_every_thing_of_a_machine_says_whose_it_is() -> None:
    tags = machine_tags(name="train", owner="o", launch="t", deadline=NOON, kind="box")
    assert tags == {
        "spotkeeper:managed": "true",
        "spotkeeper:name": "train",
        "spotkeeper:owner": "o",
        "spotkeeper:launch": "t",
        "spotkeeper:deadline": "2026-11-23T12:00:00Z",
        "spotkeeper:kind": "box",
        "Name": "train",
    }


def test_what_is_shared_has_an_owner_and_no_machine() -> None:
    tags = shared_tags("o")
    assert tags["spotkeeper:owner"] == "o"
    assert "spotkeeper:name" not in tags


def test_the_partition_of_every_region_is_the_one_that_botocore_knows() -> None:
    session = botocore.session.get_session()
    regions = [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition)
    ]
    assert len(regions) > 30
    wrong = [r for r in regions if partition_of(r) != session.get_partition_for_region(r)]
    assert wrong == []
    homes = {home_region(each) for each in session.get_available_partitions()}
    assert homes <= {*regions}
    assert len(homes) == len(session.get_available_partitions())
