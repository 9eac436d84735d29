"""The field names of `--output json`, as the design promises them."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.unit.model.make import NOON, hardware, instance, offer, pool, request

from spotkeeper.costs.usage import Cost
from spotkeeper.keeper.results import DownReport, MachineReport, PriceRow
from spotkeeper.lifecycle.doctor import Check, CheckStatus
from spotkeeper.model.machine import Machine
from spotkeeper.model.offer import Refusal
from spotkeeper.model.record import Record, moment, number
from spotkeeper.model.resource import Leftover, ResourceId, ResourceKind
from spotkeeper.ssh.shell import Login

#: The fields of the JSON items that were there first; more may follow, these stay.
OFFER = """region, zone, zone_id, instance_type, platform, vcpus, memory_gib, gpu_name, gpu_count,
    gpu_memory_gb, gpu_memory_gib, arch, spot_usd_per_hour, on_demand_usd_per_hour, saving_percent,
    interruption_band, interruption_percent_max, placement_score, expected_usd_per_useful_hour,
    price_time, sources"""
MACHINE = """name, kind, state, region, zone, instance_type, instance_id, request_id,
    request_state, request_status, public_ip, ssh, launched_at, deadline, spot_usd_per_hour,
    on_demand_usd_per_hour, saving_percent, max_price_usd_per_hour, tags"""


def promised(record: Record, fields: str) -> Record:
    """The promised fields of a record, in the order promised."""
    names = [name.strip() for name in fields.split(",")]
    assert [name for name in record if name in names] == names
    return {name: record[name] for name in names}


def test_an_offer_has_the_promised_fields_in_their_order() -> None:
    found = promised(offer("0.4253", at=pool(zone_id="use1-az1")).to_dict(), OFFER)
    assert found == {
        "region": "us-east-1",
        "zone": "us-east-1a",
        "zone_id": "use1-az1",
        "instance_type": "g5.xlarge",
        "platform": "Linux/UNIX",
        "vcpus": 4,
        "memory_gib": 16,
        "gpu_name": "A10G",
        "gpu_count": 1,
        "gpu_memory_gb": 24,
        "gpu_memory_gib": 22.4,
        "arch": "x86_64",
        "spot_usd_per_hour": 0.4253,
        "on_demand_usd_per_hour": 1.006,
        "saving_percent": 57.72,
        "interruption_band": None,
        "interruption_percent_max": None,
        "placement_score": None,
        "expected_usd_per_useful_hour": None,
        "price_time": "2026-11-23T12:00:00Z",
        "sources": [],
    }


def test_what_is_unknown_of_an_offer_is_null() -> None:
    row = hardware("m5.large", gpus=None)
    found = offer(on_demand=None, at=pool("m5.large"), row=row).to_dict()
    unknown = ["zone_id", "gpu_name", "gpu_memory_gb", "gpu_memory_gib"]
    unknown += ["on_demand_usd_per_hour", "saving_percent"]
    assert [found[name] for name in unknown] == [None] * len(unknown)
    assert found["gpu_count"] == 0


def report() -> MachineReport:
    tags = {"spotkeeper:name": "train", "spotkeeper:kind": "box", "Project": "x"}
    tags["spotkeeper:deadline"] = "2026-11-24T12:00:00Z"
    return MachineReport(
        Machine(
            instance(public_ip="203.0.113.5", tags=tags),
            request(max_price_usd_per_hour=Decimal("0.5")),
        ),
        spot_usd_per_hour=Decimal("0.25"),
        on_demand_usd_per_hour=Decimal("1"),
        login=Login("203.0.113.5", "ubuntu", "i-1", Path("/hosts")),
    )


def test_a_machine_has_the_promised_fields_in_their_order() -> None:
    made = report()
    assert made.login is not None
    assert promised(made.to_dict(), MACHINE) == {
        "name": "train",
        "kind": "box",
        "state": "running",
        "region": "us-east-1",
        "zone": "us-east-1a",
        "instance_type": "g5.xlarge",
        "instance_id": "i-1",
        "request_id": "sir-1",
        "request_state": "active",
        "request_status": "fulfilled",
        "public_ip": "203.0.113.5",
        "ssh": made.login.line(),
        "launched_at": "2026-11-23T12:00:00Z",
        "deadline": "2026-11-24T12:00:00Z",
        "spot_usd_per_hour": 0.25,
        "on_demand_usd_per_hour": 1.0,
        "saving_percent": 75.0,
        "max_price_usd_per_hour": 0.5,
        "tags": dict(made.machine.tags),
    }


def test_a_request_without_an_instance_is_a_machine_too() -> None:
    found = promised(MachineReport(Machine(None, request())).to_dict(), MACHINE)
    assert found["state"] is None
    assert found["instance_id"] is None
    assert found["request_id"] == "sir-1"
    assert found["ssh"] is None


def test_an_instance_whose_request_is_not_listed_still_names_it() -> None:
    found = MachineReport(Machine(instance(), None)).to_dict()
    assert found["request_id"] == "sir-1"
    assert found["request_state"] is None
    assert found["deadline"] is None


def test_a_refusal_is_pool_and_reason() -> None:
    found = Refusal("g5.xlarge@us-east-1a", "no GPU").to_dict()
    assert found == {"pool": "g5.xlarge@us-east-1a", "reason": "no GPU"}


def test_an_outcome_is_what_ended_and_what_is_left_with_its_reason() -> None:
    gone = ResourceId(ResourceKind.INSTANCE, "i-1", "us-east-1")
    held = ResourceId(ResourceKind.GROUP, "sg-1", "us-east-1")
    found = DownReport((gone,), (Leftover(held, "still in use"),)).to_dict()
    assert {key: found[key] for key in ("ended", "left")} == {
        "ended": [{"kind": "instance", "id": "i-1", "region": "us-east-1"}],
        "left": [
            {
                "kind": "security-group",
                "id": "sg-1",
                "region": "us-east-1",
                "reason": "still in use",
            }
        ],
    }


def test_a_price_row_compares_on_demand_with_the_cheapest_zone() -> None:
    found = PriceRow("g5.xlarge", "us-east-1", offer("0.25", on_demand="1")).to_dict()
    assert found["saving_percent"] == 75
    assert (found["spot_usd_per_hour"], found["on_demand_usd_per_hour"]) == (0.25, 1)
    assert (found["region"], found["zone"]) == ("us-east-1", "us-east-1a")


def test_a_cost_says_how_long_how_often_and_how_much() -> None:
    length = timedelta(hours=2, microseconds=5)
    spent = Cost(
        "train",
        "g5.xlarge",
        "us-east-1a",
        ran=length,
        interruptions=1,
        spot_usd=Decimal("0.5"),
        on_demand_usd=Decimal(2),
    )
    found = spent.to_dict()
    assert (found["ran_seconds"], found["interruptions"]) == (7200, 1)
    assert (found["spot_usd"], found["on_demand_usd"], found["saving_percent"]) == (0.5, 2, 75)


def test_a_check_without_a_fix_says_null() -> None:
    verdict = next(iter(CheckStatus))
    assert Check("role", verdict, "exists").to_dict()["fix"] is None


@pytest.mark.parametrize("text", ["0.1", "0.4253", "12.24", "0.000001", "1234.5678"])
def test_a_number_reads_back_the_same(text: str) -> None:
    assert Decimal(json.dumps(number(Decimal(text)))) == Decimal(text)


def test_no_number_and_no_moment_are_null() -> None:
    assert number(None) is None
    assert moment(None) is None
    assert moment(NOON) == "2026-11-23T12:00:00Z"
