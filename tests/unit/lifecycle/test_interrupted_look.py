"""Ctrl-C while the market is looked at: nothing is launched, and nobody says that nothing fits."""

from dataclasses import replace

import pytest
from tests.fakes.clock import FIRST_DAY
from tests.unit.model.make import offer

from spotkeeper.errors import Interrupted
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.plan import make_plan, no_offers
from spotkeeper.model.need import Need
from spotkeeper.model.offer import Ranking

HALF = Ranking((offer(),), warnings=("eu-west-1: interrupted",), found=1, interrupted=True)


def test_a_market_that_was_seen_in_part_is_no_plan() -> None:
    launch_request = LaunchRequest("train", Need())
    assert make_plan(launch_request, replace(HALF, interrupted=False), now=FIRST_DAY).candidates
    with pytest.raises(Interrupted) as caught:
        make_plan(launch_request, HALF, now=FIRST_DAY)
    assert "nothing was begun" in caught.value.message


def test_nothing_of_what_had_arrived_fits_is_an_interruption_too() -> None:
    refused = replace(HALF, offers=(), refused_by_reason={"excluded": 3})
    error = no_offers(refused)
    assert isinstance(error, Interrupted)
    assert "Refused: 3 excluded (eu-west-1: interrupted)" in error.message
    assert "regions that are missing" in error.next_step
