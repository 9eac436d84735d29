"""`spot up --max-price`: four forms, exact, and what becomes of each."""

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot

ARTICLE = ("--type", "m4.2xlarge", "--region", "eu-west-1")  # Spot 0.1375, On-Demand 0.444


@pytest.fixture(autouse=True)
def article(sandbox: Sandbox) -> None:
    """The market whose prices are known to the tenth of a cent."""
    sandbox.reset(scenario="article")


@pytest.mark.parametrize(
    ("typed", "usd_per_hour"),
    [("0.50", 0.5), ("spot+5%", 0.144375), ("od", 0.444), ("od-20%", 0.3552)],
)
@pytest.mark.one_in(2)
@pytest.mark.soak
def test_each_form_of_the_maximum_price_is_exact(
    spot: Spot, typed: str, usd_per_hour: float
) -> None:
    line = ("up", "train", *ARTICLE, "--image", "ubuntu", "--max-price", typed, "--dry-run")
    plan = spot(*line, "--output", "json")

    assert plan.code == 0, plan.err
    assert plan.items[0]["max_price_usd_per_hour"] == usd_per_hour
    assert f"max price  ${usd_per_hour:.4f}/h" in plan.err


@pytest.mark.soak
def test_five_percent_over_spot_reaches_ec2_unrounded(spot: Spot, sandbox: Sandbox) -> None:
    line = ("up", "train", *ARTICLE, "--max-price", "spot+5%", "--yes", "--output", "json")
    up = spot(*line)
    assert up.code == 0, up.err

    [request] = account.requests(sandbox, "eu-west-1")
    assert float(request["SpotPrice"]) == 0.144375
    assert up.items[0]["max_price_usd_per_hour"] == 0.144375
    [seen] = spot("ls", "--region", "eu-west-1", "--output", "json").items
    assert seen["max_price_usd_per_hour"] == 0.144375


@pytest.mark.soak
def test_without_a_maximum_ec2s_own_applies(spot: Spot, sandbox: Sandbox) -> None:
    up = spot("up", "train", *ARTICLE, "--yes")
    assert up.code == 0, up.err

    assert "max price  none (EC2's default: On-Demand)" in up.err
    [request] = account.requests(sandbox, "eu-west-1")
    assert float(request["SpotPrice"]) == 0.444


def test_each_pool_of_a_walk_gets_five_percent_over_its_own_price(
    spot: Spot, sandbox: Sandbox
) -> None:
    cheapest, second, *_ = account.pools(sandbox, "m4.2xlarge", "eu-west-1")
    sandbox.control.price(second, "0.2")
    other = account.pools(sandbox, "m4.2xlarge", "eu-west-1")[1]
    sandbox.control.drain(cheapest)

    up = spot("up", "train", *ARTICLE, "--max-price", "spot+5%", "--yes", "--output", "json")

    assert up.code == 0, up.err
    assert f"m4.2xlarge@{up.items[0]['zone']}" == other
    [request] = account.requests(sandbox, "eu-west-1")[-1:]
    spot_price = up.items[0]["spot_usd_per_hour"]
    assert float(request["SpotPrice"]) == pytest.approx(spot_price * 1.05, abs=1e-9)
    assert spot_price > 0.1375


def test_a_maximum_below_ec2s_minimum_is_refused_with_the_number(
    spot: Spot, sandbox: Sandbox
) -> None:
    answer = spot("up", "train", *ARTICLE, "--max-price", "0.0005", "--yes")

    assert answer.code == 2
    assert "$0.0010/h" in answer.err
    assert account.left(sandbox, "eu-west-1") == []


def test_a_maximum_below_the_price_now_is_refused_with_the_price(
    spot: Spot, sandbox: Sandbox
) -> None:
    answer = spot("up", "train", *ARTICLE, "--max-price", "0.10", "--yes", "--output", "json")

    assert answer.code == 5
    assert answer.error["kind"] == "price-too-low"
    assert "$0.1375/h for m4.2xlarge@eu-west-1b" in answer.error["message"]
    assert "RunInstances" not in {operation for operation, _ in sandbox.control.calls()}
    assert account.left(sandbox, "eu-west-1") == []


def test_a_price_that_rises_during_the_launch_moves_on_to_the_next_pool(
    spot: Spot, sandbox: Sandbox
) -> None:
    sandbox.control.fail("RunInstances", "SpotMaxPriceTooLow", message="the price is higher")

    up = spot("up", "train", *ARTICLE, "--max-price", "od", "--yes", "--output", "json")

    assert up.code == 0, up.err
    assert up.items[0]["zone"] != "eu-west-1b"


@pytest.mark.parametrize("typed", ["cheap", "-1", "0", "spot+", "105%", "nan"])
def test_what_is_no_price_is_refused_with_the_forms(spot: Spot, typed: str) -> None:
    answer = spot("up", "train", *ARTICLE, f"--max-price={typed}", "--yes")

    assert answer.code == 2
    assert "--max-price" in answer.err
    assert "Use 0.50, spot+5%, od or od-20%." in answer.err
