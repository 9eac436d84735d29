"""Pools, capacity, faults, money, filters, imports: one thought each."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ec2_sandbox.errors import BadInput
from ec2_sandbox.faults import Fault, take
from ec2_sandbox.market.capacity import Capacity, Drought
from ec2_sandbox.market.money import micros, short_usd, usd
from ec2_sandbox.market.pools import Pool, parse_pool
from ec2_sandbox.options import SandboxOptions, usable
from ec2_sandbox.protocol.filters import matches, passes
from ec2_sandbox.protocol.wire import Call, error, request_id
from ec2_sandbox.services.service_quotas.quotas import quota_of

HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
POOL = Pool("us-east-1a", "g5.xlarge")


def test_a_pool_is_type_at_zone() -> None:
    assert parse_pool("g5.xlarge@us-east-1a") == POOL
    assert str(POOL) == "g5.xlarge@us-east-1a"
    assert POOL.region == "us-east-1"


@pytest.mark.parametrize("text", ["", "g5.xlarge", "us-east-1a@g5.xlarge", "g5.xlarge@us-east-1"])
def test_anything_else_says_how_to_write_it(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_pool(text)
    assert "TYPE@ZONE" in (caught.value.next_step or "")


def test_a_drought_ends_by_itself() -> None:
    capacity = Capacity(1, "calm", {POOL: Drought(NOON - HOUR, NOON, reclaims=False)})
    at_noon = int(NOON.timestamp())
    assert capacity.is_dry(POOL, at_noon - 1)
    assert not capacity.reclaims(POOL, started=0, lot=0, second=at_noon - 1)
    assert not capacity.is_dry(POOL, at_noon)
    assert capacity.next_turn(POOL, at_noon - 60, at_noon + 60) == at_noon


def test_a_drought_without_end_lasts() -> None:
    capacity = Capacity(1, "calm", {POOL: Drought(NOON, None, reclaims=True)})
    later = int((NOON + timedelta(days=999)).timestamp())
    assert capacity.reclaims(POOL, started=0, lot=0.5, second=later)


def test_a_fault_is_used_up() -> None:
    faults = [Fault("RunInstances", "Throttling", times=2, region="us-east-1")]
    assert take(faults, "RunInstances", "eu-west-1")[0] is None
    assert take(faults, "StopInstances", "us-east-1")[0] is None
    first, faults = take(faults, "RunInstances", "us-east-1")
    second, faults = take(faults, "RunInstances", "us-east-1")
    assert first is not None
    assert second is not None
    assert faults == []


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault("X", "RequestLimitExceeded"), 503),
        (Fault("X", "UnauthorizedOperation"), 403),
        (Fault("X", "InternalError"), 500),
        (Fault("X", "InvalidParameterValue"), 400),
        (Fault("X", "InvalidParameterValue", after_effect=True), 503),
        (Fault("X", "AuthFailure"), 401),
        (Fault("X", "AuthFailure", "Not authorized for images: [ami-03a5b89a2]"), 400),
        (Fault("X", "InternalError", http_status=418), 418),
        (Fault("X", "InternalError", http_status=0), 0),
    ],
)
def test_a_fault_has_the_status_of_its_code(fault: Fault, status: int) -> None:
    assert fault.status == status
    assert fault.text


def test_options_keep_what_can_be_used() -> None:
    given = {"seed": 3, "scenario": "gone", "account": "fresh", "speed": "x", "new": 1, "port": 0}
    options, bad = usable(given)
    assert options == SandboxOptions(seed=3, account="fresh")
    assert bad == ["scenario='gone'", "speed='x'", "new=1", "port=0"]
    assert usable(vars(SandboxOptions(speed=0, begins="2026-01-05"))) == (
        SandboxOptions(speed=0, begins="2026-01-05"),
        [],
    )


def test_a_first_moment_without_a_zone_is_utc() -> None:
    assert SandboxOptions(begins="2026-11-23T12:00:00").first_moment == NOON
    assert SandboxOptions(begins="2026-11-23T14:00:00+02:00").first_moment == NOON
    assert SandboxOptions().first_moment is None


def test_a_request_id_is_the_same_for_the_same_call() -> None:
    call = Call("ec2", "us-east-1", "DescribeVpcs", b"Action=DescribeVpcs")
    assert request_id(call) == request_id(replace(call))
    assert request_id(call) != request_id(replace(call, body=b"other"))


def test_errors_are_told_in_the_callers_protocol() -> None:
    ec2 = error(Call("ec2", "us-east-1", "X", b""), "Code", "<&>")
    assert b"<Code>Code</Code><Message>&lt;&amp;&gt;</Message>" in ec2.body
    other = error(Call("events", "us-east-1", "X", b"", "application/x-amz-json-1.1"), "C", "m")
    assert json.loads(other.body)["__type"] == "C"
    assert b"<ErrorResponse>" in error(Call("iam", "us-east-1", "X", b""), "C", "m").body


def test_money_is_written_as_ec2_writes_it() -> None:
    assert usd(137_500) == "0.137500"
    assert short_usd(137_500) == "0.1375"
    assert micros("0.1375") == 137_500


def test_filters_know_wildcards_and_nothing_else() -> None:
    assert matches("g5.xlarge", ["p*", "g?.xl*"])
    assert not matches("g5.xlarge", ["g5.xl"])
    assert not matches("g5.xlarge", ["[g]5.xlarge"])
    assert matches(["a", "b"], ["b"])
    assert not matches(None, ["*"])
    assert passes({"bare-metal": ["false"]}, lambda _name: False)


@pytest.mark.parametrize(
    ("instance_type", "code"),
    [
        ("m5.large", "L-34B43A08"),
        ("i4i.large", "L-34B43A08"),
        ("im4gn.large", "L-34B43A08"),
        ("g5.xlarge", "L-3819A6DF"),
        ("gr6.4xlarge", "L-3819A6DF"),
        ("p3.2xlarge", "L-7212CCBC"),
        ("p5.48xlarge", "L-C4BD4855"),
        ("inf2.xlarge", "L-B5D1601B"),
        ("trn1.2xlarge", "L-6B0D517C"),
        ("x2idn.16xlarge", "L-E3A00192"),
    ],
)
def test_every_family_counts_against_its_quota(instance_type: str, code: str) -> None:
    quota = quota_of(instance_type)
    assert quota is not None
    assert quota.code == code


def test_the_client_side_imports_nothing_heavy() -> None:
    program = (
        "import sys; from ec2_sandbox import Sandbox, SandboxOptions; import ec2_sandbox.client;"
        "print({'moto', 'flask', 'boto3', 'botocore'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
