"""Each defect of the script that spotkeeper replaces, as a test named after it."""

import json
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot

UP = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
HERE = ("--region", "us-east-1")


def test_price_column_sorted_as_strings(spot: Spot, sandbox: Sandbox) -> None:
    prices = ("9.5", "10.5", "11.5", "9.75", "10.25")
    for pool, usd in zip(account.pools(sandbox, "p4d.24xlarge"), prices, strict=False):
        sandbox.control.price(pool, usd)

    offers = spot("find", "--type", "p4d.24xlarge", "--by", "zone", "--output", "json").items

    found = [offer["spot_usd_per_hour"] for offer in offers]
    assert len(found) > 1
    assert found == sorted(found)
    assert found[0] == 9.5


def test_chosen_zone_never_used(spot: Spot, sandbox: Sandbox) -> None:
    dearest = account.pools(sandbox, "g5.xlarge")[-1].partition("@")[2]

    up = spot(*UP, "--zone", dearest)

    assert up.code == 0, up.err
    [machine] = account.instances(sandbox)
    assert machine["Placement"]["AvailabilityZone"] == dearest


def test_bid_rounded_up_to_a_cent(spot: Spot, sandbox: Sandbox) -> None:
    cheapest = account.pools(sandbox, "t3.micro")[0]
    sandbox.control.price(cheapest, "0.0031")

    line = ("up", "train", "--type", "t3.micro", "--max-price", "spot+5%", "--yes")
    assert spot(*line).code == 0

    [request] = account.requests(sandbox)
    assert float(request["SpotPrice"]) == 0.003255


@pytest.mark.soak
def test_client_region_and_resource_region_differ(spot: Spot, sandbox: Sandbox) -> None:
    up = spot(*UP, "--region", "us-west-2")

    assert up.code == 0, up.err
    regions = ("us-east-1", "us-west-2", "eu-west-1")
    assert [len(account.instances(sandbox, region)) for region in regions] == [0, 1, 0]
    changed = {"CreateSecurityGroup", "ImportKeyPair", "RunInstances", "GetParameter"}
    calls = [call for call in sandbox.control.calls() if call[0] in changed]
    assert {region for _, region in calls} == {"us-west-2"}


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("SpotMaxPriceTooLow", 5),  # the script waited on price-too-low for ever
        ("InvalidParameterValue", 1),  # on bad-parameters
        ("Unsupported", 1),  # on constraint-not-fulfillable
    ],
)
@pytest.mark.one_in(3)
def test_loops_for_ever_on_most_statuses(
    spot: Spot, sandbox: Sandbox, code: str, exit_code: int
) -> None:
    sandbox.control.fail("RunInstances", code, message="never", times=99)

    up = spot(*UP)

    assert up.code == exit_code
    assert up.error["aws_code"] == code
    pools = len(account.pools(sandbox, "g5.xlarge"))
    assert sandbox.control.calls().count(("RunInstances", "us-east-1")) <= pools
    assert account.left(sandbox) == []


@pytest.mark.soak
def test_stopped_instance_left_running_or_behind(spot: Spot, sandbox: Sandbox) -> None:
    assert spot(*UP).code == 0
    assert spot("stop", "train").code == 0

    assert spot("down", "train", "--yes").code == 0

    assert account.left(sandbox) == []


def test_not_yet_cancelled_instance_left_running(spot: Spot, sandbox: Sandbox) -> None:
    assert spot(*UP).code == 0
    sandbox.control.fail(
        "CancelSpotInstanceRequests", "ServiceUnavailable", http_status=503, after_effect=True
    )

    down = spot("down", "train", "--yes", "--output", "json")

    assert down.code == 0, down.err
    assert account.left(sandbox) == []
    names = [name for name, _ in sandbox.control.calls()]
    last_cancel = len(names) - 1 - names[::-1].index("CancelSpotInstanceRequests")
    assert last_cancel < names.index("TerminateInstances")


def test_tags_only_afterwards_and_only_on_the_instance(spot: Spot, sandbox: Sandbox) -> None:
    up = spot(*UP, "--tag", "Project=demo", "--tag", "Owner=me@example.com")
    assert up.code == 0, up.err

    assert "CreateTags" not in {operation for operation, _ in sandbox.control.calls()}
    [instance], [request] = account.instances(sandbox), account.requests(sandbox)
    [disk] = account.volumes(sandbox)
    for resource_id in (instance, request, disk):
        found = account.tags(resource_id)
        assert (found["Project"], found["Owner"]) == ("demo", "me@example.com")


def test_products_mixed_by_a_filter_for_unix(spot: Spot, sandbox: Sandbox) -> None:
    offers = spot("find", "--type", "m5.large", "--by", "zone", "--output", "json").items

    assert {offer["platform"] for offer in offers} == {"Linux/UNIX"}
    pools = [(offer["instance_type"], offer["zone"]) for offer in offers]
    assert len(pools) == len(set(pools))


def test_no_pagination(spot: Spot, sandbox: Sandbox) -> None:
    line = ("--type", "c5*", "--type", "m5*", "--type", "r5*", "--by", "zone", "--limit", "9999")

    answer = spot("find", *line, "--output", "json")

    calls = sandbox.control.calls()
    assert calls.count(("DescribeInstanceTypes", "us-east-1")) > 1
    assert len(answer.items) > 500
    assert len({offer["instance_type"] for offer in answer.items}) > 100


@pytest.mark.soak
def test_state_only_in_the_running_process(spot: Spot, home: Path, sandbox: Sandbox) -> None:
    [machine] = spot(*UP).items
    for path in home.rglob("*.jsonl"):
        path.unlink()

    [seen] = spot("ls", *HERE, "--output", "json").items

    assert seen["instance_id"] == machine["instance_id"]
    assert seen["request_id"] == machine["request_id"]
    assert spot("down", "train", "--yes").code == 0
    assert account.left(sandbox) == []


def test_the_name_of_a_machine_is_asked_for_where_nothing_spells_it(
    spot: Spot, home: Path
) -> None:
    (home / "old.json").write_text(json.dumps({"Name": "", "Volume_Size": 20}))

    answer = spot("up", "--config", "old.json", "--type", "t3.micro", "--yes")

    assert answer.code == 2
    assert "needs a name" in answer.err
