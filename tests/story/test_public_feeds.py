"""Without an AWS account: the public feeds answer by region, and it is said what is missing."""

from collections.abc import Iterator

import pytest
from tests.conftest import Sandbox
from tests.story.conftest import Spot
from tests.story.feed_server import FeedServer, Sent, advisor, as_json, serving
from tests.story.refusals import paragraph

from spotkeeper.aws import public_feeds

JSON = ("--output", "json")
EAST = ("--region", "us-east-1")


def price(name: str, usd: str) -> dict[str, object]:
    return {"size": name, "valueColumns": [{"name": "linux", "prices": {"USD": usd}}]}


SIZES = [price("m5.large", "0.0350"), price("g5.xlarge", "0.4036"), price("p5.48xlarge", "N/A*")]
REGIONS = [
    {"region": "us-east-1", "instanceTypes": [{"type": "all", "sizes": SIZES}]},
    {
        "region": "eu-ireland",
        "instanceTypes": [{"type": "m5", "sizes": [price("m5.large", "0.0411")]}],
    },
]
PRICES = {"config": {"regions": REGIONS}}


@pytest.fixture
def prices(home: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedServer]:
    """Nobody is logged in, and both public feeds are on this computer."""
    monkeypatch.delenv("SPOT_SANDBOX")
    with serving() as server, serving() as bands:
        server.sends, bands.sends = as_json(PRICES, etag='"p"'), as_json(advisor())
        monkeypatch.setenv(public_feeds.PRICES_VARIABLE, server.url)
        monkeypatch.setenv(public_feeds.ADVISOR_VARIABLE, bands.url)
        yield server


@pytest.mark.usefixtures("prices")
def test_find_answers_by_region_and_says_what_credentials_would_add(
    spot: Spot, sandbox: Sandbox
) -> None:
    answer = spot("find", "--vcpus", "1", *EAST, *JSON)

    assert answer.code == 0, answer.err
    first, second = answer.items
    assert (first["instance_type"], second["instance_type"]) == ("m5.large", "g5.xlarge")
    assert (first["zone"], first["zone_id"], first["region"]) == (None, None, "us-east-1")
    assert (first["spot_usd_per_hour"], first["on_demand_usd_per_hour"]) == (0.035, None)
    assert (first["vcpus"], first["memory_gib"]) == (2, 8)
    assert (first["gpu_count"], first["gpu_name"], first["arch"]) == (None, None, None)
    assert (first["saving_percent"], first["interruption_band"]) == (71, "<5%")
    origins = {source["fact"]: source["origin"] for source in first["sources"]}
    assert origins == {
        "spot_usd_per_hour": "aws-public-spot-prices",
        "hardware": "spot-advisor",
        "saving_percent": "spot-advisor",
        "interruption_band": "spot-advisor",
    }
    [note] = answer.document["warnings"]
    assert "no AWS credentials were found" in note
    assert "every zone" in note
    assert sandbox.control.calls() == []

    table = spot("find", "--vcpus", "1", *EAST)
    assert "no AWS credentials were found" in table.err
    assert "prices (AWS's public file)" in table.err
    assert [line.split()[:2] for line in table.out.splitlines()[3:]] == [
        ["m5.large", "us-east-1"],
        ["g5.xlarge", "us-east-1"],
    ]


@pytest.mark.usefixtures("prices")
def test_every_region_of_the_file_is_searched_under_its_new_name(spot: Spot) -> None:
    answer = spot("find", "--type", "m5.*", "--region", "any", *JSON)
    assert [offer["region"] for offer in answer.items] == ["us-east-1", "eu-west-1"]
    assert [offer["interruption_band"] for offer in answer.items] == ["<5%", None]
    named = spot("find", "--type", "m5.*", *EAST, "--region", "ap-south-1", *JSON)
    assert [offer["region"] for offer in named.items] == ["us-east-1"]
    assert "ap-south-1: there are no public prices" in named.document["warnings"]


@pytest.mark.usefixtures("prices")
def test_prices_answer_by_region_too(spot: Spot) -> None:
    answer = spot("prices", "m5.large", *EAST, "--region", "eu-west-1", *JSON)
    assert answer.code == 0, answer.err
    found = {row["region"]: row["spot_usd_per_hour"] for row in answer.items}
    assert found == {"us-east-1": 0.035, "eu-west-1": 0.0411}
    assert {row["zone"] for row in answer.items} == {None}
    assert any("no AWS credentials" in warning for warning in answer.document["warnings"])


@pytest.mark.usefixtures("prices")
def test_a_type_without_a_public_price_is_named(spot: Spot) -> None:
    line = ("prices", "m5.large", "g5.xlarge", *EAST, "--region", "eu-west-1", *JSON)
    told = spot(*line).document["warnings"]
    assert "g5.xlarge@eu-west-1: there is no public Spot price of it in this region" in told
    assert not any("us-east-1*" in warning for warning in told)


@pytest.mark.usefixtures("prices")
def test_what_only_credentials_give_is_said(spot: Spot) -> None:
    told = paragraph(spot("prices", "m5.large", *EAST, "--days", "9"), 4)
    assert "the prices of now only, no history" in told
    assert "aws configure sso" in told
    assert "--from FILE" in told
    [note] = spot("find", "--type", "m5.large", *EAST, "--score", "--quota", *JSON).document[
        "warnings"
    ]
    assert "placement scores, quotas" in note


@pytest.mark.usefixtures("prices")
def test_the_order_by_saving_is_that_of_the_advisor(spot: Spot) -> None:
    offers = spot("find", "--vcpus", "1", *EAST, "--sort", "saving", *JSON).items
    assert [offer["saving_percent"] for offer in offers] == [71, 64]
    rare = spot("find", "--vcpus", "1", *EAST, "--max-interruption", "5", *JSON).items
    assert [offer["instance_type"] for offer in rare] == ["m5.large"]


@pytest.mark.usefixtures("prices")
@pytest.mark.parametrize(
    "need", [("--gpus", "1"), ("--gpu", "A10G"), ("--arch", "arm64"), ("--zone", "us-east-1a")]
)
def test_a_need_that_the_feeds_cannot_judge_is_refused_with_the_way_to_log_in(
    spot: Spot, need: tuple[str, ...]
) -> None:
    told = paragraph(spot("find", *need, *EAST), 4)
    assert "Unable to locate credentials" in told
    assert "aws configure sso" in told
    assert "zones have no public prices" in told or "no GPU or architecture" in told


def test_gpus_are_known_where_an_earlier_look_left_them(
    spot: Spot, sandbox: Sandbox, prices: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASANDBOXSANDBOX00")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
    assert spot("find", "--type", "g5.xlarge", *EAST).code == 0
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)

    [offer] = spot("find", "--gpus", "1", *EAST, *JSON).items
    assert (offer["gpu_name"], offer["zone"]) == ("A10G", None)


def test_where_the_public_prices_cannot_be_had_both_reasons_are_told(
    spot: Spot, prices: FeedServer
) -> None:
    for sent, reason in (
        (Sent(status=503), "HTTP 503"),
        (Sent(b"{}"), "no prices by region"),
        (as_json({"config": {"regions": [{"region": "us-east-1"}]}}), "no prices by region"),
    ):
        prices.sends = sent
        told = paragraph(spot("find", "--vcpus", "1", *EAST, "--refresh"), 4)
        assert "Unable to locate credentials" in told
        assert reason in told


@pytest.mark.usefixtures("prices")
def test_a_name_that_nobody_sells_has_its_nearest(spot: Spot) -> None:
    assert "Did you mean" in paragraph(spot("find", "--type", "m5.lagre", *EAST), 2)


def test_another_server_than_aws_is_never_replaced_by_aws_prices(
    spot: Spot, sandbox: Sandbox, prices: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(public_feeds.PRICES_VARIABLE)
    told = paragraph(spot("find", "--vcpus", "1", *EAST, "--endpoint-url", sandbox.url), 4)
    assert "Unable to locate credentials" in told
    assert prices.asked == []


def test_keys_that_are_refused_are_no_reason_for_public_prices(
    spot: Spot, sandbox: Sandbox, prices: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASANDBOXSANDBOX00")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.url)
    sandbox.control.fail(
        "DescribeSpotPriceHistory", "ExpiredToken", message="expired", http_status=403, times=9
    )
    assert "expired" in paragraph(spot("find", "--vcpus", "1", *EAST), 4)
    assert prices.asked == []


def test_a_profile_that_does_not_exist_is_no_reason_for_public_prices(
    spot: Spot, prices: FeedServer
) -> None:
    for _ in range(2):
        told = paragraph(spot("find", "--vcpus", "1", *EAST, "--profile", "nobody"), 4)
        assert "nobody" in told
        assert spot("find", "--vcpus", "1", *EAST).code == 0


@pytest.mark.soak
def test_the_files_that_the_sandbox_serves_are_read_whole(
    spot: Spot, sandbox: Sandbox, home: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPOT_SANDBOX")
    files = f"{sandbox.url}/_sandbox/public"
    monkeypatch.setenv(public_feeds.PRICES_VARIABLE, f"{files}/spot.json")
    monkeypatch.setenv(public_feeds.ADVISOR_VARIABLE, f"{files}/spot-advisor-data.json")
    offers = spot("find", "--vcpus", "1", "--region", "any", "--limit", "99999", *JSON).items
    assert len({offer["region"] for offer in offers}) > 10
    assert len({offer["instance_type"] for offer in offers}) > 500
    assert all(offer["expected_usd_per_useful_hour"] for offer in offers)
