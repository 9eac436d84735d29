"""From a ranking to a plan, without asking anybody."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.clock import FIRST_DAY
from tests.fakes.orders import offer

from spotkeeper.errors import BadInput, NoOffers, PriceTooLow
from spotkeeper.lifecycle.launch_request import LaunchRequest, check
from spotkeeper.lifecycle.plan import (
    DEFAULT_DISK_GIB,
    MAX_POOLS,
    Candidate,
    Launchable,
    disk_gib,
    make_plan,
    no_offers,
)
from spotkeeper.lifecycle.ports import OnInterruption
from spotkeeper.model.connect import Connect
from spotkeeper.model.disk import Disk
from spotkeeper.model.machine import Kind
from spotkeeper.model.max_price import MaxPrice
from spotkeeper.model.need import Need
from spotkeeper.model.offer import Offer, Ranking
from spotkeeper.timings import DEFAULT_LIFE, FOR_EVER, KEEP_AFTER_DEADLINE

GPU = "g5.xlarge@us-east-1a"
CPU = "m5.large@us-east-1a"


def launch_request(name: str = "dev", **changes: object) -> LaunchRequest:
    return LaunchRequest(name, Need(), **changes)  # type: ignore[arg-type]


def ranked(*offers: Offer) -> Ranking:
    return Ranking(tuple(offers))


@pytest.mark.parametrize("name", ["dev", "a", "0", "a-1", "x" * 39])
def test_a_good_name_is_accepted(name: str) -> None:
    check(launch_request(name))


@pytest.mark.parametrize(
    "name", ["", "-dev", "Dev", "a b", "dev\n", "dév", "x" * 40, "../dev", "a;b", "$(id)", "-oX"]
)
def test_a_bad_name_is_refused_before_anything_is_asked(name: str) -> None:
    with pytest.raises(BadInput):
        check(launch_request(name))


@pytest.mark.parametrize("size", [0, -1, 65537])
def test_an_impossible_disk_is_refused(size: int) -> None:
    with pytest.raises(BadInput):
        check(launch_request(disk_gib=size))


@pytest.mark.parametrize(
    ("kind", "behaviour", "allowed"),
    [
        (Kind.BOX, None, True),
        (Kind.BOX, OnInterruption.STOP, True),
        (Kind.BOX, OnInterruption.HIBERNATE, True),
        (Kind.BOX, OnInterruption.TERMINATE, False),
        (Kind.ONCE, None, True),
        (Kind.ONCE, OnInterruption.TERMINATE, True),
        (Kind.ONCE, OnInterruption.STOP, False),
        (Kind.ONCE, OnInterruption.HIBERNATE, False),
    ],
)
def test_kind_and_behaviour_must_fit(
    kind: Kind, behaviour: OnInterruption | None, *, allowed: bool
) -> None:
    asked = launch_request(kind=kind, on_interruption=behaviour)
    if allowed:
        check(asked)
    else:
        with pytest.raises(BadInput):
            check(asked)


def test_a_box_stops_and_a_once_machine_terminates_unless_told_otherwise() -> None:
    assert launch_request().behaviour is OnInterruption.STOP
    assert launch_request(kind=Kind.ONCE).behaviour is OnInterruption.TERMINATE


@pytest.mark.parametrize(
    "tags",
    [
        {"aws:x": "1"},
        {"spotkeeper:name": "other"},
        {"SpotKeeper:owner": "me"},
        {"": "1"},
        {"a b": "1"},
        {"k" * 128: "1"},
        {"k": "v" * 257},
        {"k": "line\nbreak"},
        {"k": "\x1b[31m"},
        {f"k{number}": "v" for number in range(41)},
    ],
)
def test_a_tag_that_ec2_or_we_cannot_use_is_refused(tags: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        check(launch_request(tags=tags))


def test_ordinary_tags_are_accepted() -> None:
    check(
        launch_request(
            tags={"Project": "PurchaseInvoice", "Owner": "me@example.com", "a/b"[0]: ""}
        )
    )


def test_the_offers_are_tried_in_their_order() -> None:
    offers = (offer(GPU), offer(CPU))
    plan = make_plan(launch_request(), ranked(*offers), now=FIRST_DAY)
    assert [candidate.offer for candidate in plan.candidates] == list(offers)
    assert all(candidate.max_price_usd_per_hour is None for candidate in plan.candidates)
    assert plan.first is offers[0]


def test_a_plan_tries_a_limited_number_of_pools() -> None:
    plan = make_plan(launch_request(), ranked(*[offer(GPU)] * (MAX_POOLS + 5)), now=FIRST_DAY)
    assert len(plan.candidates) == MAX_POOLS


def test_a_box_has_a_deadline_and_its_request_ends_a_week_later() -> None:
    plan = make_plan(launch_request(), ranked(offer(GPU)), now=FIRST_DAY)
    assert plan.deadline == FIRST_DAY + DEFAULT_LIFE
    assert plan.candidates[0].valid_until == FIRST_DAY + DEFAULT_LIFE + KEEP_AFTER_DEADLINE


def test_a_box_for_ever_still_has_an_explicit_end_of_its_request() -> None:
    plan = make_plan(launch_request(lasting=None), ranked(offer(GPU)), now=FIRST_DAY)
    assert plan.deadline is None
    assert plan.candidates[0].valid_until == FIRST_DAY + FOR_EVER


def test_a_once_machine_has_a_deadline_and_no_valid_until() -> None:
    asked = launch_request(kind=Kind.ONCE, lasting=timedelta(hours=2))
    plan = make_plan(asked, ranked(offer(GPU)), now=FIRST_DAY)
    assert plan.deadline == FIRST_DAY + timedelta(hours=2)
    assert plan.candidates[0].valid_until is None


def test_only_types_that_can_hibernate_are_candidates_for_it() -> None:
    asked = launch_request(on_interruption=OnInterruption.HIBERNATE)
    plan = make_plan(asked, ranked(offer(GPU), offer(CPU)), now=FIRST_DAY)
    assert [str(candidate.offer.pool) for candidate in plan.candidates] == [CPU]
    with pytest.raises(BadInput):
        make_plan(asked, ranked(offer(GPU)), now=FIRST_DAY)


def test_memory_that_the_disk_cannot_hold_does_not_hibernate() -> None:
    wide = offer(CPU)
    wide = replace(
        wide, hardware=replace(wide.hardware, name="m5.24xlarge", memory_mib=384 * 1024)
    )
    asked = launch_request(on_interruption=OnInterruption.HIBERNATE)
    plan = make_plan(asked, ranked(wide, offer(CPU)), now=FIRST_DAY)
    assert [each.offer.hardware.name for each in plan.candidates] == ["m5.large"]
    with pytest.raises(BadInput, match=r"384 GiB .* 100 GB") as refused:
        make_plan(asked, ranked(wide), now=FIRST_DAY)
    assert "--disk 484" in refused.value.next_step
    assert make_plan(replace(asked, disk_gib=484), ranked(wide), now=FIRST_DAY).candidates


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("0.50", "0.50"),
        ("spot+5%", "0.42"),
        ("spot", "0.40"),
        ("od", "1.00"),
        ("od-20%", "0.80"),
        ("OD-20%", "0.80"),
    ],
)
def test_the_maximum_price_in_its_forms_is_exact(text: str, limit: str) -> None:
    asked = launch_request(max_price=MaxPrice.parse(text))
    plan = make_plan(asked, ranked(offer(GPU, "0.40", on_demand="1.00")), now=FIRST_DAY)
    assert plan.candidates[0].max_price_usd_per_hour == Decimal(limit)
    assert any("maximum price" in warning for warning in plan.warnings)


def test_the_bid_is_not_rounded_up_to_a_cent() -> None:
    asked = launch_request(max_price=MaxPrice.parse("spot+5%"))
    plan = make_plan(asked, ranked(offer(CPU, "0.0313")), now=FIRST_DAY)
    assert plan.candidates[0].max_price_usd_per_hour == Decimal("0.032865")


def test_pools_above_the_maximum_price_are_not_tried() -> None:
    asked = launch_request(max_price=MaxPrice.parse("0.05"))
    plan = make_plan(asked, ranked(offer(GPU, "0.40"), offer(CPU, "0.04")), now=FIRST_DAY)
    assert [str(candidate.offer.pool) for candidate in plan.candidates] == [CPU]


@pytest.mark.parametrize("text", ["0.39", "spot-5%", "od-70%"])
def test_a_maximum_price_under_every_pool_is_too_low(text: str) -> None:
    asked = launch_request(max_price=MaxPrice.parse(text))
    with pytest.raises(PriceTooLow) as caught:
        make_plan(asked, ranked(offer(GPU, "0.40", on_demand="1.00")), now=FIRST_DAY)
    assert "$0.4000/h" in caught.value.message
    assert GPU in caught.value.message
    assert caught.value.exit_code == 5


def test_a_price_relative_to_an_unknown_on_demand_price_is_not_guessed() -> None:
    asked = launch_request(max_price=MaxPrice.parse("od"))
    with pytest.raises(PriceTooLow) as caught:
        make_plan(asked, ranked(offer(GPU, on_demand=None)), now=FIRST_DAY)
    assert "On-Demand price" in caught.value.message
    assert "None" not in caught.value.message


def test_no_offers_counts_the_refusals_by_rule() -> None:
    counts = {"fewer than 8 GPUs": 3, "excluded": 1}
    ranking = Ranking((), warnings=("eu-west-1: no answer",), refused_by_reason=counts)
    error = no_offers(ranking)
    assert "3 fewer than 8 GPUs, 1 excluded" in error.message
    assert "eu-west-1: no answer" in error.message
    assert error.details == {"refused": {"fewer than 8 GPUs": 3, "excluded": 1}}
    with pytest.raises(NoOffers):
        make_plan(launch_request(), ranking, now=FIRST_DAY)
    assert no_offers(Ranking(())).message == "No pool fits"


def test_the_image_suits_the_hardware_unless_one_was_named() -> None:
    assert make_plan(launch_request(), ranked(offer(GPU)), now=FIRST_DAY).image == "deep-learning"
    assert make_plan(launch_request(), ranked(offer(CPU)), now=FIRST_DAY).image == "ubuntu"
    named = make_plan(launch_request(image="ami-1"), ranked(offer(GPU)), now=FIRST_DAY)
    assert named.image == "ami-1"


def test_an_old_gpu_is_warned_about_where_its_driver_is_missing() -> None:
    old = ranked(offer("p3.2xlarge@us-east-1a"))
    assert make_plan(launch_request(), old, now=FIRST_DAY).warnings
    assert not make_plan(launch_request(image="ami-1"), old, now=FIRST_DAY).warnings


def test_the_disk_is_at_least_the_images() -> None:
    assert disk_gib(launch_request(), 8) == DEFAULT_DISK_GIB
    assert disk_gib(launch_request(), 250) == 250
    assert disk_gib(launch_request(disk_gib=30), 30) == 30
    with pytest.raises(BadInput):
        disk_gib(launch_request(disk_gib=30), 31)


def test_a_day_costs_24_hours() -> None:
    plan = make_plan(launch_request(), ranked(offer(GPU, "0.4024")), now=FIRST_DAY)
    assert plan.usd_per_day == Decimal("9.66")


PRICES = st.decimals(min_value=Decimal("0.001"), max_value=Decimal(100), places=4)


@given(limit=PRICES, spots=st.lists(PRICES, min_size=1, max_size=8))
def test_no_candidate_is_dearer_than_the_maximum_price(
    limit: Decimal, spots: list[Decimal]
) -> None:
    asked = launch_request(max_price=MaxPrice(str(limit), usd_per_hour=limit))
    offers = [offer(GPU, str(spot)) for spot in spots]
    try:
        plan = make_plan(asked, ranked(*offers), now=FIRST_DAY)
    except PriceTooLow:
        assert all(spot > limit for spot in spots)
    else:
        kept = [candidate.offer.spot_usd_per_hour for candidate in plan.candidates]
        assert kept == [spot for spot in spots if spot <= limit]


@pytest.mark.parametrize(
    ("max_price", "now", "dearer"),
    [
        (None, [], None),
        (None, ["0.5"], None),  # as dear as the other pool that is shown
        (None, ["0.5001"], "0.5001"),
        (None, ["0.6", "0.7"], "0.7"),
        ("0.65", ["0.6"], None),
        ("0.65", ["0.7"], "0.7"),
    ],
)
def test_only_a_price_above_all_that_was_shown_is_asked_for_again(
    max_price: str | None, now: list[str], dearer: str | None
) -> None:
    asked = launch_request(max_price=MaxPrice.parse(max_price) if max_price else None)
    plan = make_plan(asked, ranked(offer(GPU, "0.3"), offer(CPU, "0.5")), now=FIRST_DAY)
    assert plan.dearer(map(Decimal, now)) == (Decimal(dearer) if dearer else None)


def test_every_time_that_is_sent_is_in_whole_seconds() -> None:
    now = FIRST_DAY.replace(microsecond=123_456)
    plan = make_plan(launch_request(), ranked(offer(GPU)), now=now)
    assert plan.deadline == FIRST_DAY + DEFAULT_LIFE
    assert plan.candidates[0].valid_until is not None
    assert plan.candidates[0].valid_until.microsecond == 0


def at_most(*pools: tuple[str, str | None], **changes: object) -> Decimal | None:
    """Of pools that are tried in order, with what On-Demand costs there."""
    offers = [offer(pool, "0.4", on_demand=usd) for pool, usd in pools]
    usd_per_gib_month = {"gp3": Decimal("0.0672")}  # a cent of 100 GB an hour
    asked = replace(launch_request(lasting=timedelta(hours=10)), **changes)  # type: ignore[arg-type]

    def look(candidates: tuple[Candidate, ...]) -> Launchable:
        return Launchable(candidates, Disk("gp3", 100), (), usd_per_gib_month)

    return make_plan(asked, ranked(*offers), now=FIRST_DAY, look=look).at_most_usd


@pytest.mark.parametrize(
    ("changes", "usd"),
    [
        ({}, "10.15"),  # On-Demand is EC2's own limit
        ({"connect": Connect.ENDPOINT}, "10.10"),  # without an address, at $0.005/h
        ({"max_price": MaxPrice.parse("0.50")}, "5.15"),
        ({"max_price": MaxPrice.parse("0.50001")}, "5.16"),  # rounded up
        ({"lasting": None}, None),  # for ever
        ({"budget_usd": Decimal(2)}, "5.08"),  # its five hours, at the limit
    ],
)
def test_what_a_machine_costs_at_most_is_told(changes: dict[str, object], usd: str | None) -> None:
    assert at_most((GPU, "1.00"), **changes) == (Decimal(usd) if usd else None)


def test_the_most_is_that_of_the_dearest_pool_and_unknown_where_one_is() -> None:
    elsewhere = "g5.xlarge@eu-west-1a"
    assert at_most((GPU, "1.00"), ("g6.xlarge@us-east-1a", "2.00")) == Decimal("20.15")
    assert at_most((GPU, "1.00"), ("g6.xlarge@us-east-1a", None)) is None
    assert at_most((GPU, "1.00"), (elsewhere, "1.00")) is None  # its disks have another price
