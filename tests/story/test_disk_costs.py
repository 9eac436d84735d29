"""What a disk costs: before it is made, while its machine is stopped, and when forgotten."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story.computer import another_computer
from tests.story.conftest import Spot
from tests.story.test_sweep import LIST, WINDOW

UP = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
JSON = ("--output", "json")
PER_HOUR = 0.0109589041  # 100 GB of gp3 at $0.08 a month, by 730 hours


def asked(sandbox: Sandbox) -> int:
    """How often the Price List was asked."""
    return sum(name == "GetProducts" for name, _ in sandbox.control.calls())


def no_prices(sandbox: Sandbox) -> None:
    sandbox.control.fail("GetProducts", "AccessDeniedException", http_status=403, times=99)


def test_the_plan_says_what_its_disk_will_cost(spot: Spot) -> None:
    told = spot("up", "train", "--type", "g5.xlarge", "--disk", "200", "--dry-run", *JSON)

    assert told.code == 0, told.err
    assert "disk       200 GB gp3, encrypted: $0.0219/h, $16.00/month while it exists" in told.err
    [plan] = told.items
    assert (plan["disk_gib"], plan["disk_usd_per_month"]) == (200, 16.0)
    assert plan["disk_usd_per_hour"] == pytest.approx(2 * PER_HOUR)


@pytest.mark.soak
def test_a_stopped_box_says_what_it_still_costs(spot: Spot, sandbox: Sandbox) -> None:
    [up] = spot(*UP).items
    assert up["disk_usd_per_month"] is None

    line = "costs now       only its disk: $8.00/month ($0.0110/h)"
    assert line in spot("stop", "train").out
    assert line in spot("show", "train").out
    [shown] = spot("show", "train", *JSON).items
    assert (shown["disk_usd_per_hour"], shown["disk_usd_per_month"]) == (PER_HOUR, 8.0)

    assert "costs now" not in spot("start", "train").out


@pytest.mark.soak
def test_a_forgotten_disk_has_its_price_and_a_snapshot_an_unknown_one(
    spot: Spot, sandbox: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [machine] = spot(*UP).items
    tags = [{"Key": key, "Value": value} for key, value in machine["tags"].items()]
    sandbox.client("ec2").create_snapshot(
        VolumeId=machine["volume_ids"][0],
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}],
    )
    another_computer(home, sandbox, monkeypatch)
    sandbox.control.advance(WINDOW)

    left = spot(*LIST).document["left"]
    costs = {row["kind"]: row["usd_per_hour"] for row in left}
    assert costs["volume"] == PER_HOUR
    assert costs["snapshot"] is None
    table = spot("sweep").out
    assert " 0.0110 " in table
    assert f"Left: ${costs['instance'] + PER_HOUR:.4f}/h" in table
    assert "and 1 of unknown cost" in table


def test_a_price_that_nobody_tells_is_unknown_and_stops_nothing(
    spot: Spot, sandbox: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_prices(sandbox)
    up = spot(*UP)
    assert up.code == 0
    assert "100 GB gp3, encrypted; costs while it exists (price unknown)" in up.err

    sandbox.control.fail("DescribeVolumes", "UnauthorizedOperation", http_status=403, times=1)
    stopped = spot("stop", "train", "--output", "table")
    assert stopped.code == 0
    assert "costs now       only its disk (price unknown)" in stopped.out

    another_computer(home, sandbox, monkeypatch)
    sandbox.control.advance(WINDOW)
    swept = spot(*LIST)
    [disk] = [row for row in swept.document["left"] if row["kind"] == "volume"]
    assert (swept.code, disk["usd_per_hour"]) == (8, None)


@pytest.mark.soak
def test_disks_are_priced_once_a_day_and_only_where_their_price_is_shown(
    spot: Spot, sandbox: Sandbox
) -> None:
    assert spot("find", "--type", "g5.xlarge", "--region", "us-east-1").code == 0
    assert asked(sandbox) == 1  # for On-Demand
    assert spot(*UP).code == 0
    assert asked(sandbox) == 2
    for line in (("stop", "train"), ("show", "train"), ("ls",), ("prices", "g5.xlarge"), LIST):
        assert spot(*line).code == 0
    assert asked(sandbox) == 2

    sandbox.control.advance(timedelta(hours=25))
    assert spot("ls", "--region", "us-east-1").code == 0
    before = asked(sandbox)
    assert spot("show", "train").code == 0
    assert asked(sandbox) == before + 1
