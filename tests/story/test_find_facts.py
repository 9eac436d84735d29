"""`spot find` weighs what is known of each pool: our own experience, scores, quotas."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Answer, Spot
from tests.story.fault_proxy import Armed, Exchange
from tests.story.fault_trials import Laboratory
from tests.story.refusals import paragraph

JSON = ("--output", "json")
EAST = ("--region", "us-east-1")
G5 = ("find", "--type", "g5.xlarge", "--by", "zone", *EAST)
UP = ("up", "train", "--type", "g5.xlarge", *EAST, "--yes")


def zones(answer: Answer) -> list[str]:
    assert answer.code == 0, answer.err
    return [offer["zone"] for offer in answer.items]


def told(answer: Answer, words: str) -> list[str]:
    return [warning for warning in answer.document["warnings"] if words in warning]


def test_a_pool_that_had_no_room_comes_last_for_a_quarter_of_an_hour(
    spot: Spot, sandbox: Sandbox
) -> None:
    before = zones(spot(*G5, *JSON))
    sandbox.control.drain(account.CHEAPEST, None)
    assert spot(*UP).code == 0
    assert spot("down", "train", "--yes").code == 0
    sandbox.control.refill(account.CHEAPEST)

    answer = spot(*G5, *JSON)
    assert zones(answer) == [*before[1:], before[0]]
    assert "no room" in answer.items[-1]["cooling"]
    assert [offer["cooling"] for offer in answer.items[:-1]] == [None] * (len(before) - 1)
    assert f"{account.CHEAPEST} comes last: no room" in spot(*G5).err

    sandbox.control.advance(timedelta(minutes=16))
    assert spot(*G5, *JSON).items[0]["cooling"] is None
    assert zones(spot(*G5, *JSON))[0] == before[0]


@pytest.mark.soak
def test_an_interruption_of_our_own_counts_against_its_pool_and_fades(
    spot: Spot, sandbox: Sandbox
) -> None:
    fresh = spot(*G5, "--why", *JSON).document["why"]
    assert fresh["own_experience"] is None
    assert spot(*UP).code == 0
    sandbox.control.advance(timedelta(hours=2))
    sandbox.control.interrupt("train")
    sandbox.control.advance(timedelta(minutes=3))
    assert spot("ls", *EAST).code == 0
    assert spot("down", "train", "--yes").code == 0

    line = (*G5, "--zone", "us-east-1c", "--why")
    why = spot(*line, *JSON).document["why"]
    assert why["own_experience"]["interruptions"] == pytest.approx(1, abs=0.01)
    assert why["own_experience"]["hours"] == pytest.approx(2, abs=0.2)
    assert why["own_factor"] > 1
    assert why["interruptions_per_hour"] > fresh["interruptions_per_hour"]
    assert "by our own 1.0 interruptions in 2 h" in " ".join(spot(*line).out.split())
    [offer] = spot(*line, *JSON).items
    assert "own_experience" in {source["fact"] for source in offer["sources"]}
    expected = pytest.approx(why["ranked_by_usd_per_hour"], abs=1e-6)
    assert offer["expected_usd_per_useful_hour"] == expected

    sandbox.control.advance(timedelta(days=7))
    later = spot(*line, *JSON).document["why"]
    assert later["own_experience"]["interruptions"] == pytest.approx(0.5, abs=0.01)


def test_scores_are_those_of_the_question_and_change_the_risk(
    spot: Spot, sandbox: Sandbox
) -> None:
    line = ("find", "--gpus", "1", "--arch", "x86_64", *EAST, "--limit", "500")
    plain = spot(*line, *JSON).items
    best = list(dict.fromkeys(offer["instance_type"] for offer in plain))[:5]

    scored = [
        offer
        for offer in spot(*line, "--score", *JSON).items
        if offer["placement_score"] is not None
    ]

    answer = sandbox.client("ec2").get_spot_placement_scores(
        InstanceTypes=best,
        TargetCapacity=1,
        SingleAvailabilityZone=True,
        RegionNames=["us-east-1"],
    )["SpotPlacementScores"]
    assert {offer["instance_type"] for offer in scored} == set(best)
    assert {(offer["zone_id"], offer["placement_score"]) for offer in scored} <= {
        (row["AvailabilityZoneId"], row["Score"]) for row in answer
    }
    before = {
        (offer["instance_type"], offer["zone"]): offer["expected_usd_per_useful_hour"]
        for offer in plain
    }
    for offer in scored:
        score, pool = offer["placement_score"], (offer["instance_type"], offer["zone"])
        expected = offer["expected_usd_per_useful_hour"]
        assert (expected < before[pool], expected > before[pool]) == (score > 5, score < 5)

    assert "by the placement score" in spot(*line, "--score", "--why").out
    asked = [name for name, _ in sandbox.control.calls()]
    assert (
        asked.count("GetSpotPlacementScores") == 2
    )  # ours is remembered, the other is the test's


def test_a_score_of_fewer_than_three_types_is_not_asked_for(spot: Spot, sandbox: Sandbox) -> None:
    answer = spot(*G5, "--score", *JSON)
    assert {offer["placement_score"] for offer in answer.items} == {None}
    [warning] = told(answer, "placement scores are not known")
    assert "only 1 different types" in warning
    assert "GetSpotPlacementScores" not in {name for name, _ in sandbox.control.calls()}


@pytest.mark.parametrize("code", ["MaxConfigLimitExceeded", "UnauthorizedOperation"])
@pytest.mark.one_in(2)
@pytest.mark.soak
def test_without_scores_there_is_still_an_answer(spot: Spot, sandbox: Sandbox, code: str) -> None:
    sandbox.control.fail("GetSpotPlacementScores", code, http_status=403)
    answer = spot("find", "--gpus", "1", *EAST, "--score", *JSON)
    assert answer.code == 0, answer.err
    assert {offer["placement_score"] for offer in answer.items} == {None}
    [warning] = told(answer, "placement scores are not known")
    assert code in warning


def test_a_quota_of_nothing_is_told_with_what_to_do(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.reset(account="fresh")
    answer = spot(*G5, "--quota", *JSON)
    assert {offer["quota_free_vcpus"] for offer in answer.items} == {0}
    [warning] = told(answer, "quota")
    assert warning == (
        "your G and VT quota in us-east-1 leaves 0 of 0 vCPUs: `spot doctor` says how to raise it"
    )


def test_a_quota_says_how_many_machines_fit_and_is_remembered_for_minutes(
    spot: Spot, sandbox: Sandbox
) -> None:
    first = spot(*G5, "--quota", *JSON).items[0]
    limit = first["quota_free_vcpus"]
    assert first["quota_fits"] == limit // 4
    assert spot(*UP).code == 0
    assert spot(*G5, *JSON).items[0]["quota_free_vcpus"] == limit

    sandbox.control.advance(timedelta(minutes=6))
    before = len(sandbox.control.calls())
    assert spot(*G5, *JSON).items[0]["quota_free_vcpus"] is None
    assert [name for name, _ in sandbox.control.calls()[before:]] == ["DescribeSpotPriceHistory"]
    assert spot(*G5, "--quota", *JSON).items[0]["quota_free_vcpus"] == limit - 4
    assert "fits" in spot(*G5).out


@pytest.mark.soak
def test_who_may_not_read_quotas_is_told_once(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.control.fail("GetServiceQuota", "AccessDeniedException", times=9, http_status=403)
    answer = spot("find", "--gpus", "1", *EAST, "--quota", *JSON)
    assert answer.code == 0, answer.err
    assert {offer["quota_free_vcpus"] for offer in answer.items} == {None}
    [warning] = told(answer, "Spot quotas are not known")
    assert "AccessDeniedException" in warning


@pytest.mark.soak
def test_by_default_nothing_of_this_is_asked(spot: Spot, sandbox: Sandbox) -> None:
    assert spot("find", "--gpus", "1", *EAST).code == 0
    asked = {name for name, _ in sandbox.control.calls()}
    assert asked <= {"DescribeSpotPriceHistory", "DescribeInstanceTypes", "GetProducts"}


@pytest.mark.soak
def test_why_gives_every_term_of_the_winner(spot: Spot) -> None:
    line = ("find", "--type", "g5.*", *EAST, "--vcpus", "8", "--why")
    answer = spot(*line, *JSON)
    why, first = answer.document["why"], answer.items[0]
    assert why["pool"] == f"{first['instance_type']}@{first['zone']}"
    assert why["band"] == first["interruption_band"]
    assert why["lost_hours_per_interruption"] == pytest.approx(25 / 60)
    expected = why["spot_usd_per_hour"] * (
        1 + why["interruptions_per_hour"] * why["lost_hours_per_interruption"]
    )
    assert first["expected_usd_per_useful_hour"] == pytest.approx(expected, abs=1e-6)

    table = spot(*line)
    assert f"Why {why['pool']} is first by value:" in table.out
    assert f"by the band {why['band']}" in table.out
    assert "25m an interruption: 10m restart and half of a checkpoint every 30m" in table.out
    assert "refused 5: fewer than 8 vCPUs" in table.out


def test_the_work_section_says_what_an_interruption_costs(spot: Spot, home: Path) -> None:
    usual = spot(*G5, *JSON).items[0]["expected_usd_per_useful_hour"]
    (home / "spot.toml").write_text('[work]\nrestart = "1h"\ncheckpoint = "8h"\n')
    answer = spot(*G5, "--why", *JSON)
    assert answer.document["why"]["lost_hours_per_interruption"] == 5
    assert answer.items[0]["expected_usd_per_useful_hour"] > usual

    (home / "other.toml").write_text('[work]\nrun = "1h"\n')
    young = spot(*G5, "--why", "--config", "other.toml", *JSON).document["why"]
    assert young["interruptions_per_hour"] > answer.document["why"]["interruptions_per_hour"]

    (home / "spot.toml").write_text('[work]\nrestart = "soon"\n')
    assert "line 2: restart cannot be read" in paragraph(spot(*G5), 2)
    (home / "spot.toml").write_text('[work]\nrestrat = "1h"\n')
    assert "Did you mean restart?" in paragraph(spot(*G5), 2)


@pytest.mark.soak
def test_risk_can_decide_alone_or_be_a_limit(spot: Spot) -> None:
    need = ("find", "--vcpus", "4", *EAST, "--limit", "500")
    rare = spot(*need, "--max-interruption", "5", *JSON)
    assert rare.items
    assert {offer["interruption_percent_max"] for offer in rare.items} == {5}
    first = spot(*need, "--sort", "risk", "--limit", "1", *JSON).items[0]
    assert first["interruption_percent_max"] == 5


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("--gpu", "A10"), "No GPU on EC2 is called 'A10'. Did you mean A10G?"),
        (("--type", "g5.*", "--exclude", "g5.*"), "exclude each other"),
        (("--zone", "eu-west-1a", *EAST), "--zone eu-west-1a is not in us-east-1"),
    ],
)
@pytest.mark.one_in(3)
def test_a_need_that_makes_no_sense_is_refused(
    spot: Spot, line: tuple[str, ...], words: str
) -> None:
    assert words in paragraph(spot("find", *line), 2)


def test_options_that_exclude_each_other_are_named(spot: Spot) -> None:
    told = paragraph(spot("find", "--arch", "arm64", "--gpu", "A100", *EAST), 5)
    assert "--gpu A100 and --arch arm64 exclude each other" in told


@pytest.mark.world("situations, at the command line", by="users' reports")
def test_keys_that_the_price_list_refuses_cost_nothing_but_the_list_prices(
    spot: Spot, sandbox: Sandbox
) -> None:
    sandbox.control.fail("GetProducts", "UnrecognizedClientException", times=99)
    found = spot(*G5, *JSON)
    assert {offer["on_demand_usd_per_hour"] for offer in found.items} == {None}
    (note,) = told(found, "On-Demand prices are not known")
    assert "UnrecognizedClientException" in note
    assert "on_demand_usd_per_hour" not in {row["fact"] for row in found.items[0]["sources"]}
    assert spot(*UP).code == 0
    assert spot("ls", *EAST, *JSON).items[0]["spot_usd_per_hour"] > 0
    assert spot("down", "train", "--yes").code == 0


@pytest.mark.world("situations, at the command line", by="users' reports")
@pytest.mark.parametrize("operation", ["DescribeTags", "DescribeSpotInstanceRequests"])
def test_what_may_not_be_listed_hides_no_machine(
    spot: Spot, sandbox: Sandbox, operation: str
) -> None:
    assert spot(*UP).code == 0
    sandbox.control.fail(operation, "UnauthorizedOperation", times=99, http_status=403)
    found = spot("ls", *EAST, *JSON)
    assert [row["name"] for row in found.items] == ["train"]
    assert told(found, f"{operation} in us-east-1")
    assert spot("show", "train", *EAST, *JSON).items[0]["state"] == "running"


@pytest.mark.soak
@pytest.mark.world("situations, at the command line", by="users' reports")
def test_a_type_that_ec2_sells_and_does_not_describe_hides_no_other(lab: Laboratory) -> None:
    lab.fresh()

    def with_another(exchange: Exchange) -> None:
        reply = exchange.forward()
        begin, item, rest = reply.body.partition(b"<item>")
        row = rest.partition(b"<item>")[0].replace(b"g5.", b"g5z.")
        exchange.send(reply._replace(body=begin + item + row + item + rest))

    lab.proxy.armed = Armed("DescribeSpotPriceHistory", with_another, 99)
    answer = lab.spot("find --type g5*.xlarge")
    lab.proxy.armed = None
    assert answer.code == 0, answer
    assert "g5.xlarge" in answer.out
    assert "g5z" not in answer.out


@pytest.mark.world("situations, at the command line", by="users' reports")
def test_types_that_ec2_will_not_describe_are_shown_with_their_public_sizes(
    spot: Spot, sandbox: Sandbox
) -> None:
    words = "Not authorized with an explicit deny in a service control policy"
    sandbox.control.fail("DescribeInstanceTypes", "UnauthorizedOperation", message=words, times=99)
    answer = spot(*G5, *JSON)
    assert answer.code == 0, answer.err
    assert {(offer["vcpus"], offer["memory_gib"]) for offer in answer.items} == {(4, 16.0)}
    assert {offer["gpu_count"] for offer in answer.items} == {None}
    [warning] = told(answer, "not every type is described")
    assert words in warning
    assert spot(*UP).code == 0
    unknown = spot("find", "--gpus", "1", *EAST)
    assert unknown.code == 4
    assert words in unknown.err
