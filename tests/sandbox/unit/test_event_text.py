"""Every kind of happening reads as a sentence."""

from datetime import UTC, datetime

import pytest

from ec2_sandbox.event_text import sentence
from ec2_sandbox.history import Happening, HappeningKind

POOL = "g5.xlarge@us-east-1a"
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "subject", "facts", "told"),
    [
        (
            HappeningKind.INSTANCE,
            "i-1",
            {"state": "running", "pool": POOL, "lifecycle": "spot", "cause": "user"},
            f"i-1 is running ({POOL} Spot)",
        ),
        (
            HappeningKind.INSTANCE,
            "i-1",
            {"state": "stopping", "pool": POOL, "cause": "ec2"},
            "i-1 is stopping: EC2 takes the capacity back",
        ),
        (HappeningKind.INSTANCE, "i-1", {"state": "stopped"}, "i-1 is stopped"),
        (
            HappeningKind.REQUEST,
            "sir-1",
            {"state": "active", "code": "fulfilled", "instance": "i-1", "pool": POOL},
            "sir-1 is active: fulfilled (i-1)",
        ),
        (
            HappeningKind.NOTICE,
            "i-1",
            {"action": "stop", "at": "2026-01-05T12:02:00+00:00"},
            "i-1 gets its notice: stop at 12:02:00",
        ),
        (HappeningKind.REBALANCE, "i-1", {"pool": POOL}, f"EC2 recommends to leave i-1 ({POOL})"),
        (
            HappeningKind.VOLUME,
            "vol-1",
            {"state": "created", "gb": "8", "type": "gp3"},
            "vol-1 is created (8 GB gp3)",
        ),
        (HappeningKind.SNAPSHOT, "snap-1", {"state": "deleted"}, "snap-1 is deleted"),
        (
            HappeningKind.ADDRESS,
            "eipalloc-1",
            {"state": "allocated", "ip": "203.0.113.7"},
            "eipalloc-1 is allocated (203.0.113.7)",
        ),
        (
            HappeningKind.FLEET,
            "fleet-1",
            {"event": "instance-change", "sub_type": "launched", "instance": "i-1"},
            "fleet-1: instance-change launched i-1",
        ),
        (
            HappeningKind.MARKET,
            POOL,
            {"what": "drained", "until": "2026-01-05T12:30:00+00:00"},
            f"{POOL} is drained until 12:30:00",
        ),
        (
            HappeningKind.MARKET,
            POOL,
            {"what": "priced", "usd": "0.35"},
            f"{POOL} costs $0.35/h from now on",
        ),
        (
            HappeningKind.QUOTA,
            "L-1",
            {"vcpus": "8", "by": "request"},
            "quota L-1 is 8 vCPU (request)",
        ),
        (
            HappeningKind.SCHEDULE,
            "default/stop",
            {"target": "ec2:StopInstances", "outcome": "ok"},
            "schedule default/stop fires: ec2:StopInstances ok",
        ),
        (HappeningKind.CONTROL, "advance 3h", {}, "asked for: advance 3h"),
        (HappeningKind.CONTROL, "latency 1 s", {"for": "RunInstances"}, None),
    ],
)
def test_it_reads_as_a_sentence(
    kind: HappeningKind, subject: str, facts: dict[str, str], told: str | None
) -> None:
    found = sentence(Happening(NOON, kind, subject, "us-east-1", facts))
    assert found == (told or "asked for: latency 1 s for RunInstances")


@pytest.mark.parametrize("kind", HappeningKind)
def test_missing_facts_are_no_error(kind: HappeningKind) -> None:
    assert "thing" in sentence(Happening(NOON, kind, "thing", "", {}))
