"""CreateFleet's parameters read: what is taken over, and what becomes of what was left out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ec2_sandbox.fleets.fleet_requests import (
    FleetRequest,
    FleetType,
    Rebalance,
    read_fleet_request,
    read_target,
)
from ec2_sandbox.protocol.refusal import EC2Error

NOW = datetime(2026, 1, 5, tzinfo=UTC)
CONFIGS = [{"LaunchTemplateSpecification": {"LaunchTemplateName": "worker", "Version": "1"}}]


def read(**changes: Any) -> FleetRequest:
    params = {
        "LaunchTemplateConfigs": CONFIGS,
        "TargetCapacitySpecification": {"TotalTargetCapacity": 3},
        **changes,
    }
    return read_fleet_request(params, NOW)


def code(**changes: Any) -> str:
    with pytest.raises(EC2Error) as refused:
        read(**changes)
    return str(refused.value.code)


def test_what_is_left_out_is_ec2s_default() -> None:
    request = read()
    assert request.type is FleetType.MAINTAIN
    assert (request.target.on_demand, request.target.spot) == (3, 0)
    assert request.spot.strategy == request.on_demand.strategy == "lowest-price"
    assert request.interruption_behavior == "terminate"
    assert request.ends_excess
    assert not request.ends_with_expiration


@pytest.mark.parametrize(
    ("asked", "on_demand", "spot"),
    [
        ({"DefaultTargetCapacityType": "spot"}, 0, 9),
        ({"DefaultTargetCapacityType": "spot", "OnDemandTargetCapacity": 2}, 2, 7),
        ({"DefaultTargetCapacityType": "on-demand", "SpotTargetCapacity": 2}, 7, 2),
        ({"OnDemandTargetCapacity": 4, "SpotTargetCapacity": 5}, 4, 5),
    ],
)
def test_the_default_type_takes_the_rest(asked: dict[str, Any], on_demand: int, spot: int) -> None:
    target = read_target({"TotalTargetCapacity": 9, **asked}, FleetType.INSTANT)
    assert (target.on_demand, target.spot, target.total) == (on_demand, spot, 9)


def test_only_a_maintain_fleet_may_begin_empty() -> None:
    empty = {"TotalTargetCapacity": 0}
    assert read_target(empty, FleetType.MAINTAIN).total == 0
    for kind in ("instant", "request"):
        assert code(Type=kind, TargetCapacitySpecification=empty) == (
            "InvalidTargetCapacitySpecification"
        )


@pytest.mark.parametrize("written", ["capacityOptimized", "capacity-optimized"])
def test_both_spellings_of_a_strategy_are_read(written: str) -> None:
    assert read(SpotOptions={"AllocationStrategy": written}).spot.strategy == "capacity-optimized"


def rebalance(strategy: str, delay: int | None, kind: str = "maintain") -> dict[str, Any]:
    asked = {"ReplacementStrategy": strategy, "TerminationDelay": delay}
    return {
        "Type": kind,
        "SpotOptions": {"MaintenanceStrategies": {"CapacityRebalance": asked}},
    }


def test_rebalancing_is_read() -> None:
    assert read(**rebalance("launch", None)).rebalance == Rebalance(terminates=False, delay=0)
    ending = read(**rebalance("launch-before-terminate", 120)).rebalance
    assert ending == Rebalance(terminates=True, delay=120)


@pytest.mark.parametrize(
    "asked",
    [
        rebalance("launch", 120),
        rebalance("launch-before-terminate", None),
        rebalance("launch-before-terminate", 119),
        rebalance("launch-before-terminate", 7_201),
        rebalance("launch", None, kind="request"),
    ],
)
def test_rebalancing_that_cannot_be_is_refused(asked: dict[str, Any]) -> None:
    assert code(**asked) in {"InvalidParameterCombination", "InvalidParameterValue"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"LaunchTemplateConfigs": []}, "MissingParameter"),
        ({"TargetCapacitySpecification": {}}, "MissingParameter"),
        ({"Type": "eager"}, "InvalidParameterValue"),
        ({"SpotOptions": {"SingleInstanceType": True}}, "InvalidParameterCombination"),
        (
            {"SpotOptions": {"AllocationStrategy": "diversified", "InstancePoolsToUseCount": 2}},
            "InvalidParameterCombination",
        ),
        ({"Type": "instant", "ReplaceUnhealthyInstances": True}, "InvalidParameterCombination"),
        (
            {"ValidFrom": NOW + timedelta(days=2), "ValidUntil": NOW + timedelta(days=1)},
            "InvalidParameterValue",
        ),
        ({"SpotOptions": {"MaxTotalPrice": "much"}}, "InvalidParameterValue"),
    ],
)
def test_what_does_not_go_together_is_refused(changes: dict[str, Any], expected: str) -> None:
    assert code(**changes) == expected


def test_times_without_a_zone_are_utc() -> None:
    until = datetime(2026, 2, 1)  # noqa: DTZ001 - as moto hands it over
    assert read(ValidUntil=until).valid_until == until.replace(tzinfo=UTC)


def test_the_same_request_has_the_same_fingerprint_whatever_its_token() -> None:
    assert read(ClientToken="a").fingerprint == read(ClientToken="b").fingerprint
    assert read().fingerprint != read(Type="instant").fingerprint
